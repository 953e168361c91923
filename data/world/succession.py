"""Who goes on with whose business: a trader turned company with a new code (个转企), a shell absorbed by a firm (吸收合并).

The predecessor has an even number, its successor the next one, so that both know each other without a table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from data.world import calendar, rings
from data.world.entity import INDIVIDUAL, LLC, NEWBORN
from data.world.streams import Bools, Ints

if TYPE_CHECKING:
    from data.world.lives import Lives

CONVERSION, MERGER = 1, 2
WORDS = {CONVERSION: "个转企", MERGER: "吸收合并"}
_FIRST = calendar.month_index(2020, 1)
_STEP = 4
# Beyond any month of the world.
_FAR = 2_000


def handed_over(people: Lives) -> tuple[Ints, Ints]:
    """(kind, month) of handing the business over to the next number; kind 0 for those who do not."""
    packed = people.kept("handed_over", _handed_over)
    return packed % _STEP, packed // _STEP


def taken_over(people: Lives) -> tuple[Ints, Ints]:
    """(kind, month) of taking over the business of the number before; kind 0 for those who do not."""
    packed = people.kept("taken_over", _taken_over)
    return packed % _STEP, packed // _STEP


def name_again(people: Lives) -> Bools:
    """Bears the name of the enterprise before it, which closed a year or more before it was born: a registrar gives such a name again."""
    return people.kept("name_again", _name_again)


def trades_in_person(people: Lives) -> Bools:
    """A trader without a 字号, registered under the name of its owner; one who turns company has a 字号 to hand on."""
    own = (people.kind == INDIVIDUAL) & people.streams.chance(0.03, "name.person", people.ids)
    chosen = np.flatnonzero(own)
    kind, _ = handed_over(people.take(chosen))
    result = np.zeros(len(people), dtype=np.bool_)
    result[chosen[kind == 0]] = True
    return result


def _name_again(people: Lives) -> Bools:
    near = (people.ids % 2 == 1) & (people.ids < NEWBORN) & (people.kind == LLC)
    chosen = np.flatnonzero(near & people.streams.chance(0.5, "name.again", people.ids))
    result = np.zeros(len(people), dtype=np.bool_)
    gone = type(people)(people.streams, people.ids[chosen] - 1)
    heirs = people.take(chosen)
    free = (gone.kind == LLC) & (gone.death_month + 12 <= heirs.birth_month) & (handed_over(gone)[0] == 0)
    result[chosen] = free & (gone.renamed_month > _FAR) & ~rings.is_shell(heirs)
    return result


def _drawn(people: Lives, before: Ints) -> Bools:
    """Few, but in the head of the register enough for a small world; the draw is the predecessor's."""
    return people.streams.chance(0.05 + 0.5 * people.head, "succession", before)


def _handed_over(people: Lives) -> Ints:
    return _packed(people, people.ids % 2 == 0, people.ids)


def _taken_over(people: Lives) -> Ints:
    return _packed(people, people.ids % 2 == 1, people.ids - 1)


def _packed(people: Lives, side: Bools, before: Ints) -> Ints:
    chosen = np.flatnonzero(side & (people.ids < NEWBORN) & _drawn(people, before))
    result = np.zeros(len(people), dtype=np.int64)
    result[chosen] = _pairs(type(people)(people.streams, before[chosen]))
    return result


def _pairs(traders: Lives) -> Ints:
    """Kind + 4 × month for predecessors by number, 0 where the pair does not fit."""
    heirs = type(traders)(traders.streams, traders.ids + 1)
    born = heirs.birth_month
    turns = (traders.kind == INDIVIDUAL) & (heirs.kind == LLC) & (born >= _FIRST) & ~rings.is_shell(heirs)
    turns &= (traders.birth_month + 3 < born) & (traders.natural_death > born)
    month = _FIRST + 12 + traders.streams.below(48, "succession.month", traders.ids)
    absorbed = traders.is_firm & traders.is_zero_filer & (heirs.kind == LLC) & ~heirs.is_zero_filer
    absorbed &= traders.streams.chance(0.25, "succession.merger", traders.ids)
    for firm in (traders, heirs):
        absorbed &= (firm.birth_month + 6 < month) & (firm.natural_death > month + 1)
    return np.where(turns, CONVERSION + _STEP * born, np.where(absorbed, MERGER + _STEP * month, 0))
