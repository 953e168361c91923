"""What people did with earlier lists, read back from `control.sqlite`: awards, messages, open lists, opt-outs, arms."""

import datetime as dt
import json
import os
import secrets
from decimal import Decimal
from pathlib import Path

import polars as pl

from assets.ports import Control
from matching.push import inputs as shapes


def arm_key(home: Path) -> bytes:
    """The secret of the arm assignment, made once per home (mode 0400): who is held out cannot be foretold or arranged."""
    path = home / "keys" / "holdout.key"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400)
    except FileExistsError:
        return bytes.fromhex(path.read_text(encoding="ascii"))
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(secrets.token_hex(32))
    return bytes.fromhex(path.read_text(encoding="ascii"))


def _kept(
    control: Control, table: str, columns: str, schema: shapes.Schema, where: str = "", parameters: tuple[str, ...] = ()
) -> pl.DataFrame:
    """Rows of a control table that may not exist yet, in the given shape."""
    if not control.rows("SELECT 1 FROM sqlite_master WHERE type IN ('table', 'view') AND name = ?", (table,)):
        return shapes.empty(schema)
    rows = control.rows(f"SELECT {columns} FROM {table} {where} ORDER BY {columns}", parameters)
    raw = pl.DataFrame(
        [[None if v is None else str(v) for v in row.values()] for row in rows],
        schema=dict.fromkeys(schema, pl.String),
        orient="row",
    )
    return raw.select(
        pl.col(name).str.to_date("%Y-%m-%d").alias(name) if dtype == pl.Date else pl.col(name).cast(dtype)
        for name, dtype in schema.items()
    )


def history(control: Control, before: dt.date) -> dict[str, pl.DataFrame | dict[tuple[str, str], Decimal]]:
    """What lists of days before `before` have done: awards, messages sent and withheld, open lists, opt-outs, arms, and money spent per item and cycle.

    Lists of the day itself are left out, so that a run repeated on the same day proposes the same lists again.
    """
    day = (before.isoformat(),)
    fen = _kept(
        control,
        "active_award",
        "entity_id, item_id, cycle, as_of, amount_fen, list_id",
        {
            "enterprise_id": pl.String,
            "item_id": pl.String,
            "cycle": pl.String,
            "paid_on": pl.Date,
            "fen": pl.Int64,
            "source": pl.String,
        },
        "WHERE as_of < ?",
        day,
    )
    awards = fen.with_columns(
        (pl.col("fen").cast(pl.Decimal(18, 2)) / pl.lit(Decimal(100))).cast(pl.Decimal(18, 2)).alias("amount_yuan")
    )
    spent: dict[tuple[str, str], Decimal] = {}
    for item, period, amount in fen.select("item_id", "cycle", "fen").iter_rows():
        spent[(item, period)] = spent.get((item, period), Decimal(0)) + Decimal(amount) / 100
    return {
        "awards": shapes.shaped(awards, shapes.AWARDS, "台账"),
        "spent": spent,
        "sent": _kept(
            control, "sent_message", "enterprise_id, item_id, cycle, sent_on", shapes.SENT, "WHERE as_of < ?", day
        ),
        "withheld": _kept(
            control, "withheld_message", "enterprise_id, item_id, cycle, sent_on", shapes.SENT, "WHERE as_of < ?", day
        ),
        "listed": _kept(
            control,
            "open_pair",
            "enterprise_id, item_id, cycle, kind, list_id, unit",
            shapes.LISTED,
            "WHERE as_of < ?",
            day,
        ),
        "claimed": _kept(
            control,
            "active_award",
            "item_id, claim_unit, list_id",
            shapes.CLAIMED,
            "WHERE claim_unit <> '' AND as_of < ?",
            day,
        ),
        "opt_outs": _kept(control, "opt_out", "enterprise_id, scope, since", shapes.OPT_OUTS),
        "arms": _kept(
            control, "arm", "enterprise_id, item_id, cycle, stratum, arm", shapes.ARMS, "WHERE as_of <= ?", day
        ),
    }


def taken_up(control: Control, day: dt.date) -> dict[tuple[str, str, str], str]:
    """(kind, item_id, cycle) → list_id of the lists dated `day` that somebody has taken responsibility for."""
    if not control.rows("SELECT 1 FROM sqlite_master WHERE name = 'push_list'"):
        return {}
    rows = control.rows(
        "SELECT kind, item_id, cycle, list_id FROM push_list WHERE as_of = ? AND status NOT IN ('rejected', 'void')"
        " ORDER BY list_id",
        (day.isoformat(),),
    )
    return {(row["kind"], row["item_id"], row["cycle"]): row["list_id"] for row in rows}


def frozen(control: Control, schema: shapes.Schema, column: str) -> pl.DataFrame:
    """Bodies kept for lists that were frozen: `column` is `header` or `body`, JSON of one row each."""
    if not control.rows("SELECT 1 FROM sqlite_master WHERE name = 'push_list'"):
        return shapes.empty(schema)
    sql = (
        "SELECT header AS document FROM push_list WHERE status IN ('frozen', 'exported', 'reconciled') ORDER BY list_id"
        if column == "header"
        else "SELECT body AS document FROM push_line JOIN push_list USING (list_id)"
        " WHERE status IN ('frozen', 'exported', 'reconciled') ORDER BY list_id, line_no"
    )
    rows = [json.loads(row["document"]) for row in control.rows(sql)]
    raw = pl.DataFrame(
        [[None if row.get(name) is None else str(row[name]) for name in schema] for row in rows],
        schema=dict.fromkeys(schema, pl.String),
        orient="row",
    )
    return raw.select(_read(name, dtype) for name, dtype in schema.items())


def _read(name: str, dtype: pl.DataType | type[pl.DataType]) -> pl.Expr:
    if dtype == pl.Date:
        return pl.col(name).str.to_date("%Y-%m-%d")
    if dtype == pl.Datetime("us"):
        return pl.col(name).str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="us")
    return pl.col(name).cast(dtype)
