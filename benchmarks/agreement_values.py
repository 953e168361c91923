"""The indicators of a run beside the truth's, and why they differ: what was not declared, not due, not delivered, spoilt, rejected."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.agreement_definitions import DEFINITIONS, edges, financial
from benchmarks.agreement_untold import untold
from data import contract
from data.indicators import Catalogue, load
from evaluation import agreement, blame

BACK = {
    "last_year": 1,
    "before_last_year": 2,
    "growth": 2,
    "growth_delta": 2,
    "history": 4,
    "last_3_years": 3,
    "total": 30,
    "ytd": 0,
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


# Days that a figure without a period of its own looks back: the newest month, or the months it is a sum or a judgement of.
_WINDOW = {
    "employees_insured": 100,
    "employees_insured_growth": 800,
    "employees_insured_delta_ytd": 430,
    "social_insurance_paid": 430,
    "revenue_last_12_months": 460,
}


# Lists whose rows carry no day: they speak of the days since they were handed over.
_UNDATED = frozenset({"agri.leading", "agri.coop", "agri.certification"})


def compared_on(
    frame: Any,
    truth: Path,
    true_values: pl.DataFrame,
    as_of: date,
    known_at: datetime,
    earlier: pl.DataFrame | pl.LazyFrame | None = None,
    firms: str | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every value both sides may know (`agreement.compare_indicators`), and the differing ones with their cause.

    `frame` asks the warehouse whose profile is of `as_of`; `truth` holds the records and deliveries; `true_values`: uscc, indicator, value;
    `earlier`: the same of the ends of the months before, by which a value of an earlier period is told from a wrong one; `firms`: a
    SELECT of the only enterprises (uscc) that are asked about.
    """
    catalogue = load()
    among = "" if firms is None else f"AND e.uscc IN ({firms})"
    profile = frame(f"SELECT * FROM profile.enterprise e WHERE TRUE {among} ORDER BY enterprise_id")
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
    needs |= {name: as_of - timedelta(days=days) for name, days in _WINDOW.items()}
    evidence = frame(
        "SELECT e.uscc, v.indicator, v.department || '.' || v.table_name AS feed FROM profile.evidence v "
        f"JOIN registry.enterprise e USING (enterprise_id) WHERE v.department IS NOT NULL {among}"
    )
    explained = agreement.causes(
        compared.filter(~pl.col("agrees")),
        _trail(frame, truth, known_at, as_of, catalogue, firms),
        evidence,
        feeds,
        starts,
        needs,
        {**DEFINITIONS, **edges(frame, as_of), "enterprise_size": financial(profile)},
        {name: date(as_of.year, *day) for name, day in DUE.items()},
        _partial(frame, as_of, known_at),
        _behind(frame, catalogue, as_of) | _stale(frame, as_of, known_at),
        known_at.date(),
        earlier,
        _first_hand(frame, as_of, known_at),
        _fewer(frame, as_of, known_at),
        untold(truth, true_values, as_of, known_at),
    )
    return compared, explained


def _insured(as_of: date, known_at: datetime) -> str:
    """A SELECT of the months of insured heads that had reached their enterprise, and whether every office of the two months before is in them."""
    return f"""
        SELECT enterprise_id, month, coalesce(offices >= max(offices) OVER (
            PARTITION BY enterprise_id ORDER BY month ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING
        ), TRUE) AS is_whole
        FROM (
            SELECT h.enterprise_id, CAST(date_trunc('month', h.pay_month) AS DATE) AS month, count(DISTINCT coalesce(h.office, d.batch)) AS offices
            FROM ({_landed("labor_headcount", known_at)}) h JOIN raw.delivery d ON d.file_id = h._file_id
            WHERE h.pay_month <= DATE '{as_of}' AND coalesce(h.pension_count, h.unemployment_count, h.injury_count) IS NOT NULL
            GROUP BY ALL
        )"""


def _stale(frame: Any, as_of: date, known_at: datetime) -> frozenset[tuple[str | None, str]]:
    """(uscc, indicator) whose newest whole insured month that had reached its enterprise is earlier than the day's last whole month."""
    whole = as_of.replace(day=1) - timedelta(days=1) if (as_of + timedelta(days=1)).day > 1 else as_of
    found = frame(
        f"SELECT e.uscc FROM ({_insured(as_of, known_at)}) h JOIN registry.enterprise e USING (enterprise_id) "
        f"GROUP BY e.uscc HAVING max(h.month) FILTER (WHERE h.is_whole) < DATE '{whole.replace(day=1)}'"
    )
    names = ("employees_insured", "employees_insured_delta_ytd", "employees_insured_growth")
    return frozenset((uscc, name) for (uscc,) in found.iter_rows() for name in names)


def _fewer(frame: Any, as_of: date, known_at: datetime) -> frozenset[tuple[str, str]]:
    """(uscc, indicator) of means that are of fewer months than the truth's: some month of last year had not reached its enterprise whole."""
    found = frame(
        f"SELECT e.uscc FROM ({_insured(as_of, known_at)}) h JOIN registry.enterprise e USING (enterprise_id) "
        f"GROUP BY e.uscc HAVING count(*) FILTER (WHERE year(h.month) = {as_of.year - 1} AND h.is_whole) < 12 "
        f"OR count(*) FILTER (WHERE h.month > DATE '{as_of}' - INTERVAL 14 MONTH AND h.is_whole) < 13"
    )
    return frozenset(
        (uscc, name)
        for (uscc,) in found.iter_rows()
        for name in ("employees_insured_last_year_mean", "employees_insured_growth")
    )


def _first_hand(frame: Any, as_of: date, known_at: datetime) -> frozenset[tuple[str, str]]:
    """(uscc, indicator) whose income tax return of the year had reached its enterprise: no lesser source may stand in for it."""
    last, before = as_of.year - 1, as_of.year - 2
    found = frame(
        f"""
        WITH settled AS (
            SELECT * FROM ({_landed("tax_income_tax", known_at)})
            WHERE period_to_date <= DATE '{as_of}' AND (is_annual OR (month(period_from_date) = 1 AND month(period_to_date) = 12))
        )
        SELECT DISTINCT e.uscc, unnest(list_filter([
            CASE WHEN year(period_to_date) = {last} AND revenue_yuan IS NOT NULL THEN 'revenue_last_year' END,
            CASE WHEN year(period_to_date) = {before} AND revenue_yuan IS NOT NULL THEN 'revenue_before_last_year' END,
            CASE WHEN year(period_to_date) = {last} AND nullif(assets_yuan, 0) IS NOT NULL THEN 'total_assets' END,
            CASE WHEN year(period_to_date) = {last} AND staff_count IS NOT NULL THEN 'employees' END
        ], lambda name: name IS NOT NULL))
        FROM settled JOIN registry.enterprise e USING (enterprise_id)
        """
    )
    return frozenset(found.iter_rows())


def _landed(table: str, known_at: datetime) -> str:
    """A SELECT of the rows of a raw table that had reached their enterprise by then."""
    return (
        f"SELECT s.enterprise_id, r.* FROM raw.{table} r JOIN registry.subject s USING (_subject_id) "
        f"WHERE s.enterprise_id IS NOT NULL AND r._received_at <= TIMESTAMP '{known_at}'"
    )


def _partial(frame: Any, as_of: date, known_at: datetime) -> frozenset[tuple[str, str]]:
    """(uscc, indicator) of sums over months, or years, that lack one: no row of it had reached its enterprise.

    Counted from the raw rows and not from the profile's own months and years, where an error of ours would look like a month nobody declared.
    """
    last, before = as_of.year - 1, as_of.year - 2
    found = frame(
        f"""
        WITH filed AS (
            SELECT DISTINCT enterprise_id, CAST(unnest(generate_series(date_trunc('month', period_from_date), period_to_date, INTERVAL 1 MONTH)) AS DATE) AS month
            FROM ({_landed("tax_vat", known_at)}) WHERE period_to_date <= DATE '{as_of}' AND NOT coalesce(is_void, FALSE)
        ), settled AS (
            SELECT * FROM ({_landed("tax_income_tax", known_at)})
            WHERE period_to_date <= DATE '{as_of}' AND (is_annual OR (month(period_from_date) = 1 AND month(period_to_date) = 12))
        ), insured AS (
            {_insured(as_of, known_at)}
        )
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
            CASE WHEN i.taxable IS NULL OR j.enterprise_id IS NULL THEN 'rd_expense_last_3_years' END,
            CASE WHEN j.enterprise_id IS NULL THEN 'rd_expense_before_last_year' END,
            CASE WHEN (r.enterprise_id IS NULL AND i.taxable IS NULL) OR y.last IS NULL THEN 'rd_ratio' END,
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
                count(*) FILTER (WHERE year(month) = {before}) AS year_before,
                count(*) FILTER (WHERE year(month) = {last + 1}) AS ytd,
                any_value(newest) < (SELECT month FROM profile.due) AS late
            FROM (SELECT enterprise_id, month, max(month) OVER (PARTITION BY enterprise_id) AS newest FROM filed)
            GROUP BY enterprise_id
        ) t USING (enterprise_id)
        LEFT JOIN (
            SELECT enterprise_id, count(*) FILTER (WHERE year(month) = {last} AND is_whole) AS last_year,
                bool_or(month = DATE '{last}-12-01' AND is_whole) AS december,
                count(*) FILTER (WHERE month > DATE '{as_of}' - INTERVAL 13 MONTH AND is_whole) AS recent
            FROM insured GROUP BY enterprise_id
        ) l USING (enterprise_id)
        LEFT JOIN (
            SELECT enterprise_id, count(DISTINCT date_trunc('month', report_month)) AS months
            FROM ({_landed("commerce_duty_free", known_at)}) WHERE year(report_month) = {last} GROUP BY enterprise_id
        ) d USING (enterprise_id)
        LEFT JOIN (
            SELECT enterprise_id, max(taxable_income_yuan) FILTER (WHERE is_annual) AS taxable, max(nullif(assets_yuan, 0)) AS assets, max(staff_count) AS staff
            FROM settled WHERE year(period_to_date) = {last} GROUP BY enterprise_id
        ) i USING (enterprise_id)
        LEFT JOIN (
            SELECT enterprise_id FROM settled WHERE year(period_to_date) = {before} AND is_annual AND rd_expense_yuan IS NOT NULL
            UNION
            SELECT enterprise_id FROM ({_landed("science_rd_input", known_at)}) WHERE report_year = {before} AND rd_expense_yuan IS NOT NULL
        ) j USING (enterprise_id)
        LEFT JOIN (
            SELECT DISTINCT enterprise_id FROM ({_landed("science_rd_input", known_at)}) WHERE report_year = {last}
        ) r USING (enterprise_id)
        LEFT JOIN (
            SELECT enterprise_id, any_value(e2.uscc) AS uscc, max(year) FILTER (WHERE year = {last}) AS last, max(year) FILTER (WHERE year = {before}) AS before
            FROM (
                SELECT enterprise_id, year(period_to_date) AS year FROM settled WHERE revenue_yuan IS NOT NULL
                UNION ALL
                SELECT enterprise_id, year(month) FROM filed GROUP BY enterprise_id, year(month) HAVING count(*) = 12
                UNION ALL
                SELECT enterprise_id, report_year FROM ({_landed("market_annual_report", known_at)}) WHERE revenue_yuan IS NOT NULL
            )
            JOIN registry.enterprise e2 USING (enterprise_id)
            GROUP BY enterprise_id
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


def _trail(
    frame: Any, truth: Path, known_at: datetime, as_of: date, catalogue: Catalogue, firms: str | None
) -> pl.DataFrame:
    tables = list(contract.tables())
    natives = pl.DataFrame(
        [{"department": t.department, "table": t.native, "feed": f"{t.department}.{t.name}"} for t in tables],
        schema={"department": pl.String, "table": pl.String, "feed": pl.String},
    )
    names = pl.read_parquet(truth / "truth_entity.parquet").select("eid", "uscc")
    if firms is not None:
        names = names.join(frame(firms), on="uscc", how="semi")
    records = (
        _by_column(truth)
        .join(natives, on=["department", "table"], how="inner")
        .join(names, on="eid", how="inner")
        .with_columns(pl.col("sheet").fill_null(""))
        .join(_stamps(truth), on=["file", "row_no"], how="left")
        .join(_since(truth), on=["feed", "file", "row_no"], how="left")
        .join(_versions(truth), on=["department", "table", "file"], how="left")
        .pipe(blame.ringed, pl.read_parquet(truth / "truth_fraud.parquet"))
    )
    held = {
        r[0] for r in frame("SELECT table_name FROM information_schema.tables WHERE table_schema = 'raw'").iter_rows()
    }
    ledger = frame("SELECT name, file_id, status, received_at FROM raw.delivery")
    places = records.select("row_no", name=pl.col("file").str.split("/").list.last()).join(ledger, on="name")

    def landed(table: str) -> pl.DataFrame:
        """The rows of a raw table and whom they reached; asked about some firms, theirs, and what stands where the department wrote of them."""
        rows = frame(
            f"SELECT r._file_id AS file_id, r._row_no AS row_no, coalesce(r._sheet, '') AS sheet, e.uscc FROM raw.{table} r "
            "LEFT JOIN registry.subject s USING (_subject_id) LEFT JOIN registry.enterprise e USING (enterprise_id)"
        )
        if firms is None:
            return rows
        others = rows.join(names, on="uscc", how="anti").join(places, on=["file_id", "row_no"], how="semi")
        return pl.concat([rows.join(names, on="uscc", how="semi"), others])

    arrived = [
        landed(f"{t.department}_{t.name}").select(pl.lit(f"{t.department}.{t.name}").alias("feed"), pl.all())
        for t in tables
        if f"{t.department}_{t.name}" in held
    ]
    return agreement.trail(
        records,
        pl.read_parquet(truth / "truth_delivery.parquet"),
        ledger,
        pl.concat(arrived),
        frame("SELECT file_id, row_no FROM quality.reject"),
        known_at,
        as_of,
        frozenset(f"{i.department}.{i.table}" for i in catalogue.values() if i.grain in ("month", "quarter")),
        _UNDATED,
    )


def _since(truth: Path) -> pl.DataFrame:
    """feed, file, row_no, since: the day of the recognition that each row of the talents' monthly lists reports."""
    path = truth / "truth_clean" / "labor_RCRD.parquet"
    if not path.exists():
        return pl.DataFrame(schema={"feed": pl.String, "file": pl.String, "row_no": pl.Int64, "since": pl.Date})
    rows = pl.read_parquet(path, columns=["file", "row_no", "认定日"])
    day = pl.col("认定日").cast(pl.String).str.to_date("%Y-%m-%d", strict=False)
    return rows.select(pl.lit("labor.talent").alias("feed"), "file", "row_no", since=day).unique(["file", "row_no"])


def _versions(truth: Path) -> pl.DataFrame:
    """department, table, file, versions: how many rows each of the files has that the world wrote one over the other under one name."""
    planned = pl.read_parquet(truth / "truth_delivery.parquet").drop_nulls("file")
    written = planned.group_by("department", "table", "file").agg(versions=pl.col("rows"))
    return written.filter(pl.col("versions").list.len() > 1)


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
