"""What each item changed: quarterly outcomes of those paid against never-paid enterprises of the same industry and size, with a verdict."""

from __future__ import annotations

import math
from typing import Any, Final

import numpy as np
import polars as pl

from evaluation.did_effects import did
from evaluation.did_panel import Floats, Integers
from evaluation.did_result import DidResult

CREDIBLE: Final = "可信"
UNDECIDED: Final = "尚不能判断"
# Chosen, not fitted: below these the interval of an influence-function error is not to be trusted, or nothing can be said about trends.
FEWEST_TREATED: Final = 20
FEWEST_COMPARED: Final = 40
FEWEST_IN_STRATUM: Final = 5
# With five units to a cohort the influence-function error is a tenth too small: on the mock world that made an item without effect look bad.
FEWEST_PER_COHORT: Final = 10
QUARTERS_BEFORE: Final = 2
# Where there are more never-paid enterprises than MANY, fifty to one paid: the error is 1 % above that with all of them.
MANY: Final = 5_000
ENOUGH: Final = 50
PRETREND: Final = 0.05
SIGNIFICANT: Final = 0.05
# The joint test over every cohort and quarter breaks down where cohorts have a handful of units (it rejects everything): the quarters
# just before payment are tested instead, over all cohorts together, where enough units stand behind them.
TESTED_BEFORE: Final = (-3, -2, -1)
FEWEST_TESTED: Final = 10
FRACTION: Final = pl.Decimal(18, 6)
MONEY: Final = pl.Decimal(18, 2)
SCHEMA: Final[dict[str, Any]] = {
    "item_id": pl.String, "outcome": pl.String, "treated": pl.Int64, "compared": pl.Int64, "left_out": pl.Int64,
    "quarters": pl.Int64, "estimate": FRACTION, "low": FRACTION, "high": FRACTION, "pretrend_p": FRACTION,
    "p": FRACTION, "p_adjusted": FRACTION, "paid_yuan": MONEY, "per_wan": FRACTION, "per_wan_low": FRACTION, "per_wan_high": FRACTION,
    "verdict": pl.String, "finding": pl.String, "reason": pl.String,
}  # fmt: skip


def item_effects(panel: pl.DataFrame, paid: pl.DataFrame) -> pl.DataFrame:
    """One row per item (null: any item) and outcome: the average effect on those paid as a share of the outcome, its 95 % interval, verdict.

    `panel`: enterprise_id, stratum (text or null), quarter (Int64, consecutive; years count as quarters), then one column per outcome
    (Float64, null unknown). `paid`: item_id, enterprise_id, quarter of the first payment, paid_yuan in all. Outcomes are taken in logarithms; units without a positive value in
    every quarter are left out and counted. Changes common to a stratum are removed by the mean of its never-paid enterprises.
    `per_wan` is what the effect adds up to since payment, in units of the outcome, per 10,000 元 paid to those in the estimate.
    """
    outcomes = [name for name in panel.columns if name not in ("enterprise_id", "stratum", "quarter")]
    whole = (pl.col("quarter").min(), pl.col("paid_yuan").cast(pl.Float64).sum())
    anything = paid.group_by("enterprise_id").agg(whole)
    topics: list[tuple[str | None, pl.DataFrame]] = [(None, anything)]
    for (item,), group in paid.sort("item_id").group_by("item_id", maintain_order=True):
        topics.append((str(item), group.group_by("enterprise_id").agg(whole)))
    rows: list[dict[str, object]] = []
    for outcome in outcomes:
        compared = _Compared(logged_panel(panel, outcome), anything)
        rows += [{"item_id": item, "outcome": outcome, **_effect(compared, first)} for item, first in topics]
    return judged(pl.DataFrame(rows, schema=SCHEMA).sort("outcome", "item_id", nulls_last=False))


def logged_panel(panel: pl.DataFrame, outcome: str) -> pl.DataFrame:
    """enterprise_id, stratum, quarter, outcome and y = its logarithm, of the units with a positive value in every quarter."""
    quarters = panel.get_column("quarter").n_unique()
    positive = panel.filter((pl.col(outcome) > 0) & pl.col("stratum").is_not_null())
    whole = positive.filter(pl.len().over("enterprise_id") == quarters)
    return whole.select("enterprise_id", "stratum", "quarter", outcome=pl.col(outcome), y=pl.col(outcome).log())


class _Compared:
    """One outcome's panel as arrays, n units by id × Q quarters, with what every item shares: who was never paid, and what is common to the
    never-paid of a stratum taken out of everybody's logarithms.
    """

    def __init__(self, logged: pl.DataFrame, anything: pl.DataFrame) -> None:
        ordered = logged.sort("enterprise_id", "quarter")
        self.quarters = ordered.get_column("quarter").unique().sort().to_numpy()
        size = max(1, len(self.quarters))
        units = ordered.gather_every(size)
        self.units = units.select("enterprise_id", pl.col("stratum").rank("dense").cast(pl.Int64) - 1).with_row_index(
            "place"
        )
        self.stratum = self.units.get_column("stratum").to_numpy()
        self.outcome = ordered.get_column("outcome").to_numpy().reshape(-1, size)
        self.never = (
            ~self.units.get_column("enterprise_id").is_in(anything.get_column("enterprise_id").implode()).to_numpy()
        )
        strata = int(self.stratum.max(initial=-1)) + 1
        self.never_in = np.bincount(self.stratum[self.never], minlength=strata)
        y = ordered.get_column("y").to_numpy().reshape(-1, size)
        sums = np.zeros((strata, size))
        np.add.at(sums, self.stratum[self.never], y[self.never])
        self.y: Floats = y - (sums / np.maximum(self.never_in, 1)[:, None])[self.stratum]

    def sample(self, first: pl.DataFrame) -> _Sample:
        """Those of `first` (enterprise_id, quarter, paid_yuan) with a comparison, and the never-paid of the same strata.

        Of more than MANY never-paid at most ENOUGH for each treated of a stratum are taken, evenly over their ids: the others would add a
        hundredth to the precision and most of the work.
        """
        held = self.units.join(first, on="enterprise_id", maintain_order="left")
        stratum = held.get_column("stratum").to_numpy()
        kept = held.filter(pl.Series(self.never_in[stratum] >= FEWEST_IN_STRATUM))
        treated_in = np.bincount(kept.get_column("stratum").to_numpy(), minlength=len(self.never_in))
        beside = []
        strata = np.flatnonzero(treated_in)
        thinned = self.never_in[strata].sum() > MANY
        for one in strata:
            places = np.flatnonzero(self.never & (self.stratum == one))
            wanted = min(len(places), ENOUGH * int(treated_in[one])) if thinned else len(places)
            beside.append(places[np.linspace(0, len(places) - 1, wanted).astype(np.int64)])
        return _Sample(self, kept, np.concatenate([np.zeros(0, dtype=np.int64), *beside]))


class _Sample:
    """The treated of one item (`paid`: place, quarter = cohort, paid_yuan) and the places of those they are compared with."""

    def __init__(self, of: _Compared, paid: pl.DataFrame, never: Integers) -> None:
        self.of, self.never = of, never
        self.treated = paid.get_column("place").cast(pl.Int64).to_numpy()
        self.cohort = paid.get_column("quarter").to_numpy()
        self.paid_yuan = paid.get_column("paid_yuan").to_numpy()

    @property
    def before(self) -> Integers:
        """Quarters seen before each one's payment."""
        found: Integers = (self.cohort - self.of.quarters[0]).astype(np.int64)
        return found

    def effects(self) -> DidResult:
        places = np.concatenate([self.treated, self.never])
        cohort = np.concatenate([self.cohort, np.zeros(len(self.never), dtype=np.int64)])
        quarters = len(self.of.quarters)
        frame = pl.DataFrame(
            {
                "unit": np.repeat(places, quarters),
                "quarter": np.tile(self.of.quarters, len(places)),
                "cohort": np.repeat(cohort, quarters),
                "y": self.of.y[places].ravel(),
            }
        )
        return did(frame, "unit", "quarter", "cohort", "y", control="never")


def _effect(compared: _Compared, first: pl.DataFrame) -> dict[str, object]:
    """Everything of a row but its names."""
    sample = compared.sample(first)
    treated, beside = len(sample.treated), len(sample.never)
    counts: dict[str, object] = {
        "treated": treated,
        "compared": beside,
        "left_out": first.height - treated,
        "quarters": len(compared.quarters),
    }
    nothing = {"verdict": UNDECIDED}
    if treated < FEWEST_TREATED or beside < FEWEST_COMPARED:
        return {
            **counts,
            **nothing,
            "reason": f"可比的受益企业 {_few(treated)} 户（至少 {FEWEST_TREATED}）、对照 {_few(beside)} 户（至少 {FEWEST_COMPARED}）",
        }
    try:
        result = sample.effects()
        simple = result.simple
        low, high = simple.ci
    except ValueError as error:
        return {**counts, **nothing, "reason": str(error)}
    if not (math.isfinite(simple.att) and math.isfinite(low) and math.isfinite(high)):
        return {**counts, **nothing, "reason": "受益前后没有可比的季度"}
    pretrend = _pretrend_p(sample, result)
    reason = _doubt(sample, pretrend)
    p = math.erfc(abs(simple.att / simple.se) / math.sqrt(2)) if simple.se else None
    share = [math.expm1(value) for value in (simple.att, low, high)]
    return {
        **counts,
        **_per_wan(sample, (simple.att, low, high)),
        "estimate": _six(share[0]),
        "low": _six(share[1]),
        "high": _six(share[2]),
        "pretrend_p": None if pretrend is None else _six(pretrend),
        "verdict": UNDECIDED if reason else CREDIBLE,
        "p": None if p is None else _six(p),
        "reason": reason,
    }


def _per_wan(sample: _Sample, effects: tuple[float, float, float]) -> dict[str, object]:
    """What was paid to the treated, and the outcome it added since, per 10,000 元: observed × (1 − e^−effect)."""
    paid = float(sample.paid_yuan.sum())
    after = sample.of.quarters[None, :] >= sample.cohort[:, None]
    observed = float(sample.of.outcome[sample.treated][after].sum())
    if paid <= 0:
        return {}
    each = [_six(-math.expm1(-effect) * observed / paid * 10_000) for effect in effects]
    return {"paid_yuan": round(paid, 2), **dict(zip(("per_wan", "per_wan_low", "per_wan_high"), each, strict=True))}


def _pretrend_p(sample: _Sample, result: DidResult) -> float | None:
    """Bonferroni's p over the quarters of TESTED_BEFORE; None when too few units can be seen there."""
    event, found = result.event, []
    for since, att, se in zip(event.labels, event.parts, event.sampling.errors(event.part_influence), strict=True):
        # a change at e needs the quarter before it, hence one more quarter of history
        enough = int((sample.before + since >= 1).sum()) >= FEWEST_TESTED
        if since in TESTED_BEFORE and enough and se and math.isfinite(se):
            found.append(math.erfc(abs(att / se) / math.sqrt(2)))
    return min(1.0, len(found) * min(found)) if found else None


def _doubt(sample: _Sample, pretrend: float | None) -> str | None:
    """Why an estimate cannot be believed; None when nothing speaks against it."""
    before = sample.before
    seen = int((before >= QUARTERS_BEFORE).sum())
    if seen < FEWEST_TREATED:
        return f"受益前至少有 {QUARTERS_BEFORE} 个季度数据的企业只有 {_few(seen)} 户（至少 {FEWEST_TREATED}）"
    batches = len(np.unique(before))
    if len(before) < FEWEST_PER_COHORT * batches:
        return f"{len(before)} 户分 {batches} 个季度受益，每批平均不足 {FEWEST_PER_COHORT} 户，误差算不准"
    if pretrend is None:
        return "受益前的趋势无从检验"
    if pretrend < PRETREND:
        return f"受益前的趋势与对照企业不同（检验 p = {pretrend:.3f}），差别不能归于政策"
    return None


def _few(n: int) -> str:
    return "<5" if 0 < n < 5 else str(n)


def _six(value: float) -> float:
    return round(value, 6)


def judged(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows of one publication with p_adjusted and finding; the rows for any item together repeat the others and are judged by themselves."""
    return holm(rows, pl.col("item_id").is_not_null()).select(list(SCHEMA))


def holm(rows: pl.DataFrame, family: pl.Expr) -> pl.DataFrame:
    """`rows` (verdict, p, estimate …) with p_adjusted, Holm's correction over the believed rows of `family`, and what was found.

    Twenty estimates of nothing would bring one "significant" change; whoever reads the table reads all of it. Believed rows outside the
    family keep their p.
    """
    believed = pl.col("verdict") == CREDIBLE
    ordered = rows.with_row_index("row").filter(believed & family & pl.col("p").is_not_null()).sort("p", "row")
    adjusted: dict[int, float] = {}
    highest = 0.0
    for place, (row, p) in enumerate(ordered.select("row", "p").iter_rows()):
        highest = min(1.0, max(highest, float(p) * (ordered.height - place)))
        adjusted[int(row)] = _six(highest)
    corrected = pl.Series("p_adjusted", [adjusted.get(row) for row in range(rows.height)], dtype=pl.Float64).cast(
        FRACTION
    )
    alone = pl.when(believed & ~family).then(pl.col("p"))
    seen = rows.with_columns(corrected).with_columns(p_adjusted=pl.coalesce("p_adjusted", alone))
    sign = pl.when(pl.col("estimate") > 0).then(pl.lit("升高")).otherwise(pl.lit("降低"))
    finding = pl.when(pl.col("p_adjusted") < SIGNIFICANT).then(sign).otherwise(pl.lit("未见显著变化"))
    return seen.with_columns(finding=pl.when(believed).then(finding))


def survival_effects(lives: pl.DataFrame, paid: pl.DataFrame, last: int, quarters: int = 4) -> pl.DataFrame:
    """One row per item: of those paid, how many more are still in business `quarters` later than comparable never-paid enterprises.

    `lives`: enterprise_id, stratum, born and died as quarter numbers (died null = alive); `last`: the last whole quarter; `paid` as above.
    The difference in shares, each stratum and quarter of payment weighing by its paid enterprises, with a binomial error. Always
    尚不能判断: whoever is paid was alive to apply and was examined, and survival has no trend before payment that could tell.
    """
    never = lives.join(paid.select("enterprise_id").unique(), on="enterprise_id", how="anti")
    rows = []
    for (item,), group in paid.sort("item_id").group_by("item_id", maintain_order=True):
        first = group.group_by("enterprise_id").agg(pl.col("quarter").min(), pl.col("paid_yuan").cast(pl.Float64).sum())
        due = first.filter(pl.col("quarter") + quarters <= last).join(lives, on="enterprise_id").drop_nulls("stratum")
        stated = {"item_id": str(item), "outcome": "survival", "left_out": first.height - due.height}
        rows.append(stated | {"quarters": quarters, "verdict": UNDECIDED, **_survival(due, never, quarters)})
    return pl.DataFrame(rows, schema=SCHEMA).sort("item_id")


def _survival(due: pl.DataFrame, never: pl.DataFrame, quarters: int) -> dict[str, object]:
    alive = (pl.col("died").is_null() | (pl.col("died") > pl.col("quarter") + quarters)).alias("alive")
    cells = due.select("stratum", "quarter").unique().sort("stratum", "quarter")
    those = never.drop_nulls("stratum").join(cells, on="stratum")
    those = those.filter((pl.col("born") <= pl.col("quarter")) & (pl.col("died").is_null() | (pl.col("died") > pl.col("quarter"))))  # fmt: skip
    key = ["stratum", "quarter"]
    one = due.with_columns(alive).group_by(key).agg(n1=pl.len(), p1=pl.col("alive").mean(), paid=pl.col("paid_yuan").sum())  # fmt: skip
    none = those.with_columns(alive).group_by(key).agg(n0=pl.len(), p0=pl.col("alive").mean())
    both = one.join(none, on=key).filter(pl.col("n0") >= FEWEST_IN_STRATUM).sort(key)
    treated, compared = int(both["n1"].sum()), int(both["n0"].sum())
    counts: dict[str, object] = {"treated": treated, "compared": compared}
    if treated < FEWEST_TREATED or compared < FEWEST_COMPARED:
        return counts | {"reason": f"受益满 {quarters} 个季度的可比企业 {_few(treated)} 户（至少 {FEWEST_TREATED}）"}
    share1, share0 = both["p1"].to_numpy(), both["p0"].to_numpy()
    weight, many = both["n1"].to_numpy() / treated, both["n0"].to_numpy()
    gap = float((weight * (share1 - share0)).sum())
    # One survivor and one failure are added to each side (Agresti and Caffo 2000): where everybody survives the error is not zero.
    one_in = (float((both["n1"].to_numpy() * share1).sum()) + 1) / (treated + 2)
    none_in = (float((many * share0).sum()) + 1) / (compared + 2)
    noise = one_in * (1 - one_in) / (treated + 2) + none_in * (1 - none_in) * float((weight**2 / many).sum())
    half = 1.959964 * math.sqrt(noise)
    return counts | {
        "estimate": _six(gap),
        "low": _six(gap - half),
        "high": _six(gap + half),
        "paid_yuan": round(float(both["paid"].sum()), 2),
        "reason": "受益者申报时必然存续且经过审核，存续没有受益前的趋势可以检验，差别可能是筛选的结果",
    }
