"""kill -9 or a full disk while deliveries are let in and loaded: the next run ends in the same tables as one that was never disturbed."""

import shutil
import signal
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse

ROOT = Path(__file__).parents[2]
RUN = """
import sys
from pathlib import Path
sys.path.insert(0, str(Path(sys.argv[2]) / "tests" / "assets"))
import test_raw_hostile as t
t.TABLES = ("market_baseinfo", "tax_vat", "industry_gradient")
print("ready", flush=True)
t.run(Path(sys.argv[1]))
print("done", flush=True)
"""
TABLES = (
    "raw.arrival",
    "raw.delivery_load",
    "raw.market_baseinfo",
    "raw.tax_vat",
    "raw.industry_gradient",
    "raw.subject",
)


def started(home: Path, largest: int | None = None) -> subprocess.Popen[str]:
    """`largest`: no file may grow beyond so many bytes, as on a disk that is full by then."""
    run = RUN
    if largest is not None:
        run = "import resource, signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n" + run.replace(
            'print("ready", flush=True)\n',
            f'print("ready", flush=True)\nresource.setrlimit(resource.RLIMIT_FSIZE, ({largest}, {largest}))\n',
        )
    process = subprocess.Popen(
        [sys.executable, "-c", run, str(home), str(ROOT)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def tables(home: Path) -> dict[str, pl.DataFrame]:
    known = datetime(2024, 12, 31, 23, 59, 59)
    warehouse = DuckWarehouse(home=home, scope=RunScope(home, known.date(), known, known.date()))
    return {t: warehouse.frame(f"SELECT * FROM {t} ORDER BY ALL") for t in TABLES}


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pl.DataFrame], float]:
    """A home as it lands, the tables of an undisturbed run, and the seconds it took."""
    sys.path.insert(0, str(Path(__file__).parent))
    import test_raw_hostile

    landed = tmp_path_factory.mktemp("landed")
    test_raw_hostile.clean(landed)
    (landed / "keys").mkdir(mode=0o700)
    (landed / "keys" / "personal.key").write_bytes(b"k" * 32)
    home = tmp_path_factory.mktemp("whole") / "home"
    shutil.copytree(landed, home)
    begun = time.monotonic()
    process = started(home)
    assert process.wait(120) == 0
    return landed, tables(home), time.monotonic() - begun


slow = pytest.mark.slow


@slow
@pytest.mark.parametrize("share", [tenth / 10 for tenth in range(1, 10)])
def test_a_killed_load_leaves_nothing_half_done(
    share: float, untouched: tuple[Path, dict[str, pl.DataFrame], float], tmp_path: Path
) -> None:
    landed, expected, seconds = untouched
    home = tmp_path / "home"
    shutil.copytree(landed, home)
    process = started(home)
    time.sleep(seconds * share)
    process.send_signal(signal.SIGKILL)
    process.wait()
    again = started(home)
    assert again.wait(120) == 0
    for table, frame in tables(home).items():
        assert frame.equals(expected[table]), table


@slow
@pytest.mark.parametrize("largest", [0, 200, 10_000, 100_000, 300_000, 800_000, 1_500_000])
def test_a_full_disk_leaves_nothing_half_done(
    largest: int, untouched: tuple[Path, dict[str, pl.DataFrame], float], tmp_path: Path
) -> None:
    landed, expected, _ = untouched
    home = tmp_path / "home"
    shutil.copytree(landed, home)
    process = started(home, largest)
    # From some size on the write-ahead log alone holds everything, and the next run finds it there.
    assert process.wait(240) != 0 or largest >= 100_000
    again = started(home)
    assert again.wait(240) == 0
    for table, frame in tables(home).items():
        assert frame.equals(expected[table]), table


def test_killed_between_the_receipt_and_the_bytes_a_delivery_keeps_its_id(tmp_path: Path) -> None:
    sys.path.insert(0, str(Path(__file__).parent))
    import test_raw_hostile

    from assets.raw.arrival import arrivals
    from assets.raw.door import admit

    test_raw_hostile.clean(tmp_path)
    admit(tmp_path, test_raw_hostile.SCOPE)
    before = arrivals(tmp_path)
    place = next((tmp_path / "accepted").rglob("*.csv"))
    # As a kill just before the last move leaves it: the receipt is kept already, the bytes and their receipt still at the door.
    test_raw_hostile.hostile.land(
        test_raw_hostile.hostile.Case(place.name, place.read_bytes()), tmp_path / "landing" / "clean" / "0", 1
    )
    place.unlink()
    admit(tmp_path, test_raw_hostile.SCOPE)
    assert arrivals(tmp_path).equals(before)
