"""Publication: readers meet whole builds only, and a damaged one is named and can be left."""

import datetime as dt
import json
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

from pipelines.publish import KEPT_BUILDS, point_back, publish
from pipelines.published import NotPublishedError, current, open_published
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse


def _published(home: Path, day: int, value: int) -> RunScope:
    scope = RunScope(home, dt.date(2024, 12, day), dt.datetime(2024, 12, day, 23), dt.date(2024, 12, day))
    warehouse = DuckWarehouse(home, scope)
    with warehouse.write() as w:
        w.replace("mart.a", pl.DataFrame({"k": [value]}))
        w.replace("raw.secret", pl.DataFrame({"k": [value]}))
        w.replace("raw.delivery", pl.DataFrame({"file_id": ["f"]}))
    publish(warehouse, scope)
    return scope


def _value(home: Path) -> int:
    with closing(open_published(home)) as con:
        return int(con.execute("SELECT k FROM mart.a").fetchall()[0][0])


def test_nothing_published_yet_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NotPublishedError, match="make run"):
        current(tmp_path)


def test_departments_rows_stay_behind(tmp_path: Path) -> None:
    _published(tmp_path, 1, 1)
    with closing(open_published(tmp_path)) as con:
        tables = con.execute(
            "SELECT table_schema || '.' || table_name FROM information_schema.tables ORDER BY 1"
        ).fetchall()
    assert tables == [("mart.a",), ("raw.delivery",)]


def test_an_open_reader_keeps_its_build_while_the_next_is_published(tmp_path: Path) -> None:
    _published(tmp_path, 1, 1)
    with closing(open_published(tmp_path)) as old:
        _published(tmp_path, 2, 2)
        assert old.execute("SELECT k FROM mart.a").fetchall() == [(1,)]
    assert _value(tmp_path) == 2


def test_a_name_is_never_used_twice(tmp_path: Path) -> None:
    _published(tmp_path, 1, 1)
    first = current(tmp_path).path
    _published(tmp_path, 1, 1)
    assert current(tmp_path).path != first


def test_old_builds_are_swept(tmp_path: Path) -> None:
    for day in range(1, 7):
        _published(tmp_path, day, day)
    assert len(list(tmp_path.glob("mart-*.duckdb"))) == KEPT_BUILDS
    assert _value(tmp_path) == 6


def test_a_truncated_build_is_named_and_repair_points_back(tmp_path: Path) -> None:
    _published(tmp_path, 1, 1)
    _published(tmp_path, 2, 2)
    broken = current(tmp_path).path
    broken.write_bytes(broken.read_bytes()[:1000])
    with pytest.raises(NotPublishedError, match=broken.name):
        open_published(tmp_path)
    point_back(tmp_path)
    assert _value(tmp_path) == 1


def test_a_flipped_byte_is_not_pointed_at(tmp_path: Path) -> None:
    _published(tmp_path, 1, 1)
    whole = current(tmp_path).path
    data = bytearray(whole.read_bytes())
    data[len(data) // 2] ^= 1
    whole.write_bytes(data)
    with pytest.raises(NotPublishedError, match="没有完好"):
        point_back(tmp_path)


def test_a_damaged_pointer_is_named(tmp_path: Path) -> None:
    _published(tmp_path, 1, 1)
    (tmp_path / "CURRENT").write_text("{", encoding="utf-8")
    with pytest.raises(NotPublishedError, match="已损坏"):
        current(tmp_path)
    assert point_back(tmp_path).build_id == json.loads((tmp_path / "CURRENT").read_text())["build_id"]
