"""What leaves the pages as files: the monthly report, the self-evaluation form, Parquet and Arrow; and the pages in English."""

from __future__ import annotations

import datetime as dt
import io
import re
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from python_calamine import CalamineWorkbook
from starlette.testclient import TestClient

from dashboards.app import create
from dashboards.english import english, said
from dashboards.mart import opened
from dashboards.monthly import NoSuchMonthError, last_whole, month_of, monthly_report
from dashboards.self_evaluation import self_evaluation
from evaluation.self_evaluation import Figure, Indicator, _height, filled, indicators, score, workbook
from pipelines import pdf
from pipelines.parquet import export_mart
from pipelines.report import monthly_report_job, monthly_schedule, write_report
from tests.dashboards.literal_mart import AS_OF, inputs, published


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("reports"))


@pytest.fixture(scope="module")
def client(home: Path) -> TestClient:
    return TestClient(create(home))


def paid_in(first: dt.date, last: dt.date) -> Decimal:
    rows = inputs()["raw.finance_redemption"].filter(pl.col("paid_date").is_between(first, last))
    return Decimal(rows["paid_yuan"].sum() or 0)


def test_a_month_says_what_the_inputs_say(home: Path) -> None:
    with opened(home) as mart:
        told = monthly_report(mart, "2024-07")
    first, last = dt.date(2024, 7, 1), dt.date(2024, 7, 31)
    cases = inputs()["raw.apply_case"]
    assert told["paid"]["yuan"] == paid_in(first, last) > 0
    assert told["paid_this_year"] == paid_in(dt.date(2024, 1, 1), last)
    assert told["work"]["applied"] == cases.filter(pl.col("applied_date").is_between(first, last)).height
    assert told["work"]["decided"] == cases.filter(pl.col("decided_date").is_between(first, last)).height
    assert sum(row["yuan"] for row in told["areas"]) == told["paid"]["yuan"]
    assert [point["month"] for point in told["course"]][::12] == ["2023-07", "2024-07"]


@pytest.mark.parametrize("text", ["2024-13", "2024", "2025-01", "七月"])
def test_a_month_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(NoSuchMonthError):
        month_of(text, AS_OF)


def test_the_report_is_of_the_month_that_is_over() -> None:
    assert [last_whole(dt.date(2024, 12, day)) for day in (30, 31)] == ["2024-11", "2024-12"]
    assert last_whole(dt.date(2025, 1, 25)) == "2024-12"


def test_the_report_file_fetches_nothing_and_survives_without_a_browser(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "BROWSERS", ("no-such-browser",))
    made = write_report(home, "2024-07", tmp_path)
    text = made.html.read_text(encoding="utf-8")
    assert made.pdf is None and "no-such-browser" in (made.lacking or "")
    assert not re.search(r"(?:src|href)=|<script|@import|url\(", text)
    assert "政策兑现月报 2024-07" in text
    assert write_report(home, "2024-07", tmp_path).html.read_text(encoding="utf-8") == text


def test_the_schedule_writes_the_month_that_is_over(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "BROWSERS", ("no-such-browser",))
    schedule = monthly_schedule()
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 6 2 * *", "Asia/Shanghai")
    assert schedule.job_name == monthly_report_job(home).name
    assert monthly_report_job(home).execute_in_process().success
    assert (home / "reports" / "monthly" / "2024-12.html").exists()


def test_the_form_holds_the_figures_of_the_mart(home: Path, client: TestClient) -> None:
    answer = client.get("/reports/self-evaluation.xlsx?year=2024&item=hn-biomed-voucher")
    assert answer.status_code == 200 and answer.content[:2] == b"PK"
    rows = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    spent = inputs()["raw.finance_redemption"].filter(pl.col("policy_no") == "hn-biomed-voucher")["paid_yuan"].sum()
    assert (rows[3][2], rows[3][5]) == (10_000_000.0, float(spent))
    with opened(home) as mart:
        form = self_evaluation(mart, 2024, "hn-biomed-voucher")
        metrics = mart.metrics("hn-biomed-voucher")
    shown = {row[2]: row[4] for row in rows[7 : 7 + len(indicators())]}
    # Everything about this item happened in 2024: the year's figures are those of the mart.
    assert shown["兑现率（户次）"] == pytest.approx(float(metrics["redemption_rate"]["value"]), abs=1e-6)
    assert shown["好评率"] == pytest.approx(float(metrics["satisfaction"]["value"]), abs=1e-6)
    assert shown["预算执行率"] == pytest.approx(float(spent) / 10_000_000)
    points, possible = form.scored
    assert 0 < points <= possible < 100
    assert rows[7 + len(indicators())][6] == pytest.approx(float(points))
    assert workbook([form]) == workbook([form])


def test_a_sheet_for_every_item_of_the_year(client: TestClient) -> None:
    answer = client.get("/reports/self-evaluation.xlsx?year=2024&item=each")
    names = CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).sheet_names
    assert {"稳岗返还", "生物医药产业研发券", "指标定义"} <= set(names)
    assert len(names) == len(set(names))


def indicator(metric: str) -> Indicator:
    return next(one for one in indicators() if one.metric.id == metric)


@pytest.mark.parametrize(
    ("metric", "value", "points"),
    [
        ("redemption_rate", "1.2", "15.00"),
        ("redemption_rate", "0.5", "7.50"),
        ("satisfaction", "0.45", "2.50"),
        ("clawback_rate", "0", "5.00"),
        ("clawback_rate", "0.2", "4.00"),
        ("unclaimed_count", "9", "0.00"),
        ("effect_jobs", "0.3", None),
    ],
)
def test_points_follow_the_target(metric: str, value: str, points: str | None) -> None:
    assert score(indicator(metric), Decimal(value)) == (None if points is None else Decimal(points))


def test_what_cannot_be_said_is_not_scored() -> None:
    lines = {line.indicator.metric.id: line for line in filled({"redemption_rate": Figure(Decimal("0.5"), 3)})}
    assert (lines["redemption_rate"].shown, lines["redemption_rate"].score) == ("<5", None)
    assert (lines["on_time_rate"].shown, lines["on_time_rate"].score) == ("未能计算", None)


def test_open_tables_are_the_tables_of_the_mart(client: TestClient, home: Path) -> None:
    with opened(home) as mart:
        cases = mart.row("SELECT count(*) AS n, sum(paid_yuan) AS yuan FROM mart.fact_case")
    table = pl.read_parquet(io.BytesIO(client.get("/open/fact_case.parquet").content))
    stream = pl.read_ipc_stream(io.BytesIO(client.get("/open/fact_case.arrow?columns=item_id,paid_yuan").content))
    assert cases is not None
    assert (table.height, table["paid_yuan"].sum()) == (cases["n"], cases["yuan"])
    assert stream.columns == ["item_id", "paid_yuan"] and stream["paid_yuan"].sum() == cases["yuan"]
    assert "/open/arm.parquet" not in client.get("/reports").text


def test_parquet_folders_are_whole_and_old_ones_stay(home: Path, tmp_path: Path) -> None:
    publication, folder, rows = export_mart(home, tmp_path)
    assert folder.name == publication.build_id and "arm" not in rows
    assert {path.stem for path in folder.iterdir()} == set(rows)
    assert pl.read_parquet(folder / "metric.parquet").height == rows["metric"]
    (tmp_path / "earlier").mkdir()
    export_mart(home, tmp_path, ("metric",))
    assert [path.name for path in folder.iterdir()] == ["metric.parquet"] and (tmp_path / "earlier").exists()
    with pytest.raises(ValueError, match="arm"):
        export_mart(home, tmp_path, ("arm",))


@pytest.mark.parametrize(
    "path", ["/", "/questions", "/policies", "/work", "/cases", "/metrics", "/reports", "/cases/A0001"]
)
def test_the_words_of_a_page_are_english_on_demand(client: TestClient, path: str) -> None:
    page = client.get(path, params={"lang": "en"}).text
    assert '<html lang="en">' in page and ">中文</a>" in page
    titles = {row[2] for row in inputs()["policy.item"].iter_rows()} | {"琼工信规〔2024〕8号"}
    told = re.findall(r"<(?:h1|h2|th|button|label|summary|legend)\b[^>]*>\s*([^<>]+?)\s*<", page)
    left = [word for word in told if re.search(r"[\u4e00-\u9fff]", word) and word not in titles]
    assert left == []


def test_english_is_remembered_and_chinese_comes_back(home: Path) -> None:
    client = TestClient(create(home))
    assert '<html lang="en">' in client.get("/?lang=en").text
    assert '<html lang="en">' in client.get("/policies").text
    assert '<html lang="zh-CN">' in client.get("/?lang=zh").text
    assert '<html lang="zh-CN">' in client.get("/?lang=%22%3E").text


@pytest.mark.parametrize(
    ("chinese", "spoken"),
    [
        ("样本 1,236", "n = 1,236"),
        (" 总览 ", " Overview "),
        ("8,366.8 万元", "CNY 83.67M"),
        ("1.92 亿元", "CNY 192.00M"),
        ("1,057 户次", "1,057 cases"),
        ("海南示例05号科技有限公司", "海南示例05号科技有限公司"),
    ],
)
def test_phrases_with_gaps_and_money(chinese: str, spoken: str) -> None:
    assert said(chinese) == spoken


def test_pictures_are_translated_and_markup_stays_escaped() -> None:
    page = '<html lang="zh-CN"><p>a &lt;b&gt; 总览</p><script type="application/json" class="option">{"name":"应享","x":"\\u003c/script>"}</script>'
    told = english(page)
    assert '"name":"Entitled"' in told and "\\u003c/script>" in told and "&lt;b&gt;" in told


def test_a_row_of_the_form_is_as_high_as_its_longest_text() -> None:
    assert _height(("预算执行率", "%"), (24, 10)) == 15.0
    assert _height(("短", "有预算的现行事项本年净拨付金额占年度预算的比例" * 4), (24, 70)) == 45.0
