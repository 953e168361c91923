"""Reading what the lists are made from: verdicts and profiles of the warehouse, and what people did, kept in `control.sqlite`."""

import datetime as dt
import re
from collections.abc import Iterable, Mapping

import polars as pl

from assets.ports import Control, Scope, Warehouse
from assets.push_doubt import Source, doubts
from assets.push_fund import pooled
from assets.push_gap import gaps
from assets.push_history import arm_key, history, taken_up
from assets.push_people import person_facts, person_pairs, persons
from assets.push_return import payments, refusals_by_phone, settlement
from assets.push_risk import risk
from assets.push_units import units
from data import contract, indicators
from data.contract import Table
from data.corpus import load_defaults
from data.indicators import Catalogue, Indicator
from matching.push import inputs as shapes
from matching.push.cycle import cycle
from matching.push.feeds import DELIVERIES, TABLES, unfit_feeds, unfit_items
from matching.push.inputs import Dates, Inputs
from matching.push.quiet import calendar as calendar
from matching.push.settle import kept

_NAME = re.compile(r"[a-z_][a-z0-9_]*")
# Formats in which a file cut short does not open, so that no control file is needed to see it; pages are fetched by us, to the end.
_SELF_CHECKING = frozenset({"xlsx", "xls", "xml", "dbf", "sqlite", "dump", "jsonl", "parquet"})


def _columns(warehouse: Warehouse, table: str, wanted: Mapping[str, str], optional: Iterable[str] = ()) -> str:
    """A SELECT list of `wanted` (name → type); an optional column that the table has not is NULL, any other is an error."""
    have = warehouse.columns(table)
    missing = [name for name in wanted if name not in have and name not in set(optional)]
    if missing:
        raise ValueError(f"{table} 缺列 {'、'.join(missing)}")
    return ", ".join(f'"{name}"' if name in have else f'NULL::{kind} AS "{name}"' for name, kind in wanted.items())


def items(warehouse: Warehouse) -> pl.DataFrame:
    """`policy.item` in the shape of ITEMS."""
    wanted = {
        "item_id": "VARCHAR", "version": "BIGINT", "title": "VARCHAR", "issuer": "VARCHAR", "mode": "VARCHAR",
        "entity": "VARCHAR", "cycle": "VARCHAR", "claim_unit": "VARCHAR", "valid_from": "DATE", "valid_to": "DATE",
        "window_from": "DATE", "window_to": "DATE", "budget_yuan": "DECIMAL(18,2)", "promise_days": "BIGINT", "award_expr": "VARCHAR",
        "excludes": "VARCHAR[]", "pilot": "VARCHAR[]", "materials": "VARCHAR[]",
    }  # fmt: skip
    columns = _columns(warehouse, "policy.item", wanted, optional=("excludes", "pilot", "materials"))
    return shapes.shaped(
        warehouse.frame(f"SELECT {columns} FROM policy.item ORDER BY item_id, version"), shapes.ITEMS, "policy.item"
    )


def conditions(warehouse: Warehouse) -> pl.DataFrame:
    """`policy.condition` in the shape of CONDITIONS."""
    frame = warehouse.frame("SELECT * FROM policy.condition ORDER BY item_id, version, condition_id")
    return shapes.shaped(frame, shapes.CONDITIONS, "policy.condition")


def indicators_of(condition_rows: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """(item_id, version, condition_id, indicator): the catalogue's names, and labels, that stand in each expression."""
    found = [
        (row["item_id"], row["version"], row["condition_id"], name)
        for row in condition_rows.iter_rows(named=True)
        for name in named_in(row["expr"], catalogue)
    ]
    return pl.DataFrame(
        found,
        schema={"item_id": pl.String, "version": pl.Int64, "condition_id": pl.String, "indicator": pl.String},
        orient="row",
    ).unique(maintain_order=True)


def named_in(expr: str | None, catalogue: Catalogue) -> list[str]:
    """The indicators an expression names, sorted."""
    text = re.sub(r"'[^']*'", " ", expr or "")
    words = set(re.findall(r"\w+", text))
    return sorted({indicator.name for word in words if (indicator := catalogue.find(word)) is not None})


def pairs(warehouse: Warehouse) -> pl.DataFrame:
    """`match.pair` with its score, in the shape of PAIRS."""
    frame = warehouse.frame(
        "SELECT p.enterprise_id, p.uscc, p.item_id, p.version, p.verdict, p.met, p.failed, p.unknown, p.near_miss, p.short_of, p.bar,"
        " p.bars, p.amount_yuan, s.score FROM match.pair p LEFT JOIN match.score s USING (enterprise_id, item_id, version)"
        " ORDER BY p.item_id, p.version, p.enterprise_id"
    )
    return shapes.shaped(frame, shapes.PAIRS, "match.pair")


def enterprises(warehouse: Warehouse) -> pl.DataFrame:
    """Name, region, size and contact of every enterprise; the contact is the newest telephone any department delivered, as its keyed hash."""
    have = warehouse.columns("profile.enterprise")
    region = "registered_region" if "registered_region" in have else "NULL::VARCHAR"
    size = "enterprise_size" if "enterprise_size" in have else "NULL::VARCHAR"
    frame = warehouse.frame(
        f"""
        WITH phone AS (
            SELECT r.enterprise_id, arg_max(s.phone_hash, (s.first_received_at, s._subject_id)) AS contact_hash
            FROM raw.subject s JOIN registry.subject r USING (_subject_id)
            WHERE s.phone_hash IS NOT NULL AND r.enterprise_id IS NOT NULL AND s.first_received_at <= getvariable('known_at')
            GROUP BY r.enterprise_id
        )
        SELECT e.enterprise_id, e.uscc, e.name, {region} AS region, {size} AS size, contact_hash,
               CASE WHEN contact_hash IS NOT NULL THEN '已登记，导出时取用' END AS contact_masked
        FROM profile.enterprise e LEFT JOIN phone USING (enterprise_id)
        ORDER BY e.enterprise_id
        """
    )
    return shapes.shaped(frame, shapes.ENTERPRISES, "profile.enterprise")


def cases(warehouse: Warehouse) -> pl.DataFrame:
    """The newest state of every case known by `known_at`, in the shape of CASES. Codes arrive in capitals, our item ids are lower case."""
    if not warehouse.exists("raw.apply_case"):
        return shapes.empty(shapes.CASES)
    decision = "decision_source" if "decision_source" in warehouse.columns("raw.apply_case") else "decision"
    frame = warehouse.frame(
        f"""
        SELECT c.case_no, r.enterprise_id, lower(c.item_id) AS item_id, c.applied_date AS applied_on, c.{decision} AS decision,
               c.decided_date AS decided_on, c.refusal_reason AS reason
        FROM raw.apply_case c JOIN registry.subject r USING (_subject_id)
        WHERE c._received_at <= getvariable('known_at') AND r.enterprise_id IS NOT NULL
        QUALIFY row_number() OVER (
            PARTITION BY c.case_no ORDER BY c.updated_at DESC NULLS LAST, c._received_at DESC, c._file_id DESC, c._row_no DESC
        ) = 1 AND c._op <> 'D'
        ORDER BY r.enterprise_id, c.item_id, c.case_no
        """
    )
    return shapes.shaped(frame, shapes.CASES, "raw.apply_case")


def approved(warehouse: Warehouse) -> pl.DataFrame:
    """The applications answered with `approve` (push.decision) in the shape of APPROVED."""
    if not warehouse.exists("push.decision"):
        return shapes.empty(shapes.APPROVED)
    frame = warehouse.frame(
        "SELECT d.*, e.uscc FROM push.decision d JOIN profile.enterprise e USING (enterprise_id) WHERE d.answer = 'approve' ORDER BY case_no"
    )
    return shapes.shaped(frame, shapes.APPROVED, "push.decision")


def paid(warehouse: Warehouse, item_rows: pl.DataFrame) -> pl.DataFrame:
    """What finance paid and did not get back, in the shape of AWARDS: shares of province and county summed."""
    frame = kept(payments(warehouse)).rename({"paid_yuan": "amount_yuan"})
    kinds = {row["item_id"]: row["cycle"] for row in item_rows.iter_rows(named=True)}
    openings: dict[str, list[dt.date]] = {}
    for row in item_rows.iter_rows(named=True):
        if row["window_from"] is not None:
            openings.setdefault(row["item_id"], []).append(row["window_from"])
    known = frame.filter(pl.col("item_id").is_in(sorted(kinds)))
    cycles = [
        cycle(kinds[item], _opening(day, openings.get(item, [])), openings.get(item, []))
        for item, day in known.select("item_id", "paid_on").iter_rows()
    ]
    return shapes.shaped(
        known.with_columns(pl.Series("cycle", cycles, dtype=pl.String), pl.lit("兑现台账").alias("source")),
        shapes.AWARDS,
        "raw.finance_redemption",
    )


def _opening(day: dt.date, openings: list[dt.date]) -> dt.date:
    """The window a payment belongs to: the newest that had opened by then."""
    return max((opening for opening in openings if opening <= day), default=day)


def facts(warehouse: Warehouse, named: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """The observed value, source and day of every indicator a condition names, for the firms of `match.pair` (shape FACTS)."""
    have = warehouse.columns("profile.enterprise")
    wanted = [name for name in sorted(set(named["indicator"])) if name in have and _NAME.fullmatch(name)]
    if not wanted:
        return shapes.empty(shapes.FACTS)
    shown = [
        f"SELECT enterprise_id, '{name}' AS indicator, "
        + (
            f"array_to_string([x.name FOR x IN \"{name}\"], '、')"
            if catalogue[name].type == "list"
            else f'CAST("{name}" AS VARCHAR)'
        )
        + " AS value FROM firm"
        for name in wanted
    ]
    listed = ", ".join(f"'{name}'" for name in wanted)
    frame = warehouse.frame(
        f"""
        WITH needed AS (SELECT DISTINCT enterprise_id FROM match.pair),
             firm AS (SELECT e.* FROM profile.enterprise e SEMI JOIN needed USING (enterprise_id)),
             value AS ({" UNION ALL ".join(shown)}),
             source AS (
                SELECT enterprise_id, indicator, department, table_name, valid_at
                FROM profile.evidence SEMI JOIN needed USING (enterprise_id)
                WHERE indicator IN ({listed}) AND state = 'known'
             )
        SELECT enterprise_id, indicator, value, department, table_name, CAST(valid_at AS DATE) AS valid_at
        FROM value LEFT JOIN source USING (enterprise_id, indicator)
        WHERE value IS NOT NULL
        ORDER BY ALL
        """
    )
    return shapes.shaped(frame, shapes.FACTS, "profile.enterprise")


def _self_checking(table: Table) -> bool:
    """Whether a full delivery that was cut short does not open, so that no control file is needed to see it."""
    forms = list(table.forms.values())
    full = [form for form in forms if form.kind == "F"] or forms
    return all(form.archive is not None or form.format in _SELF_CHECKING for form in full)


def unfit(
    warehouse: Warehouse, scope: Scope, item_rows: pl.DataFrame, named: pl.DataFrame, catalogue: Catalogue
) -> pl.DataFrame:
    """The items that no payment may be made for now, because a feed they rest on is not fit (shape UNFIT)."""
    stale: dict[tuple[str, str], int] = {}
    for indicator in catalogue.values():
        for feed in _feeds(indicator):
            if indicator.stale_after_days is not None:
                stale[feed] = min(stale.get(feed, indicator.stale_after_days), indicator.stale_after_days)
    rows = [
        {
            "department": table.department,
            "table_name": table.name,
            "stale_after_days": stale.get((table.department, table.name)),
            "max_reject_share": table.max_reject_share,
            "has_control": table.control is not None or _self_checking(table),
            # The amounts of a table whose contract names a control rest on that control, whatever its form.
            "self_checking": table.control is None and _self_checking(table),
        }
        for table in contract.tables()
    ]
    arrived = warehouse.exists("raw.arrival")
    controlled = "coalesce(a.control_sha IS NOT NULL, false)" if arrived else "true"
    deliveries = warehouse.frame(
        "SELECT d.department, d.table_name, d.received_at, d.sequence, d.status, d.rows_in, d.rows_rejected,"
        f" {controlled} AS controlled FROM raw.delivery d"
        + (" LEFT JOIN raw.arrival a USING (file_id)" if arrived else "")
        + " ORDER BY ALL"
    )
    feeds = unfit_feeds(
        pl.DataFrame(rows, schema=TABLES), shapes.shaped(deliveries, DELIVERIES, "raw.delivery"), scope.known_at
    )
    return shapes.shaped(unfit_items(tables_of(warehouse, named, catalogue), feeds), shapes.UNFIT, "交付状态")


def tables_of(warehouse: Warehouse, named: pl.DataFrame, catalogue: Catalogue) -> list[Source]:
    """(item_id, version, department, table) of every feed that an item's conditions (`named`) or its award rest on."""
    used = rested_on(warehouse, named, catalogue).iter_rows()
    return [(item, version, *feed) for item, version, name in used for feed in _feeds(catalogue[name])]


def rested_on(warehouse: Warehouse, named: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """(item_id, version, indicator): what an item's conditions (`named`) or its award name."""
    awards = warehouse.frame("SELECT item_id, version, award_expr FROM policy.item ORDER BY item_id, version")
    of_awards = [
        (row["item_id"], row["version"], name)
        for row in awards.iter_rows(named=True)
        for name in named_in(row["award_expr"], catalogue)
    ]
    wanted = named.select("item_id", "version", "indicator")
    return pl.concat([wanted, pl.DataFrame(of_awards, schema=wanted.schema, orient="row")]).unique(maintain_order=True)


def _feeds(indicator: Indicator) -> list[tuple[str, str]]:
    """(department, table) of every feed an indicator is computed from; none for what only the firm can declare."""
    if indicator.source == "declared":
        return []
    named = [tuple(feed.split(".", 1)) for feed in indicator.feeds]
    return [(department, table) for department, table in named] or [(indicator.department or "", indicator.table or "")]


def sources(catalogue: Catalogue) -> pl.DataFrame:
    """Every indicator with its label and the department that delivers it, in the shape of SOURCES."""
    departments = {name: feed.name.removeprefix("海南省") for name, feed in contract.feeds().items()}
    return pl.DataFrame(
        [
            (one.name, one.label, None if one.source == "declared" else departments.get(one.department or ""))
            for one in catalogue.values()
        ],
        schema=shapes.SOURCES,
        orient="row",
    )


def bar_labels() -> dict[str, str]:
    """Bar → its name as people say it."""
    return {bar.id: bar.label for bar in load_defaults().bars}


def collected(warehouse: Warehouse, scope: Scope, control: Control, follow: bool = False) -> tuple[Inputs, Dates]:
    """Everything `propose` needs. `follow` counts the lists of the day itself as history, and names them as corrected."""
    catalogue = indicators.load()
    item_rows, condition_rows, pair_rows = items(warehouse), conditions(warehouse), pairs(warehouse)
    named = indicators_of(condition_rows, catalogue)
    past = history(control, scope.as_of + dt.timedelta(days=1) if follow else scope.as_of)
    watermarks = warehouse.frame(
        "SELECT department, strftime(max(received_at), '%Y-%m-%dT%H:%M:%S') AS at FROM raw.delivery"
        " WHERE status NOT IN ('refused', 'held') AND received_at <= getvariable('known_at') GROUP BY department ORDER BY department"
    )
    awards, spent, opt_outs = past.pop("awards"), past.pop("spent"), past.pop("opt_outs")
    assert isinstance(awards, pl.DataFrame) and isinstance(spent, dict) and isinstance(opt_outs, pl.DataFrame)
    fund_rows, _ = pooled(warehouse, scope, awards, settlement(warehouse, control, scope))
    filed = approved(warehouse)
    inputs = Inputs(
        pairs=pl.concat([pair_rows, person_pairs(warehouse)]),
        items=item_rows,
        conditions=condition_rows,
        enterprises=pl.concat([enterprises(warehouse), persons(warehouse)]),
        cases=cases(warehouse),
        approved=filed,
        awards=pl.concat([paid(warehouse, item_rows), awards]),
        units=units(warehouse, item_rows),
        funds=fund_rows,
        unfit=unfit(warehouse, scope, item_rows, named, catalogue),
        facts=pl.concat([facts(warehouse, named, catalogue), person_facts(warehouse, named, catalogue)]),
        indicators_of=named,
        sources=sources(catalogue),
        doubts=doubts(warehouse, tables_of(warehouse, named, catalogue)),
        gaps=gaps(warehouse, rested_on(warehouse, named, catalogue)),
        risk=risk(warehouse, pair_rows, item_rows, scope.as_of, filed),
        spent=spent,
        opt_outs=pl.concat([opt_outs, refusals_by_phone(warehouse, control)]),
        calendar=calendar(),
        watermarks=dict(watermarks.iter_rows()),
        bar_labels=bar_labels(),
        corrects=taken_up(control, scope.as_of) if follow else {},
        **{name: frame for name, frame in past.items() if isinstance(frame, pl.DataFrame)},
    )
    dates = Dates(scope.as_of, scope.known_at, scope.rules_as_of, scope.build_id, arm_key(warehouse.home))
    return inputs, dates
