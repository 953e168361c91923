"""What starts a run without being asked: deliveries that have landed."""

import hashlib
from pathlib import Path

import dagster as dg

INTERVAL_SECONDS = 60


def landed(home: Path) -> list[str]:
    """Relative paths of complete deliveries at the door, sorted; receipts, controls and files still being written do not count."""
    landing = home / "landing"
    return sorted(
        path.relative_to(landing).as_posix()
        for path in landing.rglob("*")
        if path.is_file()
        and not path.name.startswith(".")
        and not path.name.endswith((".receipt.json", ".ctl", ".ok", ".part"))
    )


def landing_sensor(job_name: str, home: Path) -> dg.SensorDefinition:
    """One run request per set of files at the door; the same set asks only once."""

    @dg.sensor(
        name="landing_zone",
        job_name=job_name,
        minimum_interval_seconds=INTERVAL_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="交付落地即入库：落地区有新文件时请求一次运行；同一批文件只请求一次。",
    )
    def landing_zone(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        files = landed(home)
        if not files:
            return dg.SkipReason("落地区没有新文件")
        key = hashlib.sha256("\n".join(files).encode()).hexdigest()[:16]
        return dg.RunRequest(run_key=f"landing-{key}", tags={"landed_files": str(len(files))})

    return landing_zone
