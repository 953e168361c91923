"""Reading what was published: the newest build, read-only, without ever waiting for a run."""

import json
from dataclasses import dataclass
from pathlib import Path

import duckdb

POINTER = "CURRENT"


class NotPublishedError(RuntimeError):
    """Nothing has been published yet, or what the pointer names is damaged."""


@dataclass(frozen=True)
class Publication:
    """What `CURRENT` says: the build, its file, its size in bytes and its dates (ISO)."""

    path: Path
    build_id: str
    bytes: int
    as_of: str
    known_at: str
    rules_as_of: str


def current(home: Path) -> Publication:
    """The newest publication. Raises NotPublishedError with a Chinese reason."""
    pointer = home / POINTER
    if not pointer.exists():
        raise NotPublishedError(f"{home} 还没有发布过结果；先运行 `make run` 或 `huiqi run`")
    try:
        said = json.loads(pointer.read_text(encoding="utf-8"))
        publication = Publication(
            path=home / said["file"],
            build_id=said["build_id"],
            bytes=int(said["bytes"]),
            as_of=said["as_of"],
            known_at=said["known_at"],
            rules_as_of=said["rules_as_of"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise NotPublishedError(
            f"指针 {pointer} 已损坏（{error}）；旧版本仍在 {home}/mart-*.duckdb，可用 `huiqi repair` 指回"
        ) from error
    if not publication.path.exists() or publication.path.stat().st_size != publication.bytes:
        raise NotPublishedError(
            f"{publication.path.name} 缺失或大小与发布时不符（应为 {publication.bytes} 字节）；可用 `huiqi repair` 指回上一版本"
        )
    return publication


def open_published(home: Path) -> duckdb.DuckDBPyConnection:
    """A read-only connection to the newest publication; close it after the request, so that a newer one is seen by the next."""
    return open_copy(current(home))


def open_copy(publication: Publication) -> duckdb.DuckDBPyConnection:
    """A read-only connection to one publication, whatever the pointer says by now."""
    con = duckdb.connect(str(publication.path), read_only=True)
    con.execute("SET TimeZone = 'Asia/Shanghai'").fetchall()
    return con
