"""The dashboards in real Chromium: figures equal the mart, no console error, no outside request, three widths, keyboard, print."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from dashboards.app import create
from dashboards.formats import figure
from dashboards.mart import opened
from tests.dashboards.literal_mart import published
from tests.ui.serving import served

pytestmark = pytest.mark.ui

PATHS = [
    "/",
    "/questions",
    "/policies",
    "/policies/hn-biomed-voucher",
    "/enterprises",
    "/enterprises/e005",
    "/enterprises/e005/items/hn-biomed-voucher",
    "/pushes",
    "/pushes/L-hn-biomed-voucher",
    "/cases",
    "/cases/A0001",
    "/work",
    "/feeds",
    "/linkage",
    "/reports",
    "/reports/2024-12",
    "/?lang=en",
    "/metrics",
    "/metrics/redemption_rate",
    "/market?q=研发",
    "/sign-in",
    "/whatif?item=hn-biomed-voucher&condition=c3&threshold=2000000",
]
# First page, cold, over the wire: mart.md asks for at most 2 MB.
HEAVIEST = 2_000_000


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def address(home: Path) -> Iterator[str]:
    with served(create(home)) as url:
        yield url


class Visit:
    """A page with everything it complained about and asked for."""

    def __init__(self, browser: Browser, address: str, path: str, width: int = 1440) -> None:
        self.complaints: list[str] = []
        self.outside: list[str] = []
        self.bytes = 0
        self.page: Page = browser.new_page(viewport={"width": width, "height": 900}, locale="zh-CN")
        self.page.on("console", lambda m: self.complaints.append(m.text) if m.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda e: self.complaints.append(str(e)))
        self.page.on("request", lambda r: None if r.url.startswith((address, "data:")) else self.outside.append(r.url))
        self.page.on("requestfinished", self._weigh)
        self.page.goto(address + path)
        self.page.wait_for_load_state("networkidle")

    def _weigh(self, request: object) -> None:
        sizes = request.sizes()  # type: ignore[attr-defined]
        self.bytes += sizes["responseBodySize"]


@pytest.mark.parametrize("width", [1440, 1024, 390])
@pytest.mark.parametrize("path", PATHS)
def test_a_page_is_quiet_fits_and_draws_all_its_charts(browser: Browser, address: str, path: str, width: int) -> None:
    visit = Visit(browser, address, path, width)
    page = visit.page
    try:
        charts = page.locator("figure.chart script.option").count()
        assert page.locator(".plot[data-drawn=yes] svg").count() == charts
        assert all(
            height > 100
            for height in page.evaluate("[...document.querySelectorAll('.plot svg')].map((n) => n.clientHeight)")
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert visit.complaints == []
        assert visit.outside == []
    finally:
        page.close()


AUDIT = Path(__file__).with_name("audit.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", PATHS)
def test_a_page_can_be_heard_and_read_by_weak_eyes(browser: Browser, address: str, path: str) -> None:
    visit = Visit(browser, address, path)
    assert visit.page.evaluate(AUDIT) == []
    visit.page.close()


def test_the_audit_hears_what_is_wrong(browser: Browser, address: str) -> None:
    visit = Visit(browser, address, "/")
    visit.page.evaluate(
        """() => {
            const main = document.querySelector("main");
            const dull = Object.assign(document.createElement("p"), { textContent: "太淡" });
            dull.style.color = "#bbbbbb";
            main.append(dull, document.createElement("h4"), document.createElement("img"));
            main.append(Object.assign(document.createElement("input"), { type: "text" }));
        }"""
    )
    found = " ".join(visit.page.evaluate(AUDIT))
    assert all(word in found for word in ("contrast", "heading", "no alt", "no name"))
    visit.page.close()


def test_english_words_reach_the_pictures(browser: Browser, address: str) -> None:
    visit = Visit(browser, address, "/?lang=en")
    drawn = " ".join(visit.page.locator("#chart-funnel svg text").all_text_contents())
    assert "Entitled" in drawn and "应享" not in drawn
    visit.page.close()


def test_headline_figures_equal_the_mart(browser: Browser, address: str, home: Path) -> None:
    visit = Visit(browser, address, "/")
    with opened(home) as mart:
        metrics = mart.metrics()
    cells = visit.page.locator(".kpi-value[data-metric]")
    assert cells.count() >= 12
    for i in range(cells.count()):
        name = cells.nth(i).get_attribute("data-metric")
        row = metrics[str(name)]
        assert cells.nth(i).inner_text() == figure(row["value"], row["unit"], row["n"])
    visit.page.close()


def test_the_funnel_as_drawn_equals_the_cases(browser: Browser, address: str, home: Path) -> None:
    visit = Visit(browser, address, "/")
    drawn = visit.page.locator("#chart-funnel svg text").all_text_contents()
    numbers = [int(text.split()[0].replace(",", "")) for text in drawn if re.fullmatch(r"[\d,]+ 户次", text)]
    with opened(home) as mart:
        row = mart.row(
            """SELECT count(*) FILTER (WHERE entitled) AS a, count(*) FILTER (WHERE listed_date IS NOT NULL) AS b,
                      count(*) FILTER (WHERE delivered_date IS NOT NULL) AS c, count(*) FILTER (WHERE applied_date IS NOT NULL) AS d,
                      count(*) FILTER (WHERE decision = 'approved') AS e, count(*) FILTER (WHERE paid_yuan > 0) AS f FROM mart.fact_case"""
        )
    assert row is not None
    assert sorted(numbers) == sorted(n for n in row.values() if n == 0 or n >= 5)
    visit.page.close()


def test_the_first_page_is_light(browser: Browser, address: str) -> None:
    visit = Visit(browser, address, "/")
    assert visit.bytes <= HEAVIEST
    visit.page.close()


def test_the_keyboard_reaches_the_text_the_chart_and_its_data(browser: Browser, address: str) -> None:
    page = Visit(browser, address, "/").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "跳到正文"
    plot = page.locator("#chart-funnel .plot")
    plot.focus()
    assert plot.get_attribute("role") == "img"
    assert "应享" in (plot.get_attribute("aria-label") or "")
    page.keyboard.press("Enter")
    assert page.locator("#chart-funnel details").evaluate("e => e.open")
    page.close()


def test_every_page_has_one_heading_named_landmarks_and_named_controls(browser: Browser, address: str) -> None:
    for path in PATHS:
        page = Visit(browser, address, path).page
        assert page.locator("h1").count() == 1, path
        assert page.locator("main").count() == 1
        assert page.locator("nav:not([aria-label])").count() == 0, path
        unnamed = page.evaluate(
            "[...document.querySelectorAll('input:not([type=hidden]), select')].filter(e => !e.labels.length).length"
        )
        assert unnamed == 0, path
        assert page.evaluate(
            "new Set([...document.querySelectorAll('[id]')].map(e => e.id)).size === document.querySelectorAll('[id]').length"
        ), path
        page.close()


def test_a_reader_goes_from_the_overview_to_the_rows_behind_a_number(browser: Browser, address: str) -> None:
    page = Visit(browser, address, "/").page
    page.click("a.kpi:has-text('应享未享金额')")
    assert page.locator("h1").inner_text() == "应享未享金额"
    page.click("text=生物医药产业研发券")
    assert page.locator("h1").inner_text() == "生物医药产业研发券"
    page.close()


def test_search_finds_an_enterprise_and_a_wrong_word_says_so(browser: Browser, address: str) -> None:
    page = Visit(browser, address, "/enterprises").page
    page.fill("input[name=q]", "示例07号")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert "示例07号" in page.locator("h1").inner_text()
    page.goto(address + "/enterprises?q=不存在的企业")
    assert "没有找到" in page.locator(".empty").inner_text()
    page.close()


def test_a_csv_downloads(browser: Browser, address: str) -> None:
    page = Visit(browser, address, "/").page
    with page.expect_download() as download:
        page.click("#chart-funnel a:has-text('CSV')")
    assert Path(download.value.path()).read_bytes().startswith(b"\xef\xbb\xbf")
    page.close()


def test_printing_leaves_out_what_paper_cannot_use(browser: Browser, address: str) -> None:
    page = Visit(browser, address, "/").page
    page.emulate_media(media="print")
    assert not page.locator("header.top").is_visible()
    assert not page.locator(".links").first.is_visible()
    assert page.locator("h1").is_visible()
    page.close()


def test_without_scripts_the_data_can_still_be_read(browser: Browser, address: str) -> None:
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    page.goto(address + "/")
    assert page.locator("#chart-funnel details summary").is_visible()
    context.close()
