"""政策超市: words, tags, validity and an enterprise narrow the shelf; what cannot be meant is said, what is typed is escaped."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from dashboards.app import create
from dashboards.market import marked
from dashboards.mart import opened
from tests.dashboards.literal_mart import published


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("market"))


@pytest.fixture(scope="module")
def client(home: Path) -> TestClient:
    return TestClient(create(home))


def items(client: TestClient, query: str) -> list[str]:
    return re.findall(r'<h2><a href="/policies/([^"]+)">', client.get(f"/market?{query}").text)


def test_words_tags_and_days_narrow_the_shelf(client: TestClient) -> None:
    assert len(items(client, "")) == 5
    assert len(items(client, "on=all")) == 6
    assert items(client, "q=房租") == ["hk-startup-rent"]
    assert items(client, "theme=研发创新") == ["hn-biomed-voucher"]
    assert items(client, "level=园区") == []


def test_what_fits_an_enterprise_is_what_its_pairs_say(client: TestClient, home: Path) -> None:
    with opened(home) as mart:
        wanted = mart.rows(
            "SELECT item_id FROM match.pair WHERE enterprise_id = 'e005' AND verdict IN ('eligible', 'declarable') ORDER BY 1"
        )
        uscc = mart.rows("SELECT uscc FROM mart.dim_enterprise WHERE enterprise_id = 'e005'")[0]["uscc"]
    assert wanted
    assert sorted(items(client, f"fits={uscc}")) == [row["item_id"] for row in wanted]


def test_what_cannot_be_meant_is_said(client: TestClient) -> None:
    assert "没有找到企业" in client.get("/market?fits=没有这家").text
    assert "不认识地名" in client.get("/market?region=亚特兰蒂斯").text
    assert "没有标签" in client.get("/market?theme=没有这个").text


def test_only_the_words_searched_for_become_markup() -> None:
    assert marked("<b>给予【研发】补助") == "&lt;b&gt;给予<mark>研发</mark>补助"
