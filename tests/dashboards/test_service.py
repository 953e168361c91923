"""The decision service: the same answers as the command line, every answer true to its schema, every refusal in its place."""

from __future__ import annotations

import gc
import json
import os
import re
import stat
import time
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from urllib.parse import quote

import anyio
import httpx
import jsonschema
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from typer.testing import CliRunner

from dashboards.app import create
from dashboards.service.app import service
from dashboards.service.limits import Gate
from dashboards.service.openapi import document
from pipelines import tokens
from pipelines.cli import item as item_command
from pipelines.cli import match as match_command
from pipelines.cli import policy as policy_command
from pipelines.cli import token as token_command
from tests.dashboards import service_home
from tests.dashboards.service_asked import BODIES, KEYS, NAMES, REFUSED, TEXTS, true_to_schema
from tests.dashboards.service_home import ITEM, ITEMS


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return service_home.build(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def token(home: Path) -> str:
    return tokens.add(home, "portal", 100_000)


@pytest.fixture(scope="module")
def client(home: Path, token: str) -> TestClient:
    return TestClient(create(home), headers={"Authorization": f"Bearer {token}"}, raise_server_exceptions=False)


@pytest.fixture(scope="module")
def change() -> dict[str, object]:
    numeric = next(c for c in ITEMS[ITEM].conditions if "rd_expense_last_year >=" in c.expr)
    return {"item_id": ITEM, "set": {numeric.id: "rd_expense_last_year >= 99000000000"}}


def run(home: Path, module: object, *args: str) -> object:
    app = typer.Typer()
    app.callback()(lambda: None)
    module.register(app)  # type: ignore[attr-defined]
    done = CliRunner().invoke(app, [*args, "--home", str(home), "--json"], catch_exceptions=False)
    return json.loads(done.stdout)


def test_matches_are_what_the_command_says_for_every_enterprise_asked(client: TestClient, home: Path) -> None:
    # every item's first example, so that every item is met at least once in a verdict that its file promises
    for number, item in enumerate(ITEMS.values()):
        if number % 30:
            continue
        answer = client.get(f"/v1/enterprises/{item.id}-0/matches")
        assert answer.status_code == 200
        said = answer.json()
        assert said["matches"] == run(home, match_command, "match", f"{item.id}-0")
        mine = next(row for row in said["matches"] if row["item_id"] == item.id)
        assert mine["verdict"] == item.examples[0].verdict
        if item.examples[0].award is not None:
            assert mine["amount_yuan"] == f"{item.examples[0].award:.2f}"
    assert {row["item_id"] for row in said["matches"]} == set(ITEMS)


def test_matches_by_any_key_and_only_some_verdicts(client: TestClient) -> None:
    by_uscc = client.get("/v1/enterprises/U0000/matches").json()
    assert client.get(f"/v1/enterprises/{by_uscc['enterprise_id']}/matches").json() == by_uscc
    assert client.get(f"/v1/enterprises/{quote(by_uscc['name'])}/matches").json() == by_uscc
    assert client.get("/v1/enterprises/460100000000001/matches").json()["enterprise_id"] == f"{ITEM}-0"
    some = client.get("/v1/enterprises/U0000/matches?verdict=eligible,unknown").json()
    assert some["matches"] == [m for m in by_uscc["matches"] if m["verdict"] in ("eligible", "unknown")]
    assert by_uscc["as_of"] == "2024-12-31" and by_uscc["known_at"] == "2024-12-31T18:00:00"


def test_simulate_is_what_the_command_says(client: TestClient, home: Path, change: dict[str, object]) -> None:
    answer = client.post("/v1/simulate", json=change)
    true_to_schema("/simulate", "post", answer)
    ((condition, expr),) = change["set"].items()  # type: ignore[attr-defined]
    said = run(home, item_command, "simulate", ITEM, "--set", f"{condition}={expr}")
    assert {k: v for k, v in answer.json().items() if k in said} == said  # type: ignore[operator]
    assert said["lost"] and said["curve"]  # type: ignore[index,call-overload]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"award": "9" * 30}, "超出 DECIMAL"),
        ({"set": {"c1": "rd_expense_last_year >= 1e60"}}, "范围|门槛超出"),
        ({"award": " + ".join(["rd_expense_last_year"] * 60)}, None),
        ({"award": "(" * 90 + "1" + " + 1)" * 90}, None),
        ({"award": " + ".join(["1"] * 400)}, "连写超过"),
        ({"award": "rd_expense_last_year / 0"}, None),
    ],
)
def test_a_simulation_beyond_measure_ends_soon_and_in_a_sentence(
    client: TestClient, asked: dict[str, object], words: str | None
) -> None:
    began = time.process_time()
    answer = client.post("/v1/simulate", json={"item_id": ITEM, **asked})
    true_to_schema("/simulate", "post", answer)
    assert answer.status_code == (200 if words is None else 422)
    assert words is None or re.search(words, answer.json()["error"]["message"])
    assert time.process_time() - began < 10


def test_what_is_published_stays_out_of_the_collectors_rounds(client: TestClient) -> None:
    assert client.get("/v1/enterprises/U0000/matches").status_code == 200
    assert gc.get_freeze_count() > 10_000


def test_search_is_what_the_command_says(client: TestClient, home: Path) -> None:
    answer = client.get("/v1/search", params={"q": "研发 补助", "theme": "科技创新", "limit": 5})
    if answer.status_code == 422:  # the corpus decides what its themes are called
        answer = client.get("/v1/search", params={"q": "研发 补助", "limit": 5})
        args = ["研发", "补助", "--limit", "5"]
    else:
        args = ["研发", "补助", "--theme", "科技创新", "--limit", "5"]
    true_to_schema("/search", "get", answer)
    assert answer.json()["results"] == run(home, policy_command, "search", *args)
    assert answer.json()["results"]


def test_items_and_cases(client: TestClient) -> None:
    answer = client.get(f"/v1/items/{ITEM}")
    true_to_schema("/items/{id}", "get", answer)
    said = answer.json()
    assert said["title"] == ITEMS[ITEM].title and {c["condition_id"] for c in said["conditions"]} >= {"c1", "c2"}
    assert all(n >= 5 for n in said["verdicts"].values())
    assert client.get(f"/v1/items/{quote(said['title'])}").json() == said
    assert client.get("/v1/items/hn-talent-monthly").json()["entity"] == "person"
    done = client.get("/v1/cases/BJ1")
    true_to_schema("/cases/{id}", "get", done)
    assert (
        done.json()["paid_yuan"] == "120000.00"
        and done.json()["decided_date"] == "2024-05-09"
        and done.json()["answer"] is None
    )
    waiting = client.get("/v1/cases/BJ2")
    true_to_schema("/cases/{id}", "get", waiting)
    assert waiting.json()["answer"]["answer"] == "ask" and waiting.json()["decision"] is None


@pytest.mark.parametrize(("method", "path", "url", "sent", "status", "code"), REFUSED)
def test_refusals_say_why_in_chinese(
    client: TestClient, method: str, path: str, url: str, sent: dict[str, object], status: int, code: str
) -> None:
    answer = client.request(method, url, **sent)  # type: ignore[arg-type]
    assert answer.status_code == status, answer.text
    true_to_schema(path, method, answer)
    fault = answer.json()["error"]
    assert fault["code"] == code and any("\u4e00" <= sign <= "\u9fff" for sign in fault["message"])


def test_a_chunked_body_that_never_ends_is_cut(client: TestClient) -> None:
    answer = client.post(
        "/v1/simulate", content=(b"x" * 8192 for _ in range(100)), headers={"content-type": "application/json"}
    )
    assert answer.status_code == 413


def test_a_body_that_trickles_in_is_not_waited_for(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    async def trickle() -> AsyncIterator[bytes]:
        yield b"{"
        await anyio.sleep(30)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", headers=client.headers) as caller:
            return await caller.post("/v1/simulate", content=trickle(), headers={"content-type": "application/json"})

    monkeypatch.setattr("dashboards.service.app.BODY_SECONDS", 0.05)
    answer = anyio.run(ask)
    assert answer.status_code == 408 and answer.json()["error"]["code"] == "timeout"


def test_a_code_with_a_slip_is_told_so(client: TestClient) -> None:
    wrong = client.get("/v1/enterprises/914600002757159880/matches")
    assert wrong.status_code == 404 and "校验位不符" in wrong.json()["error"]["message"]


def test_a_position_is_told_for_a_broken_expression(client: TestClient) -> None:
    fault = client.post("/v1/simulate", json={"item_id": ITEM, "set": {"c1": "revenue_last_year >="}}).json()["error"]
    assert fault["condition"] == "c1" and isinstance(fault["position"], int)


def test_methods_and_addresses(client: TestClient) -> None:
    wrong = client.post("/v1/search")
    assert (
        wrong.status_code == 405
        and "GET" in wrong.headers["allow"]
        and wrong.json()["error"]["code"] == "method_not_allowed"
    )
    assert client.get("/v1/simulate").headers["allow"] == "POST"
    assert (
        client.get("/v1/nowhere").status_code == 404
        and client.get("/v1/nowhere").json()["error"]["code"] == "not_found"
    )
    assert client.get("/v1/items/%0A").json()["error"]["code"] == "not_found"
    assert client.head("/v1/openapi.json").content == b""
    assert client.get("/v1/openapi.json").headers["x-content-type-options"] == "nosniff"


def test_openapi_is_complete_and_holds_together(client: TestClient) -> None:
    told = client.get("/v1/openapi.json", headers={"Authorization": ""}).json()
    assert told == json.loads(json.dumps(document())) and told["openapi"].startswith("3.1")
    routes = {
        (route.path, method.lower()) for route in service(Path("nowhere")).routes for method in route.methods - {"HEAD"}
    }  # type: ignore[attr-defined]
    assert {(path, method) for path, methods in told["paths"].items() for method in methods} == routes
    for schema in told["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    names = set(told["components"]["schemas"])
    assert {ref.split("/")[-1] for ref in _references(told)} <= names


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        return [v for k, v in node.items() if k == "$ref"] + [r for v in node.values() for r in _references(v)]
    return [r for v in node for r in _references(v)] if isinstance(node, list) else []


def test_without_a_token_nothing_is_told(home: Path, token: str) -> None:
    stranger = TestClient(create(home))
    for header in ("", "Bearer", "Bearer wrong", f"Basic {token}", f"Bearer {token}x", "Bearer \xe9"):
        sent = {"Authorization": header.encode("latin-1")} if header else {}
        answer = stranger.get("/v1/enterprises/U0000/matches", headers=sent)  # type: ignore[arg-type]
        assert answer.status_code == 401 and answer.headers["www-authenticate"].startswith("Bearer"), header
        true_to_schema("/enterprises/{key}/matches", "get", answer)
    assert stranger.get("/v1/openapi.json").status_code == 200


def test_a_token_is_shown_once_hashed_and_taken_back_at_once(home: Path) -> None:
    app = typer.Typer()
    token_command.register(app)
    call = CliRunner()

    def command(*args: str) -> object:
        return call.invoke(app, ["token", *args, "--home", str(home)], catch_exceptions=False, standalone_mode=False)

    given_out = command("add", "kiosk", "--rate", "5").stdout.strip()  # type: ignore[attr-defined]
    kept = (home / tokens.PLACE).read_text(encoding="utf-8")
    assert given_out.startswith("hq_") and given_out not in kept and "kiosk" in kept
    assert stat.S_IMODE(os.stat(home / tokens.PLACE).st_mode) == 0o600
    with pytest.raises(Exception, match="已有令牌"):
        command("add", "kiosk")
    client = TestClient(create(home), headers={"Authorization": f"Bearer {given_out}"})
    assert client.get("/v1/items/no-such").status_code == 404
    command("remove", "kiosk")
    assert client.get("/v1/items/no-such").status_code == 401
    with pytest.raises(Exception, match="没有名为"):
        command("remove", "kiosk")


def test_a_caller_over_its_rate_is_told_when_to_come_back(home: Path) -> None:
    now = [100.0]
    slow, other = tokens.add(home, "slow", 2), tokens.add(home, "other", 2)
    client = TestClient(service(home, Gate(home, clock=lambda: now[0])))
    try:

        def ask(token: str) -> object:
            return client.get("/cases/none", headers={"Authorization": f"Bearer {token}"})

        assert [ask(slow).status_code for _ in range(5)] == [404, 404, 404, 404, 429]  # type: ignore[attr-defined]
        refused = ask(slow)
        assert int(refused.headers["retry-after"]) >= 1  # type: ignore[attr-defined]
        true_to_schema("/cases/{id}", "get", refused)
        assert ask(other).status_code == 404  # type: ignore[attr-defined]
        now[0] += float(refused.headers["retry-after"])  # type: ignore[attr-defined]
        assert ask(slow).status_code == 404  # type: ignore[attr-defined]
        # a simulation costs more than this caller may ever save up, yet must be possible after a wait
        now[0] += 3600
        sent = {"headers": {"Authorization": f"Bearer {slow}"}, "json": {}}
        assert [client.post("/simulate", **sent).status_code for _ in range(2)] == [422, 429]
        now[0] += 10
        assert client.post("/simulate", **sent).status_code == 422
    finally:
        tokens.remove(home, "slow")
        tokens.remove(home, "other")


def test_nothing_published_is_503_and_a_publication_is_followed_without_a_restart(tmp_path: Path) -> None:
    token = tokens.add(tmp_path, "portal", 1000)
    client = TestClient(create(tmp_path), headers={"Authorization": f"Bearer {token}"})
    answer = client.get("/v1/enterprises/U0000/matches")
    assert answer.status_code == 503 and "retry-after" in answer.headers
    true_to_schema("/enterprises/{key}/matches", "get", answer)
    service_home.build(tmp_path)
    assert client.get("/v1/enterprises/U0000/matches").json()["build_id"] == "b1"
    service_home.again(tmp_path, "b2", date(2024, 12, 30))
    until = time.monotonic() + 60
    while client.get("/v1/enterprises/U0000/matches").json()["build_id"] == "b1" and time.monotonic() < until:
        time.sleep(0.05)
    said = client.get("/v1/enterprises/U0000/matches").json()
    assert said["build_id"] == "b2" and said["as_of"] == "2024-12-30"
    # a damaged pointer: the last good version goes on being served
    (tmp_path / "CURRENT").write_text("{", encoding="utf-8")
    for _ in range(5):
        assert client.get("/v1/enterprises/U0000/matches").json()["build_id"] == "b2"
        time.sleep(0.05)


QUIET = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@QUIET
@given(key=KEYS, which=st.sampled_from(["/enterprises/{key}/matches", "/items/{id}", "/cases/{id}"]))
def test_any_key_gets_a_declared_answer(client: TestClient, key: str, which: str) -> None:
    filled = quote(key.encode("utf-8", "replace"), safe="")
    if filled in ("", ".", "..") or "/" in key:
        return
    true_to_schema(which, "get", client.get("/v1" + which.replace("{key}", filled).replace("{id}", filled)))


@QUIET
@given(asked=st.lists(st.tuples(NAMES, TEXTS), max_size=4))
def test_any_search_gets_a_declared_answer(client: TestClient, asked: list[tuple[str, str]]) -> None:
    sent = [(name, text.encode("utf-8", "replace")) for name, text in asked]
    true_to_schema("/search", "get", client.get("/v1/search", params=sent))  # type: ignore[arg-type]


@QUIET
@given(body=BODIES)
def test_any_simulation_gets_a_declared_answer(client: TestClient, body: object) -> None:
    sent = json.dumps(body).encode()
    true_to_schema(
        "/simulate", "post", client.post("/v1/simulate", content=sent, headers={"content-type": "application/json"})
    )
