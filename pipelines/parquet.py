"""The published mart as Parquet files: one folder per build, one pointer that is swapped when a folder is whole."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from pipelines.published import Publication, current, open_copy

POINTER = "CURRENT"
SCHEMA = "mart"
# Who is in which arm of a running trial is not for those who could act on it.
CLOSED = ("arm", "experiment")


def export_mart(
    home: Path, out: Path | None = None, tables: Sequence[str] = ()
) -> tuple[Publication, Path, dict[str, int]]:
    """Writes `<out>/<build>/<table>.parquet` (zstd) and points `<out>/CURRENT` at it: (publication, folder, table → rows).

    `out` defaults to `parquet/` in the home. Earlier builds stay, so that a reader in the middle of one is never torn. A folder that is
    there already is written again under its own name and swapped. Raises ValueError for a table that is not in the mart.
    """
    publication = current(home)
    base = out or home / "parquet"
    folder = base / publication.build_id
    partial = base / f".{publication.build_id}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    rows: dict[str, int] = {}
    con = open_copy(publication)
    try:
        found = con.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY 1", [SCHEMA]).fetchall()  # fmt: skip
        held = [name for (name,) in found if name not in CLOSED]
        if unknown := sorted(set(tables) - set(held)):
            raise ValueError(f"评价集市没有可开放的表 {'、'.join(unknown)}；有 {'、'.join(held)}")
        for name in tables or held:
            target = partial / f"{name}.parquet"
            con.execute(f"COPY {SCHEMA}.\"{name}\" TO '{target}' (FORMAT parquet, COMPRESSION zstd)").fetchall()
            rows[name] = con.execute(f'SELECT count(*) FROM {SCHEMA}."{name}"').fetchall()[0][0]
    finally:
        con.close()
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    fresh = base / f"{POINTER}.partial"
    said = {"folder": folder.name, "build_id": publication.build_id, "as_of": publication.as_of, "tables": rows}
    fresh.write_text(json.dumps(said, ensure_ascii=False, sort_keys=True), encoding="utf-8")
    fresh.replace(base / POINTER)
    return publication, folder, rows
