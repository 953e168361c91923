"""Fraud rings and their innocent look-alikes: who belongs to which, and what each kind does to the state."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from data.world import calendar
from data.world.entity import NEWBORN
from data.world.streams import Bools, Ints

if TYPE_CHECKING:
    from data.world.lives import Lives

KINDS = (
    ("shell_cluster", "同一法人、电话、地址、开户行的空壳群，申报期前90日内成立"),
    ("circular_invoicing", "环开发票把营业收入推过门槛，无用工、无用电、无应纳税额"),
    ("insurance_surge", "申报截止月突击参保，次月回落"),
    ("split_project", "同一项目拆成两个申报"),
    ("shared_certificate", "一证多企"),
    ("corrected_after_payout", "兑付后更正申报调低税额"),
    ("shared_account", "多家企业共用收款账户"),
    ("move_claim_move", "迁入、领奖、迁出"),
)
BLOCK = 250
_SHARE = 0.45


class Membership(NamedTuple):
    """Per entity: ring number (or -1), kind index, whether it only looks like one."""

    ring: Ints
    kind: Ints
    innocent: Bools


def membership(people: Lives) -> Membership:
    """Rings live inside blocks of 250 neighbouring ids, so that membership is known without a global table.

    A block has a ring with probability 0.45 and, independently, an innocent group of the same kinds. Sizes follow a power law on 3-25.
    """
    packed = people.kept("membership", _packed)
    # One number per entity: ring + 1, kind, innocent.
    return Membership(packed // 32 - 1, packed % 16, packed // 16 % 2 > 0)


def _packed(people: Lives) -> Ints:
    streams = people.streams
    block = people.ids // BLOCK
    place = people.ids % BLOCK
    ring = np.full(len(people), -1, dtype=np.int64)
    kind = np.zeros(len(people), dtype=np.int64)
    innocent = np.zeros(len(people), dtype=np.bool_)
    for offset, guilty in ((0, True), (1, False)):
        label = "ring" if guilty else "lookalike"
        # Each kind of ring happens once among the first, so that a small world has them all.
        exists = streams.chance(_SHARE, label, block) | (guilty & (block < len(KINDS)))
        u = streams.uniform(f"{label}.size", block)
        size = np.clip(np.floor(3 * (1 - u) ** -0.7), 3, 25).astype(np.int64)
        start = streams.below(100, f"{label}.start", block) + 125 * offset
        member = exists & (place >= start) & (place < start + size) & people.is_firm & (people.ids < NEWBORN)
        ring = np.where(member, block * 2 + offset, ring)
        kind = np.where(
            member, (block + streams.below(len(KINDS), f"{label}.kind", block // len(KINDS))) % len(KINDS), kind
        )
        innocent = np.where(member, not guilty, innocent)
    return (ring + 1) * 32 + innocent.astype(np.int64) * 16 + kind


def is_shell(people: Lives) -> Bools:
    """A member of a shell_cluster ring: one person, phone, address and account, set up for the round, idle."""
    return _acts(people, 0)


def is_mover(people: Lives) -> Bools:
    """A member of a move_claim_move ring: moves in, is paid, moves back."""
    return _acts(people, 7)


def _acts(people: Lives, kind: int) -> Bools:
    members = membership(people)
    result: Bools = (members.ring >= 0) & (members.kind == kind) & ~members.innocent
    return result


def months_of(people: Lives) -> tuple[Ints, Ints]:
    """First and last month of a ring's action (the window of an application round in 2024)."""
    ring = membership(people).ring
    first = calendar.month_index(2024, 3) + people.streams.below(6, "ring.month", np.maximum(ring, 0))
    return first, first + 2


def surge_of(people: Lives, month: int) -> Ints:
    """People insured for the deadline month only; innocents of the kind hire for the season (three months)."""
    members = membership(people)
    first, _ = months_of(people)
    of_kind = (members.ring >= 0) & (members.kind == 2)
    guilty = of_kind & ~members.innocent & (first == month)
    seasonal = of_kind & members.innocent & (month >= first) & (month < first + 3)
    extra = 5 + people.streams.below(15, "ring.surge", people.ids)
    return np.where((guilty | seasonal) & people.lives_at(month), extra, 0).astype(np.int64)
