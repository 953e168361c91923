"""When the messages of a frozen list really leave: in working hours, before their deadline, within the caps of that day and not of the day planned."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from matching.push.inputs import Limits
from matching.push.kinds import DIGEST
from matching.push.quiet import Calendar, next_send

Told = tuple[str, str, str, dt.date]
"""(enterprise_id, item_id, cycle, the day it left) of one message of another list."""


def leaving(
    lines: Sequence[Mapping[str, Any]], earlier: Iterable[Told], at: dt.datetime, calendar: Calendar, limits: Limits
) -> tuple[dt.datetime, dict[str, str]]:
    """(the first moment a message sent at `at` may leave, line key → why it may not leave any more).

    `lines` are lines of one list; `earlier` the messages of other lists that have left or are about to. A list that was signed days after it was
    planned meets other messages than it was planned with, and perhaps its own deadlines: what is too late or too much stays in the house.
    """
    leaves = next_send(at, calendar)
    told = list(earlier)
    week = Counter(firm for firm, _, _, day in told if day > leaves.date() - dt.timedelta(days=7))
    waves = Counter((firm, item, cycle) for firm, item, cycle, _ in told)
    recent = {(firm, item) for firm, item, _, day in told if day > leaves.date() - dt.timedelta(days=limits.item_days)}
    found: dict[str, str] = {}
    for line in sorted(lines, key=lambda line: str(line["line_key"])):
        if line["channel"] != "sms":
            continue
        firm = str(line["enterprise_id"])
        if line["latest_send"] and str(line["latest_send"]) < leaves.isoformat():
            found[line["line_key"]] = f"最早 {leaves:%Y-%m-%d %H:%M} 能发，已过最晚发送时间 {line['latest_send'][:10]}"
        elif line["kind"] == DIGEST:
            # one digest stands for many messages that the caps have stopped already
            continue
        elif (firm, line["item_id"]) in recent:
            found[line["line_key"]] = f"同一事项 {limits.item_days} 天内已提醒过"
        elif waves[firm, line["item_id"], line["cycle"]] >= limits.messages_per_cycle:
            found[line["line_key"]] = f"本周期已提醒过 {limits.messages_per_cycle} 次"
        elif week[firm] >= limits.messages_per_week:
            found[line["line_key"]] = f"7 天内已发 {week[firm]} 条，上限 {limits.messages_per_week} 条"
        else:
            week[firm] += 1
    return leaves, found


def timed(lines: Sequence[Mapping[str, Any]], leaves: dt.datetime) -> list[dict[str, Any]]:
    """The lines with `earliest_send` no sooner than `leaves`: a gateway sends at once what should have left yesterday, be it midnight."""
    return [
        {**line, "earliest_send": max(str(line["earliest_send"]), leaves.isoformat())}
        if line["channel"] == "sms" and line["earliest_send"]
        else dict(line)
        for line in lines
    ]


def covered(line: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """(enterprise_id, item_id, cycle) of everything a message line speaks of."""
    if line["covers"]:
        return [(str(e), str(i), str(c)) for e, i, c in json.loads(line["covers"])]
    return [(line["enterprise_id"], line["item_id"], line["cycle"])]
