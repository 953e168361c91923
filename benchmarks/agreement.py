"""The agreement of a finished run with the planted truth of its world: the confusion of verdicts, the causes, the indicators.

    python -m benchmarks.agreement --home HOME --truth DIR

DIR holds what `python -m data.world truth --as-of DAY` wrote for the run's own day. Reads the warehouse, changes nothing.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from data import contract
from data.corpus import in_force, load_defaults, load_items
from data.indicators import Catalogue, load
from evaluation import agreement
from evaluation.agreement import Definition
from matching.rules import evaluate, explain
from matching.rules.planes import positions
from matching.rules.program import Program, compile_sound
from matching.rules.terms import columns
from matching.rules.verdicts import VERDICTS, Verdicts

BACK = {
    "last_year": 1,
    "before_last_year": 2,
    "growth": 2,
    "growth_delta": 2,
    "history": 4,
    "last_3_years": 3,
    "total": 30,
}
# A line below 1,000 元 is not published, twelve months of two lines: what sums of trade may lack.
_SUPPRESSED = "单行低于1000元的进出口海关不公布"
DEFINITIONS: Mapping[str, Definition] = {
    "first_time_above_scale": Definition("真值按年度名录，我方按报表中首次出现的月份；报表开始前的名录无从得知"),
    "is_above_scale": Definition("真值按年度名录，我方按近十二个月有无报表"),
    "patent_applications_last_year": Definition("申请在公布后才交付"),
    "newly_settled": Definition("真值按365天和整月计一年，我方按周年"),
    "taxpayer_status": Definition("真值按月末，我方按所问之日已收到的登记"),
    "project_investment": Definition("真值按整月计竣工，我方按竣工日"),
    "recognition_first": Definition("科技型中小企业名录不足五年，是否首次无从断定"),
    **dict.fromkeys(("is_tech_sme", "certifications"), Definition("真值自四月起计全年，名录分批在四至八月公布")),
    **dict.fromkeys(("is_abnormal_listed", "excluded_category"), Definition("移出名录要到下一份文件才送来")),
    "zero_tariff_relief_last_year": Definition("真值按全年计，海关按季报、备案前的季度不报"),
    "export_sales_last_year": Definition("季销售额30万元以下的，出口并入免税销售额申报"),
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
# The settlement of May, the science department's collection of May, the contract register of February.
_SETTLED = (
    "taxable_income_last_year",
    "is_small_low_profit",
    "total_assets",
    "rd_expense_last_year",
    "rd_expense_growth",
    "rd_expense_last_3_years",
)
_COLLECTED = ("rd_ratio", "rd_staff", "rd_staff_ratio", "high_tech_income_last_year", "high_tech_income_ratio")
DUE = {
    **dict.fromkeys((*_SETTLED, *_COLLECTED), (6, 20)),
    "tech_contract_value_last_year": (2, 28),
    "enterprise_size": (6, 20),
}


@dataclass(frozen=True)
class Report:
    """`pairs`: the whole universe; `verdicts`: its confusion; `disagreements` and `indicators` with causes; `compared` everything."""

    as_of: date
    pairs: pl.DataFrame
    verdicts: pl.DataFrame
    disagreements: pl.DataFrame
    compared: pl.DataFrame
    indicators: pl.DataFrame

    @property
    def share(self) -> float:
        """Of the pairs that either side calls eligible, the share both do."""
        either = self.pairs.filter((pl.col("ours") == "eligible") | (pl.col("true") == "eligible"))
        return float((either["ours"] == either["true"]).mean() or 0.0)


def measured(home: Path, truth: Path) -> Report:
    """Everything compared. Raises ValueError when the two sides are about different days."""
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as base:

        def frame(sql: str) -> pl.DataFrame:
            found = pl.from_arrow(base.sql(sql).to_arrow_table())
            assert isinstance(found, pl.DataFrame)
            return found

        return _measured(frame, truth)


def _measured(frame: Any, truth: Path) -> Report:
    head = frame(
        "SELECT max(as_of) AS as_of, max(known_at) AS known_at, max(rules_as_of) AS rules_as_of FROM push.list"
    ).row(0, named=True)
    as_of, known_at = head["as_of"], head["known_at"]
    eligibility = pl.read_parquet(truth / "truth_eligibility.parquet")
    if eligibility["as_of"].unique().to_list() != [as_of]:
        raise ValueError(
            f"真值是 {eligibility['as_of'][0]} 的，运行是 {as_of} 的；请先 python -m data.world truth --as-of {as_of}"
        )
    true_values = pl.read_parquet(truth / "truth_indicator.parquet").drop("as_of", "eid")
    compared, explained = compared_on(frame, truth, true_values, as_of, known_at)
    catalogue = load()
    profile = frame("SELECT * FROM profile.enterprise ORDER BY enterprise_id")
    pairs, conditions = _pairs(frame, eligibility, profile, as_of, head["rules_as_of"])
    silent = frozenset(catalogue) - frozenset(true_values["indicator"].unique())
    found = agreement.disagreements(pairs, conditions, compared, explained, silent)
    return Report(as_of, pairs, agreement.confusion(pairs), found, compared, explained)


def compared_on(
    frame: Any, truth: Path, true_values: pl.DataFrame, as_of: date, known_at: datetime
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every value both sides may know (`agreement.compare_indicators`), and the differing ones with their cause.

    `frame` asks the warehouse whose profile is of `as_of`; `truth` holds the records and deliveries; `true_values`: uscc, indicator, value.
    """
    catalogue = load()
    profile = frame("SELECT * FROM profile.enterprise ORDER BY enterprise_id")
    ours = agreement.long_profile(profile, sorted(true_values["indicator"].unique()), as_of)
    compared = agreement.compare_indicators(ours, true_values)
    feeds = {name: i.feeds or ((f"{i.department}.{i.table}",) if i.department else ()) for name, i in catalogue.items()}
    starts = {
        feed: datetime.strptime(month, "%Y%m").date()
        for feed, month in frame(
            # what is pulled reaches back before the first pull
            "SELECT department || '.' || table_name, first_month FROM profile.feed WHERE department <> 'reform'"
        ).iter_rows()
    }
    needs = {name: date(as_of.year - BACK[i.period], 1, 1) for name, i in catalogue.items() if i.period in BACK}
    evidence = frame(
        "SELECT e.uscc, v.indicator, v.department || '.' || v.table_name AS feed FROM profile.evidence v "
        "JOIN registry.enterprise e USING (enterprise_id) WHERE v.department IS NOT NULL"
    )
    explained = agreement.causes(
        compared.filter(~pl.col("agrees")),
        _trail(frame, truth, known_at, as_of),
        evidence,
        feeds,
        starts,
        needs,
        DEFINITIONS,
        {name: date(as_of.year, *day) for name, day in DUE.items()},
        _partial(frame, as_of),
        _behind(frame, catalogue, as_of),
        known_at.date(),
    )
    return compared, explained


def _partial(frame: Any, as_of: date) -> frozenset[tuple[str, str]]:
    """(uscc, indicator) of sums over months, or years, that lack one: nobody declared or reported it to the department that delivers."""
    last, before = as_of.year - 1, as_of.year - 2
    found = frame(
        f"""
        SELECT e.uscc, unnest(list_filter([
            CASE WHEN coalesce(t.recent, 0) < 12 OR t.late THEN 'revenue_last_12_months' END,
            CASE WHEN coalesce(t.last_year, 0) < 12 THEN 'export_sales_last_year' END,
            CASE WHEN t.late OR coalesce(t.ytd, 0) < {as_of.month} THEN 'revenue_ytd' END,
            CASE WHEN coalesce(l.last_year, 0) < 12 THEN 'social_insurance_yuan_last_year' END,
            CASE WHEN coalesce(l.last_year, 0) < 6 THEN 'employees_insured_last_year_mean' END,
            CASE WHEN NOT coalesce(l.december, FALSE) THEN 'employees_insured_year_end' END,
            CASE WHEN coalesce(l.recent, 0) < 13 THEN 'social_insurance_paid' END,
            CASE WHEN NOT coalesce(l.december, FALSE) OR coalesce(l.recent, 0) < 13 THEN 'employees_insured_delta_ytd' END,
            CASE WHEN i.enterprise_id IS NULL THEN 'profit_last_year' END,
            CASE WHEN i.taxable IS NULL THEN 'taxable_income_last_year' END,
            CASE WHEN i.taxable IS NULL OR i.assets IS NULL THEN 'is_small_low_profit' END,
            CASE WHEN i.assets IS NULL THEN 'total_assets' END,
            CASE WHEN i.taxable IS NULL OR i.staff IS NULL THEN 'enterprise_size' END,
            CASE WHEN i.taxable IS NULL OR j.enterprise_id IS NULL THEN 'rd_expense_growth' END,
            CASE WHEN i.taxable IS NULL THEN 'rd_expense_last_year' END,
            CASE WHEN i.taxable IS NULL THEN 'rd_expense_last_3_years' END,
            CASE WHEN r.enterprise_id IS NULL THEN 'rd_staff' END,
            CASE WHEN r.enterprise_id IS NULL THEN 'high_tech_income_last_year' END,
            CASE WHEN r.enterprise_id IS NULL OR y.last IS NULL THEN 'high_tech_income_ratio' END,
            CASE WHEN coalesce(d.months, 0) < 12 THEN 'duty_free_sales_last_year' END,
            CASE WHEN y.uscc IS NULL OR y.last IS NULL THEN 'revenue_last_year' END,
            CASE WHEN y.uscc IS NULL OR y.before IS NULL THEN 'revenue_before_last_year' END,
            CASE WHEN y.uscc IS NULL OR y.last IS NULL OR y.before IS NULL THEN 'revenue_growth_rate' END,
            CASE WHEN y.uscc IS NULL OR y.last IS NULL OR y.before IS NULL THEN 'revenue_growth_yuan' END
        ], lambda name: name IS NOT NULL)) AS indicator
        FROM registry.enterprise e
        LEFT JOIN (
            SELECT enterprise_id,
                count(*) FILTER (WHERE month > newest - INTERVAL 12 MONTH) AS recent,
                count(*) FILTER (WHERE year(month) = {last}) AS last_year,
                count(*) FILTER (WHERE year(month) = {last + 1}) AS ytd,
                any_value(newest) < (SELECT month FROM profile.due) AS late
            FROM (SELECT enterprise_id, month, max(month) OVER (PARTITION BY enterprise_id) AS newest FROM profile.tax_month)
            GROUP BY enterprise_id
        ) t USING (enterprise_id)
        LEFT JOIN (
            SELECT enterprise_id, count(*) FILTER (WHERE year(month) = {last} AND is_whole) AS last_year,
                bool_or(month = DATE '{last}-12-01' AND is_whole) AS december,
                count(*) FILTER (WHERE month > DATE '{as_of}' - INTERVAL 13 MONTH AND is_whole) AS recent
            FROM profile.labor_month GROUP BY enterprise_id
        ) l USING (enterprise_id)
        LEFT JOIN (
            SELECT s.enterprise_id, count(DISTINCT date_trunc('month', f.report_month)) AS months
            FROM raw.commerce_duty_free f JOIN registry.subject s USING (_subject_id)
            WHERE year(f.report_month) = {last} GROUP BY s.enterprise_id
        ) d USING (enterprise_id)
        LEFT JOIN (
            SELECT enterprise_id, taxable_income_yuan AS taxable, assets_yuan AS assets, staff_count AS staff FROM profile.tax_year
            WHERE year = {last} AND income_tax_evidence IS NOT NULL
        ) i USING (enterprise_id)
        LEFT JOIN (
            SELECT enterprise_id FROM profile.year WHERE year = {before} AND rd_expense_yuan IS NOT NULL
        ) j USING (enterprise_id)
        LEFT JOIN (SELECT enterprise_id FROM profile.science_year WHERE year = {last}) r USING (enterprise_id)
        LEFT JOIN (
            SELECT enterprise_id, any_value(e2.uscc) AS uscc,
                any_value(revenue_source) FILTER (WHERE year = {last}) AS last, any_value(revenue_source) FILTER (WHERE year = {before}) AS before
            FROM profile.year JOIN registry.enterprise e2 USING (enterprise_id) GROUP BY enterprise_id
        ) y USING (enterprise_id)
        """
    )
    return frozenset((uscc, name) for uscc, name in found.iter_rows())


def _behind(frame: Any, catalogue: Catalogue, as_of: date) -> frozenset[tuple[str | None, str]]:
    """(uscc, or None for all, indicator) whose newest period is older than the day's last whole month, and not overdue."""
    whole = as_of.replace(day=1) - timedelta(days=1) if (as_of + timedelta(days=1)).day > 1 else as_of
    last = dict(frame("SELECT department || '.' || table_name, last_month FROM profile.feed").iter_rows())
    found: set[tuple[str | None, str]] = {
        (None, name)
        for name, i in catalogue.items()
        if i.grain in ("month", "quarter") and any(last.get(feed, "") < whole.strftime("%Y%m") for feed in i.feeds)
    }
    filed = frame(
        "SELECT e.uscc FROM registry.enterprise e JOIN profile.tax_month m USING (enterprise_id) "
        f"GROUP BY e.uscc HAVING max(m.month) < DATE '{whole.replace(day=1)}'"
    )
    found |= {(uscc, name) for (uscc,) in filed.iter_rows() for name in ("revenue_ytd", "revenue_last_12_months")}
    return frozenset(found)


def _names(column: str) -> pl.Expr:
    return pl.col(column).str.split(";").list.eval(pl.element().filter(pl.element() != ""))


def _trail(frame: Any, truth: Path, known_at: datetime, as_of: date) -> pl.DataFrame:
    tables = list(contract.tables())
    natives = pl.DataFrame(
        [{"department": t.department, "table": t.native, "feed": f"{t.department}.{t.name}"} for t in tables],
        schema={"department": pl.String, "table": pl.String, "feed": pl.String},
    )
    names = pl.read_parquet(truth / "truth_entity.parquet").select("eid", "uscc")
    records = (
        _by_column(truth)
        .join(natives, on=["department", "table"], how="inner")
        .join(names, on="eid", how="inner")
        .with_columns(pl.col("sheet").fill_null(""))
        .join(_stamps(truth), on=["file", "row_no"], how="left")
    )
    held = {
        r[0] for r in frame("SELECT table_name FROM information_schema.tables WHERE table_schema = 'raw'").iter_rows()
    }
    landed = frame(
        " UNION ALL ".join(
            f"SELECT '{t.department}.{t.name}' AS feed, r._file_id AS file_id, r._row_no AS row_no, coalesce(r._sheet, '') AS sheet, e.uscc "
            f"FROM raw.{t.department}_{t.name} r LEFT JOIN registry.subject s USING (_subject_id) "
            "LEFT JOIN registry.enterprise e USING (enterprise_id)"
            for t in tables
            if f"{t.department}_{t.name}" in held
        )
    )
    return agreement.trail(
        records,
        pl.read_parquet(truth / "truth_delivery.parquet"),
        frame("SELECT name, file_id, status FROM raw.delivery"),
        landed,
        frame("SELECT file_id, row_no FROM quality.reject"),
        known_at,
        as_of,
    )


def _stamps(truth: Path) -> pl.DataFrame:
    """file, row_no, stamped: when each pulled record became visible."""
    stamp = pl.col("updated_at").str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)
    parts = [
        pl.read_parquet(path, columns=["file", "row_no", "updated_at"]).select("file", "row_no", stamped=stamp)
        for path in sorted((truth / "truth_clean").glob("reform_*.parquet"))
    ]
    none = pl.DataFrame(schema={"file": pl.String, "row_no": pl.Int64, "stamped": pl.Datetime("us")})
    return pl.concat([none, *parts]).unique(["file", "row_no"], maintain_order=True)


def _by_column(truth: Path) -> pl.DataFrame:
    """truth_record with the defects of single cells as `kind@column`, the column as its department names it."""
    place = ["department", "table", "file", "sheet", "row_no"]
    records = pl.read_parquet(truth / "truth_record.parquet")
    if not (truth / "truth_cell.parquet").exists():
        return records
    cells = (
        pl.read_parquet(truth / "truth_cell.parquet", columns=[*place, "column", "defect"])
        .with_columns(pl.col("defect").str.split(";"))
        .explode("defect")
    )
    named = cells.group_by(place).agg(
        kinds=pl.col("defect"), cells=pl.concat_str("defect", pl.lit("@"), "column").str.join(";")
    )
    joined = records.join(named, on=place, how="left", nulls_equal=True)
    whole = pl.col("defects").str.split(";").list.set_difference(pl.col("kinds").fill_null([])).list.join(";")
    return joined.with_columns(
        defects=pl.concat_str(whole, pl.col("cells").fill_null(""), separator=";").str.strip_chars(";")
    ).drop("kinds", "cells")


def _pairs(
    frame: Any, eligibility: pl.DataFrame, profile: pl.DataFrame, as_of: date, rules_as_of: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both verdicts of every pair, with the conditions not met and not known where they differ; and what each condition reads."""
    items = [i for i in in_force(load_items(), rules_as_of) if i.entity == "enterprise"]
    program, _ = compile_sound(items, load(), load_defaults().bars)
    words = _words(evaluate(program, profile, as_of))
    kept = frame("SELECT uscc, item_id, version, verdict AS ours FROM match.pair")
    ours = pl.concat(
        [
            profile.select(
                "uscc", item_id=pl.lit(item.text.id), version=pl.lit(item.text.version, pl.Int64), again=words[item.key]
            )
            for item in program.items
        ]
    )
    true = eligibility.select(
        "uscc", "item_id", "version", true="verdict",
        true_unknown=_names("unknown"), true_failed=_names("failing"),
    )  # fmt: skip
    both = true.join(ours, on=agreement.PAIR_KEY, how="inner").join(kept, on=agreement.PAIR_KEY, how="left")
    both = both.with_columns(
        ours=pl.coalesce("ours", "again"), kept_differs=(pl.col("ours") != pl.col("again")).fill_null(False)
    )
    rows = {row["uscc"]: row for row in profile.iter_rows(named=True)}
    failed, unknown = [], []
    for pair in both.iter_rows(named=True):
        states = (
            _states(program, rows[pair["uscc"]], pair["item_id"], pair["version"], as_of)
            if pair["ours"] != pair["true"]
            else {}
        )
        failed.append([c for c, s in states.items() if s == "false"])
        unknown.append([c for c, s in states.items() if s == "unknown"])
    conditions = pl.DataFrame(
        [
            (item.text.id, item.text.version, c, column.name)
            for item in program.items
            for c, term in item.terms.items()
            for column in columns(term)
        ],
        schema={"item_id": pl.String, "version": pl.Int64, "condition_id": pl.String, "indicator": pl.String},
        orient="row",
    )
    lists = pl.List(pl.String)
    return both.with_columns(
        our_failed=pl.Series(failed, dtype=lists), our_unknown=pl.Series(unknown, dtype=lists)
    ), conditions


def _words(verdicts: Verdicts) -> dict[tuple[str, int], pl.Series]:
    """The verdict of every row on every item, by item and version."""
    found: dict[tuple[str, int], list[str]] = {}
    for block, items in verdicts.found():
        for one in items:
            words = ["unknown"] * block.height
            for name in VERDICTS:
                for at in positions(getattr(one.planes, name)).tolist():
                    if at < block.height:
                        words[at] = name
            found.setdefault(one.plan.item.key, []).extend(words)
    return {key: pl.Series(words, dtype=pl.String) for key, words in found.items()}


def _states(program: Program, row: Mapping[str, Any], item_id: str, version: int, as_of: date) -> dict[str, str]:
    told = explain(program, row, item_id, as_of, version=version)
    return {condition.id: condition.verdict for condition in told.conditions if not condition.outside}


def shown(report: Report) -> str:
    """The report as an analyst reads it."""
    causes = (
        report.disagreements.group_by("cause", "true", "ours")
        .agg(n=pl.len())
        .sort("n", "cause", descending=[True, False])
    )
    items = report.disagreements.group_by("item_id", "true", "ours", "conditions", "cause").agg(
        n=pl.len(), example=pl.col("values").first(), detail=pl.col("detail").first()
    )
    by_indicator = (
        report.compared.group_by("indicator")
        .agg(
            both=(pl.col("ours").is_not_null() & pl.col("true").is_not_null()).sum(),
            share=pl.col("agrees").filter(pl.col("ours").is_not_null() & pl.col("true").is_not_null()).mean().round(4),
            ours_unknown=(pl.col("ours").is_null() & pl.col("true").is_not_null()).sum(),
        )
        .join(
            report.indicators.group_by("indicator", "cause").agg(n=pl.len()).sort("n", descending=True)
            .group_by("indicator", maintain_order=True).agg(causes=pl.concat_str("cause", pl.lit(" "), "n").str.join("；")),
            on="indicator", how="left",
        )
        .sort("indicator")
    )  # fmt: skip
    with pl.Config(tbl_rows=400, tbl_cols=20, fmt_str_lengths=120, tbl_width_chars=260, tbl_hide_dataframe_shape=True):
        return "\n".join(
            [
                f"事实日期 {report.as_of}；任一方判为符合的对中，双方一致的占 {report.share:.4f}",
                "判定对照（true 真值，ours 我方）", str(report.verdicts),
                "不一致的原因", str(causes),
                "不一致的事项、条件和原因", str(items.sort("n", "item_id", "conditions", descending=[True, False, False])),
                "逐项指标", str(by_indicator),
            ]
        )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description="一次运行的判定和指标与模拟世界真值的对照",
        epilog="例：python -m benchmarks.agreement --home warehouse --truth warehouse/truth",
    )
    parser.add_argument("--home", type=Path, required=True, help="运行所在的目录")
    parser.add_argument("--truth", type=Path, required=True, help="真值目录")
    asked = parser.parse_args()
    try:
        sys.stdout.write(shown(measured(asked.home, asked.truth)) + "\n")
    except (FileNotFoundError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
