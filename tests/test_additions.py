"""One place for each addition: a department, an item, an indicator and a mart table are really added to a copy of the project."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from pipelines.scope import PROJECT

PACKAGES = ("data", "matching", "quality", "evaluation", "assets", "pipelines", "dashboards")


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    project = tmp_path / "project"
    for package in PACKAGES:
        shutil.copytree(PROJECT / package, project / package, ignore=shutil.ignore_patterns("__pycache__"))
    return project


def asked(project: Path, question: str) -> Any:
    """What a fresh interpreter in the copy answers (one JSON value)."""
    done = subprocess.run(
        [sys.executable, "-c", f"import json, sys; sys.path.insert(0, {str(project)!r})\n{textwrap.dedent(question)}"],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project), "PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


KEYS = """
    from pathlib import Path
    from pipelines.definitions import build
    graph = build(Path("home")).resolve_asset_graph()
    assert not graph.unexecutable_asset_keys
    print(json.dumps({k.to_user_string(): graph.get(k).description for k in graph.executable_asset_keys}))
"""

ECOLOGY = """
department: ecology
name: 生态环境厅
prefix: STHJ
contact: 环评与排放管理处
forms:
  monthly: {pattern: '{prefix}_{native}_{period}_{kind}_{batch}\\.jsonl', format: jsonl, min_rows: 0, encoding: utf-8}
tables:
  permit:
    native: PWXK
    label: 排污许可
    primary: [permit_no]
    valid_at: issued_date
    cadence: month
    due_days: 15
    grace_days: 5
    subject: {uscc: uscc, name: name}
    columns:
      permit_no: {label: 排污许可证编号, header: 排污许可证编号, type: code, required: true}
      uscc: {label: 统一社会信用代码, header: 统一社会信用代码, type: code, key: uscc}
      name: {label: 单位名称, header: 单位名称}
      issued_date: {label: 发证日期, header: 发证日期, type: date}
    rules:
      - {id: permit_dated, label: 许可证有发证日期, level: warn, expect: expect_column_values_to_not_be_null, kwargs: {column: issued_date}}
"""


def test_a_department_is_one_file(copy: Path) -> None:
    before = asked(copy, KEYS)
    (copy / "data" / "departments" / "ecology.yml").write_text(ECOLOGY.lstrip(), encoding="utf-8")
    after = asked(copy, KEYS)
    assert set(after) - set(before) == {"raw/ecology_permit"}
    assert "排污许可" in after["raw/ecology_permit"]


def test_an_unknown_key_in_a_contract_stops_the_load_and_is_named(copy: Path) -> None:
    (copy / "data" / "departments" / "ecology.yml").write_text(
        ECOLOGY.lstrip().replace("cadence: month", "cadence: month\n    cadense: month"), encoding="utf-8"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(copy)!r}); import assets.raw"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "ecology.yml" in done.stderr and "cadense" in done.stderr


def test_a_policy_item_is_one_file(copy: Path) -> None:
    items = "from data.corpus import load_items; print(json.dumps([i.id for i in load_items()]))"
    before = asked(copy, items)
    source = (PROJECT / "data" / "policies" / "cn-hnte-15.md").read_text(encoding="utf-8")
    (copy / "data" / "policies" / "cn-hnte-copy.md").write_text(
        source.replace("id: cn-hnte-15", "id: cn-hnte-copy"), encoding="utf-8"
    )
    assert sorted(set(asked(copy, items)) - set(before)) == ["cn-hnte-copy"]
    compiled = """
        from data.corpus import load_items
        from data.indicators import load
        from matching.rules import compile_items
        print(json.dumps("cn-hnte-copy" in {i.key[0] for i in compile_items(load_items(), load()).items}))
    """
    assert asked(copy, compiled) is True


def test_an_indicator_is_an_entry_and_a_column(copy: Path) -> None:
    catalogue = copy / "data" / "indicators.yml"
    entry = """
tax_office:
  label: 主管税务机关
  definition: 最新税务登记中的主管税务机关代码
  type: code
  unit: 代码
  source: feed
  department: tax
  table: registration
  grain: day
  stale_after_days: 60
"""
    catalogue.write_text(catalogue.read_text(encoding="utf-8") + entry, encoding="utf-8")
    sql = copy / "assets" / "profile" / "tax.sql"
    text = sql.read_text(encoding="utf-8")
    head, _, tail = text.rpartition("\nSELECT\n")
    assert head, "tax.sql ends in one SELECT"
    first, rest = tail.split("\n", 1)
    sql.write_text(
        f"{head}\nSELECT\n{first}\n    registration.tax_office_code AS tax_office,\n{rest}", encoding="utf-8"
    )
    seen = asked(
        copy,
        """
        from assets.profile.plan import generated
        from matching.rules import compile_items
        from data.indicators import load
        sql = generated()
        program = compile_items([{"id": "x", "version": 1, "conditions": [{"id": "c1", "text": "t", "expr": "tax_office = '14601'"}]}], load())
        print(json.dumps(["tax_office" in sql["enterprise"], "tax_office" in sql["sourced"], load()["tax_office"].label]))
        """,
    )
    assert seen == [True, True, "主管税务机关"]


def test_a_mart_table_is_one_file(copy: Path) -> None:
    (copy / "assets" / "mart" / "fact_example.sql").write_text(
        "-- 示例：每户一行\nSELECT enterprise_id, getvariable('build_id') AS build_id FROM profile.enterprise ORDER BY enterprise_id\n",
        encoding="utf-8",
    )
    after = asked(copy, KEYS)
    assert after["mart/fact_example"] == "示例：每户一行"
