"""push/unit: the patents and projects a firm holds, for items that pay per unit; who holds what is read from the registers."""

from typing import Final

import polars as pl

from assets.ports import Warehouse
from matching.push.inputs import UNITS, empty, shaped

# Per kind of claim unit: the register it is read from, and the indicator that counts the same units for the award.
_PATENTS: Final = """
    WITH granted AS (
        SELECT application_no, max(event_date) AS granted_on FROM raw.ip_patent_status
        WHERE event = 'granted' AND _op <> 'D' AND _received_at <= getvariable('known_at') AND event_date <= getvariable('as_of')
        GROUP BY application_no
    ), newest AS (
        SELECT r.enterprise_id, p.*, regexp_extract(p.application_no, '^\\D*\\d{4}(\\d)', 1) AS kind
        FROM raw.ip_patent p JOIN registry.subject r USING (_subject_id)
        WHERE r.enterprise_id IS NOT NULL AND p._received_at <= getvariable('known_at')
            AND p.application_date <= getvariable('as_of')
        QUALIFY row_number() OVER (
            PARTITION BY r.enterprise_id, p.application_no ORDER BY p._received_at DESC, p._file_id DESC, p._row_no DESC
        ) = 1
    ), dated AS (
        SELECT n.enterprise_id, n.application_no, n.applicant_rank, coalesce(
            g.granted_on,
            CASE WHEN n.legal_status SIMILAR TO '.*(授权|有权|有效|失效|终止).*' AND n.publication_date <= getvariable('as_of')
                 THEN n.publication_date END
        ) AS granted_on
        FROM newest n LEFT JOIN granted g USING (application_no) WHERE n._op <> 'D' AND n.kind IN ('1', '8')
    )
    SELECT enterprise_id, regexp_replace(application_no, '[^0-9X]', '', 'g') AS unit FROM dated
    WHERE year(granted_on) = year(getvariable('as_of')) - 1 AND coalesce(applicant_rank, 1) = 1
"""
_KINDS: Final = {"patent": (_PATENTS, "patents_invention_granted_last_year", ("raw.ip_patent", "raw.ip_patent_status"))}


def units(warehouse: Warehouse, items: pl.DataFrame) -> pl.DataFrame:
    """The units of every item whose claim unit has a register (shape UNITS); a kind without one has no units, and is not paid.

    A patent of several owners belongs to the first of them. `expected` is what the indicator counts; where the two differ, the
    award is held back until somebody has looked.
    """
    parts = [empty(UNITS)]
    for kind, (sql, indicator, tables) in _KINDS.items():
        wanted = sorted(set(items.filter(pl.col("claim_unit") == kind)["item_id"]))
        have = warehouse.columns("profile.enterprise")
        if not wanted or indicator not in have or not all(warehouse.exists(table) for table in tables):
            continue
        found = warehouse.frame(
            f"SELECT u.enterprise_id, u.unit, CAST(e.{indicator} AS BIGINT) AS expected FROM ({sql}) u"
            " JOIN profile.enterprise e USING (enterprise_id) ORDER BY ALL"
        )
        parts += [shaped(found.with_columns(pl.lit(item).alias("item_id")), UNITS, kind) for item in wanted]
    return pl.concat(parts).unique(maintain_order=True).sort("item_id", "enterprise_id", "unit")
