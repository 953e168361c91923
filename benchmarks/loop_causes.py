"""Why somebody who should have got something got nothing, and why somebody was told who should not have been: each pair with its cause.

    python -m benchmarks.loop_causes --home DIR --planted DIR --asked PAIRS.parquet --out CAUSES.parquet

A pair differs from truth because an indicator does, and an indicator because of what happened to the rows it stands on
(`benchmarks/agreement.py`). Five groups can be acted on: what no department has delivered yet, what was delivered late, wrong or unreadable,
what was delivered and found no enterprise, what both sides mean differently, and what is ours.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from benchmarks.agreement import measured
from evaluation import agreement
from evaluation.agreement import PAIR_KEY

UNDELIVERED, SPOILT, NOBODY, MEANT, OURS = "事实未送达", "交付有误", "未能归户", "口径不同", "我方"
GROUPS: Final[Mapping[str, str]] = {
    **dict.fromkeys((agreement.NOT_DUE, agreement.PARTIAL, agreement.GAP, agreement.UNASSERTED), UNDELIVERED),
    **dict.fromkeys((agreement.LATE, agreement.REFUSED, agreement.REJECTED), SPOILT),
    **dict.fromkeys((agreement.PLANTED, agreement.ROUNDED, agreement.SUBSTITUTE, agreement.OVERWRITTEN), SPOILT),
    agreement.UNLINKED: NOBODY,
    **dict.fromkeys((agreement.DEFINITION, agreement.SILENT), MEANT),
    agreement.OUR_ERROR: OURS,
}
AGREED = "判定与真值相同"


def causes_of(home: Path, planted: Path, asked: pl.DataFrame) -> pl.DataFrame:
    """`asked` (uscc, item_id, version) with ours, true, conditions, values, cause, detail and group, for the day of DIR's last run.

    `planted`: the day's truth. A pair both sides judge alike has the cause AGREED and is ours: nothing that was delivered stood in its way.
    """
    report = measured(home, home / "truth", planted, asked)
    told = report.disagreements.select(*PAIR_KEY, "conditions", "values", "cause", "detail")
    both = report.pairs.select(*PAIR_KEY, "ours", "true")
    found = asked.select(PAIR_KEY).unique().join(both, on=PAIR_KEY, how="left").join(told, on=PAIR_KEY, how="left")
    cause = pl.col("cause").fill_null(AGREED)
    return found.with_columns(cause, cause.replace_strict(GROUPS, default=OURS).alias("group")).sort(PAIR_KEY)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name in ("home", "planted", "asked", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    options = parser.parse_args()
    causes_of(options.home, options.planted, pl.read_parquet(options.asked)).write_parquet(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
