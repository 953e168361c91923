"""One publication held ready to answer, and the shelf that always holds the newest one."""

from __future__ import annotations

import atexit
import gc
import json
import logging
import threading
from collections import Counter
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from dashboards.service.answers import Answers
from pipelines.decisions import Desk, Enterprise, NotFoundError, what_if
from pipelines.library import Ask, Shelf
from pipelines.published import POINTER, NotPublishedError

FEW = 5
"""Counts of fewer enterprises are not told."""
log = logging.getLogger(__name__)
# what _settle set aside is freed as ever when the process ends
atexit.register(gc.unfreeze)


class Edition:
    """A publication with every pair decided. DuckDB is asked under a lock; matches of a USCC never touch it."""

    def __init__(self, home: Path) -> None:
        self.desk = Desk(home)
        self._lock = threading.RLock()
        self.profiles = self.desk.profiles()
        scores = self.desk.frame("SELECT * FROM match.score") if self.desk.has("match", "score") else None
        if scores is not None:
            scores = scores.select("enterprise_id", "item_id", pl.col("version").cast(pl.Int64), "score")
        self.answers = Answers(self.desk.program, self.profiles, self.desk.as_of, scores)
        self._ids: list[str] = self.profiles["enterprise_id"].to_list()
        usccs: list[str | None] = self.profiles["uscc"].to_list()
        self._rows = {key: row for row, key in enumerate(self._ids)}
        times = Counter(usccs)
        self._rows |= {uscc: row for row, uscc in enumerate(usccs) if uscc is not None and times[uscc] == 1}
        said = self.desk.publication
        self.dates = {
            "build_id": said.build_id,
            "as_of": said.as_of,
            "known_at": said.known_at,
            "rules_as_of": said.rules_as_of,
        }
        self._dated = json.dumps(self.dates, ensure_ascii=False)[1:-1]
        self._items: dict[str, dict[str, Any]] = {}

    def known(self, key: str, verdicts: frozenset[str] | None = None) -> str | None:
        """The JSON document of the matches of an enterprise asked by USCC or id: a fraction of a millisecond. None for any other key."""
        row = self._rows.get(key)
        return None if row is None else self._written(row, verdicts)

    def matches(self, key: str, verdicts: frozenset[str] | None = None) -> str:
        """The same for any key that leads to an enterprise. Raises NotFoundError."""
        with self._lock:
            return self._written(self._rows[self.desk.enterprise(key).enterprise_id], verdicts)

    def _written(self, row: int, verdicts: frozenset[str] | None) -> str:
        firm = self._firm(row)
        shown = {"enterprise_id": firm.enterprise_id, "uscc": firm.uscc, "name": firm.name}
        return f'{json.dumps(shown, ensure_ascii=False)[:-1]}, {self._dated}, "matches": {self.answers.matches(row, verdicts)}}}'

    def _firm(self, row: int) -> Enterprise:
        return Enterprise(self._ids[row], self.profiles["uscc"][row], self.profiles["name"][row])

    def item(self, text: str) -> dict[str, Any]:
        """An item by id or title, enterprise or person, as in force on `rules_as_of`. Raises NotFoundError."""
        with self._lock:
            if text not in self._items:
                self._items[text] = self._item(text)
            return self._items[text]

    def _item(self, text: str) -> dict[str, Any]:
        found = self.desk.frame(
            "SELECT * FROM policy.item WHERE (item_id = $i OR title = $i) AND valid_from <= $d AND (valid_to IS NULL OR valid_to >= $d)"
            " ORDER BY item_id, version DESC LIMIT 1",
            {"i": text, "d": self.desk.rules_as_of},
        )
        if found.is_empty():
            raise NotFoundError(f"没有在 {self.desk.rules_as_of} 有效的事项“{text}”")
        row = found.row(0, named=True)
        which = {"i": row["item_id"], "v": row["version"]}
        conditions = self.desk.frame(
            "SELECT condition_id, text, expr, on_unknown, outside FROM policy.condition WHERE item_id = $i AND version = $v ORDER BY condition_id",
            which,
        )
        counts = self.desk.frame(
            f"SELECT verdict, sum(n)::BIGINT AS n FROM match.total WHERE item_id = $i AND version = $v GROUP BY 1 HAVING sum(n) >= {FEW} ORDER BY 1",
            which,
        )
        names = (
            "item_id", "version", "title", "issuer", "level", "region", "zone", "basis", "valid_from", "valid_to", "window_from", "window_to",
            "cycle", "entity", "mode", "promise_days", "logic", "award_expr", "budget_yuan", "claim_unit", "materials", "text",
        )  # fmt: skip
        shown = {name: row.get(name) for name in names}
        shown["materials"] = shown["materials"] or []
        shown["region"] = shown["region"] or []
        return {**shown, "conditions": conditions.to_dicts(), "verdicts": dict(counts.iter_rows()), **self.dates}

    def case(self, case_no: str) -> dict[str, Any]:
        """A case with what became of it. Raises NotFoundError."""
        names = (
            "case_no, uscc, item_id, cycle, mode, applied_date, accepted_date, supplement_count, decision, decided_date, refusal_reason,"
            " approved_yuan, promise_days, due_date, paid_date, paid_yuan"
        )
        with self._lock:
            found = answered = pl.DataFrame()
            if self.desk.has("mart", "fact_case"):
                found = self.desk.frame(
                    f"SELECT {names} FROM mart.fact_case WHERE case_no = $c ORDER BY ALL LIMIT 1", {"c": case_no}
                )
            if self.desk.has("push", "decision"):
                answered = self.desk.frame(
                    "SELECT d.*, e.uscc, i.mode, i.promise_days FROM push.decision d LEFT JOIN profile.enterprise e USING (enterprise_id)"
                    " LEFT JOIN policy.item i USING (item_id, version) WHERE case_no = $c",
                    {"c": case_no},
                )
        answer = answered.row(0, named=True) if answered.height else None
        if found.is_empty() and answer is None:
            raise NotFoundError(f"没有找到办件“{case_no}”")
        if found.height:
            row = found.row(0, named=True)
        else:
            assert answer is not None
            blank = dict.fromkeys(name.strip() for name in names.split(","))
            known = {name: answer[name] for name in ("case_no", "uscc", "item_id", "mode", "promise_days")}
            row = {**blank, **known, "applied_date": answer["applied_on"], "supplement_count": 0}
        shown = None if answer is None else {n: answer[n] for n in ("answer", "reason", "amount_yuan", "due_on")}
        return {**row, "answer": shown, **self.dates}

    @cached_property
    def _shelf(self) -> Shelf:
        return Shelf(self.desk.con)

    def search(self, ask: Ask) -> dict[str, Any]:
        """The rows of `huiqi search`. Raises AskError."""
        with self._lock:
            return {"results": self._shelf.found(self.desk.con, ask), **self.dates}

    def simulate(self, item: str, changes: Mapping[str, str], award: str | None) -> dict[str, Any]:
        """The document of `huiqi simulate`. Raises NotFoundError, RuleError."""
        with self._lock:
            item_id = self.desk.item_id(item)
            return {**what_if(self.desk, item_id, changes, award, self.profiles), **self.dates}


class Newest:
    """Holds the newest edition. A new publication is read and decided aside while the former goes on answering."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self._edition: Edition | None = None
        self._stamp: tuple[int, ...] | None = None
        self._making = threading.Lock()

    def ready(self) -> Edition | None:
        """The edition in hand, if any; starts the making of a newer one when the pointer has moved."""
        if self._edition is not None and self._pointer() != self._stamp and self._making.acquire(blocking=False):
            threading.Thread(target=self._renew, name="edition", daemon=True).start()
        return self._edition

    def first(self) -> Edition:
        """The edition, made now if there is none yet. Raises NotPublishedError."""
        with self._making:
            if self._edition is None:
                stamp = self._pointer()
                self._edition, self._stamp = Edition(self.home), stamp
                _settle()
            return self._edition

    def _renew(self) -> None:
        try:
            stamp = self._pointer()
            try:
                self._edition = Edition(self.home)
                _settle()
            except NotPublishedError as error:
                log.error("新的发布打不开，继续用上一版：%s", error)
            except Exception:
                log.exception("新的发布不能用，继续用上一版")
            self._stamp = stamp
        finally:
            self._making.release()

    def _pointer(self) -> tuple[int, ...] | None:
        try:
            found = (self.home / POINTER).stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size


def _settle() -> None:
    """Frees what the former edition left in cycles, and takes what stays out of the collector's rounds.

    A full round over a program and its profiles, some 300,000 objects, stops every answer for 0.1 to 0.5 s, in the middle of any second;
    here it happens once per publication.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
