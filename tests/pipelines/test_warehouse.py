"""The warehouse keeps its promises: one transaction per write, by column name, nothing half-written."""

import datetime as dt
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse, WarehouseBusyError


@pytest.fixture(params=["opened for each operation", "held open"])
def warehouse(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DuckWarehouse]:
    warehouse = DuckWarehouse(tmp_path)
    with warehouse.held() if request.param == "held open" else nullcontext():
        yield warehouse


def test_reordered_columns_land_by_name(warehouse: DuckWarehouse) -> None:
    with warehouse.write() as w:
        w.append("raw.a", pl.DataFrame({"first": ["x"], "second": ["y"]}))
        w.append("raw.a", pl.DataFrame({"second": ["s"], "first": ["f"]}))
    assert warehouse.frame("SELECT * FROM raw.a ORDER BY first").rows() == [("f", "s"), ("x", "y")]


def test_an_extra_column_is_refused_and_old_rows_stay(warehouse: DuckWarehouse) -> None:
    with warehouse.write() as w:
        w.append("raw.a", pl.DataFrame({"k": [1]}))
    with pytest.raises(ValueError, match="没有列 surprise"), warehouse.write() as w:
        w.append("raw.a", pl.DataFrame({"k": [2], "surprise": [0]}))
    assert warehouse.frame("SELECT k FROM raw.a").rows() == [(1,)]


def test_append_with_key_is_idempotent(warehouse: DuckWarehouse) -> None:
    rows = pl.DataFrame({"file": ["f1", "f1", None], "n": [1, 2, 3]})
    for _ in range(3):
        with warehouse.write() as w:
            written = w.append("raw.a", rows, key=("file",))
    assert written.rows == 3


def test_an_exception_rolls_everything_back(warehouse: DuckWarehouse) -> None:
    with warehouse.write() as w:
        w.replace("mart.a", pl.DataFrame({"k": [1]}))
    with pytest.raises(RuntimeError), warehouse.write() as w:
        w.replace("mart.a", pl.DataFrame({"k": [9]}))
        w.replace("mart.b", pl.DataFrame({"k": [9]}))
        raise RuntimeError("stop")
    assert warehouse.frame("SELECT k FROM mart.a").rows() == [(1,)]
    assert not warehouse.exists("mart.b")


def test_money_keeps_its_type_and_nulls(warehouse: DuckWarehouse) -> None:
    money = pl.Series("yuan", [Decimal("0.10"), None], dtype=pl.Decimal(18, 2))
    with warehouse.write() as w:
        written = w.append("raw.money", pl.DataFrame([money]))
    assert written.columns == {"yuan": "DECIMAL(18,2)"}
    assert warehouse.frame("SELECT sum(yuan) AS s FROM raw.money").item() == Decimal("0.10")


def test_the_scope_is_visible_in_sql(tmp_path: Path) -> None:
    scope = RunScope(tmp_path, dt.date(2024, 12, 31), dt.datetime(2025, 1, 2, 3, 4, 5), dt.date(2024, 12, 1))
    seen = DuckWarehouse(tmp_path, scope).frame(
        "SELECT getvariable('as_of') a, getvariable('known_at') k, getvariable('rules_as_of') r, getvariable('build_id') b"
    )
    assert seen.row(0) == (scope.as_of, scope.known_at, scope.rules_as_of, scope.build_id)


def test_a_table_name_cannot_carry_sql(warehouse: DuckWarehouse) -> None:
    with pytest.raises(ValueError, match=r"schema\.table"), warehouse.write() as w:
        w.replace('raw.a"; DROP SCHEMA raw; --', pl.DataFrame({"k": [1]}))


def test_a_second_process_waits_its_turn(tmp_path: Path) -> None:
    with DuckWarehouse(tmp_path).write() as w:
        w.replace("raw.a", pl.DataFrame({"k": [1]}))
    ready = tmp_path / "ready"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"import duckdb, time, pathlib; c = duckdb.connect({str(tmp_path / 'warehouse.duckdb')!r});"
            f" pathlib.Path({str(ready)!r}).touch(); time.sleep(2)",
        ]
    )
    while not ready.exists():
        time.sleep(0.05)
    with pytest.raises(WarehouseBusyError, match="占用"):
        DuckWarehouse(tmp_path, patience_seconds=0.3).frame("SELECT 1")
    assert DuckWarehouse(tmp_path, patience_seconds=30).frame("SELECT k FROM raw.a").item() == 1
    holder.wait()


def test_held_open_it_keeps_others_out_until_the_end(tmp_path: Path) -> None:
    look = "from pathlib import Path; from pipelines.warehouse import DuckWarehouse as D; D(Path({!r}), patience_seconds=0.1).frame('SELECT 1')"
    ask = [sys.executable, "-c", look.format(str(tmp_path))]
    warehouse = DuckWarehouse(
        tmp_path, RunScope(tmp_path, dt.date(2024, 1, 1), dt.datetime(2024, 1, 1), dt.date(2024, 1, 1))
    )
    with warehouse.held():
        with warehouse.write() as w:
            w.replace("raw.a", "SELECT getvariable('as_of') AS day")
        outside = subprocess.run(ask, capture_output=True, text=True, check=False)
        assert outside.returncode and "被另一个进程占用" in outside.stderr
        assert warehouse.frame("SELECT day FROM raw.a").item() == dt.date(2024, 1, 1)
    assert subprocess.run(ask, capture_output=True, check=False).returncode == 0


def test_kill_in_mid_transaction_leaves_the_old_table(tmp_path: Path) -> None:
    with DuckWarehouse(tmp_path).write() as w:
        w.replace("raw.a", pl.DataFrame({"k": [1]}))
    ready = tmp_path / "ready"
    writer = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import polars as pl, time, pathlib; from pipelines.warehouse import DuckWarehouse\n"
            f"with DuckWarehouse(pathlib.Path({str(tmp_path)!r})).write() as w:\n"
            "    w.replace('raw.a', pl.DataFrame({'k': range(100_000)}))\n"
            f"    pathlib.Path({str(ready)!r}).touch(); time.sleep(60)\n",
        ]
    )
    while not ready.exists():
        time.sleep(0.05)
    writer.kill()
    writer.wait()
    assert DuckWarehouse(tmp_path).frame("SELECT k FROM raw.a").rows() == [(1,)]


def test_a_database_that_has_spilled_goes_on(tmp_path: Path) -> None:
    warehouse = DuckWarehouse(home=tmp_path)
    with warehouse.held():
        with warehouse.write() as transaction:
            for setting in ("memory_limit = '30MB'", "threads = 1"):
                transaction.execute(f"SET {setting}")
            transaction.execute("CREATE SCHEMA raw")
            transaction.execute(
                "CREATE TABLE raw.x AS SELECT i, hash(i)::VARCHAR || hash(i + 1)::VARCHAR AS s FROM range(600000) t(i) ORDER BY s"
            )
        assert list((tmp_path / "spill").iterdir()), "it has spilled"
        assert warehouse.frame("SELECT count(*) FROM raw.x").item() == 600_000
