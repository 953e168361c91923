"""One mock world run through the whole job, shared by every test that looks at results; the truth lies elsewhere while it runs."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parent.parent
SEED, MONTHS = 7, 24


@dataclass(frozen=True)
class Ran:
    """A finished run: its home, what `huiqi run --json` printed, and where the planted truth was kept away from it."""

    home: Path
    truth: Path
    summary: dict[str, Any]


def huiqi(*words: str, home: Path, dagster_home: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The command line as an analyst types it."""
    environment = {
        **os.environ,
        "HUIQI_HOME": str(home),
        "DAGSTER_HOME": str(dagster_home or home / ".dagster"),
        "PYTHONUTF8": "1",
    }
    (dagster_home or home / ".dagster").mkdir(parents=True, exist_ok=True)
    return subprocess.run(
        [sys.executable, "-c", "from pipelines.cli import main; main()", *words],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="session")
def made_world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny world as made, for copying from: 13 CPU-seconds, so the workers of one test session make it once between them."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    out = shared / "made-world"
    with (shared / "made-world.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (out / "world.json").exists():
            words = ("--size", "tiny", "--seed", str(SEED), "--months", str(MONTHS), "--out", str(out))
            made = huiqi("world", "make", *words, home=out)
            assert made.returncode == 0, made.stderr
    return out


@pytest.fixture(scope="session")
def ran(made_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(made_world, home, dirs_exist_ok=True)
    truth = tmp_path_factory.mktemp("apart") / "truth"
    shutil.move(home / "truth", truth)
    done = huiqi("run", "--json", home=home)
    assert done.returncode in (0, 1), done.stderr
    return Ran(home, truth, json.loads(done.stdout))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker per file, one for all that share the finished run, which starts first because it takes longest, one for the world's."""
    for item in items:
        shared = "ran" in getattr(item, "fixturenames", ())
        group = "ran" if shared else "world" if item.path.parent.name == "world" else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))
    items.sort(key=lambda item: "ran" not in getattr(item, "fixturenames", ()))
