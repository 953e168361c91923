"""The kernel beside Polars, one wide DuckDB SELECT, OpenFisca-core, zen-engine, a JSON-logic and a CEL binding: CPU-seconds for the same items, equal answers required.

`python benchmarks/peers.py` installs the peers (benchmarks/peers.lock) into a temporary environment and runs 200,000 enterprises × 30
columns × 500 items; a peer that decides one record at a time gets fewer rows of the same frame and its time is scaled up, as printed.
None of them knows "unknown": every test is guarded by hand against NULL, so only the eligible can be compared, and each is checked against
the kernel's count on the same rows, item by item. OpenFisca alone runs a second time with a second set of variables that makes its answer ours. `--python PATH` uses an environment that has the peers already.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
os.environ.setdefault("POLARS_MAX_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# how many of the rows a peer is given, by its pace
SHARES = {
    "openfisca-core": 1.0,
    "  with unknown too": 1.0,
    "json-logic (Rust)": 0.005,
    "zen-engine": 0.002,
    "CEL (C++)": 0.002,
}
Test = list[Any]
Counts = list[int]


def tests_of(item: dict[str, Any]) -> list[Test]:
    """Each condition as [column, operator, value], the operators being >= <= < = in."""
    return [_test(condition["expr"]) for condition in item["conditions"]]


def _test(expr: str) -> Test:
    if found := re.fullmatch(r"(NOT )?(is_\d)", expr):
        return [found[2], "=", not found[1]]
    if found := re.fullmatch(r"(\w+) >= DATE '([\d-]+)'", expr):
        from datetime import date

        return [found[1], ">=", float((date.fromisoformat(found[2]) - date(1970, 1, 1)).days)]
    if found := re.fullmatch(r"(\w+) IN \((.*)\)", expr):
        return [found[1], "in", re.findall(r"'([^']*)'", found[2])]
    found = re.fullmatch(r"(\w+) (>=|<=|<) ([\d.]+)", expr)
    assert found is not None, expr
    return [found[1], found[2], float(found[3])]


def openfisca_with_unknown(data: dict[str, list[Any]], items: list[dict[str, Any]]) -> tuple[float, Counts]:
    """The same answer as the kernel's: a second set of variables says who is possible, and possible less eligible is unknown."""
    return openfisca(data, items, with_unknown=True)


def openfisca(
    data: dict[str, list[Any]], items: list[dict[str, Any]], *, with_unknown: bool = False
) -> tuple[float, Counts]:
    import numpy as np
    from openfisca_core import entities, periods, taxbenefitsystems, variables
    from openfisca_core.simulations import SimulationBuilder

    # its own 32-bit floats cannot hold an amount in 元 to the 分
    variables.config.VALUE_TYPES[float]["dtype"] = np.float64
    firm = entities.Entity("firm", "firms", "", "")
    system = taxbenefitsystems.TaxBenefitSystem([firm])
    codes: dict[str, dict[str, float]] = {}
    columns: dict[str, Any] = {}
    for name, values in data.items():
        words = sorted({value for value in values if isinstance(value, str)})
        codes[name] = {word: float(at) for at, word in enumerate(words)}
        columns[name] = np.array(
            [np.nan if v is None else codes[name][v] if isinstance(v, str) else float(v) for v in values]
        )

    def variable(name: str, formula: Callable[..., Any] | None = None) -> type:
        body = {
            "value_type": float if formula is None else bool,
            "entity": firm,
            "definition_period": periods.DateUnit.YEAR,
        }
        return type(name, (variables.Variable,), {**body, "label": name} | ({"formula": formula} if formula else {}))

    def decided(tests: list[Test], is_any: bool, possible: bool = False) -> Callable[..., Any]:
        prepared = [
            (name, how, [codes[name][w] for w in value if w in codes[name]] if how == "in" else float(value))
            for name, how, value in tests
        ]

        def formula(firm: Any, period: Any) -> Any:
            found = []
            for name, how, value in prepared:
                column = firm(name, period)
                if how == "in":
                    holds = np.isin(column, value)
                else:
                    test = {">=": np.greater_equal, "<=": np.less_equal, "<": np.less, "=": np.equal}[how]
                    holds = test(column, value)
                found.append(holds | firm(f"missing_{name}", period) if possible else holds)
            if is_any:
                return found[0] & np.logical_or.reduce(found[1:])
            return np.logical_and.reduce(found)

        return formula

    for name in data:
        system.add_variable(variable(name))
        if with_unknown:
            # which values are missing is told beforehand, as the other columns are
            system.add_variable(variable(f"missing_{name}", lambda firm, period: None))
    for number, item in enumerate(items):
        system.add_variable(variable(f"item_{number}", decided(item["tests"], item["any"])))
        if with_unknown:
            system.add_variable(variable(f"possible_{number}", decided(item["tests"], item["any"], possible=True)))
    simulation = SimulationBuilder().build_default_simulation(system, count=len(next(iter(data.values()))))
    for name, column in columns.items():
        simulation.set_input(name, "2024", column)
        if with_unknown:
            simulation.set_input(f"missing_{name}", "2024", np.isnan(column))
    began = time.process_time()
    counts = [int(simulation.calculate(f"item_{number}", "2024").sum()) for number in range(len(items))]
    if with_unknown:
        possible = [int(simulation.calculate(f"possible_{number}", "2024").sum()) for number in range(len(items))]
        counts += [some - sure for some, sure in zip(possible, counts, strict=True)]
    return time.process_time() - began, counts


def jsonlogic(data: dict[str, list[Any]], items: list[dict[str, Any]]) -> tuple[float, Counts]:
    import jsonlogic_rs

    def test(name: str, how: str, value: Any) -> Any:
        var = {"var": name}
        holds = {"in": [var, value]} if how == "in" else {"===" if how == "=" else how: [var, value]}
        return {"and": [{"!==": [var, None]}, holds]}

    rules = [json.dumps(_joined(item, test, lambda p: {"and": p}, lambda p: {"or": p})) for item in items]
    rows = [json.dumps(dict(zip(data, values, strict=True))) for values in zip(*data.values(), strict=True)]
    counts = [0] * len(rules)
    began = time.process_time()
    for row in rows:
        for number, rule in enumerate(rules):
            counts[number] += jsonlogic_rs.apply_serialized(rule, row, json.loads) is True
    return time.process_time() - began, counts


def zen(data: dict[str, list[Any]], items: list[dict[str, Any]]) -> tuple[float, Counts]:
    import zen

    def test(name: str, how: str, value: Any) -> str:
        return f"({name} != null and {name} {'==' if how == '=' else how} {json.dumps(value, ensure_ascii=False)})"

    texts = [_joined(item, test, lambda p: " and ".join(p), lambda p: f"({' or '.join(p)})") for item in items]
    compiled = [zen.compile_expression(text) for text in texts]
    rows = [dict(zip(data, values, strict=True)) for values in zip(*data.values(), strict=True)]
    counts = [0] * len(compiled)
    began = time.process_time()
    for row in rows:
        for number, expression in enumerate(compiled):
            counts[number] += expression.evaluate(row) is True
    return time.process_time() - began, counts


def cel(data: dict[str, list[Any]], items: list[dict[str, Any]]) -> tuple[float, Counts]:
    from cel_expr_python import cel as engine

    def test(name: str, how: str, value: Any) -> str:
        return f"({name} != null && {name} {'==' if how == '=' else how} {json.dumps(value, ensure_ascii=False)})"

    environment = engine.NewEnv(variables=dict.fromkeys(data, engine.Type.DYN))
    texts = [_joined(item, test, lambda p: " && ".join(p), lambda p: f"({' || '.join(p)})") for item in items]
    compiled = [environment.compile(text) for text in texts]
    rows = [dict(zip(data, values, strict=True)) for values in zip(*data.values(), strict=True)]
    counts = [0] * len(compiled)
    began = time.process_time()
    for row in rows:
        activation = environment.Activation(row)
        for number, expression in enumerate(compiled):
            counts[number] += expression.eval(activation).value() is True
    return time.process_time() - began, counts


def _joined(item: dict[str, Any], test: Callable[..., Any], every: Callable[..., Any], some: Callable[..., Any]) -> Any:
    parts = [test(*one) for one in item["tests"]]
    return every([parts[0], some(parts[1:])]) if item["any"] else every(parts)


PEERS = {
    "openfisca-core": openfisca,
    "  with unknown too": openfisca_with_unknown,
    "json-logic (Rust)": jsonlogic,
    "zen-engine": zen,
    "CEL (C++)": cel,
}


def child(name: str, place: Path) -> None:
    given = json.loads(place.read_text(encoding="utf-8"))
    cpu, counts = PEERS[name](given["data"], given["items"])
    print(json.dumps({"cpu": cpu, "counts": counts, "mb": peak_mb()}))


def peak_mb() -> float:
    """The process's own peak; getrusage would count what the parent had when it forked. 0 where there is no /proc."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) / 1024 if found else 0.0


def environment(folder: Path) -> Path:
    """A fresh environment with the locked peers; the path of its interpreter."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    command = [
        str(python),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "-r",
        str(HERE / "peers.lock"),
    ]
    subprocess.run(command, check=True)
    return python


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--items", type=int, default=500)
    parser.add_argument("--python", type=Path, help="an interpreter that has the peers")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given.child[0], Path(given.child[1]))
        return
    sys.path.insert(0, str(HERE.parent))
    with tempfile.TemporaryDirectory(prefix="huiqi-peers-") as folder:
        compare(given.rows, given.items, given.python or environment(Path(folder) / "env"), Path(folder))


def compare(rows: int, items: int, python: Path, folder: Path) -> None:
    import polars as pl

    from benchmarks import match_world as world
    from benchmarks.kernel import in_child
    from matching.rules import evaluate

    frame, written, program = world.enterprises(rows), world.items(items), world.program(items)
    print(
        f"{rows:,} enterprises × 30 columns × {items} items, one thread each; equal counts, item by item, or this fails"
    )
    ours = in_child("kernel", rows, items, 5)
    least = ours["cpu"]
    line("kernel", least, least, ours["peak_mb"] - ours["data_mb"], "  (eligible, unknown and ineligible)")
    for name, repeats in (("kernel from codes", 5), ("polars select", 3), ("duckdb wide select", 2)):
        said = in_child(name, rows, items, repeats)
        if said["eligible"] != ours["eligible"]:
            raise SystemExit(f"{name} disagrees with the kernel")
        line(name, said["cpu"], least, said["peak_mb"] - said["data_mb"], "")
    plain = frame.select(
        pl.col(name).cast(pl.Int32).cast(pl.Float64)
        if kind == pl.Date
        else pl.col(name).cast(pl.Float64)
        if kind.is_numeric()
        else name
        for name, kind in frame.drop("enterprise_id").schema.items()
    )
    told = [{"tests": tests_of(item), "any": item["logic"] is not None} for item in written]
    for name, share in SHARES.items():
        n = max(1, int(rows * share))
        place = folder / "given.json"
        place.write_text(json.dumps({"data": plain.head(n).to_dict(as_series=False), "items": told}), encoding="utf-8")
        done = subprocess.run(
            [str(python), str(Path(__file__).resolve()), "--child", name, str(place)], capture_output=True, text=True
        )
        if done.returncode:
            raise SystemExit(f"{name} failed:\n{done.stderr}")
        said = json.loads(done.stdout.splitlines()[-1])
        counts = evaluate(program, frame.head(n), world.AS_OF).counts()
        right = counts["eligible"].to_list()
        if len(said["counts"]) > items:
            right += counts["unknown"].to_list()
        wrong = sum(a != b for a, b in zip(said["counts"], right, strict=True))
        if wrong:
            raise SystemExit(f"{name} disagrees with the kernel on {wrong} of {items} items")
        whole = said["cpu"] / n * rows
        scaled = "" if n == rows else f"  (measured {said['cpu']:.2f} CPU-s on {n:,} rows, scaled)"
        line(name, whole, least, said["mb"], scaled)


def line(name: str, cpu: float, least: float, mb: float, more: str) -> None:
    """One contender: `mb` is its own peak, for those that share the frame with us beyond the frame."""
    print(f"{name:20}{cpu:12.3f} CPU-s  kernel is {cpu / least:9,.1f}x  {mb:6.0f} MB{more}", flush=True)


if __name__ == "__main__":
    main()
