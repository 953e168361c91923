"""What starts a run: the nightly tick in Shanghai's time, and files at the door."""

import datetime as dt
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg

from pipelines.schedules import nightly_schedule
from pipelines.sensors import landed, landing_sensor


def test_the_tick_of_the_22nd_is_about_the_21st() -> None:
    tick = dt.datetime(2024, 12, 22, 2, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
    context = dg.build_schedule_context(scheduled_execution_time=tick)
    request = nightly_schedule("nightly")(context)
    dates = request.run_config["resources"]["scope"]["config"]
    assert dates == {"as_of": "2024-12-21", "known_at": "2024-12-22T02:00:00", "rules_as_of": "2024-12-21"}
    assert request.run_key == "nightly-2024-12-21"


def test_files_at_the_door_ask_for_one_run(tmp_path: Path) -> None:
    landing = tmp_path / "landing" / "tax"
    landing.mkdir(parents=True)
    sensor = landing_sensor("nightly", tmp_path)
    assert isinstance(sensor(dg.build_sensor_context()), dg.SkipReason)
    (landing / "SWJ_SB_ZZS_202411_I_01.txt.gz").write_bytes(b"x")
    (landing / "SWJ_SB_ZZS_202411_I_01.txt.gz.receipt.json").write_bytes(b"{}")
    first = sensor(dg.build_sensor_context())
    assert isinstance(first, dg.RunRequest) and first.tags["landed_files"] == "1"
    again = sensor(dg.build_sensor_context())
    assert isinstance(again, dg.RunRequest) and again.run_key == first.run_key
    (landing / "SWJ_SB_ZZS_202412_I_01.txt.gz").write_bytes(b"x")
    more = sensor(dg.build_sensor_context())
    assert isinstance(more, dg.RunRequest) and more.run_key != first.run_key


def test_a_file_still_being_written_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    for name in ("a.csv.part", ".hidden", "a.ctl", "a.ok"):
        (tmp_path / "landing" / name).write_bytes(b"x")
    assert landed(tmp_path) == []
