"""kill -9 or a full disk at any stage of a delivery read in parts: nothing half-written, nothing left behind, and the rerun ends in the same tables."""

import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assets.raw import door, large
from assets.raw.large import Large
from data.readers import pool, source
from data.readers import text as delimited
from pipelines.warehouse import DuckTransaction, DuckWarehouse
from quality.masks import outcomes
from quality.validator import Validator

sys.path.insert(0, str(Path(__file__).parent))
import test_raw_large
from raw_home import Home

ROOT = Path(__file__).parents[2]
BLOCK = 1500
SMALL = (
    (large, "LARGE_BYTES", 0),
    (large, "COMPARED", 50),
    (source, "CHUNK", BLOCK),
    (source, "KEEP", 0),
    (delimited, "BLOCK_BYTES", BLOCK),
    (pool.Pool, "parts", test_raw_large.in_this_process),
    # Great Expectations writes nothing, and importing it is most of what such a run costs.
    (Validator, "outcomes", lambda self, rows, table: outcomes(rows, table)),
)
# Everything that writes, renames or removes something, and the ends of the stages between.
STEPS = (
    (pl.DataFrame, "write_parquet"), (Large, "take"), (Large, "settle"), (Large, "outcomes"), (Large, "sift"), (Large, "drop"),
    (DuckTransaction, "append"), (DuckTransaction, "replace"), (DuckTransaction, "execute"), (door, "_move"), (door, "_store_json"),
)  # fmt: skip


def disturbed(home: Path, kill_at: int, largest: int) -> None:
    """Loads what lies in `home` in parts; kills this process before its step number `kill_at` (0: never), or lets no file grow beyond `largest` bytes (0: any)."""
    count = 0

    def step() -> None:
        nonlocal count
        count += 1
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(work: Callable[..., Any]) -> Callable[..., Any]:
        def counting(*given: Any, **named: Any) -> Any:
            step()
            done = work(*given, **named)
            step()
            return done

        return counting

    write = DuckWarehouse.write

    @contextmanager
    def committed(self: DuckWarehouse) -> Iterator[DuckTransaction]:
        with write(self) as transaction:
            yield transaction
            step()
        step()

    for where, name, value in SMALL:
        setattr(where, name, value)
    for where, name in STEPS:
        setattr(where, name, counted(getattr(where, name)))
    DuckWarehouse.write = committed  # type: ignore[method-assign,assignment]
    if largest:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    test_raw_large.told(Home(home))
    sys.stdout.write(f"{count}\n")


def child(home: Path, kill_at: int = 0, largest: int = 0) -> tuple[int, str]:
    """Exit code and output of `disturbed` in a process of its own."""
    code = f"import sys; from pathlib import Path; sys.path.insert(0, {str(Path(__file__).parent)!r}); import test_raw_large_killed as k; k.disturbed(Path({str(home)!r}), {kill_at}, {largest})"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240, check=False
    )
    return done.returncode, done.stdout + done.stderr[-2000:]


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pl.DataFrame], int]:
    """A home as it lands, the tables of a run that nothing disturbed, and how many steps it has."""
    landed = tmp_path_factory.mktemp("landed")
    test_raw_large.deliveries(Home(landed))
    (landed / "keys").mkdir(mode=0o700)
    (landed / "keys" / "personal.key").write_bytes(b"k" * 32)
    home = tmp_path_factory.mktemp("whole") / "home"
    shutil.copytree(landed, home)
    code, said = child(home)
    assert code == 0, said
    return landed, test_raw_large.told(Home(home)), int(said)


def comes_back(home: Path, expected: dict[str, pl.DataFrame], monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run over a disturbed home ends as if nothing had happened."""
    for where, name, value in SMALL:
        monkeypatch.setattr(where, name, value)
    for name, frame in test_raw_large.told(Home(home)).items():
        assert frame.equals(expected[name]), name
    assert not list((home / "spill").glob("delivery-*")), "nothing is left behind"


slow = pytest.mark.slow


@pytest.mark.parametrize("share", [*(pytest.param(n / 40, marks=slow) for n in range(40) if n != 31), 31 / 40])
def test_killed_at_any_step_the_next_run_ends_in_the_same_tables(
    share: float, untouched: tuple[Path, dict[str, pl.DataFrame], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed, expected, steps = untouched
    home = tmp_path / "home"
    shutil.copytree(landed, home)
    code, said = child(home, kill_at=1 + int(share * (steps - 1)))
    assert code == -signal.SIGKILL, said
    comes_back(home, expected, monkeypatch)


@slow
@pytest.mark.parametrize(
    "largest",
    [1, 300, 1_000, 3_000, 5_000, 8_000, 12_000, 20_000, 50_000, 100_000, 300_000, 800_000, 1_500_000, 3_000_000],
)
def test_a_full_disk_refuses_nothing_and_leaves_nothing_half_written(
    largest: int, untouched: tuple[Path, dict[str, pl.DataFrame], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed, expected, _ = untouched
    home = tmp_path / "home"
    shutil.copytree(landed, home)
    code, said = child(home, largest=largest)
    # From some size on the write-ahead log alone holds everything, and the next run finds it there.
    assert code != 0 or largest >= 100_000, said
    comes_back(home, expected, monkeypatch)
