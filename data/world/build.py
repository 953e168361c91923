"""Making a world: every view's parcels written and delivered, the API's records, the planted truth, the manifest."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl

from data.world import api, calendar, delivery, truth, writers
from data.world.keys import put_keys
from data.world.parcel import Parcel, World
from data.world.views import (
    agri,
    commerce,
    customs,
    finance,
    housing,
    industry,
    ip,
    labor,
    market,
    persons,
    science,
    service,
    tax,
)

# Raised whenever the bytes of a world change; the pinned hash in tests/world goes with it.
VERSION = 3
SIZES = {"tiny": (2_000, 24), "small": (50_000, 36), "full": (300_000, 60), "province": (3_000_000, 60)}
_VIEWS: tuple[tuple[str, Callable[[World], Iterator[Parcel]]], ...] = (
    ("市场监管", market.parcels),
    ("税务", tax.parcels),
    ("人社", labor.parcels),
    ("人社（个人）", persons.parcels),
    ("工信", industry.parcels),
    ("科技", science.parcels),
    ("财政与申报", finance.parcels),
    ("商务", commerce.parcels),
    ("知识产权", ip.parcels),
    ("住建", housing.parcels),
    ("农业", agri.parcels),
    ("海关", customs.parcels),
    ("服务渠道", service.parcels),
)
_SOURCES = """# How pulled feeds are reached. `start` runs the mock server with the Python of the caller; the token is any text the caller
# chooses and puts into the environment variable `token_env` of both sides.
reform:
  url: "http://127.0.0.1:{port}/api"
  token_env: HUIQI_REFORM_TOKEN
  start: [python, -m, data.world, serve, --out, "{home}/api", --port, "{port}"]
"""


def existing(out: Path, size: str, seed: int, months: int) -> dict[str, Any] | None:
    """The manifest of a world already made here with the same arguments, else None."""
    path = out / "world.json"
    if not path.exists():
        return None
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    same = (manifest["size"], manifest["seed"], manifest["months"], manifest["version"]) == (
        size,
        seed,
        months,
        VERSION,
    )
    return manifest if same else None


def make(out: Path, size: str, seed: int, months: int, entities: int | None = None) -> dict[str, Any]:
    """Write the world into `out` and return its manifest; a second call with the same arguments does nothing."""
    done = existing(out, size, seed, months)
    if done:
        _say(f"{out} 已是同一个模拟世界，跳过生成")
        return done
    if (out / "world.json").exists() or (out / "landing").exists():
        raise FileExistsError(f"{out} 里已有另一个世界（规模、种子、月数或版本不同）；请换一个目录，或先删除它")
    world = World(seed, entities or SIZES[size][0], months)
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    landing = out / "landing"
    arrivals: list[delivery.Arrival] = []
    forced = dict.fromkeys(delivery.ANOMALIES, False)
    with truth.Recorder(out / "truth") as recorder:
        for label, parcels in _VIEWS:
            rows = 0
            for parcel in parcels(world):
                for arrival, written in delivery.deliver(seed, landing, parcel, _force(forced, parcel)):
                    arrivals.append(arrival)
                    if written is not None:
                        rows += written.rows
                        recorder.add(
                            arrival.department, arrival.table, str(arrival.path.relative_to(out)), written.places
                        )
            _say(f"{label}：{rows:,} 行，累计 {time.monotonic() - started:.1f} 秒")
        delivery.write_receipts(arrivals)
        for table, frame in api.write_records(world, out / "api"):
            places = writers.Written()
            places.add(frame, pl.Series(range(1, len(frame) + 1)).to_numpy())
            recorder.add("reform", table, f"api/{table}.jsonl", places.places)
    truth.write_all(world, out / "truth", arrivals, out)
    (out / "sources.yml").write_text(_SOURCES, encoding="utf-8")
    manifest = {
        "size": size,
        "seed": seed,
        "months": months,
        "version": VERSION,
        "entities": world.entities,
        "first_month": calendar.month_text(world.first_month),
        "last_month": calendar.month_text(calendar.LAST_MONTH),
        "closing_day": calendar.CLOSING_DAY.isoformat(),
        "files": sum(a.received is not None for a in arrivals),
        "rows": sum(a.rows for a in arrivals),
        "sha256": content_hash(out),
        "synthetic": "全部为模拟数据，与任何真实企业和个人无关",
    }
    put_keys(out, seed)
    (out / "world.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    _say(f"完成：{manifest['files']:,} 个文件，{manifest['rows']:,} 行，{time.monotonic() - started:.1f} 秒")
    return manifest


def _force(done: dict[str, bool], parcel: Parcel) -> list[str]:
    """In every world each kind of trouble happens at least once, early in the tax bureau's and the register's deliveries."""
    for kind, happened in done.items():
        if happened or parcel.kind != "I" or parcel.due.month != 5:
            continue
        if kind == "truncated" and not parcel.extension.endswith("gz"):
            continue
        if kind in ("wrong_control", "missing_control") and not parcel.control:
            continue
        done[kind] = True
        return [kind]
    return []


def content_hash(out: Path) -> str:
    """One hash over landing/ and api/, independent of the compression library (see writers.canonical)."""
    total = hashlib.sha256()
    for folder in ("landing", "api"):
        for path in sorted((out / folder).rglob("*")):
            if path.is_file():
                total.update(path.relative_to(out).as_posix().encode())
                total.update(hashlib.sha256(_canonical(path)).digest())
    return total.hexdigest()


def _canonical(path: Path) -> bytes:
    return writers.canonical(path)


def clear(out: Path) -> None:
    """Remove what a world consists of (not what a pipeline made of it)."""
    for name in ("landing", "api", "truth"):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in ("sources.yml", "world.json"):
        (out / name).unlink(missing_ok=True)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
