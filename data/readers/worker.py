"""The child process that parses deliveries: limits itself, then answers one request per file over its pipes. Run by `data.readers.pool`."""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from data.readers.messages import receive, send

if TYPE_CHECKING:
    from data.readers import Reading


def limit(memory_bytes: int) -> None:
    """Caps address space; no core dumps, no files written: a parser has nothing to write."""
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    # Whoever starts a run under a lower limit of his own means it.
    ceiling = memory_bytes if hard == resource.RLIM_INFINITY else min(memory_bytes, hard)
    resource.setrlimit(resource.RLIMIT_AS, (ceiling, ceiling))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def _allow_cpu(seconds: int) -> None:
    """CPU time is counted per process: each file gets its own allowance on top of what was used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    ceiling = int(used.ru_utime + used.ru_stime) + seconds
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (ceiling, hard))


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answers until the requests end: part after part, then that it is done or why it is refused. A crash is the parent's to notice."""
    from data.contract import Form, Table
    from data.readers import RefusedFile, parts

    contracts: dict[str, tuple[Form, Table]] = {}
    while (message := receive(requests)) is not None:
        head, body = message
        if head["do"] == "learn":
            contract = json.loads(body)
            contracts[head["contract"]] = (
                Form.model_validate(contract["form"]),
                Table.model_validate(contract["table"]),
            )
            continue
        form, table = contracts[head["contract"]]
        _allow_cpu(head["cpu_seconds"])
        try:
            for reading in parts(Path(head["path"]), form, table):
                _answer(answers, reading)
            send(answers, {"done": True})
        except RefusedFile as error:
            send(answers, {"refused": str(error)})
        except MemoryError:
            send(answers, {"refused": "解析时内存超过上限"})
        except Exception as error:
            send(answers, {"refused": f"读不出：{type(error).__name__}（{_where(error)}）"})


def _answer(answers: BinaryIO, reading: Reading) -> None:
    buffer = io.BytesIO()
    reading.frame.write_ipc(buffer)
    send(
        answers,
        {
            "set_aside": reading.set_aside,
            "notes": reading.notes,
            "unreadable": [[u.row_no, u.sheet, u.rule, u.reason, u.cells] for u in reading.unreadable],
            "layout": reading.layout,
        },
        buffer.getbuffer(),
    )


def _where(error: BaseException) -> str:
    """Module and line, never the message: it may hold a value."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""


if __name__ == "__main__":
    limit(int(sys.argv[1]))
    pipe_out = os.fdopen(os.dup(1), "wb")
    # A library that prints must not corrupt the answers.
    os.dup2(2, 1)
    serve(sys.stdin.buffer, pipe_out)
