"""待办: what waits stands on the page with its days and the way to settle it, filtered, and as a table for a department."""

from __future__ import annotations

import html
from pathlib import Path

from starlette.testclient import TestClient

from dashboards.app import create
from tests.dashboards.test_reviews import LIST
from tests.dashboards.test_reviews import home as home


def test_the_page_shows_what_waits_and_hands_it_on(home: Path) -> None:
    client = TestClient(create(home))
    page = html.unescape(client.get("/work").text)
    assert f"huiqi approve {LIST} --as 姓名" in page and f'href="/pushes/{LIST}/review"' in page
    assert "公示到 2024-12-25，期满后等审批" in page
    assert client.get("/work?sort=nothing").status_code == 404
    only = client.get("/work?sort=identity&late=1").text
    assert "huiqi approve" not in only
    table = client.get("/work.csv?sort=list")
    text = table.content.decode("utf-8-sig")
    assert (
        text.startswith("种类,事由,编号")
        and "名单签批" in text
        and "attachment" in table.headers["content-disposition"]
    )
