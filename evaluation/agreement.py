"""Our verdicts and indicators against the planted truth of a mock world: who agrees, and the cause of every disagreement.

Frames in, frames out. A verdict differs because a condition does, a condition because an indicator does, an indicator because of what
happened to the rows it stands on: they came late, were refused, reached nobody, were wrong as sent, or were never sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from evaluation import blame
from evaluation.agreement_sources import EARLIER, LESSER, ROUNDING, SOURCES
from evaluation.agreement_trail import trail as trail
from evaluation.values import compare_indicators as compare_indicators
from evaluation.values import long_profile as long_profile
from evaluation.values import number, same

OUR_ERROR = "我方错误"
LATE, REFUSED, REJECTED, UNLINKED = "迟到", "文件被拒收", "行被拒收", "未能归户"
PLANTED, ROUNDED, SUBSTITUTE = "交付内容有误（植入）", "单位取整", "替代来源"
UNASSERTED, GAP, SILENT, DEFINITION = "无记录不作零", "无人交付", "真值未设", "口径不同"
NOT_DUE, PARTIAL, OVERWRITTEN = "未到交付期", "月份不全", "同名文件互相覆盖"

PAIR_KEY = ["uscc", "item_id", "version"]


@dataclass(frozen=True)
class Definition:
    """Why both sides mean different things, by how much they may differ for that reason (None: by anything, or not a number), of which
    enterprises (uscc; None: of all) that is so, whether ours can only be the smaller number, and by which names two lists may differ."""

    why: str
    within: Decimal | None = None
    of: frozenset[str] | None = None
    below: bool = False
    names: frozenset[str] | None = None

    def covers(self, uscc: str, ours: str | None, true: str | None) -> bool:
        if self.of is not None and uscc not in self.of:
            return False
        if self.names is not None and not _words(ours) ^ _words(true) <= self.names:
            return False
        a, b = number(ours), number(true)
        if self.below and a is not None and b is not None and a >= b:
            return False
        return self.within is None or (a is not None and b is not None and abs(a - b) <= self.within)


def _words(text: str | None) -> set[str]:
    return {word for word in (text or "").split("、") if word}


@dataclass(frozen=True)
class Untold:
    """What a value would be in truth without what no delivered row tells: only that value is excused by `cause`."""

    value: str | None
    cause: str
    why: str


def sources(indicator: str, feeds: Iterable[str]) -> tuple[str, ...]:
    """The feeds a value stands on: the longest name of SOURCES it begins with, then the catalogue's."""
    head = max((name for name in SOURCES if indicator.startswith(name)), key=len, default=None)
    return tuple(dict.fromkeys((*(SOURCES[head] if head else ()), *feeds)))


def causes(
    different: pl.DataFrame,
    trails: pl.DataFrame,
    evidence: pl.DataFrame,
    feeds: Mapping[str, tuple[str, ...]],
    starts: Mapping[str, date],
    needs: Mapping[str, date],
    definitions: Mapping[str, Definition],
    due: Mapping[str, date],
    partial: frozenset[tuple[str, str]],
    behind: frozenset[tuple[str | None, str]],
    known_on: date,
    earlier: pl.DataFrame | pl.LazyFrame | None = None,
    first_hand: frozenset[tuple[str, str]] = frozenset(),
    fewer: frozenset[tuple[str, str]] = frozenset(),
    untold: Mapping[tuple[str, str], Untold] | None = None,
) -> pl.DataFrame:
    """`different` (uscc, indicator, ours, true) with `cause` and `detail`.

    `evidence`: uscc, indicator, feed; `feeds`: indicator → catalogue's feeds; `starts`: feed → the first day it speaks of; `needs`:
    indicator → the first day its period reaches back to; `definitions`: indicator → why the two sides mean different things; `due`:
    indicator → the day by which its year is delivered; `partial`: (uscc, indicator) of sums that want months nobody declared; `behind`:
    (uscc or None for all, indicator) whose newest delivered period is an earlier one than truth's; `earlier`: uscc, indicator, value, the
    truth of the months before: a value of ours that differs is of an earlier period only if it is the truth of one; `first_hand`: (uscc,
    indicator) whose best source had reached us, so that no lesser one excuses; `fewer`: (uscc, indicator) of means of fewer months than truth's;
    `untold`: (uscc, indicator) → what truth would be without what no row tells.
    """
    keys = different.select("uscc", "indicator")
    past: dict[tuple[str, str], set[str | None]] = {}
    if earlier is not None:
        apart = earlier.lazy().join(keys.lazy(), on=["uscc", "indicator"], how="semi").collect()
        for uscc, indicator, value in apart.select("uscc", "indicator", "value").iter_rows():
            past.setdefault((uscc, indicator), set()).add(value)
    # of what everybody holds only what differs is looked up
    held = {(r["uscc"], r["feed"]): r for r in trails.join(keys, on="uscc", how="semi").iter_rows(named=True)}
    also = keys.with_columns(pl.col("indicator").replace_strict(EARLIER, default=None)).drop_nulls()
    looked = evidence.join(pl.concat([keys, also]), on=["uscc", "indicator"], how="semi")
    stood = {(u, i): f for u, i, f in looked.select("uscc", "indicator", "feed").iter_rows()}
    found = [
        _early(row, due, partial, behind, known_on, None if earlier is None else past, fewer)
        or _cause(
            row, held, stood, feeds.get(row["indicator"], ()), starts, needs, definitions, first_hand, untold or {}
        )
        for row in different.iter_rows(named=True)
    ]
    return different.with_columns(
        cause=pl.Series([c for c, _ in found], dtype=pl.String),
        detail=pl.Series([d for _, d in found], dtype=pl.String),
    )


def _early(
    row: Mapping[str, Any],
    due: Mapping[str, date],
    partial: frozenset[tuple[str, str]],
    behind: frozenset[tuple[str | None, str]],
    known_on: date,
    past: Mapping[tuple[str, str], set[str | None]] | None,
    fewer: frozenset[tuple[str, str]],
) -> tuple[str, str] | None:
    """Why a value could not be known yet: its months were not declared, or its year is not due."""
    if (row["uscc"], row["indicator"]) in fewer:
        return PARTIAL, "月均数少了没有报来的月份"
    if row["ours"] is None and (row["uscc"], row["indicator"]) in partial:
        return PARTIAL, "有月份没有申报"
    is_behind = (row["uscc"], row["indicator"]) in behind or (None, row["indicator"]) in behind
    if is_behind and (row["ours"] is None or past is None or _was(row, past)):
        return NOT_DUE, "最近一期还没有报来"
    if row["ours"] is not None or row["true"] in ("0", "false", "", "无"):
        return None
    if row["indicator"] in due and known_on < due[row["indicator"]]:
        return NOT_DUE, f"{due[row['indicator']]} 前交付"
    return None


def _was(row: Mapping[str, Any], past: Mapping[tuple[str, str], set[str | None]]) -> bool:
    """Whether our value is what truth was at the end of one of the months before."""
    found = past.get((row["uscc"], row["indicator"]), ())
    return any(same(row["ours"], value, row["indicator"]) for value in found)


def _cause(
    row: Mapping[str, Any],
    held: Mapping[tuple[str, str], Mapping[str, Any]],
    stood: Mapping[tuple[str, str], str],
    feeds: tuple[str, ...],
    starts: Mapping[str, date],
    needs: Mapping[str, date],
    definitions: Mapping[str, Definition],
    first_hand: frozenset[tuple[str, str]],
    untold: Mapping[tuple[str, str], Untold],
) -> tuple[str, str]:
    uscc, indicator, ours, true = row["uscc"], row["indicator"], row["ours"], row["true"]
    wanted = sources(indicator, feeds)
    rows = [(feed, held[uscc, feed]) for feed in wanted if (uscc, feed) in held]
    begun = needs.get(indicator)
    short = [feed for feed in wanted if begun is not None and feed in starts and starts[feed] > begun]
    if ours is None and short:
        return GAP, f"{short[0]} 自 {starts[short[0]]} 起才有交付"
    ceased = indicator.endswith("_growth_rate") and number(true) == -1
    if ours is None and (ceased or true in ("0", "false", "", "无")):
        return UNASSERTED, "没有记录时目录不判为零或否"
    used = stood.get((uscc, indicator))
    before = stood.get((uscc, EARLIER.get(indicator, "")))
    used = before if before is not None and wanted and before != wanted[0] else used
    if _is_rounding(ours, true, used, wanted):
        return ROUNDED, used or wanted[0]
    without = untold.get((uscc, indicator))
    if without is not None and (ours == without.value or same(ours, without.value, indicator)):
        return without.cause, without.why
    said = {feed: blame.within(r["marks"], feed, r["newest"], begun) for feed, r in rows}
    for kind, word in (
        ("late", LATE),
        ("refused", REFUSED),
        ("rejected", REJECTED),
        ("unlinked", UNLINKED),
        ("overwritten", OVERWRITTEN),
    ):
        if hit := [feed for feed, what in said.items() if kind in what]:
            return word, "；".join(hit)
    defects = {
        (feed, w.removeprefix("defect:")) for feed, what in said.items() for w in what if w.startswith("defect:")
    }
    planted = sorted({defect for feed, defect in defects if blame.reaches(defect, feed, indicator)})
    # a cell that was spoilt in what did come says more than that the running period's file has not
    if spoilt := [defect for defect in planted if "@" in defect]:
        return PLANTED, "、".join(spoilt)
    if hit := [feed for feed, what in said.items() if "pending" in what]:
        return NOT_DUE, f"{'；'.join(hit)} 当期名录尚未送来"
    if short:
        return GAP, f"{short[0]} 自 {starts[short[0]]} 起才有交付"
    if planted:
        return PLANTED, "、".join(planted)
    may = indicator.startswith(LESSER) and (uscc, indicator) not in first_hand
    if may and used is not None and wanted and used != wanted[0] and used in wanted:
        return SUBSTITUTE, f"取自 {used}，而非 {wanted[0]}"
    if indicator in definitions and definitions[indicator].covers(uscc, ours, true):
        return DEFINITION, definitions[indicator].why
    if not rows:
        # a value where the department wrote no row of this enterprise is somebody else's
        absent = ours in (None, "0", "false", "", "无")
        return (GAP, f"{'、'.join(wanted)} 没有此户的行") if absent else (OUR_ERROR, "值取自别户的行")
    if ours is None and wanted[0] not in {feed for feed, _ in rows}:
        return GAP, f"{wanted[0]} 没有此户的行"
    return OUR_ERROR, ""


def _is_rounding(ours: str | None, true: str | None, used: str | None, wanted: tuple[str, ...]) -> bool:
    a, b = number(ours), number(true)
    if a is None or b is None:
        return False
    unit = max((ROUNDING.get(feed, 0) for feed in ((used,) if used else wanted)), default=0)
    if unit == 0:
        return False
    # a ratio of rounded figures is as good as the smaller of them
    return (
        abs(a - b) <= unit
        if max(abs(a), abs(b)) > 100
        else abs(a - b) <= Decimal("0.05") * max(abs(a), abs(b), Decimal(1))
    )


def confusion(pairs: pl.DataFrame) -> pl.DataFrame:
    """true, ours, n. `pairs` has both verdicts of every pair of the universe."""
    return pairs.group_by("true", "ours").agg(n=pl.len()).sort("true", "ours")


def disagreements(
    pairs: pl.DataFrame,
    conditions: pl.DataFrame,
    compared: pl.DataFrame,
    explained: pl.DataFrame,
    silent: frozenset[str],
) -> pl.DataFrame:
    """Each disagreeing pair with the conditions and indicators that differ: one row per pair, with cause and detail.

    `pairs`: uscc, item_id, version, ours, true, our_failed, our_unknown, true_failed, true_unknown (lists); `conditions`: item_id, version,
    condition_id, indicator; `explained`: the differences of `causes`; `silent`: indicators the truth does not hold at all.
    """
    reasons = {
        (u, i): (o, t, c, d)
        for u, i, o, t, c, d in explained.select("uscc", "indicator", "ours", "true", "cause", "detail").iter_rows()
    }
    read: dict[tuple[str, int, str], list[str]] = {}
    for item, version, condition, indicator in conditions.iter_rows():
        read.setdefault((item, version, condition), []).append(indicator)
    rows = []
    for pair in pairs.filter(pl.col("ours") != pl.col("true")).iter_rows(named=True):
        moved = [
            c
            for c in sorted({*pair["our_failed"], *pair["our_unknown"], *pair["true_failed"], *pair["true_unknown"]})
            if _state(c, pair["our_failed"], pair["our_unknown"])
            != _state(c, pair["true_failed"], pair["true_unknown"])
        ]
        names = [n for c in moved for n in read.get((pair["item_id"], pair["version"], c), ())]
        hits = [(n, *reasons[pair["uscc"], n]) for n in names if (pair["uscc"], n) in reasons]
        if hits:
            # the least excusable difference names the pair
            cause, detail = next(((h[3], h[4]) for h in hits if h[3] == OUR_ERROR), (hits[0][3], hits[0][4]))
        elif any(n in silent for n in names):
            cause, detail = SILENT, "、".join(sorted({n for n in names if n in silent}))
        else:
            cause, detail = OUR_ERROR, "条件判定不同而指标相同"
        rows.append(
            {
                **{k: pair[k] for k in (*PAIR_KEY, "ours", "true")},
                "conditions": ";".join(moved),
                "values": "；".join(f"{n} 我方 {o} 真值 {t}" for n, o, t, _, _ in hits),
                "cause": cause,
                "detail": detail,
            }
        )
    schema = {"uscc": pl.String, "item_id": pl.String, "version": pl.Int64, "ours": pl.String, "true": pl.String}
    return pl.DataFrame(
        rows, schema={**schema, **dict.fromkeys(("conditions", "values", "cause", "detail"), pl.String)}
    )


def _state(condition: str, failed: list[str], unknown: list[str]) -> str:
    return "unknown" if condition in unknown else "false" if condition in failed else "true"
