"""Publication: a new copy of what readers may see, then one atomic pointer; readers never meet a half-written build."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from assets.ports import Scope
from pipelines.published import POINTER, NotPublishedError, Publication, current
from pipelines.warehouse import DuckWarehouse

# Schemas that are published whole, and single tables of others. `raw` stays behind: it is the departments' data.
SCHEMAS = ("mart", "profile", "policy", "match", "push", "registry", "quality")
TABLES = ("raw.delivery",)
# What `profile.evidence` tells with the newest deliveries beside it.
WITHHELD = ("profile.sourced",)
KEPT_BUILDS = 3


def publish(warehouse: DuckWarehouse, scope: Scope) -> Publication:
    """Copies the published tables to `mart-<build>.duckdb` under a name never used before and swaps `CURRENT`.

    A process that holds the previous file keeps reading it; the three newest builds are kept.
    """
    home = warehouse.home
    target = _fresh_name(home, scope.build_id)
    partial = target.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with warehouse.connection() as con:
        tables = con.execute(
            "SELECT table_schema, table_name FROM information_schema.tables WHERE table_catalog = current_database() ORDER BY 1, 2"
        ).fetchall()
        con.execute(f"ATTACH '{partial}' AS outgoing").fetchall()
        try:
            for schema, name in tables:
                if f"{schema}.{name}" in WITHHELD:
                    continue
                if schema in SCHEMAS or f"{schema}.{name}" in TABLES:
                    con.execute(f'CREATE SCHEMA IF NOT EXISTS outgoing."{schema}"').fetchall()
                    con.execute(f'CREATE TABLE outgoing."{schema}"."{name}" AS FROM "{schema}"."{name}"').fetchall()
        finally:
            con.execute("DETACH outgoing").fetchall()
    _synced(partial)
    partial.rename(target)
    said = {
        "file": target.name,
        "build_id": scope.build_id,
        "bytes": target.stat().st_size,
        "sha256": _sha256(target),
        "as_of": scope.as_of.isoformat(),
        "known_at": scope.known_at.isoformat(),
        "rules_as_of": scope.rules_as_of.isoformat(),
    }
    # The card lies beside the copy, so that a pointer can be made again from any build that is whole.
    _write(target.with_suffix(".json"), said)
    point(home, said)
    _drop_old(home, keep=target.name)
    return current(home)


def point(home: Path, said: Mapping[str, object]) -> None:
    """Swaps the pointer atomically."""
    _write(home / POINTER, said)


def point_back(home: Path) -> Publication:
    """Points at the newest build whose bytes still have the sha256 they were published with.

    Raises NotPublishedError if none is whole.
    """
    cards = sorted(home.glob("mart-*.json"), key=lambda p: p.stat().st_mtime, reverse=True)
    for card in cards:
        said = json.loads(card.read_text(encoding="utf-8"))
        copy = home / said["file"]
        if copy.exists() and _sha256(copy) == said["sha256"]:
            point(home, said)
            return current(home)
    raise NotPublishedError(f"{home} 中没有完好的已发布版本；重新运行 `huiqi run`")


def _write(path: Path, said: Mapping[str, object]) -> None:
    fresh = path.with_name(f"{path.name}.partial")
    fresh.write_text(json.dumps(said, ensure_ascii=False, sort_keys=True), encoding="utf-8")
    _synced(fresh)
    fresh.replace(path)
    _synced(path.parent)


def _fresh_name(home: Path, build_id: str) -> Path:
    candidate, n = home / f"mart-{build_id}.duckdb", 1
    while candidate.exists():
        n += 1
        candidate = home / f"mart-{build_id}-{n}.duckdb"
    return candidate


def _synced(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _drop_old(home: Path, keep: str) -> None:
    builds = sorted(
        (p for p in home.glob("mart-*.duckdb") if p.name != keep), key=lambda p: p.stat().st_mtime, reverse=True
    )
    for old in builds[KEPT_BUILDS - 1 :]:
        old.with_suffix(".json").unlink(missing_ok=True)
        old.unlink()
