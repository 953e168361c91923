from datetime import date, datetime
from pathlib import Path

import dagster as dg
import polars as pl
import pytest

from assets.sql import SqlAssetError, sql_asset, sql_assets, upstream_tables
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse


@pytest.fixture
def scope(tmp_path: Path) -> RunScope:
    return RunScope(tmp_path, date(2024, 12, 31), datetime.fromisoformat("2025-01-01T09:00:00"), date(2024, 12, 31))


@pytest.fixture
def warehouse(tmp_path: Path, scope: RunScope) -> DuckWarehouse:
    return DuckWarehouse(home=tmp_path, scope=scope, memory=True)


def test_upstream_tables_leave_out_ctes_functions_and_unnests():
    sql = """
    -- 说明
    WITH paid AS (SELECT * FROM raw.tax_payment p JOIN registry.subject USING (_subject_id)),
         each AS (SELECT e.x FROM paid, unnest(paid.l) AS e(x), range(1, 3), read_csv('f.csv'))
    SELECT *, (SELECT max(y) FROM raw.other o WHERE o.k = each.x) FROM each ASOF JOIN raw.third t ON each.x >= t.x
    WHERE EXISTS (FROM raw.fourth) ORDER BY ALL
    """
    assert upstream_tables(sql) == {"raw.tax_payment", "registry.subject", "raw.other", "raw.third", "raw.fourth"}


def test_a_cte_of_a_sub_query_is_no_table_outside_it():
    with pytest.raises(SqlAssetError, match="inner_only"):
        upstream_tables(
            "SELECT * FROM (WITH inner_only AS (SELECT 1) FROM inner_only), inner_only ORDER BY ALL", "x.sql"
        )


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT 1 AS a ORDER BY a", "注释"),
        ("-- 甲\nSELECT 1 AS a", "ORDER BY"),
        ("-- 甲\nSELECT 1 AS a ORDER BY a; SELECT 2", "一条 SELECT"),
        ("-- 甲\nDROP TABLE raw.x", "一条 SELECT"),
        ("-- 甲\nSELECT a FROM profile.t ORDER BY a", "自己"),
        ("-- 甲\nSELECT a FROM somewhere ORDER BY a", "schema"),
        ("-- 甲\nSELECT (a FROM profile.u ORDER BY a", "读不懂"),
    ],
)
def test_a_file_that_cannot_be_an_asset_is_refused_by_name(tmp_path: Path, sql, said):
    (tmp_path / "t.sql").write_text(sql, encoding="utf-8")
    with pytest.raises(SqlAssetError) as caught:
        sql_assets(tmp_path, "profile")
    assert "t.sql" in str(caught.value)
    assert said in str(caught.value)


def test_a_folder_becomes_assets_that_write_their_tables(tmp_path: Path, warehouse, scope):
    folder = tmp_path / "sql"
    folder.mkdir()
    (folder / "first.sql").write_text(
        "-- 税额合计\n-- 按企业\nSELECT enterprise_id, sum(paid_yuan) AS paid FROM raw.paid\n"
        "WHERE paid_on <= getvariable('as_of') GROUP BY ALL ORDER BY enterprise_id;\n",
        encoding="utf-8",
    )
    (folder / "second.sql").write_text(
        "-- 再加一\nSELECT paid + 1 AS more FROM t.first ORDER BY more\n", encoding="utf-8"
    )
    with warehouse.write() as w:
        w.replace(
            "raw.paid",
            pl.DataFrame(
                {
                    "enterprise_id": ["b", "a", "a"],
                    "paid_yuan": [1, 2, 3],
                    "paid_on": [date(2024, 1, 1)] * 2 + [date(2025, 1, 1)],
                }
            ),
        )
    definitions = sql_assets(folder, "t", columns={"paid": "税额"})
    assert [d.key.path for d in definitions] == [["t", "first"], ["t", "second"]]
    assert definitions[1].asset_deps[dg.AssetKey(["t", "second"])] == {dg.AssetKey(["t", "first"])}
    assert definitions[0].descriptions_by_key[dg.AssetKey(["t", "first"])] == "税额合计按企业"
    result = dg.materialize(definitions, resources={"warehouse": warehouse, "scope": scope})
    assert result.success
    assert warehouse.frame("SELECT * FROM t.first").rows() == [("a", 2), ("b", 1)]
    assert warehouse.frame("SELECT * FROM t.second").rows() == [(2,), (3,)]
    metadata = result.asset_materializations_for_node("t__first")[0].metadata
    assert metadata["dagster/row_count"].value == 2
    assert metadata["dagster/table_name"].value == "t.first"
    assert [(c.name, c.description) for c in metadata["dagster/column_schema"].value.columns] == [
        ("enterprise_id", None),
        ("paid", "税额"),
    ]


def test_a_generated_query_takes_its_description_as_an_argument():
    asset = sql_asset("t", "SELECT 1 AS a FROM raw.x ORDER BY a", "s", description="甲")
    assert asset.asset_deps[asset.key] == {dg.AssetKey(["raw", "x"])}
