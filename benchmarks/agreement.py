"""The agreement of a finished run with the planted truth of its world: the confusion of verdicts, the causes, the indicators.

    python -m benchmarks.agreement --home HOME --truth DIR

DIR holds what `python -m data.world truth --as-of DAY` wrote for the run's own day. Reads the warehouse, changes nothing.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from benchmarks.agreement_values import compared_on
from data.corpus import in_force, load_defaults, load_items
from data.indicators import load
from evaluation import agreement
from matching.rules import evaluate, explain
from matching.rules.planes import positions
from matching.rules.program import Program, compile_sound
from matching.rules.terms import columns
from matching.rules.verdicts import VERDICTS, Verdicts


@dataclass(frozen=True)
class Report:
    """`pairs`: the whole universe; `verdicts`: its confusion; `disagreements` and `indicators` with causes; `compared` everything."""

    as_of: date
    pairs: pl.DataFrame
    verdicts: pl.DataFrame
    disagreements: pl.DataFrame
    compared: pl.DataFrame
    indicators: pl.DataFrame

    @property
    def share(self) -> float:
        """Of the pairs that either side calls eligible, the share both do."""
        either = self.pairs.filter((pl.col("ours") == "eligible") | (pl.col("true") == "eligible"))
        return float((either["ours"] == either["true"]).mean() or 0.0)


def measured(home: Path, truth: Path, planted: Path | None = None, asked: pl.DataFrame | None = None) -> Report:
    """Everything compared. Raises ValueError when the two sides are about different days.

    `planted`: where the day's verdicts and values are, if not in `truth`; `asked` (uscc, item_id, version): only these pairs, and what is
    known of their enterprises.
    """
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as base:
        if asked is not None:
            base.execute("SET memory_limit = '2GB'")
            base.register("asked", asked.select("uscc").unique().to_arrow())
            base.execute("CREATE TEMP TABLE asked_firm AS SELECT uscc FROM asked")

        def frame(sql: str) -> pl.DataFrame:
            found = pl.from_arrow(base.sql(sql).to_arrow_table())
            assert isinstance(found, pl.DataFrame)
            return found

        return _measured(frame, truth, planted or truth, asked)


def _measured(frame: Any, truth: Path, planted: Path, asked: pl.DataFrame | None) -> Report:
    head = frame(
        "SELECT max(as_of) AS as_of, max(known_at) AS known_at, max(rules_as_of) AS rules_as_of FROM push.list"
    ).row(0, named=True)
    as_of, known_at = head["as_of"], head["known_at"]
    eligibility = pl.read_parquet(planted / "truth_eligibility.parquet")
    if eligibility["as_of"].unique().to_list() != [as_of]:
        raise ValueError(
            f"真值是 {eligibility['as_of'][0]} 的，运行是 {as_of} 的；请先 python -m data.world truth --as-of {as_of}"
        )
    values = pl.scan_parquet(planted / "truth_indicator.parquet").drop("as_of", "eid")
    catalogue = load()
    profile = frame("SELECT * FROM profile.enterprise ORDER BY enterprise_id")
    if asked is not None:
        firms = asked.select("uscc").unique()
        eligibility = eligibility.join(asked, on=agreement.PAIR_KEY, how="semi")
        values = values.join(firms.lazy(), on="uscc", how="semi")
        profile = profile.join(firms, on="uscc", how="semi", maintain_order="left")
    true_values = values.collect()
    firms_asked = None if asked is None else "SELECT uscc FROM asked_firm"
    compared, explained = compared_on(frame, truth, true_values, as_of, known_at, firms=firms_asked)
    pairs, conditions = _pairs(frame, eligibility, profile, as_of, head["rules_as_of"])
    silent = frozenset(catalogue) - frozenset(true_values["indicator"].unique())
    found = agreement.disagreements(pairs, conditions, compared, explained, silent)
    return Report(as_of, pairs, agreement.confusion(pairs), found, compared, explained)


def _names(column: str) -> pl.Expr:
    return pl.col(column).str.split(";").list.eval(pl.element().filter(pl.element() != ""))


def _pairs(
    frame: Any, eligibility: pl.DataFrame, profile: pl.DataFrame, as_of: date, rules_as_of: date
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Both verdicts of every pair, with the conditions not met and not known where they differ; and what each condition reads."""
    judged = set(eligibility["item_id"].unique())
    items = [i for i in in_force(load_items(), rules_as_of) if i.entity == "enterprise" and i.id in judged]
    program, _ = compile_sound(items, load(), load_defaults().bars)
    words = _words(evaluate(program, profile, as_of))
    kept = frame("SELECT uscc, item_id, version, verdict AS ours FROM match.pair")
    ours = pl.concat(
        [
            profile.select(
                "uscc", item_id=pl.lit(item.text.id), version=pl.lit(item.text.version, pl.Int64), again=words[item.key]
            )
            for item in program.items
        ]
    )
    true = eligibility.select(
        "uscc", "item_id", "version", true="verdict",
        true_unknown=_names("unknown"), true_failed=_names("failing"),
    )  # fmt: skip
    both = true.join(ours, on=agreement.PAIR_KEY, how="inner").join(kept, on=agreement.PAIR_KEY, how="left")
    both = both.with_columns(
        ours=pl.coalesce("ours", "again"), kept_differs=(pl.col("ours") != pl.col("again")).fill_null(False)
    )
    rows = {row["uscc"]: row for row in profile.iter_rows(named=True)}
    failed, unknown = [], []
    for pair in both.iter_rows(named=True):
        states = (
            _states(program, rows[pair["uscc"]], pair["item_id"], pair["version"], as_of)
            if pair["ours"] != pair["true"]
            else {}
        )
        failed.append([c for c, s in states.items() if s == "false"])
        unknown.append([c for c, s in states.items() if s == "unknown"])
    conditions = pl.DataFrame(
        [
            (item.text.id, item.text.version, c, column.name)
            for item in program.items
            for c, term in item.terms.items()
            for column in columns(term)
        ],
        schema={"item_id": pl.String, "version": pl.Int64, "condition_id": pl.String, "indicator": pl.String},
        orient="row",
    )
    lists = pl.List(pl.String)
    return both.with_columns(
        our_failed=pl.Series(failed, dtype=lists), our_unknown=pl.Series(unknown, dtype=lists)
    ), conditions


def _words(verdicts: Verdicts) -> dict[tuple[str, int], pl.Series]:
    """The verdict of every row on every item, by item and version."""
    found: dict[tuple[str, int], list[str]] = {}
    for block, items in verdicts.found():
        for one in items:
            words = ["unknown"] * block.height
            for name in VERDICTS:
                for at in positions(getattr(one.planes, name)).tolist():
                    if at < block.height:
                        words[at] = name
            found.setdefault(one.plan.item.key, []).extend(words)
    return {key: pl.Series(words, dtype=pl.String) for key, words in found.items()}


def _states(program: Program, row: Mapping[str, Any], item_id: str, version: int, as_of: date) -> dict[str, str]:
    told = explain(program, row, item_id, as_of, version=version)
    return {condition.id: condition.verdict for condition in told.conditions if not condition.outside}


def shown(report: Report) -> str:
    """The report as an analyst reads it."""
    causes = (
        report.disagreements.group_by("cause", "true", "ours")
        .agg(n=pl.len())
        .sort("n", "cause", descending=[True, False])
    )
    items = report.disagreements.group_by("item_id", "true", "ours", "conditions", "cause").agg(
        n=pl.len(), example=pl.col("values").first(), detail=pl.col("detail").first()
    )
    by_indicator = (
        report.compared.group_by("indicator")
        .agg(
            both=(pl.col("ours").is_not_null() & pl.col("true").is_not_null()).sum(),
            share=pl.col("agrees").filter(pl.col("ours").is_not_null() & pl.col("true").is_not_null()).mean().round(4),
            ours_unknown=(pl.col("ours").is_null() & pl.col("true").is_not_null()).sum(),
        )
        .join(
            report.indicators.group_by("indicator", "cause").agg(n=pl.len()).sort("n", descending=True)
            .group_by("indicator", maintain_order=True).agg(causes=pl.concat_str("cause", pl.lit(" "), "n").str.join("；")),
            on="indicator", how="left",
        )
        .sort("indicator")
    )  # fmt: skip
    with pl.Config(tbl_rows=400, tbl_cols=20, fmt_str_lengths=120, tbl_width_chars=260, tbl_hide_dataframe_shape=True):
        return "\n".join(
            [
                f"事实日期 {report.as_of}；任一方判为符合的对中，双方一致的占 {report.share:.4f}",
                "判定对照（true 真值，ours 我方）", str(report.verdicts),
                "不一致的原因", str(causes),
                "不一致的事项、条件和原因", str(items.sort("n", "item_id", "conditions", descending=[True, False, False])),
                "逐项指标", str(by_indicator),
            ]
        )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description="一次运行的判定和指标与模拟世界真值的对照",
        epilog="例：python -m benchmarks.agreement --home warehouse --truth warehouse/truth",
    )
    parser.add_argument("--home", type=Path, required=True, help="运行所在的目录")
    parser.add_argument("--truth", type=Path, required=True, help="真值目录")
    asked = parser.parse_args()
    try:
        sys.stdout.write(shown(measured(asked.home, asked.truth)) + "\n")
    except (FileNotFoundError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
