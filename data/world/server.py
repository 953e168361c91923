"""The reform commission's API as it behaves: token by HMAC, pages, 429 with Retry-After, and pages that shift while data arrive.

`GET /api/<native table>?page=1&size=100&updated_since=&updated_until=` with headers `X-Huiqi-Time` (Unix seconds) and
`X-Huiqi-Token` = hex HMAC-SHA256(token, "<time>\\n<path and query>"). Answer: {"code": 0, "page", "size", "total", "data": [...]}.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import sys
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN_VARIABLE = "HUIQI_REFORM_TOKEN"
_MAX_SIZE = 500
# Every eleventh request is told to come back; every third page of a pull begins with the last rows of the page before.
_BUSY_EVERY = 11
_SHIFT_EVERY = 3
_SHIFT = 2


def signature(token: str, time: str, target: str) -> str:
    """Hex HMAC-SHA256 of the time and the path with its query."""
    return hmac.new(token.encode(), f"{time}\n{target}".encode(), hashlib.sha256).hexdigest()


class Records:
    """The API's tables in memory, sorted by update time."""

    def __init__(self, folder: Path) -> None:
        files = sorted(folder.glob("*.jsonl"))
        if not files:
            raise FileNotFoundError(f"{folder} 里没有接口数据（*.jsonl）；请先 make")
        self.tables: dict[str, list[dict[str, Any]]] = {}
        for file in files:
            with file.open(encoding="utf-8") as lines:
                self.tables[file.stem] = [json.loads(line) for line in lines]
        self._times = {name: [str(r["updated_at"]) for r in rows] for name, rows in self.tables.items()}

    def page(self, table: str, since: str, until: str, page: int, size: int) -> tuple[int, list[dict[str, Any]]]:
        """(total, rows of the page). From the third page on, every third begins two rows early: a record moved up meanwhile."""
        times = self._times[table]
        low = bisect_left(times, since) if since else 0
        # A bare date as the upper bound includes its day.
        high = bisect_right(times, until + " 23:59:59" if len(until) == 10 else until) if until else len(times)
        rows = self.tables[table][low : max(low, high)]
        start = (page - 1) * size
        if page > 1 and page % _SHIFT_EVERY == 0:
            start -= min(_SHIFT, start)
            return len(rows), rows[start : start + size + _SHIFT]
        return len(rows), rows[start : start + size]


@dataclass
class _Traffic:
    """Requests so far, and the one just refused (it is answered when it comes again)."""

    requests: int = 0
    refused: str = ""


def _handler(records: Records, token: str) -> type[BaseHTTPRequestHandler]:
    lock = Lock()
    state = _Traffic()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self, status: int, body: dict[str, Any], **headers: str) -> None:
            raw = json.dumps(body, ensure_ascii=False).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(raw)))
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.wfile.write(raw)

        def do_GET(self) -> None:
            target = urlsplit(self.path)
            expected = signature(token, self.headers.get("X-Huiqi-Time", ""), self.path)
            if not hmac.compare_digest(expected, self.headers.get("X-Huiqi-Token", "")):
                self._answer(401, {"code": 401, "message": "令牌无效"})
                return
            with lock:
                state.requests += 1
                busy = state.requests % _BUSY_EVERY == 0 and state.refused != self.path
                state.refused = self.path if busy else ""
            if busy:
                self._answer(429, {"code": 429, "message": "请求过于频繁"}, Retry_After="1")
                return
            table = target.path.removeprefix("/api/")
            if table not in records.tables:
                self._answer(404, {"code": 404, "message": f"没有表 {table}"})
                return
            query = {k: v[-1] for k, v in parse_qs(target.query).items()}
            try:
                page, size = int(query.get("page", "1")), int(query.get("size", "100"))
            except ValueError:
                page, size = 0, 0
            if page < 1 or not 1 <= size <= _MAX_SIZE:
                self._answer(400, {"code": 400, "message": f"page 应为正整数，size 应在 1 到 {_MAX_SIZE} 之间"})
                return
            total, rows = records.page(
                table, query.get("updated_since", ""), query.get("updated_until", ""), page, size
            )
            self._answer(200, {"code": 0, "page": page, "size": size, "total": total, "data": rows})

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the caller's own log tells what was asked."""

    return Handler


def start(folder: Path, port: int, token: str) -> ThreadingHTTPServer:
    """A server bound to loopback, not yet serving."""
    return ThreadingHTTPServer(("127.0.0.1", port), _handler(Records(folder), token))


def serve(folder: Path, port: int) -> int:
    """Serve until interrupted. Prints `ready <port>` on stdout once it listens."""
    token = os.environ.get(TOKEN_VARIABLE, "")
    if not token:
        sys.stderr.write(f"环境变量 {TOKEN_VARIABLE} 未设置；两端用同一个值\n")
        return 2
    httpd = start(folder, port, token)
    sys.stdout.write(f"ready {httpd.server_address[1]}\n")
    sys.stdout.flush()
    try:
        httpd.serve_forever()
    except KeyboardInterrupt:
        return 0
    finally:
        httpd.server_close()
    return 0
