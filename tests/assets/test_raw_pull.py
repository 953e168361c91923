"""A REST source that repeats pages, fails for a while, grows while it is read, or loses records on the way."""

import json
import threading
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from assets.raw import pull
from assets.raw.pull import PullError
from data import readers
from data.contract import feeds

UNTIL = datetime(2024, 12, 31)


class Source:
    """Answers like a department's interface; `troubles` is a status for each of the first requests, `lost` the records it never serves."""

    def __init__(self) -> None:
        self.records = [{"id": i} for i in range(12)]
        self.troubles: list[int] = []
        self.lost = 0
        self.grows = 0
        self.repeat = 2
        self.answer: object = None

    def page(self, number: int, size: int) -> object:
        if self.answer is not None:
            return self.answer
        total = len(self.records)
        start = max(0, (number - 1) * size - (self.repeat if number > 1 else 0))
        data = [r for r in self.records[start : number * size] if r["id"] >= self.lost]
        self.records += [{"id": 100 + i} for i in range(self.grows)]
        self.grows = 0
        return {"code": 0, "total": total, "data": data}


@pytest.fixture
def source(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Source, str]]:
    served = Source()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = served.troubles.pop(0) if served.troubles else 200
            asked = parse_qs(urlsplit(self.path).query)
            body = served.page(int(asked["page"][0]), int(asked["size"][0])) if status == 200 else {}
            raw = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *words: object) -> None:
            pass

    monkeypatch.setattr(pull, "PAGE", 5)
    monkeypatch.setattr(pull.time, "sleep", lambda seconds: None)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield served, f"http://127.0.0.1:{server.server_port}/api"
    server.shutdown()
    server.server_close()


def pulled(url: str) -> list[int]:
    return sorted({json.loads(line)["id"] for line in pull._records(url, "token", "T", None, UNTIL)})


@pytest.mark.parametrize("troubles", [[], [429, 429], [500, 200, 503, 502]], ids=["calm", "busy", "failing"])
def test_every_record_comes_once_whatever_the_pages_do(source: tuple[Source, str], troubles: list[int]) -> None:
    served, url = source
    served.troubles = troubles
    assert pulled(url) == list(range(12))


def test_what_is_added_while_pages_are_read_is_read_too(source: tuple[Source, str]) -> None:
    served, url = source
    served.grows = 7
    assert len(pulled(url)) == 19


@pytest.mark.parametrize(("troubles", "lost"), [([500] * 20, 0), ([], 3), ([404], 0)], ids=["dead", "lost", "gone"])
def test_a_source_that_cannot_be_read_to_its_end_lands_nothing(
    source: tuple[Source, str], troubles: list[int], lost: int
) -> None:
    served, url = source
    served.troubles, served.lost = troubles, lost
    with pytest.raises((PullError, pull.httpx.HTTPError)):
        pulled(url)


@pytest.mark.parametrize(
    "answer",
    [
        ["list"], {"code": 0, "total": "many", "data": []}, {"code": 0, "total": 1, "data": {"id": 1}}, {"code": 0, "total": 1, "data": [1]}, {"code": 0, "data": None},
        {"code": 500, "total": 0, "data": []}, b"<html>", b"[" * 100_000, {"code": 0, "total": 10**12, "data": [{"id": 1, "x": "y" * 50}]}, b" " * 3000,
    ],
)  # fmt: skip
def test_an_answer_that_is_none_fails_its_source_and_not_the_run(
    source: tuple[Source, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    served, url = source
    served.answer = answer
    monkeypatch.setattr(pull, "PULL_BYTES", 2000)
    monkeypatch.setattr(pull, "PAGE_BYTES", 200_000 if isinstance(answer, bytes) and answer[:1] == b"[" else 2000)
    (tmp_path / "sources.yml").write_text(f"reform: {{url: '{url}', token_env: TOKEN_OF_TEST}}\n", encoding="utf-8")
    monkeypatch.setenv("TOKEN_OF_TEST", "token")
    found = pull.pull_feeds(tmp_path, UNTIL)
    assert (len(found.failed), found.done) == (1, [])
    assert not (tmp_path / "landing").exists()


def test_half_a_character_costs_its_record_alone(
    source: tuple[Source, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, url = source
    row = {"id": 1, "cf_xdr_mc": "甲", "cf_wsh": "1", "cf_jdrq": "2024-01-01"}
    served.answer = json.dumps({"code": 0, "total": 2, "data": [row, {**row, "cf_wsh": "\ud800"}]}).encode()
    (tmp_path / "sources.yml").write_text(f"reform: {{url: '{url}', token_env: TOKEN_OF_TEST}}\n", encoding="utf-8")
    monkeypatch.setenv("TOKEN_OF_TEST", "token")
    assert not pull.pull_feeds(tmp_path, UNTIL).failed
    (landed,) = (tmp_path / "landing").rglob("FGW_XZCF_*.jsonl")
    lines = landed.read_bytes().splitlines()
    assert json.loads(lines[0]) == row
    assert b"\\ud800" in lines[1]


def test_a_pull_that_brings_nothing_new_is_a_delivery_and_the_next_begins_there(
    source: tuple[Source, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, url = source
    served.records = []
    (tmp_path / "sources.yml").write_text(f"reform: {{url: '{url}', token_env: TOKEN_OF_TEST}}\n", encoding="utf-8")
    monkeypatch.setenv("TOKEN_OF_TEST", "token")
    tables = feeds()["reform"].tables
    assert len(pull.pull_feeds(tmp_path, UNTIL).done) == len(tables)
    assert {pull.cursor(tmp_path, table) for table in tables.values()} == {UNTIL}
    landed = list((tmp_path / "landing").rglob("*.jsonl"))
    assert {path.read_bytes() for path in landed} == {b"\n"}
    table = tables["permit"]
    form = next(iter(table.forms.values()))
    assert readers.read(landed[0], form, table).frame.height == 0
    assert pull.pull_feeds(tmp_path, UNTIL).done == []
