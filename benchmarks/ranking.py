"""What a ranking of invitations could reach: the learned score, its two baselines and the planted probability of answering, side by side.

    python -m benchmarks.ranking --home DIR [--rows 40000] [--deals 8]

DIR is a mock home whose lists a month of the world has answered (`make loop`, MONTHS_ON=1 or more). The pairs that were told in the first
answered round, with the features of that day as the run published them, are split by firm: six tenths to learn, two to calibrate, two that
nothing was learned from to judge; with --deals so many times anew, and the means with their standard errors are told. The planted probability is
the world's own; nobody who ranks can do better on average.
"""

import argparse
import datetime as dt
import json
import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.uplift import chances
from evaluation.ranking import calibration_error, ndcg_at, precision_recall_area
from matching.score.features import FEATURES
from matching.score.model import ModelError, train
from matching.score.weighted import weighted

# Firms are dealt into what `train` takes for three months: learned from, calibrated on, judged on.
PARTS = (dt.date(2000, 1, 1), dt.date(2000, 2, 1), dt.date(2000, 3, 1))
DRAWS = 20


def told(home: Path, rows: int) -> pl.DataFrame:
    """(enterprise_id, item_id, eid, obtained, effort, FEATURES) of the pairs told in the first answered round; at most `rows`, by firm."""
    answers = pl.read_parquet(home / "truth" / "truth_response.parquet").filter("told")
    answers = answers.filter(pl.col("turn") == pl.col("turn").min())
    for path in sorted(home.glob("mart-*.duckdb"), key=lambda p: p.stat().st_mtime):
        with duckdb.connect(str(path), read_only=True) as con:
            known = con.execute("SELECT count(*) FROM push.list WHERE list_id = ?", [answers["list_id"][0]]).fetchall()
            if known[0][0]:
                scores = con.sql(
                    "SELECT s.enterprise_id, e.uscc, s.item_id, s.features FROM match.score s JOIN registry.enterprise e USING (enterprise_id)"
                ).pl()
                break
    else:
        raise SystemExit("没有一份发布含有被回答的名单；先运行 make loop")
    shape = pl.Struct(dict.fromkeys(FEATURES, pl.Float64))
    pairs = answers.join(scores, on=["uscc", "item_id"], how="inner").unique(["uscc", "item_id"], keep="first")
    return (
        pairs.with_columns(pl.col("features").str.json_decode(shape))
        .unnest("features")
        .with_columns(pl.col("applied").alias("obtained"), pl.col("enterprise_id").hash(7).alias("_order"))
        .sort("_order", "item_id")
        .head(rows)
        .drop("_order")
    )


def dealt(pairs: pl.DataFrame, deal: int) -> pl.DataFrame:
    """`pairs` with `day`, the part (PARTS) that each firm is dealt into."""
    card = pl.col("enterprise_id").hash(7 + deal) % 10
    return pairs.with_columns(day=pl.when(card < 6).then(PARTS[0]).when(card < 8).then(PARTS[1]).otherwise(PARTS[2]))


def planted(home: Path, pairs: pl.DataFrame) -> pl.Series:
    """The world's own chance that each pair answers."""
    return pl.Series("planted", chances(home, pairs)[0])


def measured(pairs: pl.DataFrame, score: pl.Series, outcome: pl.Series | None = None) -> dict[str, float]:
    y = pairs["obtained"] if outcome is None else outcome
    truth = pl.DataFrame({"item_id": pairs["item_id"], "obtained": y})
    return {
        "pr_auc": round(precision_recall_area(y, score), 4),
        "ndcg_at_10": round(ndcg_at(truth, score, 10), 4),
        "ece": round(calibration_error(y, score), 4),
    }


def judged(pairs: pl.DataFrame) -> dict[str, dict[str, float]]:
    """The measures of every score on the firms of one deal that nothing was learned from; no `model` where it was refused."""
    judge = pairs.filter(pl.col("day") == PARTS[2]).sort("day", "item_id", "enterprise_id")
    popular = pairs.filter(pl.col("day") == PARTS[0]).group_by("item_id").agg(pl.col("obtained").mean().alias("_rate"))
    rates = judge.join(popular, on="item_id", how="left", maintain_order="left")["_rate"].fill_null(0.5)
    # one outcome is one draw of the planted chance: what its owner would see on average over draws is the ceiling
    random = np.random.default_rng(7)
    drawn = [
        measured(judge, judge["planted"], pl.Series(random.random(judge.height) < judge["planted"].to_numpy()))
        for _ in range(DRAWS)
    ]
    found = {
        "weighted": measured(judge, weighted(judge)),
        "popularity": measured(judge, rates),
        "planted": measured(judge, judge["planted"]),
        "ceiling": {name: round(float(np.mean([one[name] for one in drawn])), 4) for name in drawn[0]},
    }
    try:
        return {"model": measured(judge, train(pairs).score(judge)), **found}
    except ModelError as error:
        sys.stderr.write(f"未采用：{error}\n")
        return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("HUIQI_HOME", "warehouse")))
    parser.add_argument("--rows", type=int, default=40_000)
    parser.add_argument("--deals", type=int, default=1)
    options = parser.parse_args()
    home = options.home.resolve()
    pairs = told(home, options.rows)
    pairs = pairs.with_columns(planted(home, pairs))
    answered = pairs["obtained"].cast(pl.Float64).sum() / pairs.height
    report: dict[str, Any] = {"pairs": pairs.height, "answered": round(answered, 4), "deals": options.deals}
    found = [judged(dealt(pairs, deal)) for deal in range(options.deals)]
    for score in ("model", "weighted", "popularity", "planted", "ceiling"):
        rows = [one[score] for one in found if score in one]
        if len(rows) < len(found):
            report[f"{score}_refused"] = len(found) - len(rows)
        if rows:
            columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
            report[score] = {name: round(float(values.mean()), 4) for name, values in columns.items()}
        if len(rows) > 1:
            errors = {name: values.std(ddof=1) / len(rows) ** 0.5 for name, values in columns.items()}
            report[f"{score}_se"] = {name: round(float(error), 4) for name, error in errors.items()}
    sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
