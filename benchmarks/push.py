"""From profiles to a payment file for 免申即享: the machine's part, in CPU seconds, on a real run's profiles copied to any number of enterprises.

    python benchmarks/push.py --home DIR --enterprises 300000

DIR is a home that has been run. Its profiles are copied under new names until there are enough; every item that pays without an application is
judged, the lists are proposed with all gates, every amount is computed again by SQL, the awards enter the ledger in one transaction a list, and the
payment files are written with their control totals. Reading deliveries and people's days (five of public notice, two signatures) are not in it.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from assets.match import profiles, program_in_force
from assets.push_inputs import collected
from data import indicators
from matching.push.inputs import PAIRS
from matching.push.select import propose
from matching.rules import evaluate
from pipelines.control import ControlStore
from pipelines.export import payment_file, written
from pipelines.ledger import award_of, grant, open_fund
from pipelines.recompute import award_sql
from pipelines.scope import resolve
from pipelines.warehouse import DuckWarehouse


def copies(frame: pl.DataFrame, times: int, columns: tuple[str, ...]) -> pl.DataFrame:
    """The frame `times` over; each copy's names in `columns` end in its number, so that nobody is there twice."""
    return pl.concat(
        frame.with_columns(
            pl.concat_str(pl.col(name), pl.lit(f"-{n}")).alias(name) for name in columns if name in frame.columns
        )
        for n in range(times)
    )


def recomputed(many: pl.DataFrame, items: pl.DataFrame, header: dict[str, Any], lines: list[dict[str, Any]]) -> int:
    """How many lines of a list the second path does not confirm: the award's expression as SQL over the profiles."""
    chosen = items.filter((pl.col("item_id") == header["item_id"]) & (pl.col("version") == header["version"]))
    sql = award_sql(chosen["award_expr"][0], indicators.load(), str(header["as_of"]))
    firm = many.filter(pl.col("enterprise_id").is_in([line["enterprise_id"] for line in lines]))
    with duckdb.connect() as con:
        con.register("firm", firm)
        found = con.execute(f"SELECT enterprise_id, CAST(round({sql}, 2) AS DECIMAL(18,2)) FROM firm").fetchall()
    again = dict(found)
    return sum(again.get(line["enterprise_id"]) != line["amount_yuan"] for line in lines)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("HUIQI_HOME", "warehouse")))
    parser.add_argument("--enterprises", type=int, default=300_000)
    options = parser.parse_args()
    scope = resolve(options.home.resolve())
    scope.seal()
    warehouse = DuckWarehouse(home=options.home.resolve(), scope=scope)
    control = ControlStore(options.home.resolve() / "control.sqlite")
    program = program_in_force(scope)
    auto = sorted(
        warehouse.frame("SELECT DISTINCT item_id FROM policy.item WHERE mode = '免申即享' AND entity = 'enterprise'")[
            "item_id"
        ]
    )
    inputs, dates = collected(warehouse, scope, control)
    firms = profiles(warehouse, program)
    times = -(-options.enterprises // firms.height)
    many = copies(firms, times, ("enterprise_id", "uscc")).head(options.enterprises)
    # budgets and pools of the real world would stop most of the copies: here everybody is to be paid
    items = inputs.items.filter(pl.col("item_id").is_in(auto)).with_columns(
        pl.lit(None, dtype=inputs.items.schema["budget_yuan"]).alias("budget_yuan")
    )
    wide = replace(
        inputs,
        items=items,
        enterprises=copies(inputs.enterprises, times, ("enterprise_id", "uscc")),
        facts=copies(inputs.facts, times, ("enterprise_id",)),
        risk=copies(inputs.risk, times, ("enterprise_id",)),
        funds=inputs.funds.clear(),
        pairs=inputs.pairs.clear(),
    )
    spent: dict[str, float] = {}

    def lap(name: str, begun: float) -> float:
        spent[name] = round(time.process_time() - begun, 2)
        return time.process_time()

    clock, wall = time.process_time(), time.perf_counter()
    judged = evaluate(program, many, scope.as_of).pairs([item for item in auto if item in program.by_id])
    clock = lap("判定", clock)
    payable = (
        judged.filter(pl.col("verdict") == "eligible")
        .with_columns(pl.lit(0.5).alias("score"))
        .join(wide.enterprises.select("enterprise_id", "uscc"), on="enterprise_id", how="left", maintain_order="left")
    )
    proposal = propose(replace(wide, pairs=payable.select(list(PAIRS))), dates)
    clock = lap("清单", clock)
    awards = [
        (header, proposal.lines.filter(pl.col("list_id") == header["list_id"]).to_dicts())
        for header in proposal.lists.filter(pl.col("kind") == "auto_award").iter_rows(named=True)
    ]
    differing = sum(recomputed(many, items, header, lines) for header, lines in awards)
    clock = lap("独立复算", clock)
    with tempfile.TemporaryDirectory() as folder:
        ledger = ControlStore(Path(folder) / "control.sqlite")
        for header, lines in awards:
            with ledger.transaction() as db:
                open_fund(db, header["item_id"], header["cycle"], None)
                for line in lines:
                    grant(db, award_of(line), header["list_id"], scope.as_of.isoformat())
        clock = lap("台账", clock)
        for header, lines in awards:
            body, totals = payment_file(header, lines)
            written(Path(folder) / header["list_id"], "payment.csv", body, "付款文件", 0o600)
            written(Path(folder) / header["list_id"], "payment.ctl", totals, "付款控制文件", 0o600)
    rows = sum(len(lines) for _, lines in awards)
    lap("付款文件", clock)
    report = {
        "enterprises": many.height, "items": len(auto), "eligible": payable.height, "payments": rows, "differing": differing,
        "cpu_seconds": spent, "cpu_seconds_total": round(sum(spent.values()), 2), "wall_seconds": round(time.perf_counter() - wall, 2),
        "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    sys.stdout.write(json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
