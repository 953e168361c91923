"""Firms a department's newest row could not be read about, and firms whose standing two departments tell differently.

A row that was rejected leaves the value before it standing: a firm struck off in a row with one comma too many is still in business to the
profile. Until the department has sent a later row about the firm that could be read, nothing is paid to it by what that table says.
"""

from collections.abc import Iterable

import polars as pl

from assets.ports import Warehouse
from matching.push import inputs as shapes

# Whether a firm exists at all is asked for every item, by the bars and by the identity of who is paid.
ALWAYS = (("market", "baseinfo"),)
Source = tuple[str, int, str, str]


def doubts(warehouse: Warehouse, sources: Iterable[Source]) -> pl.DataFrame:
    """Both kinds of doubt in the shape of DOUBTS; `sources` are (item_id, version, department, table) of all that items rest on."""
    return pl.concat([unread(warehouse, sources), disputed(warehouse)])


def unread(warehouse: Warehouse, sources: Iterable[Source]) -> pl.DataFrame:
    """Per firm (of persons' tables: person) and item, the newest rejected row of a table the item rests on, if no row about the firm was accepted after it."""
    rested = pl.DataFrame(
        sorted(set(sources)),
        schema={"item_id": pl.String, "version": pl.Int64, "department": pl.String, "table_name": pl.String},
        orient="row",
    )
    tables = [*rested.select("department", "table_name").unique().sort("department", "table_name").rows()]
    standing = [_standing(warehouse, department, table) for department, table in sorted({*tables, *ALWAYS})]
    rows = pl.concat([shapes.empty(_ROW), *standing])
    always = pl.DataFrame(ALWAYS, schema=["department", "table_name"], orient="row")
    everywhere = rows.join(always, on=["department", "table_name"], how="semi").with_columns(
        pl.lit(None, dtype=pl.String).alias("item_id"), pl.lit(None, dtype=pl.Int64).alias("version")
    )
    some = rows.join(always, on=["department", "table_name"], how="anti").join(
        rested, on=["department", "table_name"], how="inner"
    )
    columns = ["enterprise_id", "item_id", "version", "detail"]
    found = pl.concat([everywhere.select(columns), some.select(columns)])
    return shapes.shaped(found.with_columns(pl.lit("row_rejected").alias("reason")), shapes.DOUBTS, "退回行")


_ROW = {"department": pl.String, "table_name": pl.String, "enterprise_id": pl.String, "detail": pl.String}


def _standing(warehouse: Warehouse, department: str, table: str) -> pl.DataFrame:
    """The firms, or persons, whose newest row of a table was rejected (columns _ROW)."""
    raw = f"raw.{department}_{table}"
    if not all(warehouse.exists(name) for name in ("quality.reject", "registry.key", "registry.subject", raw)):
        return shapes.empty(_ROW)
    # a person is known by the keyed hash itself
    if "person_hash" in warehouse.columns(raw):
        keys = "SELECT DISTINCT person_hash AS enterprise_id, 'person' AS kind, person_hash AS code FROM " + raw
        rows = f"SELECT person_hash AS enterprise_id, _received_at FROM {raw}"
    else:
        keys = "SELECT enterprise_id, kind, code FROM registry.key"
        rows = f"SELECT s.enterprise_id, t._received_at FROM {raw} AS t JOIN registry.subject AS s USING (_subject_id)"
    return warehouse.frame(
        f"""
        WITH said AS (
            SELECT file_id, file, row_no, reason, unnest(string_split(subject, ';')) AS named
            FROM quality.reject WHERE department = '{department}' AND table_name = '{table}' AND subject IS NOT NULL
        ), rejected AS (
            SELECT k.enterprise_id, s.file, s.row_no, s.reason, d.received_at
            FROM said AS s
            JOIN ({keys}) AS k ON k.kind = split_part(s.named, '=', 1) AND k.code = split_part(s.named, '=', 2)
            JOIN raw.delivery AS d ON d.file_id = s.file_id AND d.department = '{department}' AND d.table_name = '{table}'
            WHERE d.received_at <= getvariable('known_at')
            QUALIFY row_number() OVER (PARTITION BY k.enterprise_id ORDER BY d.received_at DESC, s.file, s.row_no, s.reason) = 1
        ), accepted AS (
            SELECT t.enterprise_id, max(t._received_at) AS received_at
            FROM ({rows}) AS t SEMI JOIN rejected USING (enterprise_id)
            WHERE t._received_at <= getvariable('known_at')
            GROUP BY t.enterprise_id
        )
        SELECT '{department}' AS department, '{table}' AS table_name, r.enterprise_id,
               format('{{}} 第 {{}} 行被退回（{{}}），此后没有读得出来的行', r.file, r.row_no, r.reason) AS detail
        FROM rejected AS r LEFT JOIN accepted AS a USING (enterprise_id)
        WHERE a.received_at IS NULL OR a.received_at <= r.received_at
        ORDER BY r.enterprise_id
        """
    )


def disputed(warehouse: Warehouse) -> pl.DataFrame:
    """Firms the tax office has deregistered and the register has not: a firm that closes goes to the tax office first."""
    have = warehouse.columns("profile.enterprise")
    if not {"taxpayer_status", "business_status"} <= set(have):
        return shapes.empty(shapes.DOUBTS)
    frame = warehouse.frame(
        """
        SELECT enterprise_id, NULL::VARCHAR AS item_id, NULL::BIGINT AS version, 'standing_disputed' AS reason,
               format('税务登记已注销，登记机关为{}', coalesce(business_status, '未知')) AS detail
        FROM profile.enterprise
        WHERE taxpayer_status = '注销' AND coalesce(business_status, '未知') NOT IN ('吊销', '注销', '撤销', '迁出')
        ORDER BY enterprise_id
        """
    )
    return shapes.shaped(frame, shapes.DOUBTS, "登记状态")
