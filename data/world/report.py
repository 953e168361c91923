"""The calibration report: what the reference says, what the generator makes, and how far apart they are."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from data.world import calendar, defects, delivery, merit, value_defects
from data.world.entity import COLLECTIVE, COOP, FOREIGN, INDIVIDUAL, LLC, SOLE
from data.world.population import Population, population
from data.world.streams import Bools

# Far from the head, where the shares are the province's.
SAMPLE = (1_000_000, 1_300_000)
REFERENCE = Path(__file__).parent.parent / "reference" / "calibration.csv"


class Line(NamedTuple):
    """One row of the report; `distance` is the absolute difference, `within` whether it is inside the tolerance."""

    metric: str
    group: str
    target: float
    generated: float
    distance: float
    tolerance: float
    within: bool
    kind: str


def _share(mask: Bools) -> float:
    return float(mask.mean())


def _age_months(people: Population) -> np.ndarray:
    return calendar.LAST_MONTH - people.birth_month


def hazard(people: Population, year: int) -> float:
    """Share of those that reach the year of age (born 2020 on, small enough for the full hazard) and die in it."""
    cohort = (people.birth_month >= calendar.month_index(2020, 1)) & (people.log_revenue < 16)
    age = people.death_month - people.birth_month
    reached = cohort & (age > 12 * (year - 1))
    return _share((age <= 12 * year)[reached])


def tail_alpha(people: Population) -> float:
    """Hill's estimator over the upper two per cent of firms' median revenue."""
    logs = np.sort(people.log_revenue[people.is_firm & ~people.is_zero_filer])[::-1]
    top = logs[: max(len(logs) // 50, 10)]
    return float(1 / (top[:-1] - top[-1]).mean())


def staff_elasticity(people: Population) -> float:
    """Slope of log staff on log revenue among firms that trade."""
    keep = people.is_firm & ~people.is_zero_filer
    return float(np.polyfit(people.log_revenue[keep], np.log(people.staff_level[keep]), 1)[0])


def _fields(people: Population) -> dict[str, float]:
    from data.world.views.science import _FIELD_SHARES, _FIELDS

    holders = people.take(np.flatnonzero(merit.hnte(people).exists[0]))
    drawn = holders.streams.pick(_FIELD_SHARES, "hnte.field", holders.ids)
    return {name: _share(drawn == k) for k, name in enumerate(_FIELDS)}


def generated(people: Population) -> dict[tuple[str, str], Callable[[], float]]:
    """Measure by (metric, group)."""
    firm = people.is_firm
    young = (
        firm
        & (calendar.month_index(2020, 1) - people.birth_month < 36)
        & (people.birth_month < calendar.month_index(2019, 6))
    )
    return {
        ("kind_share", "个体工商户"): lambda: _share(people.kind == INDIVIDUAL),
        ("kind_share", "企业"): lambda: _share(np.isin(people.kind, (LLC, FOREIGN))),
        ("kind_share", "农民专业合作社"): lambda: _share(people.kind == COOP),
        ("kind_share", "外商投资企业"): lambda: _share(people.kind == FOREIGN),
        ("kind_share", "农村集体经济组织"): lambda: _share(people.kind == COLLECTIVE),
        ("kind_share", "个人独资"): lambda: _share(people.kind == SOLE),
        ("age_share", "不满1年"): lambda: _share(_age_months(people) < 12),
        ("age_share", "3年及以下"): lambda: _share(_age_months(people) < 36),
        ("age_share", "5年及以下"): lambda: _share(_age_months(people) < 60),
        ("age_share", "10年以上"): lambda: _share(_age_months(people) >= 120),
        ("hazard", "第1年"): lambda: hazard(people, 1),
        ("hazard", "第2年"): lambda: hazard(people, 2),
        ("hazard", "第3年"): lambda: hazard(people, 3),
        ("zero_filer_share", "企业"): lambda: _share(people.is_zero_filer[firm]),
        ("hnte_field", "电子信息"): lambda: _fields(people)["电子信息"],
        ("hnte_field", "高技术服务"): lambda: _fields(people)["高技术服务"],
        ("hnte_field", "生物与新医药"): lambda: _fields(people)["生物与新医药"],
        ("tail_alpha", "企业营业收入前2%"): lambda: tail_alpha(people),
        ("staff_elasticity", "从业人员对营业收入"): lambda: staff_elasticity(people),
        ("late_share", "5日以内"): late_share,
        ("cluster_share", "企业"): lambda: _share(people.cluster[firm & (people.log_revenue < 15.4)] >= 0),
        ("rename_rate", "五年累计（青年企业）"): lambda: _share((people.renamed_month <= calendar.LAST_MONTH)[young]),
        ("region_share", "海口四区"): lambda: _share((people.region > 460104) & (people.region < 460109)),
        ("region_share", "三亚四区"): lambda: _share((people.region > 460201) & (people.region < 460206)),
    }


def late_share() -> float:
    """Of the late parcels, the share that comes within five days, by the delivery law itself."""
    from data.world.delivery import _LATE_STEPS

    edges = [edge for edge, _, _ in _LATE_STEPS]
    return (edges[1] - edges[0]) / (1.0 - edges[0])


def lines(seed: int) -> list[Line]:
    """The whole report for a seed, over 300,000 entities far from the head."""
    measures = generated(population(seed, *SAMPLE))
    report = []
    with REFERENCE.open(encoding="utf-8", newline="") as handle:
        for row in csv.DictReader(handle):
            value = measures[row["metric"], row["group"]]()
            target, tolerance = float(row["target"]), float(row["tolerance"])
            distance = abs(value - target)
            report.append(
                Line(
                    row["metric"],
                    row["group"],
                    target,
                    round(value, 4),
                    round(distance, 4),
                    tolerance,
                    distance <= tolerance,
                    row["kind"],
                )
            )
    return report


def census(out: Path) -> dict[str, dict[str, int]]:
    """`rows`: rows carrying each defect kind; `files`: deliveries with each trouble; most frequent first, what did not happen with 0."""
    record = pl.read_parquet(out / "truth" / "truth_record.parquet", columns=["defects"])
    sent = pl.read_parquet(out / "truth" / "truth_delivery.parquet", columns=["anomalies"])
    tables = (defects.NAME_DEFECTS, defects.KEY_DEFECTS, value_defects.NUMBER_DEFECTS, value_defects.DATE_DEFECTS)
    kinds = [kind for table in (*tables, value_defects.SHEET_DEFECTS) for kind, _, _ in table]
    return {
        "rows": _counted(record["defects"], [*kinds, *value_defects.OTHER_DEFECTS]),
        "files": _counted(sent["anomalies"], [*delivery.ANOMALIES, "late", "silent"]),
    }


def _counted(marked: pl.Series, known: list[str]) -> dict[str, int]:
    listed = marked.filter(marked != "").str.split(";").explode()
    found = {str(kind): int(n) for kind, n in listed.value_counts().iter_rows()}
    return dict(sorted((dict.fromkeys(known, 0) | found).items(), key=lambda kind: (-kind[1], kind[0])))
