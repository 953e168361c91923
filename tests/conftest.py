"""One mock world run through the whole job, shared by every test that looks at results; the truth lies elsewhere while it runs."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# How long an example takes tells of the machine's load, not of the code.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

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
    with _between_workers(tmp_path_factory, "made-world") as out:
        if not (out / "world.json").exists():
            words = ("--size", "tiny", "--seed", str(SEED), "--months", str(MONTHS), "--out", str(out))
            made = huiqi("world", "make", *words, home=out)
            assert made.returncode == 0, made.stderr
    return out


@pytest.fixture(scope="session")
def ran(made_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """The finished run of the made world, for reading only: the workers of one test session run it once between them."""
    with _between_workers(tmp_path_factory, "ran") as out:
        home, truth, said = out / "home", out / "truth", out / "summary.json"
        if not said.exists():
            shutil.copytree(made_world, home)
            shutil.move(home / "truth", truth)
            done = huiqi("run", "--json", home=home)
            assert done.returncode in (0, 1), done.stderr
            said.write_text(done.stdout, encoding="utf-8")
    return Ran(home, truth, json.loads(said.read_text(encoding="utf-8")))


@contextmanager
def _between_workers(factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """A folder of the whole test session, held by one worker at a time."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield shared / name


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One worker per file (`--dist loadfile`): the file that makes the finished run comes first, the other that reads it when it is there."""
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    if item.path.stem == "test_refresh":
        return 0
    return 2 if item.path.stem == "test_truth" else 1 if item.path.parent.name == "assets" else 3
