"""A folder of `.sql` files as Dagster assets: one SELECT per file, its first comment the description, its upstream tables read from the query."""

import hashlib
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import sqlglot
from sqlglot import exp

from assets.ports import Scope, Warehouse, Written


class SqlAssetError(ValueError):
    """A `.sql` file that cannot be an asset; the message names the file and what was expected, in Chinese."""


def sql_assets(
    folder: Path,
    schema: str,
    *,
    columns: Mapping[str, str] | None = None,
    deps: Iterable[str] = (),
) -> list[dg.AssetsDefinition]:
    """One asset per `<folder>/<name>.sql`, key `[schema, name]`, in the order of the file names.

    `columns` gives Chinese descriptions of columns by name, `deps` tables (`schema.table`) that every file of the folder waits for
    beside those it reads. Raises SqlAssetError for a file without a leading comment, that is not one SELECT, reads a table without its
    schema, or does not end in ORDER BY.
    """
    return [
        sql_asset(
            file.stem,
            file.read_text(encoding="utf-8"),
            schema,
            columns=columns,
            deps=deps,
            source=file.name,
        )
        for file in sorted(folder.glob("*.sql"))
    ]


def sql_asset(
    name: str,
    sql: str,
    schema: str,
    *,
    description: str | None = None,
    columns: Mapping[str, str] | None = None,
    deps: Iterable[str] = (),
    source: str | None = None,
) -> dg.AssetsDefinition:
    """The asset `[schema, name]` that replaces the table `schema.name` with the result of one SELECT; see `sql_assets`."""
    spec = sql_spec(name, sql, schema, description=description, deps=deps, source=source)
    labels = dict(columns or {})

    @dg.asset(
        key=spec.key,
        description=spec.description,
        group_name=spec.group_name,
        deps=spec.deps,
        kinds=spec.kinds,
        code_version=spec.code_version,
    )
    def materialized(
        warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]
    ) -> dg.MaterializeResult[None]:
        with warehouse.write() as transaction:
            written = transaction.replace(f"{schema}.{name}", sql)
        return dg.MaterializeResult(metadata={**table_metadata(written, labels), "as_of": scope.as_of.isoformat()})

    return materialized


def sql_spec(
    name: str,
    sql: str,
    schema: str,
    *,
    description: str | None = None,
    deps: Iterable[str] = (),
    source: str | None = None,
) -> dg.AssetSpec:
    """What Dagster is told of the table `schema.name` that one SELECT fills. Raises SqlAssetError as `sql_assets` does."""
    where = source or f"{schema}.{name}"
    query = _query(sql, where)
    told = description or _leading_comment(sql)
    if not told:
        raise SqlAssetError(f"{where}：第一行应为说明这张表的中文注释（-- …）")
    if not query.args.get("order"):
        raise SqlAssetError(f"{where}：最外层应以 ORDER BY 结尾，否则同样的输入不保证同样的字节")
    upstream = {*upstream_tables(sql, where), *deps}
    if f"{schema}.{name}" in upstream:
        raise SqlAssetError(f"{where}：不能读它自己要写的表 {schema}.{name}")
    return dg.AssetSpec(
        [schema, name],
        description=told,
        group_name=schema,
        deps=[dg.AssetKey(table.split(".")) for table in sorted(upstream)],
        kinds={"sql", "duckdb"},
        code_version=hashlib.sha256(sql.encode()).hexdigest()[:12],
    )


def column_lineage(lineage: Mapping[str, Iterable[tuple[str, str]]]) -> dg.TableColumnLineage:
    """column → (table `schema.name`, column), as Dagster draws it between assets."""
    return dg.TableColumnLineage(
        deps_by_column={
            column: [
                dg.TableColumnDep(asset_key=dg.AssetKey(table.split(".")), column_name=name) for table, name in made_of
            ]
            for column, made_of in lineage.items()
        }
    )


def table_metadata(written: Written, columns: Mapping[str, str] | None = None) -> dict[str, Any]:
    """What every stored table tells Dagster: its name, rows, and columns with their Chinese descriptions."""
    labels = columns or {}
    return {
        "dagster/table_name": written.table,
        "dagster/row_count": written.rows,
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(name=name, type=kind, description=labels.get(name))
                for name, kind in written.columns.items()
            ]
        ),
    }


def upstream_tables(sql: str, where: str = "SQL") -> set[str]:
    """The tables (`schema.table`) one SELECT reads: CTEs, table functions and lateral unnests left out.

    Raises SqlAssetError for a table without a schema that no CTE defines: in the warehouse it would be somebody's temporary table.
    """
    query = _query(sql, where)
    found = set()
    for table in query.find_all(exp.Table):
        if not isinstance(table.this, exp.Identifier):
            continue
        if table.db:
            found.add(f"{table.db}.{table.name}")
        elif table.name not in _visible_ctes(table):
            raise SqlAssetError(f"{where}：表 {table.name} 没有写明 schema，也不是本查询的 WITH 子句")
    return found


def output_columns(sql: str, where: str = "SQL") -> set[str]:
    """The names of the columns one SELECT yields; a star is not followed."""
    return set(_query(sql, where).named_selects)


def _visible_ctes(node: exp.Expression) -> set[str]:
    """The names of the WITH clauses that enclose a node; a CTE of one sub-query is no table of another."""
    names: set[str] = set()
    parent: exp.Expression | None = node
    while parent is not None:
        clause = parent.args.get("with_") or parent.args.get("with")
        if clause is not None:
            names.update(cte.alias for cte in clause.expressions)
        parent = parent.parent
    return names


@cache
def _query(sql: str, where: str) -> exp.Query:
    """The parsed SELECT, which nobody changes: parsing is the dearest part of loading the graph, so each text is parsed once."""
    try:
        statements = [statement for statement in sqlglot.parse(sql, dialect="duckdb") if statement is not None]
    except sqlglot.ParseError as error:
        problem = error.errors[0]
        raise SqlAssetError(
            f"{where}：第 {problem.get('line')} 行第 {problem.get('col')} 列附近读不懂：{problem.get('description')}"
        ) from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise SqlAssetError(f"{where}：应当恰好是一条 SELECT，现为 {len(statements)} 条语句")
    return statements[0]


def _leading_comment(sql: str) -> str:
    lines = []
    for line in sql.lstrip().splitlines():
        if not line.startswith("--"):
            break
        lines.append(line.removeprefix("--").strip())
    return "".join(lines)
