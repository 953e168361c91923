"""The held event log: the same files as Dagster's own, readable by it while a run is written and afterwards."""

from pathlib import Path

import dagster as dg
import pytest

from pipelines.history import HELD_SHARDS, HeldEventLog, opened


@dg.asset(check_specs=[dg.AssetCheckSpec("fine", asset="kept")])
def kept():  # type: ignore[no-untyped-def]
    yield dg.AssetCheckResult(check_name="fine", passed=True)
    yield dg.MaterializeResult(metadata={"rows": 3})


def test_a_run_written_through_the_held_log_is_the_one_the_stock_log_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    key = dg.AssetKey("kept")
    runs = []
    with opened() as instance:
        assert isinstance(instance.event_log_storage, HeldEventLog)
        for _ in range(HELD_SHARDS + 2):
            result = dg.materialize([kept], instance=instance)
            runs.append(result.run_id)
            with dg.DagsterInstance.get() as beside:
                assert len(beside.all_logs(result.run_id)) == len(instance.all_logs(result.run_id)) > 5
    with dg.DagsterInstance.get() as stock:
        assert not isinstance(stock.event_log_storage, HeldEventLog)
        newest = stock.get_latest_materialization_event(key)
        assert newest is not None and newest.run_id == runs[-1]
        assert all(stock.get_run_by_id(run).is_success for run in runs)  # type: ignore[union-attr]
