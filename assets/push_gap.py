"""Pairs whose growth is measured against a year with a hole: a month without a figure between two with one, in a feed that had rows nobody was found for."""

import polars as pl

from assets.ports import Warehouse
from matching.push import inputs as shapes

# Growth of sums in which a month without a row counts as nought; other feeds' sums are unknown where a month is missing.
COMPARED = ("export_growth_ratio", "trade_growth_ratio", "trade_growth_usd_delta")


def gaps(warehouse: Warehouse, named: pl.DataFrame) -> pl.DataFrame:
    """(enterprise_id, item_id, version, detail) of the pairs of items that name such a growth (`named`: item_id, version, indicator)."""
    items = named.filter(pl.col("indicator").is_in(COMPARED)).select("item_id", "version").unique().sort("item_id")
    if items.is_empty() or not (
        warehouse.exists("profile.customs_month") and warehouse.exists("raw.customs_trade_month")
    ):
        return shapes.empty(shapes.GAPS)
    holes = warehouse.frame(
        """
        WITH nobodys AS (
            SELECT DISTINCT CAST(date_trunc('month', t.trade_month) AS DATE) AS month
            FROM raw.customs_trade_month t LEFT JOIN registry.subject s USING (_subject_id)
            WHERE s.enterprise_id IS NULL AND t._received_at <= getvariable('known_at')
        )
        SELECT a.enterprise_id, strftime(min(n.month), '%Y-%m') AS month
        FROM profile.customs_month a
        JOIN nobodys n ON n.month = a.month + INTERVAL 1 MONTH
        JOIN profile.customs_month b ON b.enterprise_id = a.enterprise_id AND b.month = n.month + INTERVAL 1 MONTH
        ANTI JOIN profile.customs_month own ON own.enterprise_id = a.enterprise_id AND own.month = n.month
        WHERE year(n.month) = year(getvariable('as_of')) - 2
        GROUP BY a.enterprise_id
        ORDER BY a.enterprise_id
        """
    )
    found = holes.join(items, how="cross").with_columns(
        pl.format("{} 没有进出口数据，前后两月都有，当月有认不出企业的报关行", "month").alias("detail")
    )
    return shapes.shaped(found, shapes.GAPS, "缺月")
