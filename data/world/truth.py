"""Planted truth: entities and their codes, every row's origin and defects, states by month, treatments, rings, deliveries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import numpy as np
import polars as pl

from data.world import calendar, programs, revenue
from data.world.delivery import Arrival
from data.world.entity import KINDS
from data.world.indicators import monthly_state
from data.world.lives import ENDS
from data.world.origins import CLEAN_ROWS, Origins, Sent, origins
from data.world.parcel import World, given
from data.world.population import Population
from data.world.streams import Ints
from data.world.truth_links import date_of, displacements, fraud, links, month_start, successions
from data.world.views import disclosure, persons
from data.world.views.customs import customs_code, is_trader
from data.world.views.labor import insures, offices, unit_number
from data.world.views.ownership import branch_keys
from data.world.writers import Written

_PLACE: dict[str, pl.DataType | type[pl.DataType]] = {
    "department": pl.String,
    "table": pl.String,
    "file": pl.String,
    "sheet": pl.String,
    "row_no": pl.Int64,
    "eid": pl.Int64,
}
_RECORD = _PLACE | {"defects": pl.String}
_NEVER = 100_000
_CELL = _PLACE | dict.fromkeys(("column", "defect", "clean", "sent"), pl.String)


# A batch of VAT rows of this length takes 0.4 GB.
_HELD_ROWS = 500_000


class Recorder:
    """Where every delivered row comes from and what is wrong with it, written in batches.

    `truth_record.parquet`: file, sheet, row_no, eid (null for nobody), defects; `truth_cell.parquet`: one row per spoilt cell with its defect, the
    clean value and what was sent; `truth_clean/<department>_<table>.parquet`: every row of the table as it should have been, columns as the sender names them.
    """

    def __init__(self, folder: Path, number: int = 0) -> None:
        (folder / "truth_clean").mkdir(parents=True, exist_ok=True)
        self.parts: list[Path] = []
        self._folder, self._number = folder, number
        # By department, table and whether clean rows are kept.
        self._waiting: dict[tuple[str, str, bool], list[tuple[str, Sent]]] = {}
        self._rows = 0

    def __enter__(self) -> Recorder:
        return self

    def add(self, department: str, table: str, file: str, written: Written) -> None:
        """Remember a written file; `file` is its path in the home."""
        for told in written.told:
            self._tell(department, table, told, pl.lit(file).alias("file"))
        for piece in written.sent:
            named = piece.sheet if department == "housing" else table
            key = (department, named, written.rows <= CLEAN_ROWS)
            self._waiting.setdefault(key, []).append((file, piece))
            self._rows += len(piece.frame)
        if self._rows > _HELD_ROWS:
            self._flush()

    def _flush(self) -> None:
        for (department, table, keeps), sent in self._waiting.items():
            told = origins(sent)
            self._tell(department, table, told if keeps else told._replace(clean=None))
        self._waiting, self._rows = {}, 0

    def _tell(self, department: str, table: str, told: Origins, *file: pl.Expr) -> None:
        named = (pl.lit(department).alias("department"), pl.lit(table).alias("table"), *file)
        self._write("truth_record", told.record.with_columns(*named).select(list(_RECORD)))
        self._write("truth_cell", told.cells.with_columns(*named).select(list(_CELL)))
        if told.clean is not None:
            self._write(f"truth_clean/{department}_{table}", told.clean)

    def _write(self, name: str, frame: pl.DataFrame) -> None:
        if len(frame):
            part = self._folder / f"{name}.{self._number:02d}.{len(self.parts):06d}.part"
            frame.write_parquet(part)
            self.parts.append(part)

    def close(self) -> None:
        """Write what is still held; `parts` is complete then."""
        self._flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()


def join_record(folder: Path, parts: list[Path]) -> None:
    """The parts that recorders wrote, in this order, as one file each of truth_record, truth_cell and the tables of truth_clean.

    Behind what a world that goes on has there already; the API's records are told anew as a whole.
    """
    named: dict[str, list[Path]] = {}
    for part in parts:
        named.setdefault(part.relative_to(folder).as_posix().split(".")[0], []).append(part)
    for name, own in named.items():
        path = folder / f"{name}.parquet"
        told = [pl.scan_parquet(path).filter(~pl.col("file").str.starts_with("api/"))] if path.exists() else []
        _join(own, path, told)


def _join(parts: list[Path], path: Path, told: list[pl.LazyFrame]) -> None:
    joined = path.with_name(f"{path.name}.part")
    pl.concat([*told, *(pl.scan_parquet(part) for part in parts)], how="diagonal").sink_parquet(joined)
    joined.replace(path)
    for part in parts:
        part.unlink()


def entities(people: Population, last: int) -> pl.DataFrame:
    """truth_entity: one row per entity with all codes and names, and the changes up to the month `last`."""

    def until(month: Ints) -> Ints:
        return np.where(month <= last, month, _NEVER)

    changed = until(people.first_change_month())
    trader = pl.Series(is_trader(people))
    unit = unit_number(people, offices(people)[0][0])
    keep, branch, branch_code = branch_keys(people)
    parent = pl.DataFrame({"eid": people.ids[keep], "branch_name": branch, "branch_uscc": branch_code})
    frame = pl.DataFrame(
        {
            "eid": people.ids,
            "kind": pl.Series(KINDS).gather(people.kind),
            "uscc": people.uscc,
            "regno": people.regno,
            "org_code": people.org_code,
            "pripid": people.pripid,
            "djxh": people.tax_serial,
            "unit_no": unit,
            "customs_code": customs_code(people),
            "name": people.name,
            "new_name": pl.select(pl.when(pl.Series(people.renamed_month <= last)).then(people.new_name)).to_series(),
            "renamed_month": month_start(until(people.renamed_month)),
            "legal_person": people.person,
            "next_legal_person": pl.select(
                pl.when(pl.Series(people.change_at(last, 1))).then(people.next_person)
            ).to_series(),
            "changed_month": month_start(changed),
            "phone": people.phone,
            "region": people.region,
            "new_region": people.region_at(last),
            "moved_month": month_start(until(people.moved_month)),
            "returned_month": month_start(until(people.returned_month)),
            "birth": date_of(people.birth_day),
            "death_month": month_start(people.death_month),
            "death_kind": pl.Series(ENDS).gather(people.death_kind),
            "cluster": people.cluster,
        }
    )
    frame = frame.with_columns(
        customs_code=pl.when(trader).then("customs_code"), unit_no=pl.when(pl.Series(insures(people))).then("unit_no")
    )
    return frame.join(parent, on="eid", how="left", maintain_order="left")


def treatments(people: Population, months: range) -> pl.DataFrame:
    """truth_treatment: per paid entity, programme and month since payment: the effect and both potential outcomes, in yuan.

    `propensity` is the chance it had of being paid; `revenue` is with every programme, `counterfactual` the same hashes with this programme's payment left out.
    """
    parts = []
    for programme in programs.PROGRAMMES:
        paid = programs.pay_month(people, programme)
        keep = np.flatnonzero(paid < 100_000)
        sub = people.take(keep)
        chance = programs.propensity(sub, programme)
        for month in months:
            base = revenue.untreated_cents(sub, month)
            total = programs.effect(sub, month)
            own = programs.effect_of(sub, programme, month)
            parts.append(
                pl.DataFrame(
                    {
                        "eid": sub.ids,
                        "programme": pl.Series([programme.id] * len(sub), dtype=pl.String),
                        "policy_no": pl.Series([programme.policy] * len(sub), dtype=pl.String),
                        "shape": pl.Series([programme.shape] * len(sub), dtype=pl.String),
                        "selection": pl.Series([programme.selection] * len(sub), dtype=pl.String),
                        "propensity": chance,
                        "pay_month": month_start(paid[keep]),
                        "month": pl.Series([calendar.first_day(month)] * len(sub), dtype=pl.Date),
                        "effect": own,
                        "revenue": np.floor(base * (1 + total) + 0.5) / 100,
                        "counterfactual": np.floor(base * (1 + (total - own)) + 0.5) / 100,
                        "untreated": base / 100,
                    }
                )
            )
    return pl.concat(parts)


def listings(people: Population, world: World) -> pl.DataFrame:
    """truth_listing: every stay on the abnormal list or on that of the seriously dishonest, with its end where there was one."""
    closing = calendar.number_of(world.closing_day)
    parts = []
    for year in range(disclosure.FIRST_LISTING, calendar.year_of(world.last_month)):
        for reason, keep, day in disclosure.listings(people, year):
            sub = people.take(keep)
            out = disclosure.removed_day(sub, day, year)
            parts.append(
                pl.DataFrame(
                    {
                        "eid": sub.ids,
                        "uscc": sub.uscc,
                        "reason": pl.Series([reason] * len(sub), dtype=pl.String),
                        "listed": date_of(day),
                        "restored": date_of(np.where(out <= closing, out, 999_999)),
                    }
                ).filter(pl.Series(day <= closing))
            )
    return pl.concat(parts)


def bunching(people: Population) -> pl.DataFrame:
    """truth_bunching: firms that moved sales into December 2023 to reach W6's threshold: earned, moved and threshold in yuan."""
    moved = revenue.bunched_cents(people)
    keep = np.flatnonzero(moved)
    sub = people.take(keep)
    return pl.DataFrame(
        {
            "eid": sub.ids,
            "programme": pl.Series(["W6"] * len(keep), dtype=pl.String),
            "threshold": np.full(len(keep), revenue.THRESHOLD_CENTS / 100),
            "earned": revenue.earned_year_cents(sub, 2023) / 100,
            "moved": moved[keep] / 100,
        }
    )


def deliveries(arrivals: list[Arrival], root: Path) -> pl.DataFrame:
    """truth_delivery: one row per file."""
    return pl.DataFrame(
        [
            {
                "file": a.path.relative_to(root).as_posix() if a.received else None,
                "department": a.department,
                "table": a.table,
                "period": a.period,
                "kind": a.kind,
                "due": a.due,
                "received_at": a.received,
                "late_days": (a.received.date() - a.due).days if a.received else None,
                "rows": a.rows,
                "anomalies": ";".join(a.anomalies),
                "receipt": a.receipt,
                "sha256": a.sha256 or None,
            }
            for a in sorted(
                arrivals, key=lambda a: (a.received or dt.datetime.max, a.path.as_posix(), a.table, a.period)
            )
        ],
        infer_schema_length=None,
    )


def write_deliveries(arrivals: list[Arrival], root: Path) -> None:
    """truth_delivery.parquet, behind the rows a world that goes on has there."""
    path = root / "truth" / "truth_delivery.parquet"
    told = [pl.read_parquet(path)] if path.exists() else []
    pl.concat([*told, deliveries(arrivals, root)], how="vertical_relaxed").write_parquet(path)


def _yearly(
    view: Callable[[Population, range], pl.DataFrame], world: World
) -> list[Callable[[Population], pl.DataFrame]]:
    """One piece of the view per calendar year, so that a chunk of a large world stays small in memory."""
    first, last = world.window[0], world.window[-1]
    spans = [range(max(first, y * 12), min(last, y * 12 + 11) + 1) for y in range(first // 12, last // 12 + 1)]
    return [given(view, span) for span in spans]


def write_tables(world: World, folder: Path) -> None:
    """Every truth file that does not speak of deliveries, chunk by chunk."""
    files: tuple[tuple[str, list[Callable[[Population], pl.DataFrame]]], ...] = (
        ("truth_entity", [given(entities, world.last_month)]),
        ("truth_state", _yearly(monthly_state, world)),
        ("truth_treatment", _yearly(treatments, world)),
        ("truth_fraud", [fraud]),
        ("truth_succession", [successions]),
        ("truth_link", [given(links, world.last_month)]),
        ("truth_listing", [given(listings, world)]),
        ("truth_displacement", [displacements]),
        ("truth_bunching", [bunching]),
        ("truth_person", [persons.truth]),
    )
    for name, views in files:
        parts: list[Path] = []
        for people in world.chunks():
            # Those born after the closing day are not told yet.
            people = people.take(np.flatnonzero(people.birth_day <= calendar.number_of(world.closing_day)))
            for view in views:
                part = folder / f"{name}.{len(parts):04d}.part"
                view(people).write_parquet(part)
                parts.append(part)
        path = folder / f"{name}.parquet"
        monthly = world.after is not None and name in ("truth_state", "truth_treatment") and path.exists()
        _join(parts, path, [pl.scan_parquet(path)] if monthly else [])
