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

    def page(self, number: int, size: int) -> dict[str, object]:
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
            raw = json.dumps(body).encode()
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
    threading.Thread(target=server.serve_forever, daemon=True).start()
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
