"""Whether the interval of the uplift covers the planted effect, over the very lists of a loop that has been run.

    python -m benchmarks.uplift --home DIR [--draws 400]

Each draw gives the compared units of DIR's trials new arms by the house's own procedure under a new key, and every firm new answers from the
world's own chances; it asks whether the interval holds the effect planted in that draw. Changes nothing in DIR but its views.
"""

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import polars as pl

from benchmarks.loop_truth import planted_uplift, trial_of
from data.world.advance import effort, propensity
from data.world.parcel import World
from data.world.streams import Bools, Floats
from evaluation.uplift import Z, uplift
from matching.push.holdout import HELD, assign
from matching.push.inputs import ARMS, Limits
from pipelines import steps


@dataclass(frozen=True)
class Coverage:
    """`covered` of `draws` intervals held the planted effect; the rest are means over the draws, as shares, and `spread` the standard deviation
    of estimate minus planted, to be compared with `stated`, the mean standard error the intervals are made of."""

    draws: int
    units: int
    covered: int
    estimate: float
    planted: float
    bias: float
    spread: float
    stated: float


def chances(home: Path, units: pl.DataFrame) -> tuple[Floats, Floats]:
    """What the world gives each unit (uscc, item_id) as its chance to apply, if told and if not."""
    everyone = World.of(json.loads((home / "world.json").read_text(encoding="utf-8"))).everyone
    place = {code: k for k, code in enumerate(everyone.uscc.to_list())}
    at = np.array([place[code] for code in units["uscc"]], dtype=np.int64)
    items = units["item_id"].to_numpy()
    told, untold = np.zeros(len(at)), np.zeros(len(at))
    for item in sorted(set(items.tolist())):
        mine = np.flatnonzero(items == item)
        people, asked = everyone.take(at[mine]), effort(everyone, item)
        told[mine], untold[mine] = propensity(people, True, asked), propensity(people, False, asked)
    return told, untold


def answered(chance: tuple[Floats, Floats], pair: np.ndarray, draw: np.random.Generator) -> tuple[Bools, Bools]:
    """(applies if told, applies if not) of one draw; one luck per firm and item (`pair`), as in the world."""
    luck = draw.uniform(size=int(pair.max()) + 1)[pair]
    return luck < chance[0], luck < chance[1]


def covers(units: pl.DataFrame, chance: tuple[Floats, Floats], draws: int, seed: int = 1) -> Coverage:
    """`units`: enterprise_id, uscc, item_id, cycle, layer (the stratum arms are balanced in), stratum. Arms and answers anew `draws` times."""
    draw = np.random.default_rng(seed)
    pair = units.select(pl.struct("uscc", "item_id").rank("dense") - 1).to_series().to_numpy()
    asked = units.select(
        pl.int_range(pl.len()).alias("row"), "enterprise_id", "item_id", "cycle", pl.col("layer").alias("stratum")
    )
    nobody, share = pl.DataFrame(schema=ARMS), Limits().holdout_share
    found = []
    for _ in range(draws):
        arm = assign(asked, nobody, draw.bytes(32), share)["arm"]
        if_told, if_not = answered(chance, pair, draw)
        obtained = np.where((arm == HELD).to_numpy(), if_not, if_told)
        said = uplift(units.select("stratum").with_columns(arm, pl.Series("obtained", obtained)))
        true = planted_uplift(pl.DataFrame({"applies_if_told": if_told, "applies_if_not_told": if_not}))
        if said.effect is None or said.low is None or said.high is None or true is None:
            raise ValueError("没有可比较的推送组和对照组")
        found.append((said.effect, true, said.low <= true <= said.high, (said.high - said.low) / (2 * Z)))
    effect, true_, inside, error = (np.array(column) for column in zip(*found, strict=True))
    return Coverage(
        draws, units.height, int(inside.sum()), float(effect.mean()), float(true_.mean()), float((effect - true_).mean()),
        float((effect - true_).std(ddof=1)), float(error.mean()),
    )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    units = trial_of(options.home, steps.desk_of(options.home)).filter(pl.col("left_out").is_null())
    units = units.filter(pl.col("uscc").is_not_null())
    found = covers(units, chances(options.home, units), options.draws, options.seed)
    sys.stdout.write(json.dumps(asdict(found), ensure_ascii=False, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
