"""审核: nobody acts unseen, two people approve an award list, a forged form, a wrong phrase and the maker's own approval are refused."""

from __future__ import annotations

import json
import re
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from httpx import Response
from starlette.testclient import TestClient

from dashboards.app import create
from matching.push.fingerprint import list_sha256
from matching.push.review import checks, sample
from pipelines.approval import Desk
from pipelines.audit import trail
from pipelines.control import ControlStore
from pipelines.officers import enrol
from pipelines.published import open_published
from tests.dashboards.literal_mart import published

LIST = "L-hn-stabilization"
REVIEW = f"/pushes/{LIST}/review"
PEOPLE = {"王经办": "analyst", "李审批": "approver", "赵审批": "approver", "孙查看": "viewer"}


def submitted_home(where: Path) -> Path:
    """An award list submitted by 王经办 and shown to the public from the 21st to the 25th; its second line bears two risk signs."""
    home = published(where)
    (home / "world.json").write_text("{}", encoding="utf-8")
    desk = Desk(ControlStore(home / "control.sqlite"), trail(home))
    with desk.control.transaction() as db:
        for name, role in PEOPLE.items():
            enrol(db, name, role, f"口令-{name}-1234")
    with closing(open_published(home)) as con:
        header = con.sql(f"SELECT * FROM push.list WHERE list_id = '{LIST}'").pl().to_dicts()[0]
        lines = con.sql(f"SELECT * FROM push.line WHERE list_id = '{LIST}' ORDER BY line_no").pl().to_dicts()
    lines = [{**line, "amount_yuan": line["amount_yuan"] or Decimal("100.00")} for line in lines]
    signs = [
        {"flag": "shell_group", "detail": "3 家企业同时设立，电话、地址相同"},
        {"flag": "retired_sign", "detail": "旧"},
    ]
    lines[1]["risk"] = json.dumps(signs, ensure_ascii=False)
    header["amount_yuan"] = sum((line["amount_yuan"] for line in lines), Decimal(0))
    header["sha256"] = list_sha256(header, lines)
    submitted = datetime(2024, 12, 21, 9)
    desk.submit(header, lines, [], checks(header, lines), "王经办", "口令-王经办-1234", submitted)
    desk.publicise(LIST, "王经办", "口令-王经办-1234", date(2024, 12, 21), date(2024, 12, 25), submitted)
    return home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Today is the 26th, the day after the notice."""
    monkeypatch.setenv("HUIQI_MOCK_CLOCK", "2024-12-26T10:00:00")
    return submitted_home(tmp_path / "home")


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


def signed_in(app: Any, name: str, phrase: str | None = None) -> tuple[TestClient, Response]:
    client = TestClient(app)
    csrf = hidden(client.get(f"/sign-in?next={REVIEW}").text, "csrf")
    form = {"csrf": csrf, "next": REVIEW, "name": name, "phrase": phrase or f"口令-{name}-1234"}
    return client, client.post("/sign-in", data=form, follow_redirects=False)


def approved_by(app: Any, name: str, **changes: str) -> Response:
    client, _ = signed_in(app, name)
    page = client.get(REVIEW).text
    form = {"csrf": hidden(page, "csrf"), "sha256": re.findall(r"<code>([0-9a-f]{64})</code>", page)[0]}
    return client.post(
        REVIEW, data={**form, "step": "approve", "note": "同意", "phrase": f"口令-{name}-1234", **changes}
    )


def status(home: Path) -> str:
    return str(ControlStore(home / "control.sqlite").rows("SELECT status FROM push_list")[0]["status"])


def test_two_different_approvers_are_needed(home: Path) -> None:
    app = create(home)
    assert "1 / 2 人" in approved_by(app, "李审批").text
    assert status(home) == "publicised"
    again = approved_by(app, "李审批")
    assert again.status_code == 403 and "已经批准过" in again.text
    assert "2 / 2 人" in approved_by(app, "赵审批").text
    assert status(home) == "approved"
    desk = Desk(ControlStore(home / "control.sqlite"), trail(home))
    assert desk.trail.verify(desk.control) == []
    actions = [row["action"] for row in desk.control.rows("SELECT action FROM audit ORDER BY seq")]
    assert actions.count("approve") == 2 and actions.count("approve.refused") == 1 and actions.count("sign_in") == 3


@pytest.mark.parametrize(
    ("name", "changes", "said"),
    [
        ("李审批", {"phrase": "不是这个口令"}, "口令不对"),
        ("李审批", {"sha256": "0" * 64}, "sha256 不同"),
        ("王经办", {}, "这一步需要“审批”"),
        ("孙查看", {}, "这一步需要“审批”"),
        ("李审批", {"csrf": "forged"}, "不是从本站发出"),
        ("李审批", {"step": "freeze"}, "这一步需要“已批准”"),
        ("李审批", {"step": "export"}, "只有刚冻结的清单可以导出"),
        ("李审批", {"step": "reconcile"}, "只有已导出的兑付名单可以对账"),
        ("孙查看", {"step": "freeze"}, "这一步需要“经办”或“审批”"),
        ("王经办", {"step": "submit"}, "在打开页面后变了"),
        ("李审批", {"step": "publicise", "from": "昨天"}, "YYYY-MM-DD"),
        ("李审批", {"step": "drop"}, "没有“drop”这一步"),
    ],
)
def test_what_may_not_be_signed_is_refused_and_changes_nothing(
    home: Path, name: str, changes: dict[str, str], said: str
) -> None:
    answer = approved_by(create(home), name, **changes)
    assert answer.status_code == 403 and said in answer.text
    assert status(home) == "publicised"
    assert ControlStore(home / "control.sqlite").rows("SELECT * FROM approval") == []


def test_nobody_sees_or_signs_without_signing_in(home: Path) -> None:
    app = create(home)
    visitor = TestClient(app)
    answer = visitor.get(REVIEW, follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"] == f"/sign-in?next={REVIEW}"
    assert visitor.post(REVIEW, data={"step": "approve", "csrf": ""}).status_code == 403
    assert visitor.post("/sign-in", data={"name": "李审批", "phrase": "口令-李审批-1234"}).status_code == 403
    assert visitor.post(REVIEW, json={}).status_code == 415


def test_signing_in_gives_a_strict_cookie_and_stops_guessing(home: Path) -> None:
    app = create(home)
    client, answer = signed_in(app, "李审批")
    cookie = answer.headers["set-cookie"]
    assert answer.status_code == 303 and answer.headers["location"] == REVIEW
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    for _ in range(5):
        assert "口令不对" in signed_in(app, "赵审批", "猜一个口令试试")[1].text
    assert "分钟后再试" in signed_in(app, "赵审批")[1].text
    page = client.get(REVIEW).text
    client.post("/sign-out", data={"csrf": hidden(page, "csrf")})
    assert client.get(REVIEW, follow_redirects=False).status_code == 303


def test_after_signing_in_one_stays_on_this_site(home: Path) -> None:
    app = create(home)
    client = TestClient(app)
    page = client.get("/sign-in?next=//elsewhere.example/x").text
    assert hidden(page, "next") == "/pushes"


def test_the_sample_is_drawn_by_the_fingerprint_and_explained(home: Path) -> None:
    client, _ = signed_in(create(home), "孙查看")
    page = client.get(REVIEW).text
    kept = ControlStore(home / "control.sqlite").rows("SELECT * FROM push_list")[0]
    lines = [json.loads(r["body"]) for r in ControlStore(home / "control.sqlite").rows("SELECT body FROM push_line")]
    drawn = [line["name"] for line in sample(lines, kept["sha256"])]
    shown = re.findall(r"<summary><span>([^<]+)</span>", page.split("有风险提示的")[0])
    assert shown == drawn and len(shown) == 10
    assert page.count("在海南省内登记") == 10
    assert "有风险提示的 1 行" in page and "3 家企业同时设立，电话、地址相同" in page
    assert "几乎没有员工" in page and "retired_sign" in page
    assert 'name="step" value="approve"' not in page


def acted_by(app: Any, name: str, step: str, **more: str) -> Response:
    """One step from the form the page itself offers."""
    client, _ = signed_in(app, name)
    page = client.get(REVIEW).text
    form = re.search(rf'<form[^>]*>(?:(?!</form>).)*name="step" value="{step}".*?</form>', page, re.S)
    assert form, f"{name} is not offered {step}"
    fields = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form[0]))
    return client.post(REVIEW, data={**fields, "phrase": f"口令-{name}-1234", **more})


def test_from_approval_to_payment_file_on_the_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.steps.rechecked", lambda home, lines, day, granted=False: {})
    monkeypatch.setattr(
        "pipelines.steps.recomputed",
        lambda home, header, lines: {line["line_key"]: Decimal(line["amount_yuan"]) for line in lines},
    )
    app = create(home)
    for officer in ("李审批", "赵审批"):
        acted_by(app, officer, "approve", note="同意")
    assert "已冻结" in acted_by(app, "王经办", "freeze").text and status(home) == "frozen"
    answer = acted_by(app, "王经办", "export")
    assert "已导出" in answer.text and status(home) == "exported"
    assert {path.name for path in (home / "lists" / LIST).iterdir()} >= {"payment.csv", "payment.ctl", "名单.csv"}
    client, _ = signed_in(app, "王经办")
    csrf = hidden(client.get(REVIEW).text, "csrf")
    for step in ("export", "freeze"):
        again = client.post(REVIEW, data={"csrf": csrf, "step": step, "phrase": "口令-王经办-1234"})
        assert again.status_code == 403 and "不予办理" in again.text
    page = client.get(REVIEW).text
    assert "办理记录" in page and "只有刚冻结的清单可以导出" in page


def test_an_objection_on_the_page_stops_the_approval(home: Path) -> None:
    app = create(home)
    kept = ControlStore(home / "control.sqlite").rows(
        "SELECT json_extract(body, '$.uscc') AS uscc FROM push_line LIMIT 1"
    )
    assert "须写明信用代码" in acted_by(app, "王经办", "object", uscc="91460000MA00000000", note="材料不实").text
    answer = acted_by(app, "王经办", "object", uscc=kept[0]["uscc"].lower(), note="材料不实")
    assert "异议已登记" in answer.text and "材料不实" in answer.text and "按市县" in answer.text
    assert "有 1 条异议" in approved_by(app, "李审批").text and status(home) == "publicised"


def test_a_session_somebody_planted_is_not_taken_over(home: Path) -> None:
    app = create(home)
    client = TestClient(app)
    client.cookies.set("huiqi_session", "planted-by-an-attacker")
    csrf = hidden(client.get(f"/sign-in?next={REVIEW}").text, "csrf")
    form = {"csrf": csrf, "next": REVIEW, "name": "李审批", "phrase": "口令-李审批-1234"}
    answer = client.post("/sign-in", data=form, follow_redirects=False)
    assert "planted-by-an-attacker" not in answer.headers["set-cookie"]
    thief = TestClient(app)
    thief.cookies.set("huiqi_session", "planted-by-an-attacker")
    assert thief.get(REVIEW, follow_redirects=False).status_code == 303


def test_no_path_leaves_the_lists_and_no_form_is_too_large(home: Path) -> None:
    client, _ = signed_in(create(home), "李审批")
    for name in ("..%2f..%2fkeys%2faudit.key", "%2e%2e", "a%00b", "'; DROP TABLE push_list; --", "x" * 5000):
        assert client.get(f"/pushes/{name}").status_code == 404, name
        assert client.get(f"/pushes/{name}/review").status_code == 404, name
    csrf = hidden(client.get(REVIEW).text, "csrf")
    answer = client.post(REVIEW, data={"csrf": csrf, "step": "approve", "note": "长" * 20_000})
    assert answer.status_code == 413 and "表单超过" in answer.text
    assert client.post(REVIEW, data={"csrf": csrf, **{f"f{n}": "1" for n in range(60)}}).status_code == 413
    assert status(home) == "publicised"


def test_a_forged_form_is_in_the_trail(home: Path) -> None:
    client, _ = signed_in(create(home), "李审批")
    assert client.post(REVIEW, data={"csrf": "forged", "step": "approve"}).status_code == 403
    rows = ControlStore(home / "control.sqlite").rows("SELECT actor, action FROM audit ORDER BY seq DESC LIMIT 1")
    assert rows == [{"actor": "李审批", "action": "form.refused"}]
