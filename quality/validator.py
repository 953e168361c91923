"""Great Expectations in a process of its own: its import (3 CPU s) and its work run beside the parsing and writing of a run."""

from __future__ import annotations

import atexit
import io
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

import polars as pl

from data.contract import Table
from data.readers.messages import receive, send
from quality.expectations import great_expectations_outcomes, judged_columns
from quality.masks import Outcome

_ROOT = Path(__file__).parents[1]


class Validator:
    """One child, started when first needed; a child that dies leaves every rule of that table broken, which blocks, and the next table gets another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Begins the import now, so that it is over when the first rows are ready."""
        with self._lock:
            self._running()

    def outcomes(self, rows: pl.DataFrame, table: Table) -> list[Outcome]:
        """`great_expectations_outcomes` of the child; only the columns that some rule names are handed over."""
        body = io.BytesIO()
        judged_columns(rows, table).write_ipc(body)
        with self._lock:
            process = self._running()
            try:
                send(cast(BinaryIO, process.stdin), {"table": table.model_dump(mode="json")}, body.getvalue())
                answer = receive(cast(BinaryIO, process.stdout))
            except (BrokenPipeError, OSError):
                answer = None
            if answer is None:
                self._stop()
        if answer is None:
            why = "Great Expectations 进程中止"
            return [Outcome(rule, rows.height, None, False, why) for rule in table.rules]
        return [
            Outcome(rule, rows.height, _marks(said["bad"], rows.height), said["fulfilled"], said["broken"])
            for rule, said in zip(table.rules, answer[0]["outcomes"], strict=True)
        ]

    def close(self) -> None:
        """Ends the child; the next question starts another."""
        with self._lock:
            self._stop()

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._stop()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "quality.validator"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=_ROOT,
                env={
                    **os.environ,
                    "PYTHONPATH": str(_ROOT),
                    "POLARS_MAX_THREADS": "1",
                    "GX_ANALYTICS_ENABLED": "false",
                },
            )
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):
                cast(BinaryIO, pipe).close()


def _marks(positions: list[int] | None, rows: int) -> pl.Series | None:
    if positions is None:
        return None
    bad = pl.repeat(False, rows, dtype=pl.Boolean, eager=True).alias("bad")
    return bad.scatter(positions, True) if positions else bad


_shared: Validator | None = None


def shared() -> Validator:
    """The validator of this process, stopped at its end."""
    global _shared
    if _shared is None:
        _shared = Validator()
        atexit.register(_shared.close)
    return _shared


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers until the requests end. What GX raises is a broken rule; what this process raises ends it, and the parent says so."""
    import great_expectations  # noqa: F401  # before the first rows arrive

    while (message := receive(requests)) is not None:
        head, body = message
        table = Table.model_validate(head["table"])
        found = great_expectations_outcomes(pl.read_ipc(io.BytesIO(body)), table)
        said = [
            {
                "bad": None if o.bad is None else o.bad.arg_true().to_list(),
                "fulfilled": o.fulfilled,
                "broken": o.broken,
            }
            for o in found
        ]
        send(answers, {"outcomes": said})


if __name__ == "__main__":
    pipe_out = os.fdopen(os.dup(1), "wb")
    # A library that prints must not corrupt the answers.
    os.dup2(2, 1)
    serve(sys.stdin.buffer, pipe_out)
