"""How good the signs of risk are on planted rings: precision at k, rings found, innocents disturbed, and each sign by itself.

    python -m benchmarks.risk --home DIR

DIR is a mock home after a run, with its truth. Judged are the claimants of the day (whoever is eligible for anything) and, of them, those on
a list that pays without an application. Changes nothing.
"""

import argparse
import json
import os
import sys
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from assets.push_inputs import items
from assets.push_risk import risk
from evaluation.risk import PLANTED, risk_quality
from pipelines.published import current, open_published
from pipelines.scope import resolve
from pipelines.warehouse import DuckWarehouse

KS = (10, 20, 50)


def measured(home: Path) -> dict[str, Any]:
    """The figures of `evaluation.risk` for both groups, and per sign how many it marks and how many of these are in a ring."""
    told = current(home)
    warehouse = DuckWarehouse(home=home, scope=resolve(home, told.as_of, told.known_at, told.rules_as_of))
    pairs = warehouse.frame(
        "SELECT enterprise_id, item_id, version, verdict FROM match.pair WHERE verdict = 'eligible'"
    )
    flags = risk(warehouse, pairs, items(warehouse), warehouse.scope.as_of)
    with closing(open_published(home)) as con:
        paid = con.sql("SELECT DISTINCT enterprise_id FROM push.line WHERE kind = 'auto_award'").pl()["enterprise_id"]
        firms = con.sql("SELECT enterprise_id, uscc FROM registry.enterprise").pl()
    rings = pl.read_parquet(home / "truth" / "truth_fraud.parquet").join(firms, on="uscc")
    planted = rings.select(PLANTED.keys())
    guilty = set(planted.filter(~pl.col("innocent"))["enterprise_id"])
    signs = flags.select("enterprise_id", "flag").unique()
    by_sign = signs.group_by("flag").agg(firms=pl.len(), in_a_ring=pl.col("enterprise_id").is_in(sorted(guilty)).sum())
    groups = {"claimants": pairs["enterprise_id"], "paid_without_application": paid}
    return {
        "as_of": told.as_of,
        **{name: asdict(risk_quality(who, signs, planted, KS)) for name, who in groups.items()},
        "signs": by_sign.sort("flag").to_dicts(),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("HUIQI_HOME", "warehouse")))
    options = parser.parse_args()
    sys.stdout.write(json.dumps(measured(options.home.resolve()), ensure_ascii=False, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
