"""One asset per table of each contract, made by a loop: its deliveries loaded, its rules reported as asset checks."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.ports import Scope, Warehouse
from assets.raw.backlog import backlog_of_run
from assets.raw.load import Loaded, load
from data import contract
from data.contract import Table
from quality.masks import Outcome

# Beside the contract's own rules every table answers for these.
CONSERVED, READABLE = "rows_conserved", "deliveries_readable"


def table_assets() -> list[dg.AssetsDefinition]:
    """An asset for every contract table, in the order of the contracts."""
    return [_table_asset(table, contract.feeds()[table.department].name) for table in contract.tables()]


def _table_asset(table: Table, department: str) -> dg.AssetsDefinition:
    key = ["raw", table.key]
    checks = [
        dg.AssetCheckSpec(rule.id, asset=key, blocking=rule.level != "warn", description=rule.label)
        for rule in table.rules
    ]
    checks.append(
        dg.AssetCheckSpec(CONSERVED, asset=key, blocking=True, description="读入行数 = 载入 + 退回 + 重复 + 合计行")
    )
    checks.append(dg.AssetCheckSpec(READABLE, asset=key, blocking=False, description="没有整份拒收的交付"))

    @dg.asset(
        key=key,
        group_name="raw",
        deps=[["raw", "arrival"]],
        description=f"{department}·{table.label}（{table.native}）：按合同读出、核对、入库，只增不改",
        check_specs=checks,
        code_version=table.version,
        owners=None,
        kinds={"python", "duckdb"},
    )
    def materialized(
        context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]
    ) -> Iterator[Any]:
        chosen = context.run.asset_selection
        names = None if chosen is None else {key.path[-1] for key in chosen}
        loaded = load(table, warehouse, scope, backlog_of_run(context.run.run_id, warehouse, scope, names))
        for file in loaded.files:
            if file.refusal:
                context.log.warning(f"拒收 {file.arrival['name']}：{file.refusal}")
        yield from _check_results(loaded, table)
        if loaded.blocked:
            raise dg.Failure(
                description=f"{department}·{table.label}：{loaded.blocked}；本表未写入，保留上一版", allow_retries=False
            )
        assert loaded.written is not None
        yield dg.MaterializeResult(metadata=_metadata(loaded, table))

    return materialized


def _check_results(loaded: Loaded, table: Table) -> Iterator[dg.AssetCheckResult]:
    for outcome in loaded.outcomes:
        refused = [f.arrival["name"] for f in loaded.files if outcome.rule.id in f.rule_refusals]
        blocks = outcome.rule.level != "warn" and bool(outcome.broken or (loaded.blocked and refused))
        passed = outcome.passed if outcome.rule.level == "warn" else not (blocks or refused)
        yield dg.AssetCheckResult(
            check_name=outcome.rule.id,
            passed=passed,
            severity=dg.AssetCheckSeverity.ERROR if blocks else dg.AssetCheckSeverity.WARN,
            metadata=_outcome_metadata(outcome, refused),
        )
    lost = loaded.blocked is not None and "不守恒" in loaded.blocked
    yield dg.AssetCheckResult(check_name=CONSERVED, passed=not lost, metadata={"files": len(loaded.files)})
    refusals = [f"{f.arrival['name']}：{f.refusal}" for f in loaded.files if f.refusal]
    yield dg.AssetCheckResult(
        check_name=READABLE,
        passed=not refusals,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"refused": len(refusals), "reasons": refusals[:10]},
    )


def _outcome_metadata(outcome: Outcome, refused: list[str]) -> dict[str, Any]:
    """Counts, share and row numbers; never a value."""
    positions = outcome.bad.arg_true().head(10).to_list() if outcome.bad is not None else []
    return {
        "rows": outcome.rows,
        "bad_rows": outcome.bad_rows,
        "share": round(outcome.share, 6),
        "max_bad_share": outcome.rule.max_bad_share,
        "positions": positions,
        "refused_files": refused[:10],
        "broken": outcome.broken or "",
    }


def _metadata(loaded: Loaded, table: Table) -> dict[str, Any]:
    assert loaded.written is not None
    labels = {name: column.label for name, column in table.columns.items()}
    columns = [dg.TableColumn(n, t, description=labels.get(n)) for n, t in loaded.written.columns.items()]
    return {
        "dagster/table_name": loaded.written.table,
        "dagster/row_count": loaded.written.rows,
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "files": len(loaded.files),
        "files_refused": sum(1 for f in loaded.files if f.refusal),
        "rows_new": loaded.rows_new,
        "rows_rejected": sum(f.counts["rows_rejected"] for f in loaded.files),
    }
