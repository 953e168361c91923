"""Reading what the risk signs are made of: registers, accounts, filings, head counts and projects as known by `known_at`."""

import datetime as dt

import polars as pl

from assets.ports import Warehouse
from assets.push_return import payments
from matching.push import inputs as shapes
from matching.push.evidence import CLAIMS, CORRECTIONS, FIRMS, HEADS, MONTHS, MOVES, PAYOUTS, PROJECTS, TIES, Evidence
from matching.push.risk import flags

_DUCKDB = {
    "String": "VARCHAR",
    "Date": "DATE",
    "Int64": "BIGINT",
    "Float64": "DOUBLE",
    "Decimal(precision=18, scale=2)": "DECIMAL(18,2)",
}


def risk(
    warehouse: Warehouse,
    pair_rows: pl.DataFrame,
    item_rows: pl.DataFrame,
    as_of: dt.date,
    asked: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Signs on the pairs that money may go to (shape RISK), from registers, accounts and profiles as known by `known_at`.

    `asked` are approved applications (APPROVED): their pairs count whatever departments alone can say of them.
    """
    pairs = ["enterprise_id", "item_id", "version"]
    claims = (
        pl.concat(
            [
                pair_rows.filter(pl.col("verdict") == "eligible").select(pairs),
                *([asked.select(pairs)] if asked is not None else []),
            ]
        )
        .join(item_rows.select("item_id", "version", "window_from", "mode"), on=["item_id", "version"], how="inner")
        .select("enterprise_id", "item_id", pl.col("window_from").fill_null(as_of).alias("opening"))
        .unique(maintain_order=True)
    )
    have = warehouse.columns("profile.enterprise")
    columns = ", ".join(
        f'CAST("{name}" AS {_DUCKDB[str(dtype)]}) AS "{name}"'
        if name in have
        else f'NULL::{_DUCKDB[str(dtype)]} AS "{name}"'
        for name, dtype in FIRMS.items()
    )
    firms = warehouse.frame(
        f"SELECT {columns} FROM profile.enterprise SEMI JOIN match.pair USING (enterprise_id) ORDER BY enterprise_id"
    )
    subject = warehouse.columns("raw.subject")
    kinds = {"legal_person": "legal_person", "phone": "phone_hash", "address": "address"}
    parts = [
        f"SELECT r.enterprise_id, '{kind}' AS kind, s.{column} AS value FROM raw.subject s"
        f" JOIN registry.subject r USING (_subject_id) WHERE s.department = 'market' AND s.{column} IS NOT NULL"
        " AND s.first_received_at <= getvariable('known_at')"
        for kind, column in kinds.items()
        if column in subject
    ]
    if warehouse.exists("raw.apply_payee"):
        parts.append(
            "SELECT r.enterprise_id, 'account', p.account_hash FROM raw.apply_payee p JOIN registry.subject r USING (_subject_id)"
            " WHERE p._received_at <= getvariable('known_at')"
        )
    if warehouse.exists("raw.science_hnte"):
        parts.append(
            "SELECT r.enterprise_id, 'certificate', h.certificate_no FROM raw.science_hnte h JOIN registry.subject r"
            " USING (_subject_id) WHERE h._received_at <= getvariable('known_at')"
        )
    ties = warehouse.frame(
        f"SELECT DISTINCT enterprise_id, kind, value FROM ({' UNION ALL '.join(parts)})"
        " WHERE enterprise_id IS NOT NULL AND value IS NOT NULL ORDER BY ALL"
    )
    return flags(
        Evidence(
            claims=shapes.shaped(claims, CLAIMS, "match.pair"),
            firms=shapes.shaped(firms, FIRMS, "profile.enterprise"),
            ties=shapes.shaped(ties, TIES, "raw.subject"),
            corrections=corrections(warehouse),
            months=_shaped_or_none(warehouse, "profile.tax_month", _FILED, MONTHS),
            heads=_shaped_or_none(warehouse, "profile.labor_month", _INSURED, HEADS),
            projects=_shaped_or_none(warehouse, "raw.reform_project", _PROJECTS, PROJECTS),
            moves=_shaped_or_none(warehouse, "raw.market_alter", _MOVES, MOVES),
            payouts=shapes.shaped(payments(warehouse).unique(maintain_order=True), PAYOUTS, "raw.finance_redemption"),
        )
    )


_FILED = """
    SELECT enterprise_id, month, sales_yuan, payable_yuan FROM profile.tax_month
    WHERE month > getvariable('as_of') - INTERVAL 2 YEAR AND month <= getvariable('as_of') ORDER BY ALL
"""
_INSURED = """
    SELECT enterprise_id, month, insured_count AS insured FROM profile.labor_month
    WHERE is_whole AND month > getvariable('as_of') - INTERVAL 2 YEAR AND month <= getvariable('as_of') ORDER BY ALL
"""
_PROJECTS = """
    SELECT r.enterprise_id, p.project_code, p.project_name, p.started_date AS started_on, p.investment_yuan
    FROM raw.reform_project p JOIN registry.subject r USING (_subject_id)
    WHERE p._received_at <= getvariable('known_at') AND p._op <> 'D' AND r.enterprise_id IS NOT NULL
        AND p.started_date > getvariable('as_of') - INTERVAL 2 YEAR
    ORDER BY ALL
"""
_MOVES = """
    SELECT DISTINCT r.enterprise_id, a.alter_date AS moved_on, a.before_text, a.after_text
    FROM raw.market_alter a JOIN registry.subject r USING (_subject_id)
    WHERE a._received_at <= getvariable('known_at') AND a._op <> 'D' AND r.enterprise_id IS NOT NULL
        AND a.alter_item = 'move' AND a.alter_date <= getvariable('as_of') AND a.before_text <> a.after_text
    ORDER BY ALL
"""


def _shaped_or_none(warehouse: Warehouse, table: str, sql: str, schema: shapes.Schema) -> pl.DataFrame:
    return shapes.shaped(warehouse.frame(sql), schema, table) if warehouse.exists(table) else shapes.empty(schema)


def corrections(warehouse: Warehouse) -> pl.DataFrame:
    """VAT filings that a later filing of the same period lowered, with the day and the difference (shape CORRECTIONS)."""
    if not warehouse.exists("raw.tax_vat"):
        return shapes.empty(CORRECTIONS)
    frame = warehouse.frame(
        """
        WITH filed AS (
            SELECT r.enterprise_id, v.filed_date AS corrected_on, v.is_correction, v.payable_yuan,
                   lag(v.payable_yuan) OVER (
                       PARTITION BY r.enterprise_id, v.djxh, v.period_from_date, v.period_to_date
                       ORDER BY v.filed_date, v._received_at, v._file_id, v._row_no
                   ) AS before_yuan
            FROM raw.tax_vat v JOIN registry.subject r USING (_subject_id)
            WHERE v._received_at <= getvariable('known_at') AND v._op <> 'D' AND r.enterprise_id IS NOT NULL
        )
        SELECT enterprise_id, corrected_on, payable_yuan - before_yuan AS delta_yuan, before_yuan FROM filed
        WHERE is_correction AND payable_yuan < before_yuan ORDER BY ALL
        """
    )
    return shapes.shaped(frame, CORRECTIONS, "raw.tax_vat")
