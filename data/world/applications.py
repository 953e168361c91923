"""即申即享 applications to our lists: they arrive undecided with what the applicant declares, and end when our payment or the department's patience does."""

from __future__ import annotations

import csv
import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data import corpus
from data.world import calendar, formats, rules
from data.world.eligibility import written
from data.world.facts import Facts
from data.world.population import Population
from data.world.streams import Bools
from data.world.views.frames import everywhere, table
from data.world.views.register import current_name

INSTANT = "即申即享"
# An application that nobody has paid for by its second following month is refused.
PATIENCE = 2
LIES = 0.1
INFLATED = 3
_CATALOGUE = Path(__file__).resolve().parent.parent / "indicators.yml"
_STATE: dict[str, pl.DataType | type[pl.DataType]] = {
    "case_no": pl.String, "eid": pl.Int64, "uscc": pl.String, "item_id": pl.String, "turn": pl.Int64, "filed": pl.Int64,
    "honest": pl.Boolean, "told": pl.Boolean, "ended": pl.Int64,
}  # fmt: skip

Asked = Mapping[str, tuple[str, ...]]


def offers() -> dict[str, Asked]:
    """Items paid on application → the words of each condition an applicant may speak to → the indicators in it."""
    words = rules.labels(_CATALOGUE)
    found: dict[str, Asked] = {}
    for item in corpus.load_items():
        if item.mode == INSTANT and item.entity == "enterprise" and item.award.expr:
            found[item.id] = {
                c.text: tuple(sorted({words[w][0] for w in re.findall(r"\w+", c.expr) if w in words}))
                for c in item.conditions
                if c.on_unknown == "ask"
            }
    return found


@dataclass(frozen=True)
class Filed:
    """New applications of one item: the firms, whether each was told, and what its list says is still missing (None: no list)."""

    item: str
    people: Population
    told: Bools
    lacks: Sequence[str | None]


@dataclass
class Book:
    """Every application so far (truth_application.parquet); `ended` is null while it is open."""

    path: Path
    rows: pl.DataFrame

    @classmethod
    def of(cls, home: Path) -> Book:
        path = home / "truth" / "truth_application.parquet"
        return cls(path, pl.read_parquet(path) if path.exists() else pl.DataFrame(schema=_STATE))

    @property
    def open(self) -> pl.DataFrame:
        return self.rows.filter(pl.col("ended").is_null()).sort("case_no")

    def keep(self) -> None:
        """Written only once there was an application."""
        if len(self.rows):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self.rows.write_parquet(self.path)


def paid(home: Path) -> dict[tuple[str, str], Decimal]:
    """(uscc, item) → 元 of every payment file of a list that answers applications."""
    found: dict[tuple[str, str], Decimal] = {}
    for path in sorted((home / "lists").glob("decision.*/payment.csv")):
        with path.open(encoding="utf-8", newline="") as handle:
            for row in csv.DictReader(handle):
                found[row["uscc"], row["item_id"]] = Decimal(row["amount_yuan"])
    return found


def ended(
    book: Book, people: Population, payments: Mapping[tuple[str, str], Decimal], day: dt.date, turn: int
) -> list[pl.DataFrame]:
    """CASE rows of the open applications that end this turn; `people` are those of `book.open`, in its order."""
    waiting = book.open
    amounts = [payments.get(key) for key in waiting.select("uscc", "item_id").iter_rows()]
    over = np.array([a is not None for a in amounts], dtype=np.bool_) | (turn - waiting["turn"].to_numpy() >= PATIENCE)
    done = np.flatnonzero(over)
    if not len(done):
        return []
    rows, sub = waiting[done.tolist()], people.take(done)
    decision = ["不通过" if amounts[k] is None else "通过" for k in done.tolist()]
    said = {
        "决定": pl.Series(decision, dtype=pl.String),
        "决定日": pl.Series([day.isoformat()] * len(done)),
        "不通过原因": pl.Series(["逾期未补正" if d == "不通过" else "" for d in decision], dtype=pl.String),
        "核定金额": pl.Series([f"{amounts[k] or 0:.2f}" for k in done.tolist()], dtype=pl.String),
    }
    closed = rows["case_no"].to_list()
    book.rows = book.rows.with_columns(
        pl.when(pl.col("case_no").is_in(closed)).then(turn).otherwise("ended").cast(pl.Int64).alias("ended")
    )
    return [_case(sub, rows, said, np.full(len(done), calendar.number_of(day)))]


def filed(
    book: Book, fresh: Filed, asked: Asked, day: dt.date, turn: int
) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    """(CASE, DECLARATION) frames of new applications; a firm with an open one of the item files no second.

    A firm declares what its list says is missing, or every indicator it may speak to; one in ten says three times a figure, or
    yes for no (`honest` in the book).
    """
    already = set(book.open.filter(pl.col("item_id") == fresh.item)["uscc"])
    keep = np.flatnonzero([code not in already for code in fresh.people.uscc.to_list()])
    # facts are asked of entities in the order of their ids
    keep = keep[np.argsort(fresh.people.ids[keep])]
    sub = fresh.people.take(keep)
    if not len(sub):
        return [], []
    when = np.full(len(sub), calendar.number_of(day) - 20) + sub.ids % 8
    lies = sub.streams.chance(LIES, f"apply.lie.{fresh.item}", sub.ids)
    numbers = [f"BJS{turn}{fresh.item}{eid:09d}" for eid in sub.ids.tolist()]
    lacks = [fresh.lacks[k] for k in keep.tolist()]
    said = _declared(sub, numbers, when, lies, lacks, asked, day)
    told_lies = set(said.filter(pl.col("_lie"))["办件编号"]) if len(said) else set()
    rows = pl.DataFrame(
        {
            "case_no": numbers, "eid": sub.ids, "uscc": sub.uscc, "item_id": [fresh.item] * len(sub), "turn": [turn] * len(sub),
            "filed": when, "honest": [n not in told_lies for n in numbers], "told": fresh.told[keep], "ended": [None] * len(sub),
        },
        schema=_STATE,
    )  # fmt: skip
    book.rows = pl.concat([book.rows, rows])
    undecided: dict[str, pl.Series | str | None] = dict.fromkeys(("决定", "决定日", "不通过原因", "核定金额"))
    return [_case(sub, rows, undecided, when + 1)], [said.drop("_lie")] if len(said) else []


def _case(
    sub: Population, rows: pl.DataFrame, decided: Mapping[str, pl.Series | str | None], updated: Any
) -> pl.DataFrame:
    when = rows["filed"].to_numpy()
    return everywhere(
        table(
            sub,
            {
                "办件编号": rows["case_no"],
                "事项编号": rows["item_id"],
                "申报主体码": sub.uscc,
                "名称": current_name(sub, calendar.LAST_MONTH),
                "申报日": formats.dates(when),
                "受理日": formats.dates(when + 1),
                "补正次数": "0",
                **decided,
                "承诺时限": "20",
                "来源": pl.Series(["推送" if t else "主动" for t in rows["told"]], dtype=pl.String),
                "更新时间": formats.stamps(updated, np.full(len(sub), 36_000)),
            },
        ),
        "answer",
    )


def _declared(
    sub: Population, numbers: list[str], when: Any, lies: Bools, lacks: Sequence[str | None], asked: Asked, day: dt.date
) -> pl.DataFrame:
    known = Facts(sub, day).known()
    rows: list[tuple[int, str, str, bool]] = []
    for k, text in enumerate(lacks):
        spoken = {name for words, names in asked.items() if text is None or words in text for name in names}
        for name in sorted(spoken & known.keys()):
            true = known[name][k]
            if true is None or isinstance(true, list):
                continue
            said = _inflated(true) if lies[k] else true
            rows.append((k, name, str(written(said)), said != true))
    if not rows:
        return pl.DataFrame()
    place = np.array([row[0] for row in rows], dtype=np.int64)
    people = sub.take(place)
    frame = table(
        people,
        {
            "办件编号": pl.Series([numbers[k] for k in place.tolist()], dtype=pl.String),
            "主体码": people.uscc,
            "指标名": pl.Series([row[1] for row in rows], dtype=pl.String),
            "值": pl.Series([row[2] for row in rows], dtype=pl.String),
            "证明材料": "企业申报",
            "提交时间": formats.stamps(np.asarray(when)[place], 35_000 + np.arange(len(rows)) % 60),
            "承诺书编号": pl.Series([f"CN{numbers[k]}" for k in place.tolist()], dtype=pl.String),
        },
    )
    return everywhere(frame, "answer").with_columns(pl.Series("_lie", [row[3] for row in rows]))


def _inflated(value: Any) -> Any:
    if isinstance(value, bool):
        return True
    return value * INFLATED if isinstance(value, int | Decimal) else value
