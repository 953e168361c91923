"""The hostile folder at the door: every delivery turned away with its reason, nothing half loaded, the good ones as without it."""

import importlib.util
import re
import sys
from datetime import datetime
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from assets.raw.arrival import arrivals
from assets.raw.backlog import backlog
from assets.raw.door import Passed, admit
from assets.raw.load import load
from assets.raw.receipt import printable
from assets.raw.schema import CHECK_COLUMNS, LOAD_COLUMNS, REJECT_COLUMNS
from data import contract
from pipelines.scope import RunScope, resolve
from pipelines.warehouse import DuckWarehouse
from quality.conform import no_subjects


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "data" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


hostile = _beside("hostile")
CASES = [*hostile.cases(), *_beside("hostile_inside").cases(), *_beside("hostile_field").cases()]
TABLES = (
    "market_baseinfo", "tax_vat", "industry_gradient", "agri_leading", "ip_patent", "labor_unit", "housing_qualification",
    "apply_case", "apply_feedback", "reform_permit", "customs_registration", "customs_trade_month", "hotline_call",
)  # fmt: skip
SCOPE = datetime(2024, 12, 31, 23, 59, 59)


def clean(home: Path) -> None:
    """A good delivery of four forms."""
    book = hostile.workbook([[c.header for c in hostile.GRADIENT], *[hostile.gradient() for _ in range(2)]])
    tax = hostile.gzip.compress(hostile.vat(30), mtime=0)
    for i, case in enumerate(
        (
            hostile.Case("SCJG_E_BASEINFO_20240102_I_01.csv", hostile.GOOD),
            hostile.Case("GXT_ZJTX_2023_F_01.xlsx", book),
            hostile.Case("SWJ_SB_ZZS_202312_I_01.txt.gz", tax, control=hostile.control(tax, 30)),
        )
    ):
        hostile.land(case, home / "landing" / "clean" / str(i), i + 1)


def run(home: Path) -> tuple[DuckWarehouse, Passed]:
    scope = RunScope(home, SCOPE.date(), SCOPE, SCOPE.date())
    warehouse = DuckWarehouse(home=home, scope=scope)
    passed = admit(home, SCOPE)
    with warehouse.write() as w:
        w.replace("raw.arrival", arrivals(home))
        w.append("raw.delivery_load", pl.DataFrame(schema=LOAD_COLUMNS))
        w.append("raw.subject", no_subjects())
        w.append("quality.reject", pl.DataFrame(schema=REJECT_COLUMNS))
        w.append("quality.check", pl.DataFrame(schema=CHECK_COLUMNS))
    todo = backlog(warehouse, scope)
    for key in TABLES:
        department, _, name = key.partition("_")
        load(contract.table(department, name), warehouse, scope, todo)
    return warehouse, passed


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> tuple[DuckWarehouse, Passed, list[str]]:
    home = tmp_path_factory.mktemp("attacked")
    clean(home)
    for i, case in enumerate(CASES):
        hostile.land(case, home / "landing" / ("" if i % 2 else f"sub/{i}"), 100 + i)
    (home / "secret.csv").write_bytes(b"untouched")
    strange = hostile.land_strange_things(home / "landing" / "strange", home / "secret.csv")
    assert resolve(home).as_of <= SCOPE.date(), "a lying receipt must not move the day of the run"
    return (*run(home), strange)


@pytest.fixture(scope="module")
def said(attacked: tuple[DuckWarehouse, Passed, list[str]]) -> dict[str, tuple[str, str]]:
    """File name → status and everything that was said about it."""
    warehouse, passed, _ = attacked
    found = {name: ("refused", reason) for name, reason in passed.refused}
    loads = warehouse.frame("SELECT name, status, coalesce(reason, '') FROM raw.delivery_load ORDER BY status")
    rows = warehouse.frame(
        "SELECT file, string_agg(coalesce(column_name, '') || reason, ' ') FROM quality.reject WHERE row_no > 0 GROUP BY file"
    )
    details = dict(rows.iter_rows())
    for name, status, reason in loads.iter_rows():
        found[name] = (status, f"{reason} {details.get(name, '')}")
    return found


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.name}-{c.why[:12]}")
def test_each_hostile_delivery_is_answered_for_what_it_is(
    case: "hostile.Case", said: dict[str, tuple[str, str]]
) -> None:
    status, reason = said[printable(case.name)]
    assert status == ("loaded" if case.rows or case.loads else "refused"), reason
    assert re.search(case.why, reason), reason
    assert not case.why or re.search(r"[\u4e00-\u9fff]", reason)
    assert "\x1b" not in reason, "a terminal would obey it"


def test_what_a_snapshot_may_lack_is_said(attacked: tuple[DuckWarehouse, Passed, list[str]]) -> None:
    sql = "SELECT notes FROM raw.delivery_load WHERE name = 'ZJT_SNAPSHOT_20220101_F_68.db'"
    assert "预写日志" in attacked[0].frame(sql).item(0, 0)


def test_hidden_rows_and_columns_are_read_and_counted(attacked: tuple[DuckWarehouse, Passed, list[str]]) -> None:
    sql = "SELECT notes, rows_loaded FROM raw.delivery_load WHERE name = 'GXT_ZJTX_1911_F_68.xlsx'"
    notes, loaded = attacked[0].frame(sql).row(0)
    assert ("有隐藏（或筛选掉）的行、列 2 处，与其他行列一样读入" in notes, loaded) == (True, 8)


def test_links_folders_and_pipes_are_turned_away_and_never_followed(
    attacked: tuple[DuckWarehouse, Passed, list[str]],
) -> None:
    warehouse, passed, strange = attacked
    assert set(strange) <= {name for name, _ in passed.refused}
    assert (warehouse.home / "secret.csv").read_bytes() == b"untouched"
    assert not [p for p in (warehouse.home / "landing").rglob("*66*") if p.is_file()]


def test_the_good_deliveries_load_as_if_nothing_else_had_come(
    attacked: tuple[DuckWarehouse, Passed, list[str]], tmp_path: Path
) -> None:
    clean(tmp_path)
    alone, passed = run(tmp_path)
    assert len(passed.accepted) == 3
    ours = "(SELECT file_id FROM raw.arrival WHERE path IS NOT NULL AND name LIKE '%\\_01.%' ESCAPE '\\')"
    for table in ("raw.market_baseinfo", "raw.tax_vat", "raw.industry_gradient"):
        sql = f"SELECT * FROM {table}"
        sql += f" WHERE _file_id IN {ours} ORDER BY _file_id, _row_no"
        expected = alone.frame(sql)
        assert expected.height > 0
        assert attacked[0].frame(sql).equals(expected), table


def test_nothing_is_lost_and_the_next_run_has_nothing_to_do(attacked: tuple[DuckWarehouse, Passed, list[str]]) -> None:
    warehouse = attacked[0]
    odd = warehouse.frame(
        "SELECT name FROM raw.delivery_load WHERE rows_in <> rows_loaded + rows_rejected + rows_duplicate + rows_total"
    )
    assert odd.is_empty()
    partial = warehouse.frame(
        "SELECT count(*) FROM raw.market_baseinfo WHERE _file_id IN (SELECT file_id FROM raw.delivery_load WHERE status = 'refused')"
    )
    assert partial.item() == 0
    before = warehouse.frame("SELECT * FROM raw.arrival ORDER BY ALL")
    _, passed = run(warehouse.home)
    assert not passed.accepted
    assert not passed.refused
    assert warehouse.frame("SELECT * FROM raw.arrival ORDER BY ALL").equals(before)
