"""The difference list (差异清单): every award of exported lists judged again, as of its own day, by what has been received since."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import polars as pl

from assets.match import profiles, program_in_force
from matching.push.clawback import DIFFERENCE, GRANTED, differences
from matching.push.kinds import AUTO_AWARD
from matching.rules import evaluate
from pipelines.control import ControlStore
from pipelines.replay import replayed
from pipelines.scope import resolve


def granted(home: Path, since: dt.date) -> dict[dt.date, pl.DataFrame]:
    """Day of the list → its awards that stand (GRANTED), for automatic awards of lists dated `since` or later whose payment file has left."""
    rows = ControlStore(home / "control.sqlite").rows(
        "SELECT p.as_of, a.list_id, a.entity_id, json_extract(l.body, '$.uscc') AS uscc, a.item_id, p.version, sum(a.amount_fen) AS fen"
        " FROM active_award a JOIN push_list p USING (list_id) JOIN push_line l ON l.list_id = a.list_id AND l.line_key = a.award_key"
        " WHERE p.kind = ? AND p.status IN ('exported', 'reconciled') AND p.as_of >= ?"
        " GROUP BY p.as_of, a.list_id, a.entity_id, uscc, a.item_id, p.version ORDER BY p.as_of, a.list_id, uscc",
        (AUTO_AWARD, since.isoformat()),
    )
    days: dict[dt.date, list[tuple[object, ...]]] = {}
    for row in rows:
        award = (
            row["list_id"],
            row["entity_id"],
            row["uscc"],
            row["item_id"],
            row["version"],
            Decimal(row["fen"]) / 100,
        )
        days.setdefault(dt.date.fromisoformat(row["as_of"]), []).append(award)
    return {day: pl.DataFrame(awards, schema=GRANTED, orient="row") for day, awards in days.items()}


def reviewed(home: Path, since: dt.date, say: Callable[[str], None] = lambda text: None) -> pl.DataFrame:
    """The differences (DIFFERENCE) of all awards since a day. Facts are those of each award's day as known now; rules those of that day."""
    scope = resolve(home)
    scope.seal()
    parts = [pl.DataFrame(schema=DIFFERENCE)]
    for day, awards in granted(home, since).items():
        say(f"{day}：{awards.height} 笔")
        program = program_in_force(replace(scope, as_of=day, rules_as_of=day))
        slice_ = replayed(home, sorted(set(awards["enterprise_id"])), day, scope.known_at)
        wanted = sorted(set(awards["item_id"]) & program.by_id.keys())
        parts.append(
            differences(awards, evaluate(program, profiles(slice_, program), day).pairs(wanted, everything=True))
        )
    return pl.concat(parts)
