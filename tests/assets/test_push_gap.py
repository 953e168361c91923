"""A hole in the year that growth is measured against: found only where a figure may stand in somebody else's name."""

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from assets.push_gap import gaps
from pipelines.warehouse import DuckWarehouse
from tests.assets.test_push import FixedScope

NAMED = pl.DataFrame(
    {"item_id": ["x", "y"], "version": [1, 1], "indicator": ["export_growth_ratio", "revenue_last_year"]}
)


@pytest.fixture
def warehouse(tmp_path: Path) -> DuckWarehouse:
    """A trades every month of 2022 but August, B every month, C in spring and autumn only; in August a row came that is nobody's."""
    months = {"A": [1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12], "B": list(range(1, 13)), "C": [3, 4, 10, 11]}
    own = [(firm, dt.date(2022, month, 1)) for firm, some in months.items() for month in some]
    made = DuckWarehouse(home=tmp_path, scope=FixedScope(), memory=True)
    with made.write() as w:
        w.replace("profile.customs_month", pl.DataFrame(own, schema=["enterprise_id", "month"], orient="row"))
        w.replace("registry.subject", "SELECT 's1' AS _subject_id, 'A' AS enterprise_id UNION ALL SELECT 's2', NULL")
        w.replace(
            "raw.customs_trade_month",
            "SELECT s AS _subject_id, m AS trade_month, TIMESTAMP '2022-09-20' AS _received_at FROM (VALUES ('s1', DATE '2022-07-01'), ('s2', DATE '2022-08-01')) t(s, m)",
        )
    return made


def test_a_hole_is_found_where_a_row_is_nobodys(warehouse: DuckWarehouse) -> None:
    (row,) = gaps(warehouse, NAMED).to_dicts()
    assert (row["enterprise_id"], row["item_id"]) == ("A", "x") and row["detail"].startswith("2022-08 没有进出口数据")


def test_a_month_whose_rows_all_have_an_owner_is_a_month_without_trade(warehouse: DuckWarehouse) -> None:
    with warehouse.write() as w:
        w.replace("registry.subject", "SELECT 's1' AS _subject_id, 'A' AS enterprise_id UNION ALL SELECT 's2', 'B'")
    assert gaps(warehouse, NAMED).is_empty()
    assert gaps(warehouse, NAMED.filter(pl.col("item_id") == "y")).is_empty()
