"""A delivery too large to lie in memory: typed part by part into files of a scratch folder, compared and judged from what is counted there."""

import shutil
from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from glob import escape
from pathlib import Path
from typing import Any

import polars as pl

from assets.raw.judge import File, control_sums, received, reject_rows, row_faults, unreadable_rejects
from assets.raw.told import Told, thinned, told_of
from data.contract import Form, Table
from data.readers import STREAMED
from data.readers.reading import Reading
from quality.conform import REJECT_SCHEMA, conflicts, payload, typed
from quality.masks import Outcome, over_parts

# Deliveries above this are read in parts. Packed text is about eight times as long as its archive.
LARGE_BYTES = 32 << 20
PACKED = 8
# Amounts of this many rows, evenly spread, tell the median of a delivery.
SAMPLE = 1_000_000
# So many rows are compared with each other at a time.
COMPARED = 1_000_000
_ROW, _AT = "_n", "_at"
_WHOLE, _KEY = ("_w0", "_w1"), ("_k0", "_k1")


def is_large(arrival: dict[str, Any], form: Form, table: Table) -> bool:
    """Whether a delivery is read in parts: large, of a format that can be, and no row of it means anything for another."""
    if form.format not in STREAMED or table.delete.rule == "absent":
        return False
    if any(column.fill_down for column in table.columns.values()):
        return False
    return bool(arrival["bytes"] * (PACKED if form.archive else 1) > LARGE_BYTES)


class Untypable(Exception):
    """Typing broke on a part: the delivery's fault, as a full disk is not. The argument names the error."""


def swept(home: Path) -> None:
    """Removes what a killed run left of deliveries half read. Only whoever holds the warehouse may ask for it."""
    for folder in (home / "spill").glob("delivery-*"):
        shutil.rmtree(folder, ignore_errors=True)


class Large:
    """One large delivery. `take` its parts, `settle` it, and its rows, rejects and subjects can be read as often as needed, part by part."""

    def __init__(self, file: File, table: Table, home: Path) -> None:
        self.file, self.table = file, table
        self.folder = home / "spill" / f"delivery-{file.id}-{table.key}"
        self.drop()
        self.folder.mkdir(parents=True)
        self.amount: Decimal | None = None
        self.broken = False
        self._amount_known = True
        self._parts: list[tuple[Path, int, int]] = []
        self._aside = {"reject": 0, "subject": 0}
        self._physical = self._faulty = self._rows = 0
        self._repeats = self._ambiguous = pl.Series(_ROW, [], dtype=pl.Int64)
        self.reading = Reading(pl.DataFrame())
        # what the masks found, by rule
        self.judged: list[Outcome] = []

    def drop(self) -> None:
        """Removes what lies on disk."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def take(self, reading: Reading, text: pl.DataFrame, key: bytes) -> None:
        """Types a part (`text`: its frame with `_file_id`, `_period`, `_received_at`) and lays it aside. Raises Untypable."""
        try:
            sums = control_sums(text, self.table, key) if text.height else None
            found = typed(text, self.table, key, self._physical)
        except (Exception, pl.exceptions.PanicException) as error:
            raise Untypable(type(error).__name__) from error
        self._counted(reading)
        if sums is not None:
            part = sums[self.file.id]
            self._amount_known = self._amount_known and part is not None
            self.amount = (self.amount or Decimal(0)) + part if self._amount_known and part is not None else None
        self._physical += text.height
        self._faulty += found.faulty[_AT].n_unique()
        self._keep("reject", found.faulty.select(list(REJECT_SCHEMA)))
        self._keep("subject", found.subjects)
        if found.rows.is_empty():
            return
        said = found.rows.select(payload(self.table))
        whole = [said.hash_rows(seed=k).alias(n) for k, n in enumerate(_WHOLE)]
        keyed = found.rows.select(self.table.primary)
        keys = [keyed.hash_rows(seed=k).alias(n) for k, n in enumerate(_KEY)] if self.table.conflict == "reject" else []
        path = self.folder / f"rows-{len(self._parts):05d}.parquet"
        numbered = found.rows.with_row_index(_ROW, offset=self._rows).with_columns(pl.col(_ROW).cast(pl.Int64))
        numbered.with_columns(whole + keys).write_parquet(path, compression="lz4")
        self._parts.append((path, self._rows, self._rows + numbered.height))
        self._rows += numbered.height

    def settle(self) -> None:
        """Compares the rows with each other: what is told twice counts once, what contradicts itself is rejected."""
        repeated = self._alike(_WHOLE, lambda same: ~same.is_first_distinct(), self.table.repeats != "keep")
        self._repeats = repeated[_ROW]
        ambiguous = self._alike(_KEY, lambda same: same.is_duplicated(), self.table.conflict == "reject")
        self._ambiguous = ambiguous[_ROW]
        rejected = ambiguous[_AT].unique()
        duplicate = repeated[_AT].unique()
        doubled = int((~duplicate.is_in(rejected.implode())).sum())
        counts = self.file.counts
        counts["rows_rejected"] += self._faulty + len(rejected)
        counts["rows_duplicate"] += doubled
        counts["rows_loaded"] += self._physical - self._faulty - len(rejected) - doubled
        for part in self._frames() if len(ambiguous) else ():
            told_twice = part.filter(pl.col(_ROW).is_in(self._within(self._ambiguous, part).implode()))
            self._keep("reject", conflicts(told_twice, self.table).select(list(REJECT_SCHEMA)))

    def rows(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        """The rows that were typed and are no repeats, as the rules see them; only some of the stored columns if named."""
        return self._sound(columns or list(self.table.stored))

    def medians_of(self, measure: Callable[[pl.DataFrame, Table], dict[str, dict[str, float]]]) -> dict[str, Any]:
        """`measure` (`scale.medians`) of an even sample."""
        money = [n for n, c in self.table.columns.items() if c.type == "money"]
        step = -(-self._rows // SAMPLE)
        parts = [part.gather_every(step) for part in self.rows(["_file_id", *money])] if money else []
        return measure(pl.concat(parts), self.table) if parts else {}

    def told(self) -> dict[str, Told]:
        """What this delivery told of its period, for `judge_told`."""
        if self.file.arrival["kind"] != "I" or not self._parts:
            return {}
        one_in = thinned(self._rows)
        dated = self.table.dated
        marks: list[pl.Series] = []
        days: list[pl.Series] = []
        for part in self._sound([_WHOLE[0], *([dated] if dated else [])]):
            marks.append(part.filter(pl.col(_WHOLE[0]) % one_in == 0)[_WHOLE[0]])
            if dated:
                days.append(part[dated].cast(pl.Date).cast(pl.Int32).gather_every(one_in))
        middle = pl.concat(days).median() if days else None
        return {self.file.id: told_of(self.file.arrival, pl.concat(marks).unique(), middle, one_in)}

    def outcomes(self) -> list[Outcome]:
        """Every rule of the contract over this delivery."""
        return over_parts(self.rows, self.table.rules, self._rows)

    def sift(self) -> None:
        """Counts and lays aside the rows that break a rule about single rows."""
        for part in self.rows():
            failing, faults = row_faults(part, self.table)
            broken = part.filter(failing).select("_sheet", "_row_no").n_unique()
            self.file.counts["rows_loaded"] -= broken
            self.file.counts["rows_rejected"] += broken
            for found in faults:
                self._keep("reject", found)

    def kept(self) -> Iterator[pl.DataFrame]:
        """The rows that go in."""
        for part in self.rows():
            failing, _ = row_faults(part, self.table)
            yield received(part.filter(~failing), self.table)

    def rejects(self) -> Iterator[pl.DataFrame]:
        """Lines of `quality.reject`."""
        for part in self._laid("reject"):
            yield reject_rows(part, {self.file.id: self.file.arrival["name"]}, self.table)

    @property
    def named(self) -> str | None:
        """Files of the subjects of the typed rows, for `read_parquet`: one may come several times, and some have no row that went in."""
        return self._files("subject") if self._aside["subject"] else None

    def written(self, kind: str, frames: Iterable[pl.DataFrame]) -> str | None:
        """`frames` laid aside as files of that kind, for `read_parquet`; None if there are no rows."""
        self._aside[kind] = 0
        for frame in frames:
            self._keep(kind, frame)
        return self._files(kind) if self._aside[kind] else None

    def _files(self, kind: str) -> str:
        pattern = f"{escape(str(self.folder))}/{kind}-*.parquet"
        return "'" + pattern.replace("'", "''") + "'"

    def _counted(self, reading: Reading) -> None:
        for kind, count in reading.set_aside.items():
            self.reading.aside(kind, count)
        self.reading.notes += reading.notes
        self.reading.rejoined += reading.rejoined
        self.broken = self.broken or bool(reading.unreadable)
        counts = self.file.counts
        counts["rows_in"] += reading.rows_in
        counts["rows_total"] += sum(reading.set_aside.values())
        counts["rows_rejected"] += len(reading.unreadable)
        self._keep("reject", unreadable_rejects(self.file, reading, self.table))

    def _keep(self, kind: str, frame: pl.DataFrame) -> None:
        if frame.height:
            frame.write_parquet(self.folder / f"{kind}-{self._aside[kind]:05d}.parquet", compression="lz4")
            self._aside[kind] += 1

    def _laid(self, kind: str) -> Iterator[pl.DataFrame]:
        for place in range(self._aside[kind]):
            yield pl.read_parquet(self.folder / f"{kind}-{place:05d}.parquet")

    def _frames(self, columns: list[str] | None = None) -> Iterator[pl.DataFrame]:
        for path, _, _ in self._parts:
            yield pl.read_parquet(path, columns=columns)

    def _sound(self, columns: list[str]) -> Iterator[pl.DataFrame]:
        for part in self._frames([_ROW, *columns]):
            out = pl.concat([self._within(self._repeats, part), self._within(self._ambiguous, part)])
            yield part.filter(~pl.col(_ROW).is_in(out.implode())).select(columns)

    def _alike(self, marks: tuple[str, str], which: Callable[[pl.Expr], pl.Expr], asked: bool) -> pl.DataFrame:
        """Of the rows that are no repeats (so far) those whose 128 bits of `marks` say so, looked at a share of all hashes at a time."""
        shares = 1 + self._rows // COMPARED
        found = [pl.DataFrame(schema={_ROW: pl.Int64, _AT: pl.Int64})]
        for share in range(shares if asked else 0):
            parts = []
            for part in self._frames([_ROW, _AT, *marks]):
                mine = (pl.col(marks[0]) % shares == share) & ~pl.col(_ROW).is_in(
                    self._within(self._repeats, part).implode()
                )
                parts.append(part.filter(mine))
            if parts:
                alike = pl.concat(parts).filter(which(pl.struct(marks)))
                found.append(alike.select(_ROW, pl.col(_AT).cast(pl.Int64)))
        return pl.concat(found).sort(_ROW)

    def _within(self, chosen: pl.Series, part: pl.DataFrame) -> pl.Series:
        """Of sorted row numbers those within a part."""
        first, last = part[_ROW][0], part[_ROW][-1]
        begin, end = chosen.search_sorted(first, "left"), chosen.search_sorted(last, "right")
        return chosen.slice(int(begin), int(end) - int(begin))
