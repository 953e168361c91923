"""Parses many deliveries in a few limited child processes; a child that dies refuses only the file it was on."""

from __future__ import annotations

import atexit
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, BinaryIO, cast

import polars as pl

from data.contract import Form, Table
from data.readers.messages import receive, send
from data.readers.reading import Reading, RefusedFile, Unreadable, merged

_ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Limits:
    """What one file may cost a child: address space, CPU seconds, wall seconds."""

    memory_bytes: int = 6 << 30
    cpu_seconds: int = 300
    wall_seconds: float = 600.0


class _Child:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._known: set[str] = set()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "data.readers.worker", str(limits.memory_bytes)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            # One file at a time per child: more threads would only reserve memory against the limit.
            env={**os.environ, "POLARS_MAX_THREADS": "1", "PYTHONPATH": str(_ROOT)},
        )
        self._requests = cast(BinaryIO, self._process.stdin)
        self._answers = cast(BinaryIO, self._process.stdout)

    def parts(self, path: Path, contract: str, form: Form, table: Table) -> Iterator[Reading | RefusedFile]:
        """The parts of one delivery; last of all, and whatever came before it, a RefusedFile if nothing of it can be trusted.

        `wall_seconds` limit how long the child may be silent: a reader that is slower than its writer costs nothing.
        """
        try:
            if contract not in self._known:
                body = json.dumps(
                    {"form": form.model_dump(mode="json"), "table": table.model_dump(mode="json")}
                ).encode()
                send(self._requests, {"do": "learn", "contract": contract}, body)
                self._known.add(contract)
            asked = {"do": "read", "path": str(path.absolute()), "contract": contract}
            send(self._requests, asked | {"cpu_seconds": self._limits.cpu_seconds})
        except (BrokenPipeError, OSError):
            raise _ChildDied from None
        while "done" not in (answer := self._answer())[0]:
            head, body = answer
            if "refused" in head:
                yield RefusedFile(head["refused"])
                return
            yield Reading(
                pl.read_ipc(io.BytesIO(body)),
                dict(head["set_aside"]),
                [
                    Unreadable(row, sheet, rule, why, tuple(cells))
                    for row, sheet, rule, why, cells in head["unreadable"]
                ],
                list(head["notes"]),
                tuple(head["layout"]),
            )

    def _answer(self) -> tuple[dict[str, Any], bytes]:
        watch = threading.Timer(self._limits.wall_seconds, self._process.kill)
        watch.start()
        try:
            answer = receive(self._answers)
        except (BrokenPipeError, OSError):
            answer = None
        finally:
            watch.cancel()
        if answer is None:
            raise _ChildDied
        return answer

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._requests, self._answers):
            with suppress(BrokenPipeError):
                pipe.close()


class _ChildDied(Exception):
    pass


class Pool:
    """A few children, started when first needed and kept for the next files."""

    def __init__(self, children: int = 2, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._size = children
        self._idle: SimpleQueue[_Child | None] = SimpleQueue()
        for _ in range(children):
            self._idle.put(None)

    def start(self) -> None:
        """Starts the children now, so that their imports are over when the first file comes."""
        for _ in range(self._size):
            child = self._idle.get()
            self._idle.put(child or _Child(self.limits))

    def read(self, paths: Sequence[Path], form: Form, table: Table) -> Iterator[Reading | RefusedFile]:
        """One result per path, in order."""
        with ThreadPoolExecutor(self._size) as threads:
            yield from threads.map(lambda path: self._one(path, form, table), paths)

    def parts(self, path: Path, form: Form, table: Table) -> Iterator[Reading | RefusedFile]:
        """One delivery part by part, as fast as they are taken; ends in a RefusedFile if nothing of it can be trusted."""
        child: _Child | None = self._idle.get()
        whole = False
        try:
            if child is not None and not child.alive:
                child.stop()
                child = None
            child = child or _Child(self.limits)
            yield from child.parts(path, _contract(form, table), form, table)
            whole = True
        except _ChildDied:
            yield RefusedFile("解析进程被中止：内存、时间超过上限或文件使解析器崩溃")
        finally:
            if child is not None and not whole:
                # Dead, or still telling of a file that nobody asks about any more.
                child.stop()
                child = None
            self._idle.put(child)

    def _one(self, path: Path, form: Form, table: Table) -> Reading | RefusedFile:
        parts = list(self.parts(path, form, table))
        refused = parts[-1]
        if isinstance(refused, RefusedFile):
            return refused
        return merged([p for p in parts if isinstance(p, Reading)])

    def close(self) -> None:
        """Stops the children; the next read starts new ones."""
        for _ in range(self._size):
            child = self._idle.get()
            if child is not None:
                child.stop()
            self._idle.put(None)


def _contract(form: Form, table: Table) -> str:
    return f"{table.key}:{hash((form.model_dump_json(), table.model_dump_json()))}"


_shared: Pool | None = None


def shared() -> Pool:
    """The pool of this process, stopped at its end."""
    global _shared
    if _shared is None:
        _shared = Pool()
        atexit.register(_shared.close)
    return _shared
