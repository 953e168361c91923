"""Where a run's indicators and the truth's mean different things, and of which enterprises."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from evaluation.agreement import Definition

# A line below 1,000 元 is not published, twelve months of two lines: what sums of trade may lack.
_SUPPRESSED = "单行低于1000元的进出口海关不公布"
_SME = frozenset({"科技型中小企业"})
DEFINITIONS: Mapping[str, Definition] = {
    "first_time_above_scale": Definition("真值按年度名录，我方按报表中首次出现的月份；报表开始前的名录无从得知"),
    "is_above_scale": Definition("真值按年度名录，我方按近十二个月有无报表"),
    "patent_applications_last_year": Definition("申请在公布后才交付", below=True),
    "project_investment": Definition("真值按整月计竣工，我方按竣工日"),
    "recognition_first": Definition("科技型中小企业名录不足五年，是否首次无从断定", names=_SME),
    "zero_tariff_relief_last_year": Definition("真值按全年计，海关按季报、备案前的季度不报", below=True),
    "export_sales_last_year": Definition("季销售额30万元以下的，出口并入免税销售额申报", below=True),
    **{
        f"{way}_value_{unit}_{period}": Definition(_SUPPRESSED, Decimal(24_000 if unit == "yuan" else 3_500))
        for way in ("export", "import", "trade")
        for unit in ("usd", "yuan")
        for period in ("last_year", "before_last_year", "ytd")
    },
    "trade_growth_usd_delta": Definition(_SUPPRESSED, Decimal(7_000)),
    "trade_growth_ratio": Definition(_SUPPRESSED),
    "export_growth_ratio": Definition(_SUPPRESSED),
}


def financial(profile: pl.DataFrame) -> Definition:
    """The size of financial enterprises goes by their assets (银发〔2015〕309号), the truth's of all others by staff."""
    section = profile.filter(pl.col("industry").str.contains(r"^(66|67|68|69)"))
    return Definition(
        "金融业按银发〔2015〕309号以资产总额划型，真值按其他未列明行业的人数",
        of=frozenset(section["uscc"].drop_nulls()),
    )


def edges(frame: Any, as_of: date) -> dict[str, Definition]:
    """What truth counts by whole months and we by days: of the enterprises with a row in the running month, or in the month that a window of
    three years begins in. Empty on the last day of a month but for those windows."""
    begun, ending = as_of.replace(day=1), (as_of + timedelta(days=1)).day > 1
    of = "JOIN registry.subject s USING (_subject_id) JOIN registry.enterprise e USING (enterprise_id)"
    year = as_of.year - 3
    window = f"BETWEEN DATE '{begun.replace(year=year)}' AND last_day(DATE '{begun.replace(year=year)}')"
    running = f"BETWEEN DATE '{begun}' AND DATE '{as_of}'" if ending else "IS NULL"
    said = {
        ("project_count",): f"raw.reform_project r {of} WHERE CAST(r.updated_at AS DATE) {running}",
        ("renamed_last_3_years",): f"raw.market_alter r {of} WHERE r.alter_item = 'name' AND r.alter_date {window}",
    }
    why = "真值按整月计，我方按日"
    found = {}
    for names, rows in said.items():
        who = frozenset(frame(f"SELECT DISTINCT e.uscc FROM {rows}")["uscc"].drop_nulls())
        found |= {name: Definition(why, of=who) for name in names}
    if 4 <= as_of.month <= 8:
        batches = Definition("真值自四月起计全年，名录分批在四至八月公布", names=_SME)
        found |= {"certifications": batches, "is_tech_sme": replace(batches, names=None)}
    return found
