"""The reference tables that the profile's SQL joins: regions by today's code, park names, the dated size standard."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl

from data import gazetteer, indicators

REFERENCE = Path(gazetteer.__file__).with_name("reference")


def region_frame(on: date) -> pl.DataFrame:
    """code, current_code, name, valid_to: every code a file may carry → the code its ground has on the day; valid_to of its last state."""
    codes = sorted({region.code for region in gazetteer.regions()})
    rows = []
    for code in codes:
        current = gazetteer.current(code, on)
        state = gazetteer.region(current) if current else None
        last = gazetteer.region(code)
        rows.append((code, current, state.name if state else None, last.valid_to if last else None))
    schema = {"code": pl.String, "current_code": pl.String, "name": pl.String, "valid_to": pl.Date}
    return pl.DataFrame(rows, schema=schema, orient="row")


def region_word_frame(on: date) -> pl.DataFrame:
    """word, current_code, depth (1 city, 2 county or park): the names and short names of the province's present cities and counties, as sheets are titled."""
    rows = {
        (word, region.code, 1 if region.level == "prefecture" else 2)
        for region in gazetteer.regions()
        if region.code.startswith("46") and region.level in ("prefecture", "county", "functional") and region.holds(on)
        for word in (region.name, region.short)
        if word
    }
    return pl.DataFrame(
        sorted(rows), schema={"word": pl.String, "current_code": pl.String, "depth": pl.Int64}, orient="row"
    )


def division_frame() -> pl.DataFrame:
    """division, section, name of GB/T 4754-2017."""
    return (
        pl.read_csv(REFERENCE / "industries.csv", infer_schema_length=0)
        .filter(pl.col("level") == "division")
        .select(pl.col("code").alias("division"), "section", "name")
        .sort("division")
    )


def park_frame() -> pl.DataFrame:
    """park, name, word, region, valid_from: one row per word an address may use for the park."""
    rows = [
        (park.park, park.name, word, park.region, park.valid_from)
        for park in gazetteer.parks()
        for word in sorted({park.name, *park.aliases})
    ]
    schema = {"park": pl.String, "name": pl.String, "word": pl.String, "region": pl.String, "valid_from": pl.Date}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("park", "word")


def size_standard_frame() -> pl.DataFrame:
    """industry (GB/T 4754 prefix), category, size, lower bounds (NULL: not tested), valid_from, valid_to."""
    money = pl.Decimal(18, 2)
    return pl.read_csv(REFERENCE / "size_standard.csv", infer_schema_length=0).select(
        "industry",
        "category",
        "size",
        pl.col("min_staff").cast(pl.Int64),
        pl.col("min_revenue_yuan").cast(money),
        pl.col("min_assets_yuan").cast(money),
        pl.col("valid_from").str.to_date(),
        pl.col("valid_to").str.to_date(),
    )


def catalogue_frame() -> pl.DataFrame:
    """indicator, label, department, table_name, source of every indicator of enterprises, in the order of the names."""
    rows = [
        (i.name, i.label, i.department, i.table, i.source)
        for i in indicators.load().values()
        if i.entity == "enterprise"
    ]
    names = ("indicator", "label", "department", "table_name", "source")
    return pl.DataFrame(sorted(rows), schema=dict.fromkeys(names, pl.String), orient="row")


FRAMES: dict[str, tuple[str, Callable[[date], pl.DataFrame]]] = {
    "region": ("区划代码对照：文件里可能出现的代码 → 所问之日的现行代码", region_frame),
    "region_word": ("市县名称对照：报表工作表的名称 → 现行区划代码", region_word_frame),
    "park": ("重点园区及其在住所文字里的叫法", lambda _: park_frame()),
    "division": ("国民经济行业大类与门类对照", lambda _: division_frame()),
    "catalogue": ("指标目录：指标、中文名、部门、表", lambda _: catalogue_frame()),
    "size_standard": ("大中小微型企业划分标准，按行业和起止日期", lambda _: size_standard_frame()),
}
