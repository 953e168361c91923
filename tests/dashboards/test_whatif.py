"""推演: the rule in force gives what the rules engine gives, a lower threshold only adds, and nonsense is answered in words."""

from __future__ import annotations

import re

import polars as pl
import pytest
from starlette.testclient import TestClient

from dashboards.app import create
from tests.dashboards.literal_mart import inputs, published


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """48 enterprises, half of them above the threshold of 5 million, everything else that the item asks for known and met."""
    tables = inputs()
    firms = tables["profile.enterprise"]
    tables["profile.enterprise"] = firms.with_columns(
        rd_expense_last_year=pl.Series([1_000_000 * (i % 10) for i in range(firms.height)]).cast(pl.Decimal(18, 2)),
        industry=pl.lit("2710"),
        industry_section=pl.lit("C"),
        registered_region=pl.lit("460106"),
        in_business=pl.lit(True),
        business_status=pl.lit("存续"),
        safety_accident=pl.lit(False),
        is_dishonest=pl.lit(False),
        is_serious_illegal=pl.lit(False),
        is_abnormal_listed=pl.lit(False),
    )
    return TestClient(create(published(tmp_path_factory.mktemp("whatif"), tables)))


def counts(client: TestClient, query: str) -> dict[str, int]:
    page = client.get(f"/whatif?{query}").text
    shown = dict(re.findall(r'data-whatif="(\w+)">([^<]+) 户<', page))
    return {name: int(text.replace(",", "")) for name, text in shown.items()}


def expected(at_least: int) -> int:
    return sum(1_000_000 * (i % 10) >= at_least for i in range(48))


def test_the_rule_in_force_changes_nothing(client: TestClient) -> None:
    shown = counts(client, "item=hn-biomed-voucher&condition=c3")
    assert shown == {"before": expected(5_000_000), "after": expected(5_000_000), "gained": 0, "lost": 0}


@pytest.mark.parametrize("threshold", [2_000_000, 8_000_000])
def test_a_moved_threshold_gains_or_loses_those_between(client: TestClient, threshold: int) -> None:
    shown = counts(client, f"item=hn-biomed-voucher&condition=c3&threshold={threshold}")
    before, after = expected(5_000_000), expected(threshold)
    assert shown == {"before": before, "after": after, "gained": max(after - before, 0), "lost": max(before - after, 0)}


def test_the_curve_as_csv_falls_and_passes_through_the_threshold(client: TestClient) -> None:
    answer = client.get("/csv/whatif_n?item=hn-biomed-voucher&condition=c3&expr=rd_expense_last_year+>%3D+3000000")
    rows = [line.split(",") for line in answer.content.decode("utf-8-sig").splitlines()[1:]]
    reached = {row[0]: int(row[1]) for row in rows if row[1] != "<5"}
    assert reached["300万"] == expected(3_000_000)
    assert list(reached.values()) == sorted(reached.values(), reverse=True)


def test_an_expression_that_does_not_hold_is_explained(client: TestClient) -> None:
    answer = client.get("/whatif?item=hn-biomed-voucher&condition=c3&expr=no_such_thing+>+3")
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text and "no_such_thing" in answer.text
    assert client.get("/whatif?item=no-such-item").status_code == 404
    assert client.get("/whatif?item=hn-biomed-voucher&condition=c99").status_code == 404
    assert client.get("/csv/whatif_n?item=hn-biomed-voucher&condition=c3&expr=((").status_code == 400
