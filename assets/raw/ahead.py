"""Reads ahead of the run: while one table is written and reported, the next ones are read and checked in other processes."""

import threading
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path

from assets.raw.judge import File
from assets.raw.prepare import Prepared, checked, prepared
from assets.raw.volume import Habit
from data import contract
from data.readers import pool
from quality import validator
from quality.masks import Outcome

# Delivered bytes that may lie prepared and not yet written: a backlog does not fill the memory.
AHEAD_BYTES = 128 << 20


class Ahead:
    """Two threads, one that reads and one that has the rules checked, over the tables in the order of their steps.

    A table nobody has begun when its step comes is done by the step itself, so no order of steps can lock the run.
    """

    def __init__(self, pending: Mapping[str, list[File]], habits: Mapping[str, Habit], home: Path, key: bytes) -> None:
        self._habits, self._home, self._key = habits, home, key
        self._files = {name: files for name, files in sorted(pending.items()) if files}
        self._sizes = {name: sum(f.arrival["bytes"] for f in files) for name, files in self._files.items()}
        self._read: dict[str, Future[Prepared]] = {}
        self._checked: dict[str, Future[list[Outcome]]] = {}
        self._held = 0
        self._closed = False
        self._turn = threading.Condition()
        self._tables = {t.key: t for t in contract.tables()}

    def start(self) -> None:
        """Starts the children's imports at once, then the reading."""
        validator.shared().start()
        pool.shared().start()
        for work in (self._reading, self._checking):
            threading.Thread(target=work, daemon=True, name=work.__name__).start()

    def taken(self, table: str) -> tuple[Prepared, list[Outcome]] | None:
        """What was prepared for `table`, waited for if it has begun; None if the caller must do it."""
        with self._turn:
            if table not in self._read:
                self._files.pop(table, None)
                return None
        found, outcomes = self._read[table].result(), self._checked[table].result()
        with self._turn:
            self._held -= self._sizes[table]
            del self._read[table], self._checked[table]
            self._turn.notify_all()
        return found, outcomes

    def close(self) -> None:
        """No table is begun any more; what is prepared is dropped."""
        with self._turn:
            self._closed = True
            self._files.clear()
            self._turn.notify_all()

    def _reading(self) -> None:
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._closed or not self._files or self._held < AHEAD_BYTES)
                if not self._files:
                    return
                name = next(iter(self._files))
                files = self._files.pop(name)
                future: Future[Prepared] = Future()
                self._read[name], self._checked[name] = future, Future()
                self._held += self._sizes[name]
                self._turn.notify_all()
            try:
                future.set_result(
                    prepared(self._tables[name], files, self._home, self._key, self._habits.get(name) or Habit())
                )
            except BaseException as error:
                future.set_exception(error)

    def _checking(self) -> None:
        done: set[str] = set()
        while True:
            with self._turn:
                self._turn.wait_for(lambda: self._closed or not self._files or self._read.keys() - done)
                waiting = [n for n in self._read if n not in done]
                if not waiting:
                    return
                name = waiting[0]
                read, future = self._read[name], self._checked[name]
            done.add(name)
            try:
                future.set_result(checked(read.result(), self._tables[name]))
            except BaseException as error:
                future.set_exception(error)
