"""Making a world: every view's parcels written and delivered, the API's records, the planted truth, the manifest."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

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
VERSION = 12
SIZES = {"tiny": (2_000, 24), "small": (50_000, 36), "full": (300_000, 60), "province": (3_000_000, 60)}
# The order of the truth's rows and of receipts of the same second. None: the API's records and the truth itself.
_VIEWS: tuple[tuple[str, Callable[[World], Iterator[Parcel]] | None], ...] = (
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
    ("发改接口与真值", None),
)
_LONGEST = ("人社", "税务", "市场监管", "发改接口与真值", "住建", "商务", "财政与申报", "工信", "海关")
# In every world of a year or more each kind of trouble happens at least once, in these deliveries of May.
_FORCED = {
    "市场监管": ("missing_receipt", "resent"),
    "税务": ("truncated", "wrong_control", "missing_control", "missing_receipt"),
    "人社": ("resent_changed", "missing_receipt"),
    "工信": ("wrong_period", "resent_changed"),
    "商务": ("swapped_content", "resent_changed"),
    "知识产权": ("wrong_period", "missing_receipt"),
    "海关": ("resent_changed", "wrong_period"),
}
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


def make(
    out: Path, size: str, seed: int, months: int, entities: int | None = None, workers: int | None = None
) -> dict[str, Any]:
    """Write the world into `out` and return its manifest; a second call with the same arguments does nothing.

    Departments are written by `workers` processes (as many as there are processors, two at most, and one for a province:
    each keeps the entities' columns); the bytes do not depend on their number.
    """
    done = existing(out, size, seed, months)
    if done:
        _say(f"{out} 已是同一个模拟世界，跳过生成")
        return done
    if (out / "world.json").exists() or (out / "landing").exists():
        raise FileExistsError(f"{out} 里已有另一个世界（规模、种子、月数或版本不同）；请换一个目录，或先删除它")
    world = World(seed, entities or SIZES[size][0], months)
    started = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    workers = workers or (1 if world.entities > _ALONE else min(2, len(os.sched_getaffinity(0))))
    arrivals, parts, hashes = _write(world, out, workers, started)
    delivery.write_receipts(arrivals)
    truth.join_record(out / "truth", parts)
    truth.write_deliveries(arrivals, out)
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
        "sha256": content_hash(out, hashes),
        "synthetic": "全部为模拟数据，与任何真实企业和个人无关",
    }
    put_keys(out, seed)
    (out / "world.json").write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    _say(f"完成：{manifest['files']:,} 个文件，{manifest['rows']:,} 行，{time.monotonic() - started:.1f} 秒")
    return manifest


def go_on(world: World, out: Path) -> list[delivery.Arrival]:
    """Write what the departments deliver in the months of `world` after those delivered already; receipts are the caller's."""
    arrivals, parts, _ = _write(world, out, 1, time.monotonic())
    truth.join_record(out / "truth", parts)
    return arrivals


# One process that writes a dump of 3 M entities takes 3.6 GiB.
_ALONE = 1_000_000


class _Piece(NamedTuple):
    """What one worker wrote for one label: its files, its parts of truth_record, the content hashes by path, its rows."""

    arrivals: list[delivery.Arrival]
    parts: list[Path]
    hashes: dict[str, bytes]
    rows: int


# The world of a worker process: its entities' columns serve all pieces it writes.
_world: World


def _enter(world: World) -> None:
    global _world
    _world = world


def _write(
    world: World, out: Path, workers: int, started: float
) -> tuple[list[delivery.Arrival], list[Path], dict[str, bytes]]:
    """Every piece, longest first so that the workers end together, put together in the order of _VIEWS."""
    number = {label: k for k, (label, _) in enumerate(_VIEWS)}
    jobs = sorted(
        number, key=lambda label: (_LONGEST.index(label) if label in _LONGEST else len(_LONGEST), number[label])
    )
    pieces: dict[str, _Piece] = {}

    def keep(label: str, piece: _Piece) -> None:
        pieces[label] = piece
        if world.after is None:
            _say(f"{label}：{piece.rows:,} 行，累计 {time.monotonic() - started:.1f} 秒")

    if workers == 1:
        _enter(world)
        for label in jobs:
            keep(label, _piece(label, out))
    else:
        with _threads_shared(workers), ProcessPoolExecutor(
            workers, multiprocessing.get_context("spawn"), _enter, (world,)
        ) as pool:  # fmt: skip
            waiting = {pool.submit(_piece, label, out): label for label in jobs}
            for future in as_completed(waiting):
                keep(waiting[future], future.result())
    ordered = [pieces[label] for label, _ in _VIEWS]
    return (
        [a for piece in ordered for a in piece.arrivals],
        [p for piece in ordered for p in piece.parts],
        {k: v for piece in ordered for k, v in piece.hashes.items()},
    )


def by_department(world: World, out: Path) -> Iterator[tuple[str, int, float]]:
    """Write every piece in this process: its label, rows and CPU seconds, one after another (a measurement; no manifest)."""
    _enter(world)
    for label, _ in _VIEWS:
        before = time.process_time()
        piece = _piece(label, out)
        yield label, piece.rows, time.process_time() - before


@contextmanager
def _threads_shared(workers: int) -> Iterator[None]:
    """Polars reads its number of threads when it is imported: the workers share the processors."""
    before = os.environ.get("POLARS_MAX_THREADS")
    os.environ["POLARS_MAX_THREADS"] = str(max(1, len(os.sched_getaffinity(0)) // workers))
    try:
        yield
    finally:
        del os.environ["POLARS_MAX_THREADS"]
        if before is not None:
            os.environ["POLARS_MAX_THREADS"] = before


def _piece(label: str, out: Path) -> _Piece:
    """One label's files."""
    number, write = next((k, write) for k, (name, write) in enumerate(_VIEWS) if name == label)
    with truth.Recorder(out / "truth", number) as recorder:
        if write is None:
            return _feed_and_truth(out, recorder)
        world = _world
        arrivals: list[delivery.Arrival] = []
        packed: dict[Path, bytes] = {}
        rows = 0
        forced = dict.fromkeys(_FORCED.get(label, ()), False)
        sent: dict[tuple[str, str], Path] = {}
        for parcel in write(world):
            if not world.is_due(parcel.due):
                continue
            troubles = _force(forced, parcel) if world.after is None else []
            for arrival, written in delivery.deliver(
                world.seed, out / "landing", parcel, troubles, world.closing_day, sent
            ):
                arrivals.append(arrival)
                if written is not None:
                    rows += written.rows
                    if written.content is not None:
                        packed[arrival.path] = written.content
                    recorder.add(arrival.department, arrival.table, str(arrival.path.relative_to(out)), written)
    came = [a for a in arrivals if a.received is not None]
    for arrival in came:
        arrival.seal()
    hashes = {}
    for a in came:
        control = a.path.with_name(a.path.name + ".ctl")
        hashes[a.path] = packed.get(a.path) or writers.content_hash(a.path, a.sha256)
        if control.exists():
            hashes[control] = writers.content_hash(control)
    return _Piece(arrivals, recorder.parts, {p.relative_to(out).as_posix(): h for p, h in hashes.items()}, rows)


def _feed_and_truth(out: Path, recorder: truth.Recorder) -> _Piece:
    """The records behind the API, and the truth that is no file's."""
    rows = 0
    hashes = {}
    for table, frame in api.write_records(_world, out / "api"):
        places = writers.Written()
        places.add(frame, np.arange(1, len(frame) + 1, dtype=np.int64))
        path = f"api/{table}.jsonl"
        recorder.add("reform", table, path, places)
        hashes[path] = writers.content_hash(out / path)
        rows += len(frame)
    recorder.close()
    truth.write_tables(_world, out / "truth")
    return _Piece([], recorder.parts, hashes, rows)


def _force(done: dict[str, bool], parcel: Parcel) -> list[str]:
    """The next trouble still owed that can befall this parcel."""
    for kind, happened in done.items():
        if happened or parcel.kind != "I" or parcel.due.month != 5:
            continue
        if kind == "truncated" and not parcel.extension.endswith("gz"):
            continue
        if kind in ("wrong_control", "missing_control") and not parcel.control:
            continue
        if kind == "resent_changed" and parcel.draft is None:
            continue
        done[kind] = True
        return [kind]
    return []


def content_hash(out: Path, known: dict[str, bytes] | None = None) -> str:
    """One hash over landing/ and api/, independent of the compression library (see writers.content_hash).

    `known` are hashes of files already taken, by path below `out`.
    """
    known = known or {}
    total = hashlib.sha256()
    for folder in ("landing", "api"):
        for path in sorted((out / folder).rglob("*")):
            if path.is_file():
                name = path.relative_to(out).as_posix()
                total.update(name.encode())
                total.update(known.get(name) or writers.content_hash(path))
    return total.hexdigest()


def clear(out: Path) -> None:
    """Remove what a world consists of (not what a pipeline made of it)."""
    for name in ("landing", "api", "truth"):
        shutil.rmtree(out / name, ignore_errors=True)
    for name in ("sources.yml", "world.json"):
        (out / name).unlink(missing_ok=True)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
