"""One request's view of the published mart: read-only, the newest publication, rows as dictionaries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from pipelines.published import Publication, current, open_published

Row = dict[str, Any]
# What pages read stays in memory while the publication is held open: not four fifths of the machine, as DuckDB would have it.
MEMORY = "2GB"


@dataclass
class Mart:
    """Open for one request; `publication` names the build and its dates."""

    connection: Any
    publication: Publication
    _tables: set[str] = field(default_factory=set)

    def rows(self, sql: str, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        cursor = self.connection.execute(sql, dict(parameters) if parameters else None)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]

    def row(self, sql: str, parameters: Mapping[str, Any] | None = None) -> Row | None:
        """The first row, or None."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def exists(self, table: str) -> bool:
        """Whether the publication holds `schema.table`; an older one may lack a newer table."""
        if not self._tables:
            found = self.rows("SELECT table_schema || '.' || table_name AS name FROM information_schema.tables")
            self._tables = {row["name"] for row in found}
        return table in self._tables

    def metrics(self, item_id: str | None = None) -> dict[str, Row]:
        """metric → its value, label and unit, for all items or one."""
        where = "m.item_id IS NOT DISTINCT FROM $item AND m.area IS NULL"
        found = self.rows(
            f"""SELECT d.*, m.value, m.low, m.high, coalesce(m.n, 0) AS n, coalesce(m.immature, 0) AS immature,
                       coalesce(m.reason, CASE WHEN m.value IS NULL THEN d.empty END) AS reason
                FROM mart.dim_metric AS d LEFT JOIN mart.metric AS m ON m.metric = d.metric AND {where}
                ORDER BY d.position""",
            {"item": item_id},
        )
        return {row["metric"]: row for row in found}


class Held:
    """The newest publication kept open between requests: opening a mart of two gigabytes costs more than most pages.

    A new publication (or the same name published anew) is seen at the next request; whoever still reads the old one finishes with it.
    """

    def __init__(self, home: Path) -> None:
        self.home = home
        self._lock = Lock()
        self._held: tuple[object, Publication, Any] | None = None

    @contextmanager
    def opened(self) -> Iterator[Mart]:
        """The newest publication for the length of one request. Raises NotPublishedError."""
        cursor, publication = self._cursor()
        try:
            yield Mart(cursor, publication)
        finally:
            cursor.close()

    def _cursor(self) -> tuple[Any, Publication]:
        with self._lock:
            publication = current(self.home)
            stat = publication.path.stat()
            key = (publication, stat.st_ino, stat.st_mtime_ns)
            if self._held is None or self._held[0] != key:
                # closed first: DuckDB would hand out the open file again under the same name
                if self._held is not None:
                    self._held[2].close()
                    self._held = None
                fresh = open_published(self.home)
                fresh.execute(f"SET memory_limit = '{MEMORY}'").fetchall()
                self._held = (key, publication, fresh)
            cursor = self._held[2].cursor()
        # a session's own setting, which a cursor does not take over
        cursor.execute("SET TimeZone = 'Asia/Shanghai'").fetchall()
        return cursor, publication


@contextmanager
def opened(home: Path) -> Iterator[Mart]:
    """The newest publication for the length of one request. Raises NotPublishedError."""
    publication = current(home)
    connection = open_published(home)
    try:
        yield Mart(connection, publication)
    finally:
        connection.close()
