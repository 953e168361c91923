"""From pairs to lists: every pair a list could carry ends as exactly one line or exactly one suppression row with its reason."""

from __future__ import annotations

import datetime as dt
import json
import math
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from matching.push import kinds
from matching.push.budget import FIRST_COME, RULE
from matching.push.candidates import candidates
from matching.push.caps import over_cap, shared_phone
from matching.push.digest import digest_lines
from matching.push.fingerprint import list_id, list_sha256
from matching.push.gates import GATES
from matching.push.holdout import HELD, TREATED, assign, sample_ratio_p, smallest_visible_effect
from matching.push.inputs import ARMS, Dates, Inputs, Limits, Schema, shaped
from matching.push.lines import LINE, lines
from matching.push.pools import RULE as POOL_RULE
from matching.push.quiet import next_send

SUPPRESSION: Final[Schema] = {
    "kind": pl.String,
    "enterprise_id": pl.String,
    "uscc": pl.String,
    "item_id": pl.String,
    "version": pl.Int64,
    "cycle": pl.String,
    "verdict": pl.String,
    "reason": pl.String,
    "detail": pl.String,
    "amount_yuan": pl.Decimal(18, 2),
    "arm": pl.String,
    "probability": pl.Float64,
    "region": pl.String,
    "size": pl.String,
    "build_id": pl.String,
}
HEADER: Final[Schema] = {
    "list_id": pl.String,
    "sha256": pl.String,
    "kind": pl.String,
    "item_id": pl.String,
    "version": pl.Int64,
    "title": pl.String,
    "department": pl.String,
    "cycle": pl.String,
    "as_of": pl.Date,
    "known_at": pl.Datetime("us"),
    "rules_as_of": pl.Date,
    "build_id": pl.String,
    "row_count": pl.Int64,
    "suppressed_count": pl.Int64,
    "amount_yuan": pl.Decimal(18, 2),
    "budget_yuan": pl.Decimal(18, 2),
    "watermarks": pl.String,
    "valid_until": pl.Date,
    "author": pl.String,
    "cut_rule": pl.String,
    "holdout_share": pl.Float64,
    "holdout_count": pl.Int64,
    "smallest_visible_effect": pl.Float64,
    "sample_ratio_p": pl.Float64,
    "note": pl.String,
    "corrects": pl.String,
}
_TOPIC: Final = ["kind", "item_id", "version", "cycle"]
_HITS: Final = {"row": pl.UInt32, "detail": pl.String}
AUTHOR: Final = "系统"


@dataclass(frozen=True)
class Proposal:
    """What a run proposes: headers (HEADER), lines (LINE) and suppressed pairs (SUPPRESSION). Nothing is sent or paid by it."""

    lists: pl.DataFrame
    lines: pl.DataFrame
    suppressions: pl.DataFrame


@dataclass
class _Sieve:
    """The candidates still standing and, per gate, the rows it stopped."""

    standing: pl.DataFrame
    stopped: list[pl.DataFrame]

    def stop(self, reason: str, hits: pl.DataFrame) -> None:
        found = hits.select(pl.col("row").cast(pl.UInt32), pl.col("detail").cast(pl.String)).unique(
            subset="row", keep="first", maintain_order=True
        )
        if found.is_empty():
            return
        self.stopped.append(
            self.standing.join(found, on="row", how="inner").with_columns(pl.lit(reason).alias("reason"))
        )
        self.standing = self.standing.join(found, on="row", how="anti", maintain_order="left")

    def of(self, some: frozenset[str]) -> pl.DataFrame:
        return self.standing.filter(pl.col("kind").is_in(sorted(some)))


def _stratum() -> pl.Expr:
    """Region to the prefecture, and size class: the groups in which the arms are balanced."""
    region = pl.col("region").str.slice(0, 4).fill_null("未知")
    return pl.format("{}·{}", region, pl.col("size").fill_null("未定"))


def _released(limits: Limits, as_of: dt.date) -> pl.Expr:
    """So close to the deadline that nobody is held back any more."""
    return (pl.col("deadline") <= as_of + dt.timedelta(days=limits.release_days)).fill_null(False)


def _too_late_to_learn(limits: Limits, as_of: dt.date) -> pl.Expr:
    """So close to the deadline that a control group drawn now would be let go before its answers count: holding it back would teach nothing."""
    last = as_of + dt.timedelta(days=limits.release_days + limits.answer_days)
    return (pl.col("deadline") <= last).fill_null(False)


def _keep_held(sieve: _Sieve, inputs: Inputs, dates: Dates, limits: Limits) -> None:
    """Stops the firms that an earlier list held back, before the caps, so that they take no other message's place."""
    earlier = shaped(inputs.arms, ARMS, "分组").filter(pl.col("arm") == HELD)
    waiting = sieve.of(kinds.MESSAGE).filter(~_released(limits, dates.as_of))
    held = waiting.join(earlier, on=["enterprise_id", "item_id", "cycle"], how="semi")
    sieve.standing = sieve.standing.with_columns(
        pl.when(pl.col("row").is_in(held["row"].implode())).then(pl.lit(HELD)).alias("arm"),
        pl.when(pl.col("row").is_in(held["row"].implode())).then(pl.lit(limits.holdout_share)).alias("probability"),
    )
    sieve.stop("holdout", held.select("row", pl.lit("此前名单已分到对照组").alias("detail")))


def _draw(sieve: _Sieve, inputs: Inputs, dates: Dates, limits: Limits) -> dict[tuple[str, str], dict[str, Any]]:
    """Draws control groups among those who would now be written to, stops their members, and says per (item, cycle) what it can show."""
    units = sieve.of(kinds.MESSAGE).with_columns(_stratum().alias("stratum"))
    earlier = shaped(inputs.arms, ARMS, "分组")
    unit = ["enterprise_id", "item_id", "cycle"]
    late = _too_late_to_learn(limits, dates.as_of)
    waiting = units.filter(~_released(limits, dates.as_of))
    new = waiting.join(earlier, on=unit, how="anti").filter(late)
    drawn = assign(
        waiting.join(new, on="row", how="anti", maintain_order="left").select(
            "row", "enterprise_id", "item_id", "cycle", "stratum"
        ),
        earlier,
        dates.key,
        limits.holdout_share,
    )
    short = f"距截止不足 {limits.release_days + limits.answer_days} 天，不设对照组：来不及观察就要补发"
    told: dict[tuple[str, str], dict[str, Any]] = {
        (item, cycle): {"holdout_share": 0.0, "holdout_count": 0, "note": note}
        for frame, note in ((new, short), (units.filter(_released(limits, dates.as_of)), "临近截止，对照组已放开补发"))
        for item, cycle in frame.select("item_id", "cycle").iter_rows()
    }
    before = earlier.filter(pl.col("arm") == HELD).group_by("item_id", "cycle").len("_before")
    counts = (
        drawn.group_by("item_id", "cycle", maintain_order=True)
        .agg((pl.col("arm") == HELD).sum().alias("held"), (pl.col("arm") == TREATED).sum().alias("treated"))
        .join(before, on=["item_id", "cycle"], how="left")
        .with_columns(pl.col("_before").fill_null(0))
        .sort("item_id", "cycle")
    )
    dropped: list[tuple[str, str]] = []
    for item, cycle, held, treated, held_before in counts.iter_rows():
        told[(item, cycle)], formed = _power(held, treated, held_before, limits)
        if not formed:
            dropped.append((item, cycle))
    none = pl.DataFrame(dropped, schema={"item_id": pl.String, "cycle": pl.String}, orient="row")
    in_force = drawn.join(none, on=["item_id", "cycle"], how="anti", maintain_order="left")
    sieve.standing = sieve.standing.drop("arm", "probability").join(
        in_force.select("row", "arm", "probability"), on="row", how="left", maintain_order="left"
    )
    held_rows = in_force.filter(pl.col("arm") == HELD)
    sieve.stop(
        "holdout", held_rows.select("row", pl.format("分层 {}，概率 {}", "stratum", "probability").alias("detail"))
    )
    return told


def _power(held: int, treated: int, held_before: int, limits: Limits) -> tuple[dict[str, Any], bool]:
    """What the header says of a control group, and whether it is formed at all; a group that exists already always stays."""
    effect = smallest_visible_effect(treated, held + held_before, limits.base_rate)
    if held_before == 0 and effect > limits.largest_useful_effect:
        shown = f"最小可识别差异 {effect:.0%}" if math.isfinite(effect) else "一户也留不出"
        note = f"不设对照组：{treated + held} 户中留 {limits.holdout_share:.0%}，{shown}，门槛 {limits.largest_useful_effect:.0%}"
        return {"holdout_share": 0.0, "holdout_count": 0, "note": note}, False
    said = f"{effect:.1%}" if math.isfinite(effect) else "暂无从谈起"
    return {
        "holdout_share": limits.holdout_share,
        "holdout_count": held + held_before,
        "smallest_visible_effect": effect if math.isfinite(effect) else None,
        "sample_ratio_p": sample_ratio_p({HELD: held, TREATED: treated}, limits.holdout_share),
        "note": f"对照组 {held + held_before} 户，本次处理组 {treated} 户，可识别的最小差异 {said}",
    }, True


def propose(inputs: Inputs, dates: Dates, limits: Limits = Limits()) -> Proposal:  # noqa: B008  (frozen)
    """Lists, lines and suppressions of one run. A pure function: equal inputs give equal frames, row for row.

    Law: every candidate (see `candidates`) appears once, on a line or on a suppression row, never on both.
    """
    sieve = _Sieve(candidates(inputs, dates, limits), [])
    for gate in GATES:
        sieve.stop(gate.reason, gate.find(sieve.of(gate.kinds), inputs, dates, limits))
    _keep_held(sieve, inputs, dates, limits)
    planned = next_send(dt.datetime.combine(dates.as_of, dt.time(8)), inputs.calendar).date()
    sieve.stop("cap", over_cap(sieve.of(kinds.MESSAGE), inputs.sent, planned, limits))
    sieve.stop("shared_phone", shared_phone(sieve.of(kinds.MESSAGE)))
    told = _draw(sieve, inputs, dates, limits)

    kept = lines(sieve.standing, inputs, dates.as_of, dates.build_id)
    suppressed = _suppressions(sieve.stopped, dates)
    lists, numbered = _headed(kept, suppressed, inputs, dates, told, limits)
    bundled = digest_lines(suppressed, inputs, dates)
    if bundled.height:
        digest_header, digest_rows = _headed(bundled, suppressed.clear(), inputs, dates, {}, limits)
        lists, numbered = pl.concat([lists, digest_header]), pl.concat([numbered, digest_rows])
    return Proposal(
        lists=lists.sort("kind", "item_id", "version", "cycle", "list_id"),
        lines=numbered.sort("list_id", "line_no"),
        suppressions=suppressed,
    )


def _suppressions(stopped: list[pl.DataFrame], dates: Dates) -> pl.DataFrame:
    blank = [
        part.with_columns(
            pl.lit(dates.build_id).alias("build_id"),
            *(
                pl.lit(None, dtype=SUPPRESSION[name]).alias(name)
                for name in ("arm", "probability")
                if name not in part.columns
            ),
        ).select(pl.col(name).cast(dtype) for name, dtype in SUPPRESSION.items())
        for part in stopped
    ]
    together = pl.concat(blank) if blank else pl.DataFrame(schema=SUPPRESSION)
    return together.sort("item_id", "version", "kind", "enterprise_id")


def _valid_until(kind: str, deadlines: pl.Series, as_of: dt.date, limits: Limits) -> dt.date | None:
    """The last day on which a list may be frozen.

    A message is in time until the last of its deadlines. What is paid unasked needs no claim in time: it is good for as long as notice,
    signatures and the treasury take, and judged anew when it is frozen. An application that was filed in time does not lapse.
    """
    if kind == kinds.DECISION:
        return None
    if kind in kinds.MONEY:
        return as_of + dt.timedelta(days=limits.award_days)
    latest = deadlines.max()
    assert latest is None or isinstance(latest, dt.date)
    return latest


def _headed(
    kept: pl.DataFrame,
    suppressed: pl.DataFrame,
    inputs: Inputs,
    dates: Dates,
    told: dict[tuple[str, str], dict[str, Any]],
    limits: Limits,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One header per kind × item × version × cycle that has lines, and the lines numbered under it."""
    held_back = {tuple(row[:4]): row[4] for row in suppressed.group_by(_TOPIC).len().iter_rows()}
    items = {(row["item_id"], row["version"]): row for row in inputs.items.iter_rows(named=True)}
    watermarks = json.dumps(inputs.watermarks, ensure_ascii=False, sort_keys=True)
    pooled = set(inputs.funds["items"].explode().drop_nulls())
    headers: list[dict[str, Any]] = []
    bodies: list[pl.DataFrame] = []
    for topic, body in kept.sort(*_TOPIC, "line_key").group_by(_TOPIC, maintain_order=True):
        kind, item_id, version, cycle = (str(topic[0]), str(topic[1]), int(str(topic[2])), str(topic[3]))
        item = items.get((item_id, version), {})
        deadlines = body["deadline"].drop_nulls()
        asked = kind == kinds.DECISION
        rules = [FIRST_COME if asked else RULE] if kind in kinds.MONEY and item.get("budget_yuan") is not None else []
        rules += [POOL_RULE] if kind in kinds.MONEY and item_id in pooled else []
        header: dict[str, Any] = {
            "kind": kind,
            "item_id": item_id,
            "version": version,
            "title": item.get("title", kinds.KINDS[kind]),
            "department": item.get("issuer", ""),
            "cycle": cycle,
            "as_of": dates.as_of,
            "known_at": dates.known_at,
            "rules_as_of": dates.rules_as_of,
            "build_id": dates.build_id,
            "row_count": body.height,
            "suppressed_count": held_back.get((kind, item_id, version, cycle), 0),
            "amount_yuan": body["amount_yuan"].sum() if kind in kinds.MONEY else None,
            "budget_yuan": item.get("budget_yuan"),
            "watermarks": watermarks,
            "valid_until": _valid_until(kind, deadlines, dates.as_of, limits),
            "author": AUTHOR,
            "cut_rule": "；".join(rules) or None,
            "holdout_share": 0.0,
            "holdout_count": 0,
            "note": "兑付类名单不设对照组" if kind in kinds.MONEY else None,
            "corrects": inputs.corrects.get((kind, item_id, cycle)),
            **(told.get((item_id, cycle), {}) if kind in kinds.MESSAGE else {}),
        }
        header["sha256"] = list_sha256(header, body.iter_rows(named=True))
        header["list_id"] = list_id(header, header["sha256"])
        headers.append({name: header.get(name) for name in HEADER})
        bodies.append(
            body.with_columns(
                pl.lit(header["list_id"]).alias("list_id"),
                pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("line_no"),
            )
        )
    numbered = pl.concat(bodies) if bodies else pl.DataFrame(schema=LINE)
    return pl.DataFrame(headers, schema=HEADER, orient="row"), numbered
