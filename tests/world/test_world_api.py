"""The mock API over real HTTP: token, pages, 429, shifting pages, bounds of time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from data.world import server


@pytest.fixture(scope="module")
def base(home: Path) -> Iterator[str]:
    httpd = server.start(home / "api", 0, "secret")
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{httpd.server_address[1]}"
    httpd.shutdown()
    httpd.server_close()


def ask(base: str, target: str, token: str = "secret") -> httpx.Response:
    stamp = str(int(time.time()))
    headers = {"X-Huiqi-Time": stamp, "X-Huiqi-Token": server.signature(token, stamp, target)}
    for _ in range(3):
        answer = httpx.get(base + target, headers=headers, trust_env=False)
        if answer.status_code != 429:
            return answer
        assert answer.headers["Retry-After"] == "1"
    raise AssertionError("a request told to come back must be answered when it does")


def test_a_wrong_token_is_refused(base: str) -> None:
    assert ask(base, "/api/XZCF?page=1&size=10", "wrong").status_code == 401


def test_pages_shift_but_together_hold_everything(base: str) -> None:
    seen, page, repeated = [], 1, 0
    while True:
        body = ask(base, f"/api/XZCF?page={page}&size=20").json()
        if not body["data"]:
            break
        keys = [(r["cf_wsh"], r["updated_at"]) for r in body["data"]]
        repeated += len(set(keys) & set(seen))
        seen += keys
        page += 1
    assert len(set(seen)) == body["total"]
    assert repeated > 0


def test_bounds_of_time_are_inclusive(base: str) -> None:
    everything = ask(base, "/api/XZCF?page=1&size=500").json()["data"]
    middle = everything[len(everything) // 2]["updated_at"]
    early = ask(base, f"/api/XZCF?page=1&size=500&updated_until={middle[:10]}").json()["data"]
    assert early and max(r["updated_at"] for r in early)[:10] <= middle[:10]
    late = ask(base, f"/api/XZCF?page=1&size=500&updated_since={middle[:10]}").json()["data"]
    assert late and min(r["updated_at"] for r in late)[:10] >= middle[:10]


def test_requests_are_refused_now_and_then(base: str) -> None:
    target = "/api/TZXM?page=1&size=1"
    stamp = str(int(time.time()))
    headers = {"X-Huiqi-Time": stamp, "X-Huiqi-Token": server.signature("secret", stamp, target)}
    codes = [httpx.get(base + target, headers=headers, trust_env=False).status_code for _ in range(40)]
    assert 429 in codes and codes.count(200) > 30


@pytest.mark.parametrize("target", ["/api/XZCF?page=0", "/api/XZCF?size=501", "/api/XZCF?page=x"])
def test_bad_pages_are_refused(base: str, target: str) -> None:
    assert ask(base, target).status_code == 400


def test_unknown_table(base: str) -> None:
    assert ask(base, "/api/NONE").status_code == 404
