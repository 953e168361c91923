"""Pulled feeds: pages of a REST interface, fetched up to the scope's date and landed as JSON Lines with a receipt like any other delivery."""

import hashlib
import hmac
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from assets.raw.receipt import RECEIPT, believable, moment
from data import contract

PAGE = 500
# One request in eleven is told to come back; a pull gives up only when a page was refused this often.
ATTEMPTS = 8
START_SECONDS = 30.0
# What one pull may bring and take: a source gone wrong must not keep the night's run from its other feeds.
PAGE_BYTES, PULL_BYTES = 64 << 20, 1 << 30
PULL_SECONDS = 1800.0
_ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Pulled:
    """One line per table that was fetched, and one per source that could not be."""

    done: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


class PullError(RuntimeError):
    """A source that could not be read to its end; nothing of this pull is landed."""


def pull_feeds(home: Path, known_at: datetime) -> Pulled:
    """Fetches every source of `sources.yml` up to `known_at`. A source that fails is reported; the others go on."""
    pulled = Pulled()
    place = home / "sources.yml"
    if not place.exists():
        return pulled
    sources = contract.parse_yaml(place.read_text(encoding="utf-8"), place.name)
    for department, source in sources.items():
        try:
            feed = contract.feeds()[department]
            since = {name: cursor(home, table) for name, table in feed.tables.items()}
            wanted = [name for name, at in since.items() if at is None or at < known_at]
            if not wanted:
                continue
            with _reachable(home, source) as (url, token):
                for table in (feed.tables[name] for name in wanted):
                    rows = _records(url, token, table.native, since[table.name], known_at)
                    _land(home, table, rows, known_at)
                    pulled.done.append(f"{feed.name}·{table.label}：{len(rows)} 条")
        except (PullError, LookupError, TypeError, OSError, httpx.HTTPError, ValueError) as error:
            pulled.failed.append(f"{department}：{type(error).__name__} {error}"[:300])
    return pulled


def cursor(home: Path, table: contract.Table) -> datetime | None:
    """Up to when this table has been pulled: the newest `until` among the receipts that are still with us."""
    prefix = f"{contract.feeds()[table.department].prefix}_{table.native}_"
    places = [*(home / "accepted").glob(f"*/*/{prefix}*{RECEIPT}"), *(home / "landing").rglob(f"{prefix}*{RECEIPT}")]
    said = [receipt.get("until") for p in places if (receipt := believable(p)) is not None]
    return max((moment(u) for u in said if u), default=None)


@contextmanager
def _reachable(home: Path, source: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The source's address and token; starts its server if it must be started, and ends it afterwards."""
    variable = str(source["token_env"])
    start = source.get("start")
    if not start:
        yield str(source["url"]), os.environ[variable]
        return
    port = _free_port()
    token = secrets.token_hex(16)
    filled = [str(word).replace("{home}", str(home.resolve())).replace("{port}", str(port)) for word in start]
    command = [sys.executable if filled[0] == "python" else filled[0], *filled[1:]]
    process = subprocess.Popen(
        command,
        cwd=_ROOT,
        env={**os.environ, variable: token},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        _await_ready(process)
        yield str(source["url"]).replace("{port}", str(port)), token
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _await_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        if line.startswith("ready"):
            return
        if not line:
            break
    raise PullError("接口服务没有启动")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _records(url: str, token: str, native: str, since: datetime | None, until: datetime) -> list[str]:
    """Every record changed in the span, as JSON text, in the order served; pages may overlap while data shift."""
    lines: list[str] = []
    page, total, size = 1, 0, 0
    deadline = time.monotonic() + PULL_SECONDS
    with httpx.Client(timeout=30.0, trust_env=False) as client:
        while True:
            query = {"page": page, "size": PAGE, "updated_until": f"{until:%Y-%m-%d %H:%M:%S}"}
            if since is not None:
                query["updated_since"] = f"{since:%Y-%m-%d %H:%M:%S}"
            total, data = _told(_page(client, f"{url.rstrip('/')}/{native}?{urlencode(query)}", token, deadline))
            new = [json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in data]
            size += sum(map(len, new))
            if size > PULL_BYTES:
                raise PullError(f"{native} 一次拉取超过 {PULL_BYTES >> 20} MB")
            lines += new
            if not data or page * PAGE >= total:
                break
            page += 1
    if len(set(lines)) < total:
        raise PullError(f"{native} 应有 {total} 条，只取到 {len(set(lines))} 条")
    return lines


def _told(body: Any) -> tuple[int, list[dict[str, Any]]]:
    """(records in all, those of this page) of an answer, if it is one."""
    if not isinstance(body, dict):
        raise PullError("接口的回答不是 JSON 对象")
    if body.get("code") != 0:
        raise PullError(f"接口返回 code={str(body.get('code'))[:40]}")
    total, data = body.get("total"), body.get("data")
    if not isinstance(total, int) or not isinstance(data, list) or not all(isinstance(row, dict) for row in data):
        raise PullError("接口的回答里 total 不是整数，或 data 不是对象的数组")
    return total, data


def _body(answer: httpx.Response, deadline: float) -> Any:
    """The JSON of an answer that is neither endless nor nested without end."""
    raw = bytearray()
    for chunk in answer.iter_bytes():
        raw += chunk
        if len(raw) > PAGE_BYTES or time.monotonic() > deadline:
            raise PullError(f"接口的一页超过 {PAGE_BYTES >> 20} MB，或一次拉取超过 {PULL_SECONDS / 60:.0f} 分钟")
    try:
        return json.loads(raw)
    except RecursionError:
        raise PullError("接口的回答嵌套太深") from None


def _page(client: httpx.Client, address: str, token: str, deadline: float) -> Any:
    parts = urlsplit(address)
    for _ in range(ATTEMPTS):
        stamp = str(int(time.time()))
        mark = hmac.new(token.encode(), f"{stamp}\n{parts.path}?{parts.query}".encode(), hashlib.sha256).hexdigest()
        with client.stream("GET", address, headers={"X-Huiqi-Time": stamp, "X-Huiqi-Token": mark}) as answer:
            if answer.status_code < 500 and answer.status_code != 429:
                answer.raise_for_status()
                return _body(answer, deadline)
            wait = min(float(answer.headers.get("Retry-After", "1")), 5.0) if answer.status_code == 429 else 0.5
        time.sleep(max(wait, 0.0))
    raise PullError(f"接口连续 {ATTEMPTS} 次要求稍后再试或出错")


def _land(home: Path, table: contract.Table, lines: list[str], until: datetime) -> None:
    """The receipt says until when the records were asked for: the next pull begins there.

    Nothing new is a delivery of one blank line: the source was asked and answered, and its feed does not grow old.
    """
    prefix = contract.feeds()[table.department].prefix
    folder = home / "landing" / table.department / f"{until:%Y%m%d}"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{prefix}_{table.native}_{until:%Y%m%d}_I_{until:%H%M%S}.jsonl"
    # Half a character (\ud800) is written as the escape it came as: the reader rejects that one record.
    raw = ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")
    receipt = {
        "file": path.name,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "bytes": len(raw),
        "received_at": until.isoformat(),
        "sequence": 0,
        "until": until.isoformat(),
    }
    part = path.with_name(path.name + ".part")
    part.write_bytes(raw)
    path.with_name(path.name + RECEIPT).write_text(
        json.dumps(receipt, ensure_ascii=False, sort_keys=True), encoding="utf-8"
    )
    part.replace(path)
