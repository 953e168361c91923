import json
from datetime import date, datetime
from pathlib import Path

import dagster as dg
import duckdb
import polars as pl
import pytest
from typer.testing import CliRunner

from assets.policy import POLICY_ASSETS, condition_frame, item_frame
from data.corpus import load_items
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    scope = RunScope(home, date(2024, 12, 31), datetime.fromisoformat("2025-01-25T09:00:00"), date(2025, 1, 25))
    warehouse = DuckWarehouse(home=home, scope=scope, memory=True)
    result = dg.materialize(POLICY_ASSETS, resources={"warehouse": warehouse, "scope": scope})
    assert result.success
    return warehouse, result


def test_every_version_is_stored_once_with_its_conditions(stored):
    warehouse, _ = stored
    items = load_items()
    assert warehouse.frame("SELECT count(*) AS n FROM policy.item")["n"][0] == len(items)
    held = warehouse.frame("SELECT item_id, version, count(*) AS n FROM policy.condition GROUP BY ALL ORDER BY ALL")
    expected = sorted((i.id, i.version, len(i.conditions) + len(i.outside_data)) for i in items)
    assert [tuple(row) for row in held.iter_rows()] == expected
    versions = warehouse.frame("SELECT version FROM policy.item WHERE item_id = 'hn-biomed-voucher' ORDER BY 1")
    assert versions["version"].to_list() == [1, 2]


def test_money_and_dates_keep_their_types(stored):
    warehouse, _ = stored
    kinds = warehouse.columns("policy.item")
    assert kinds["budget_yuan"] == "DECIMAL(18,2)"
    assert kinds["valid_from"] == "DATE"
    assert kinds["region"] == "VARCHAR[]"


def test_reviewed_rule_and_model_tags_stand_side_by_side_with_their_words(stored):
    warehouse, _ = stored
    tags = warehouse.frame(
        "SELECT source, because FROM policy.tag WHERE item_id = 'hn-ip-pledge' AND facet = 'theme' AND tag = '知识产权'"
    )
    by_source = dict(tags.iter_rows())
    assert by_source["reviewed"] == []
    assert "知识产权" in by_source["rule"]


def test_a_new_version_replaces_the_old_one_and_named_documents_are_found(stored):
    warehouse, _ = stored
    rows = warehouse.frame("SELECT item_id, version, kind, other_id, other_version FROM policy.relation").rows()
    assert ("hn-biomed-voucher", 2, "replaces", "hn-biomed-voucher", 1) in rows
    assert ("hk-specialised-support", 1, "cites", "hn-specialised-first", 1) in rows


def test_the_same_corpus_gives_the_same_rows(stored):
    warehouse, _ = stored
    before = warehouse.frame("SELECT * FROM policy.tag")
    again = dg.materialize(POLICY_ASSETS, resources={"warehouse": warehouse, "scope": _scope(warehouse)})
    assert again.success
    assert warehouse.frame("SELECT * FROM policy.tag").equals(before)


def test_outputs_carry_rows_schema_and_chinese_descriptions(stored):
    _, result = stored
    seen = {}
    for event in result.get_asset_materialization_events():
        materialization = event.event_specific_data.materialization
        seen[materialization.asset_key.path[-1]] = materialization.metadata
    assert set(seen) == {"item", "condition", "tag", "relation", "search"}
    assert seen["condition"]["dagster/row_count"].value == condition_frame(load_items()).height
    described = {c.name: c.description for c in seen["item"]["dagster/column_schema"].value.columns}
    assert described["budget_yuan"] == "预算（元）"
    assert all(described.values())


def test_logic_that_is_not_written_stands_as_a_conjunction():
    by_id = {row["item_id"]: row for row in item_frame(load_items()).filter(pl.col("version") == 1).to_dicts()}
    assert by_id["hn-hnte-first"]["logic"] == "c1 AND c2 AND c3"


def test_search_command_finds_filters_and_shows_where(stored, tmp_path: Path):
    warehouse, _ = stored
    home = _published(warehouse, tmp_path)
    found = _run(["研发", "补助", "--home", str(home), "--json"])
    assert found[0]["title"].find("研发") >= 0
    assert all(date.fromisoformat(r["valid"]["from"]) <= date(2025, 1, 25) for r in found)
    assert "【" in found[0]["snippet"]
    only = _run(["奖励", "--home", str(home), "--level", "园区", "--json"])
    assert only
    assert {row["level"] for row in only} == {"园区"}
    old = _run(["研发券", "--on", "2022-06-01", "--home", str(home), "--json"])
    assert [(row["item_id"], row["version"]) for row in old][:1] == [("hn-biomed-voucher", 1)]
    sanya = _run(["奖励", "--region", "三亚", "--limit", "200", "--home", str(home), "--json"])
    assert not any(row["region"] == ["460100"] for row in sanya)
    assert {"460000"} <= {code for row in sanya for code in row["region"]}


def test_search_command_names_an_unknown_tag_and_place(stored, tmp_path: Path):
    warehouse, _ = stored
    home = _published(warehouse, tmp_path)
    from pipelines.cli.output import Stop

    for wrong, said in ((["--theme", "太空"], "太空"), (["--region", "乌有乡"], "乌有乡"), (["--on", "昨天"], "昨天")):
        with pytest.raises(Stop, match=said):
            CliRunner().invoke(
                _app(), ["奖励", *wrong, "--home", str(home)], catch_exceptions=False, standalone_mode=False
            )


def _app():
    import typer

    from pipelines.cli.policy import register

    app = typer.Typer()
    register(app)
    return app


def _run(arguments):
    done = CliRunner().invoke(_app(), arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def _scope(warehouse):
    return RunScope(
        warehouse.home, date(2024, 12, 31), datetime.fromisoformat("2025-01-25T09:00:00"), date(2025, 1, 25)
    )


def _published(warehouse, home: Path) -> Path:
    path = home / "mart-test.duckdb"
    con = duckdb.connect(str(path))
    con.execute("CREATE SCHEMA policy").fetchall()
    for name in ("item", "tag", "search"):
        frame = warehouse.frame(f"SELECT * FROM policy.{name}")
        con.register("frame", frame)
        con.execute(f"CREATE TABLE policy.{name} AS SELECT * FROM frame").fetchall()
        con.unregister("frame")
    con.close()
    pointer = {
        "file": path.name, "build_id": "test", "bytes": path.stat().st_size,
        "as_of": "2024-12-31", "known_at": "2025-01-25T09:00:00", "rules_as_of": "2025-01-25",
    }  # fmt: skip
    (home / "CURRENT").write_text(json.dumps(pointer), encoding="utf-8")
    return home
