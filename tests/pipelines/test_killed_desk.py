"""People's work killed at any moment and taken up again: the list is granted once, paid by one file, and the trail is whole."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.loop import officers
from pipelines import steps
from pipelines.export import payments_sent
from tests.pipelines.test_export_cli import published

PROJECT = Path(__file__).resolve().parent.parent.parent
WORK = """
import datetime as dt, sys
from pathlib import Path
from benchmarks.loop import one_list
from pipelines import steps
home, name = Path(sys.argv[1]), sys.argv[2]
draft = (name, "auto_award", steps.proposed(home, name)[0]["sha256"])
desk, day = steps.desk_of(home), dt.datetime(2024, 12, 11, 9)
print("ready", flush=True)
one_list(home, desk, draft, day, day + dt.timedelta(days=6))
print("done", flush=True)
"""
KILLS = 10


def begun(home: Path, name: str) -> subprocess.Popen[str]:
    work = subprocess.Popen(
        [sys.executable, "-c", WORK, str(home), name],
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert work.stdout is not None and work.stdout.readline() == "ready\n"
    return work


@pytest.mark.slow
def test_killed_anywhere_a_list_is_paid_once(tmp_path: Path) -> None:
    untouched = tmp_path / "untouched"
    name = published(untouched)
    officers(steps.desk_of(untouched))
    whole = tmp_path / "whole"
    shutil.copytree(untouched, whole)
    work, started = (
        begun(whole, name),
        time.monotonic(),
    )  # from when it is ready: the imports before are no work to kill
    assert work.wait(120) == 0
    span = time.monotonic() - started

    home, chance, stopped = tmp_path / "home", random.Random(3), set()
    shutil.copytree(untouched, home)
    for _ in range(KILLS):
        work = begun(home, name)
        time.sleep(chance.uniform(0, span))
        os.killpg(work.pid, signal.SIGKILL)
        work.wait()
        kept = steps.kept(steps.desk_of(home), name)
        stopped.add(kept["status"] if kept else "draft")
    assert begun(home, name).wait(120) == 0

    desk = steps.desk_of(home)
    awards = desk.control.rows("SELECT award_key, amount_fen FROM award ORDER BY award_key")
    assert awards == steps.desk_of(whole).control.rows("SELECT award_key, amount_fen FROM award ORDER BY award_key")
    assert payments_sent(home / "lists") == {(name, row["award_key"]) for row in awards}
    for file in ("payment.csv", "payment.ctl", "名单.csv", "名单.xlsx"):
        assert (home / "lists" / name / file).read_bytes() == (whole / "lists" / name / file).read_bytes()
    assert not list((home / "lists").rglob(".*.partial"))
    assert desk.control.rows("SELECT count(*) AS n FROM approval") == [{"n": 2}]
    exported = desk.control.rows("SELECT count(*) AS n FROM audit WHERE action = 'exported'")
    assert exported == [{"n": 1}] and desk.trail.verify(desk.control) == []
    assert len(stopped) > 1, "killed at more than one step"
