"""The records behind the mock REST feed: one JSON Lines file per native table, ordered by the time a record became visible."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl

from data.world.parcel import World
from data.world.views import reform


def write_records(world: World, folder: Path) -> list[tuple[str, pl.DataFrame]]:
    """`<folder>/<native table>.jsonl`; returns the frames for the truth (row numbers are line numbers)."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for table, frame in reform.records(world):
        payload = frame.select([c for c in frame.columns if not c.startswith("_")]).to_dicts()
        text = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in payload)
        (folder / f"{table}.jsonl").write_text(text, encoding="utf-8")
        written.append((table, frame))
    return written
