"""Dimensions that come from reference files instead of deliveries: dates, regions, industries, departments."""

from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import polars as pl

from assets.ports import Scope, Warehouse
from assets.push_inputs import calendar
from assets.sql import table_metadata
from data import contract, gazetteer
from matching.push.quiet import Calendar

REFERENCE = Path(gazetteer.__file__).with_name("reference")
FIRST_DAY = date(2018, 1, 1)
HAINAN = "46"
ELSEWHERE = ("000000", "省外或未知")


def dates(as_of: date, calendar: Calendar) -> pl.DataFrame:
    """day, year, month, quarter, weekday (1 = Monday), is_workday, workday_no, calendar; from 2018 to the end of next year.

    `is_workday` follows the statutory calendar; in a year that it does not cover it is null and `calendar` says `missing`, never Monday to Friday. `workday_no` counts workdays, so that n workdays after a day is a join on its number + n.
    """
    rows = []
    number = 0
    day = FIRST_DAY
    while day.year <= as_of.year + 1:
        known = calendar.covers(day)
        works = calendar.is_working(day) if known else None
        number += bool(works)
        rows.append(
            (
                day,
                day.year,
                f"{day:%Y-%m}",
                f"{day.year}Q{(day.month + 2) // 3}",
                day.isoweekday(),
                works,
                number if known else None,
                "loaded" if known else "missing",
            )
        )
        day += timedelta(days=1)
    schema = {
        "day": pl.Date,
        "year": pl.Int64,
        "month": pl.String,
        "quarter": pl.String,
        "weekday": pl.Int64,
        "is_workday": pl.Boolean,
        "workday_no": pl.Int64,
        "calendar": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def regions(on: date) -> pl.DataFrame:
    """code, name, short, level, area, area_name: every code valid on the day; `area` is its city or county (洋浦 apart)."""
    current = {
        region.code: region for region in gazetteer.regions() if region.holds(on) and region.level != "registrar"
    }
    rows = []
    for code, region in sorted(current.items()):
        area = _area(code)
        if not code.startswith(HAINAN):
            area_code, area_name = ELSEWHERE
        elif area in current and current[area].level != "province" and current[area].code != "469000":
            area_code, area_name = area, current[area].short or current[area].name
        else:
            area_code, area_name = ("460000", "省本级")
        rows.append((code, region.name, region.short, region.level, area_code, area_name))
    names = ("code", "name", "short", "level", "area", "area_name")
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _area(code: str) -> str:
    if len(code) > 6 or code.startswith("4690"):
        return code
    return code[:4] + "00"


def industries() -> pl.DataFrame:
    """code, name, level, section: the classes of GB/T 4754 that the reference file holds."""
    frame = pl.read_csv(REFERENCE / "industries.csv", infer_schema_length=0)
    return frame.select("code", "name", "level", "section").unique("code", keep="first").sort("code")


def departments() -> pl.DataFrame:
    """department, name, kind, prefix, contact, table_name, native, label, cadence, due_days, grace_days: one row per table."""
    rows = [
        (
            feed.department,
            feed.name,
            feed.kind,
            feed.prefix,
            feed.contact,
            table.name,
            table.native,
            table.label,
            table.cadence,
            table.due_days,
            table.grace_days,
        )
        for feed in contract.feeds().values()
        for table in feed.tables.values()
    ]
    text = ("department", "name", "kind", "prefix", "contact", "table_name", "native", "label", "cadence")
    schema = {**dict.fromkeys(text, pl.String), "due_days": pl.Int64, "grace_days": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("department", "table_name")


@dg.asset(
    key=["mart", "dim_date"],
    group_name="mart",
    kinds={"polars"},
    description="日期维：法定工作日取自可更换的日历；没有日历的年份写明缺失，不按周一至周五推算。",
)
def dim_date(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]) -> dg.MaterializeResult[None]:
    return _written(warehouse, "mart.dim_date", dates(scope.as_of, calendar()))


@dg.asset(
    key=["mart", "dim_region"],
    group_name="mart",
    kinds={"polars"},
    description="区划维：现行代码，并归到市县（洋浦单列）。",
)
def dim_region(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]) -> dg.MaterializeResult[None]:
    return _written(warehouse, "mart.dim_region", regions(scope.as_of))


@dg.asset(key=["mart", "dim_industry"], group_name="mart", kinds={"polars"}, description="行业维：国民经济行业分类。")
def dim_industry(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult[None]:
    return _written(warehouse, "mart.dim_industry", industries())


@dg.asset(
    key=["mart", "dim_department"],
    group_name="mart",
    kinds={"polars"},
    description="部门维：每个部门的每张表，报送频次与时限，来自数据合同。",
)
def dim_department(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult[None]:
    return _written(warehouse, "mart.dim_department", departments())


def _written(warehouse: Warehouse, table: str, frame: pl.DataFrame) -> dg.MaterializeResult[None]:
    with warehouse.write() as w:
        return dg.MaterializeResult(metadata=table_metadata(w.replace(table, frame)))


REFERENCE_ASSETS = [dim_date, dim_department, dim_industry, dim_region]
