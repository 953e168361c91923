"""Signing in real Chromium: as two approvers who find, read and sign a list, and as an attacker whom the pages refuse and the trail remembers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest
from playwright.sync_api import Browser, Page

from dashboards.app import create
from pipelines.audit import trail
from pipelines.control import ControlStore
from tests.dashboards.test_reviews import LIST, REVIEW, submitted_home
from tests.ui.serving import served

pytestmark = pytest.mark.ui


class Site(NamedTuple):
    url: str
    home: Path

    @property
    def control(self) -> ControlStore:
        return ControlStore(self.home / "control.sqlite")

    def status(self) -> str:
        return str(self.control.rows("SELECT status FROM push_list")[0]["status"])

    def refused(self) -> list[tuple[str, str]]:
        rows = self.control.rows("SELECT actor, action FROM audit WHERE action LIKE '%.refused' ORDER BY seq")
        return [(row["actor"], row["action"]) for row in rows]


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("HUIQI_MOCK_CLOCK", "2024-12-26T10:00:00")
    # the literal mart holds no amounts to recompute; what the desk does with a differing one is tried in test_approval
    monkeypatch.setattr("pipelines.steps.rechecked", lambda home, lines, day, granted=False: {})
    monkeypatch.setattr(
        "pipelines.steps.recomputed",
        lambda home, header, lines: {line["line_key"]: Decimal(line["amount_yuan"]) for line in lines},
    )
    home = submitted_home(tmp_path / "home")
    with served(create(home)) as url:
        yield Site(url, home)


def signed_in(browser: Browser, site: Site, name: str) -> Page:
    """A browser of their own for each person, from the public page of the list to its review."""
    page = browser.new_context(locale="zh-CN").new_page()
    page.goto(f"{site.url}/pushes/{LIST}")
    page.get_by_role("link", name="审核与批准").click()
    page.locator("input[name=name]").fill(name)
    page.locator("input[name=phrase]").fill(f"口令-{name}-1234")
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"{site.url}{REVIEW}")
    return page


def act(page: Page, name: str, button: str) -> None:
    form = page.locator("form.act", has=page.get_by_role("button", name=button, exact=True))
    form.locator("input[name=phrase]").fill(f"口令-{name}-1234")
    form.get_by_role("button", name=button, exact=True).click()
    page.wait_for_load_state("networkidle")


def posted(page: Page, fields: dict[str, str]) -> int:
    """What a hand-made form gets, sent from the page itself with its cookies."""
    script = (
        """async ([path, fields]) => (await fetch(path, {method: 'POST', body: new URLSearchParams(fields)})).status"""
    )
    return int(page.evaluate(script, [REVIEW, fields]))


def csrf_of(page: Page) -> str:
    return str(page.locator("input[name=csrf]").first.get_attribute("value"))


def test_two_people_find_read_and_sign_and_the_trail_shows_it(browser: Browser, site: Site) -> None:
    page = browser.new_context(locale="zh-CN").new_page()
    page.goto(f"{site.url}/pushes?kind=auto_award")
    page.locator(f"a[href='/pushes/{LIST}']").first.click()
    page.wait_for_url(f"**/pushes/{LIST}")
    page.close()

    first = signed_in(browser, site, "李审批")
    sample = first.locator("section", has=first.get_by_role("heading", name="随机抽样 10 行"))
    assert sample.locator("details").count() == 10
    sample.locator("summary").nth(1).click()
    assert "在海南省内登记" in sample.locator("details").nth(1).inner_text()
    flagged = first.locator("section", has=first.get_by_role("heading", name="有风险提示的 1 行"))
    flagged.locator("summary").click()
    assert "3 家企业同时设立，电话、地址相同" in flagged.inner_text()
    act(first, "李审批", "批准")
    assert "1 / 2 人" in first.locator("[data-review=approvals]").inner_text()
    assert first.get_by_role("button", name="批准", exact=True).count() == 0, "nobody is offered a second approval"

    second = signed_in(browser, site, "赵审批")
    act(second, "赵审批", "批准")
    assert site.status() == "approved"
    maker = signed_in(browser, site, "王经办")
    act(maker, "王经办", "冻结")
    act(maker, "王经办", "导出")
    assert site.status() == "exported" and (site.home / "lists" / LIST / "payment.csv").exists()
    told = maker.locator("table.rows").last.inner_text()
    assert all(word in told for word in ("提交", "公示", "批准", "冻结", "导出", "李审批", "赵审批", "王经办"))
    assert trail(site.home).verify(site.control) == []


def test_one_approver_alone_a_viewer_and_a_replayed_export_are_refused_and_logged(browser: Browser, site: Site) -> None:
    first = signed_in(browser, site, "李审批")
    sha256 = str(first.locator("input[name=sha256]").first.get_attribute("value"))
    signed = {"csrf": csrf_of(first), "step": "approve", "sha256": sha256, "note": "同意", "phrase": "口令-李审批-1234"}
    assert posted(first, signed) == 200 and posted(first, signed) == 403
    assert site.status() == "publicised"

    viewer = signed_in(browser, site, "孙查看")
    assert viewer.locator("form.act").count() == 0
    for step in ("approve", "freeze", "export", "reject"):
        forged = {**signed, "csrf": csrf_of(viewer), "step": step, "phrase": "口令-孙查看-1234"}
        assert posted(viewer, forged) == 403, step
    assert posted(viewer, {**signed, "csrf": csrf_of(first)}) == 403, "another person's token"

    act(signed_in(browser, site, "赵审批"), "赵审批", "批准")
    maker = signed_in(browser, site, "王经办")
    act(maker, "王经办", "冻结")
    act(maker, "王经办", "导出")
    again = {"csrf": csrf_of(maker), "step": "export", "sha256": sha256, "phrase": "口令-王经办-1234"}
    before = (site.home / "lists" / LIST / "payment.csv").stat().st_mtime_ns
    assert posted(maker, again) == 403
    assert (site.home / "lists" / LIST / "payment.csv").stat().st_mtime_ns == before
    assert site.refused() == [
        ("李审批", "approve.refused"),
        ("孙查看", "approve.refused"),
        ("孙查看", "freeze.refused"),
        ("孙查看", "export.asked.refused"),
        ("孙查看", "reject.refused"),
        ("孙查看", "form.refused"),
        ("王经办", "export.refused"),
    ]
    assert trail(site.home).verify(site.control) == []


def test_another_site_can_neither_sign_in_nor_sign_for_anybody(browser: Browser, site: Site) -> None:
    """A page of another origin posts our forms with the victim's browser: the strict cookie stays at home."""
    victim = signed_in(browser, site, "李审批")
    fields = {"csrf": "guess", "step": "approve", "sha256": "0" * 64, "phrase": "口令-李审批-1234"}
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    body = f'<form id="f" method="post" action="{site.url}{REVIEW}">{inputs}</form><script>f.submit()</script>'.encode()

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Elsewhere)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        # localhost and 127.0.0.1 are different sites to a browser
        victim.goto(f"http://localhost:{server.server_port}/")
        victim.wait_for_url(f"{site.url}{REVIEW}")
        assert "请先登录" in victim.content()
    finally:
        server.shutdown()
    assert site.status() == "publicised" and site.control.rows("SELECT * FROM approval") == []


def test_a_planted_session_is_replaced_at_signing_in(browser: Browser, site: Site) -> None:
    context = browser.new_context(locale="zh-CN")
    context.add_cookies([{"name": "huiqi_session", "value": "planted", "url": site.url}])
    page = context.new_page()
    page.goto(f"{site.url}{REVIEW}")
    assert "/sign-in" in page.url, "a planted value opens nothing"
    page.locator("input[name=name]").fill("李审批")
    page.locator("input[name=phrase]").fill("口令-李审批-1234")
    page.get_by_role("button", name="登录").click()
    page.wait_for_url(f"{site.url}{REVIEW}")
    (cookie,) = [c for c in context.cookies() if c["name"] == "huiqi_session"]
    assert cookie["value"] != "planted" and cookie["httpOnly"] and cookie["sameSite"] == "Strict"
    assert page.evaluate("document.cookie") == ""


def test_a_list_changed_in_the_database_is_shown_as_refused(browser: Browser, site: Site) -> None:
    for name in ("李审批", "赵审批"):
        act(signed_in(browser, site, name), name, "批准")
    db = sqlite3.connect(site.home / "control.sqlite")
    change = "UPDATE push_line SET body = json_set(body, '$.amount_yuan', '999999.00') WHERE line_no = 1"
    with pytest.raises(sqlite3.IntegrityError, match="名单行不可修改"):
        db.execute(change)
    db.execute("DROP TRIGGER line_fixed")
    db.execute(change)
    db.commit()
    db.close()
    maker = signed_in(browser, site, "王经办")
    act(maker, "王经办", "冻结")
    assert "名单内容与批准的 sha256 不符" in maker.locator("[role=alert]").inner_text()
    assert site.status() == "approved" and ("王经办", "freeze.refused") in site.refused()
    assert "不予办理" in maker.locator("table.rows").last.inner_text()
