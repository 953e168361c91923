"""Planted truth about who belongs together: successions, second numbers and names, rivals of the paid, rings; and how the truth writes its dates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from data.world import calendar, programs, rings, succession
from data.world.population import Population
from data.world.streams import Ints
from data.world.views import branch_tax
from data.world.views.customs import changes_code, customs_code


def date_of(days: np.ndarray) -> pl.Series:
    """Day numbers as dates; the far future as null."""
    far = pl.Series(days > 100_000)
    frame = pl.DataFrame({"d": pl.Series(np.where(days > 100_000, 0, days).astype(np.int32)).cast(pl.Date), "f": far})
    return frame.select(pl.when("f").then(None).otherwise("d").alias("d"))["d"]


def month_start(months: np.ndarray) -> pl.Series:
    """Month numbers as the first day of the month; the far future as null."""
    far = months > 2_000
    days = calendar.day_number(np.where(far, 0, months), np.zeros(len(months), dtype=np.int64))
    return date_of(np.where(far, 999_999, days))


def successions(people: Population) -> pl.DataFrame:
    """truth_succession: who goes on with whose business since which month, as 个转企 or 吸收合并."""
    kind, month = succession.taken_over(people)
    keep = np.flatnonzero(kind > 0)
    before = Population(people.streams, people.ids[keep] - 1)
    return pl.DataFrame(
        {
            "eid": people.ids[keep],
            "uscc": people.uscc.gather(keep),
            "predecessor_eid": before.ids,
            "predecessor_uscc": before.uscc,
            "kind": pl.Series([succession.WORDS[k] for k in kind[keep].tolist()], dtype=pl.String),
            "month": month_start(month[keep]),
        }
    )


def links(people: Population, last: int) -> pl.DataFrame:
    """truth_link: what else an entity is known by, up to the month `last`: `key` as delivered, since when, and whose it was before.

    `branch_under_parent`: the 登记序号 of a branch that stands under its parent's tax number; `customs_code`: the code after a move;
    `name_again`: the name of an enterprise that had closed (`other_eid`); `trades_in_person`: the owner's name.
    """
    parts = []

    def add(kind: str, chosen: np.ndarray, key: Callable[[Population], pl.Series], month: Ints, other: int = 0) -> None:
        keep = np.flatnonzero(chosen & (month <= last))
        sub = people.take(keep)
        before = pl.Series("other_eid", sub.ids - other if other else [None] * len(sub), dtype=pl.Int64)
        parts.append(
            pl.DataFrame(
                {
                    "eid": sub.ids,
                    "uscc": sub.uscc,
                    "kind": pl.Series([kind] * len(sub), dtype=pl.String),
                    "key": key(sub),
                    "month": month_start(month[keep]),
                    "other_eid": before,
                }
            )
        )

    add("branch_under_parent", branch_tax.stands_under_parent(people), branch_tax.serial, branch_tax.since(people))
    moved = np.ones(len(people), dtype=np.bool_)
    add("customs_code", changes_code(people), lambda s: customs_code(s, moved[: len(s)]), people.moved_month + 1)
    add("name_again", succession.name_again(people), lambda s: s.name, people.birth_month, 1)
    add("trades_in_person", succession.trades_in_person(people), lambda s: s.name, people.birth_month)
    return pl.concat(parts)


def displacements(people: Population) -> pl.DataFrame:
    """truth_displacement: firms that lose to a competitor paid by W2, from the month after its payment."""
    month = programs.displaced_month(people)
    keep = np.flatnonzero(month < 100_000)
    return pl.DataFrame(
        {
            "eid": people.ids[keep],
            "competitor_eid": people.ids[keep] ^ 1,
            "programme": pl.Series(["W2"] * len(keep), dtype=pl.String),
            "pay_month": month_start(month[keep]),
            "effect": np.full(len(keep), programs.DISPLACED),
        }
    )


def fraud(people: Population) -> pl.DataFrame:
    """truth_fraud: members of rings and of their innocent look-alikes."""
    members = rings.membership(people)
    keep = np.flatnonzero(members.ring >= 0)
    first, last = rings.months_of(people.take(keep))
    return pl.DataFrame(
        {
            "ring_id": members.ring[keep],
            "kind": pl.Series([k for k, _ in rings.KINDS]).gather(members.kind[keep]),
            "evidence": pl.Series([e for _, e in rings.KINDS]).gather(members.kind[keep]),
            "innocent": members.innocent[keep],
            "eid": people.ids[keep],
            "uscc": people.uscc.gather(keep),
            "first_month": month_start(first),
            "last_month": month_start(last),
        }
    )
