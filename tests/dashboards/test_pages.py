"""Pages without a browser: what they answer, what they never show, and what they say when something is missing."""

from __future__ import annotations

import csv
import io
import json
import re
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from starlette.testclient import TestClient

from dashboards import charts
from dashboards.app import create
from dashboards.charts import as_csv, drawn
from dashboards.figures import CHARTS
from dashboards.formats import figure, quantity, shown_count, yuan
from dashboards.mart import opened
from dashboards.pushes import _said
from pipelines.publish import publish
from tests.dashboards.literal_mart import build, inputs, published

PAGES = [
    "/",
    "/questions",
    "/policies",
    "/policies?mode=免申即享",
    "/policies/hn-biomed-voucher",
    "/enterprises",
    "/enterprises?q=示例",
    "/enterprises/e005",
    "/enterprises/e005/items/hn-biomed-voucher",
    "/pushes",
    "/pushes?kind=invite",
    "/pushes/L-hn-biomed-voucher",
    "/cases",
    "/cases?state=paid",
    "/cases?state=overdue",
    "/cases/A0001",
    "/reports",
    "/reports/2024-12",
    "/feeds",
    "/linkage",
    "/metrics",
    "/metrics/redemption_rate",
    "/metrics/uplift",
    "/market",
    "/market?q=研发&theme=研发创新&fits=91460000000000005X",
    "/whatif",
    "/whatif?item=hn-biomed-voucher&condition=c3&threshold=2000000",
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return published(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def client(home: Path) -> TestClient:
    return TestClient(create(home))


@pytest.mark.parametrize("path", PAGES)
def test_every_page_answers_with_a_strict_policy_and_nothing_inline(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"\sstyle=|\son[a-z]+=|<style", answer.text)
    for script in re.findall(r"<script([^>]*)>", answer.text):
        assert "src=" in script or 'type="application/json"' in script
    assert not re.search(r'(?:src|href)="(?:https?:)?//', answer.text)
    assert '<html lang="zh-CN">' in answer.text


def test_headline_figures_are_the_metrics_of_the_mart(client: TestClient, home: Path) -> None:
    page = client.get("/").text
    shown = dict(re.findall(r'data-metric="(\w+)">([^<]*(?:&lt;)?[^<]*)</span>', page))
    with opened(home) as mart:
        metrics = mart.metrics()
    assert {"eligible_base", "paid_yuan", "unclaimed_yuan", "push_reach"} <= shown.keys()
    for name, text in shown.items():
        row = metrics[name]
        assert text.replace("&lt;", "<") == figure(row["value"], row["unit"], row["n"])


def test_counts_of_one_to_four_enterprises_are_not_shown(client: TestClient, home: Path) -> None:
    with opened(home) as mart:
        for chart in CHARTS.values():
            parameters = {"item": "hn-biomed-voucher"} if "$item" in chart.sql else None
            found = drawn(mart, chart, parameters)
            texts = {text for cells in found.table for text, _ in cells}
            written = list(csv.reader(io.StringIO(as_csv(found).decode("utf-8-sig"))))[1:]
            hidden = [i for i, column in enumerate(chart.columns) if column.hides]
            for row, cells in zip(found.rows, written, strict=True):
                for i in hidden:
                    if 0 < (row[chart.n or chart.columns[i].name] or 0) < 5:
                        assert cells[i] == "<5", (chart.id, row)
            picture = json.dumps(found.option, ensure_ascii=False)
            assert '"n": 3' not in picture
            assert all(text not in texts for text in ("1 户次", "2 户次", "3 户次", "4 户次")), chart.id


def test_csv_has_a_bom_and_chinese_headings(client: TestClient) -> None:
    answer = client.get("/csv/paid_by_month")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    assert answer.headers["content-type"].startswith("text/csv")
    assert answer.content.decode("utf-8-sig").splitlines()[0] == "月份,净拨付,笔数"


def test_csv_neutralises_formulas(tmp_path: Path) -> None:
    tables = inputs()
    tables["policy.item"] = tables["policy.item"].with_columns(title=pl.lit("=HYPERLINK(1)"))
    client = TestClient(create(published(tmp_path / "home", tables)))
    assert "'=HYPERLINK" in client.get("/csv/unclaimed_by_item").text


def test_names_and_searches_are_escaped(tmp_path: Path) -> None:
    tables = inputs()
    bad = "<script>alert(1)</script>"
    tables["profile.enterprise"] = tables["profile.enterprise"].with_columns(name=pl.lit(bad))
    tables["policy.item"] = tables["policy.item"].with_columns(title=pl.lit(bad))
    client = TestClient(create(published(tmp_path / "home", tables)))
    for path in (
        "/",
        "/enterprises/e005",
        "/policies",
        "/policies/hn-biomed-voucher",
        "/cases?state=all",
        f"/enterprises?q={bad}",
    ):
        assert bad not in client.get(path).text, path


def test_a_waiting_case_shows_its_answer_and_what_was_declared(home: Path) -> None:
    decision = inputs()["push.decision"].row(0, named=True)
    page = TestClient(create(home)).get(f"/cases/{decision['case_no']}").text
    answer, declared = (page.split(f'id="{name}"')[1].split("</section>")[0] for name in ("answer", "declared"))
    assert (
        "转部门核实" in answer
        and "申报与部门数据不一致" in answer
        and "2025-01-20" in answer
        and "失信被执行人" in answer
    )
    conditions = inputs()["policy.condition"].filter(pl.col("item_id") == decision["item_id"])
    words = dict(conditions.select("condition_id", "text").iter_rows())
    assert 'class="met"' in answer and words["c1"] in answer and words["c2"] in answer
    rows = {row.split("</td>")[0].split(">")[-1]: row for row in declared.split("<tr>")[2:]}
    assert (
        "5200000 元" in rows["上年度研发费用"]
        and "答复以此为据" in rows["上年度研发费用"]
        and "审计报告.pdf" in rows["上年度研发费用"]
    )
    employees = next(row for label, row in rows.items() if "9999" in row)
    assert "税务局的数据为准" in employees and "答复以此为据" not in employees
    assert "没有并入判定" in next(row for row in rows.values() if "<td>是</td>" in row)


def test_a_decided_case_has_no_answer_of_ours(home: Path) -> None:
    page = TestClient(create(home)).get("/cases/A0001").text
    assert 'id="answer"' not in page and 'id="declared"' not in page


def test_nothing_published_is_a_page_that_says_what_to_do(tmp_path: Path) -> None:
    answer = TestClient(create(tmp_path)).get("/")
    assert answer.status_code == 503
    assert "make run" in answer.text and "还没有可看的结果" in answer.text


def test_a_new_publication_is_seen_without_restart(tmp_path: Path) -> None:
    home = published(tmp_path / "home")
    client = TestClient(create(home))
    assert "海南示例05号" in client.get("/enterprises/e005").text
    tables = inputs()
    tables["profile.enterprise"] = tables["profile.enterprise"].with_columns(name=pl.lit("改名后的企业"))
    warehouse = build(home, tables)
    assert warehouse.scope is not None
    publish(warehouse, warehouse.scope)
    assert "改名后的企业" in client.get("/enterprises/e005").text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nowhere", 404),
        ("/policies/none", 404),
        ("/enterprises/none", 404),
        ("/enterprises/e005/items/none", 404),
        ("/pushes/none", 404),
        ("/metrics/none", 404),
        ("/csv/none", 404),
        ("/csv/item_funnel", 400),
        ("/cases?state=none", 404),
        ("/cases/none", 404),
        ("/reports/2031-01", 404),
        ("/reports/2024-13", 404),
        ("/reports/2024-12.pdf", 404),
        ("/reports/self-evaluation.xlsx?year=20x4", 400),
        ("/reports/self-evaluation.xlsx?year=1999", 404),
        ("/reports/self-evaluation.xlsx?year=2024&item=none", 404),
        ("/open/none.parquet", 404),
        ("/open/arm.arrow", 404),
        ("/open/metric.arrow?columns=value,nothing", 400),
    ],
)
def test_what_is_not_there_gets_a_page_of_its_own(client: TestClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status
    assert "回总览" in answer.text
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("hostile", ["'; DROP TABLE mart.metric; --", "%00", "../../etc/passwd", "e005' OR '1'='1"])
def test_hostile_keys_are_only_keys(client: TestClient, hostile: str) -> None:
    for path in ("/enterprises/", "/policies/", "/metrics/", "/enterprises?q=", "/cases?q="):
        assert client.get(path + hostile).status_code in (200, 404)


def test_an_enterprise_page_shows_source_and_date_of_every_indicator(client: TestClient) -> None:
    page = client.get("/enterprises/e006").text
    row = re.search(r"<td[^>]*>参保人数</td>(.*?)</tr>", page, re.S)
    assert (
        row
        and "15 人" in row[1]
        and "人力资源和社会保障厅" in row[1]
        and "2024-11-30" in row[1]
        and "flabor:8" in row[1]
    )


def test_one_hit_opens_the_enterprise(client: TestClient) -> None:
    answer = client.get("/enterprises?q=91460000000000005X", follow_redirects=False)
    assert answer.status_code == 303 and answer.headers["location"] == "/enterprises/e005"


def test_an_empty_mart_has_empty_pages_not_errors(tmp_path: Path) -> None:
    tables = {name: frame.head(0) for name, frame in inputs().items()}
    client = TestClient(create(published(tmp_path / "home", tables)))
    for path in (
        "/",
        "/questions",
        "/policies",
        "/enterprises",
        "/pushes",
        "/cases",
        "/feeds",
        "/metrics",
        "/metrics/paid_yuan",
        "/reports",
    ):
        assert client.get(path).status_code == 200, path
    assert "没有数据" in client.get("/").text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "—"),
        (0, "0 元"),
        (9999, "9,999 元"),
        (12345, "1.2 万元"),
        (-250000, "-25.0 万元"),
        (321_000_000, "3.21 亿元"),
    ],
)
def test_money_is_written_as_it_is_said(value: int | None, text: str) -> None:
    assert yuan(value) == text


def test_small_counts_are_hidden_and_zero_is_not() -> None:
    assert [shown_count(n) for n in (None, 0, 1, 4, 5, 1234)] == ["—", "0", "<5", "<5", "5", "1,234"]
    assert figure(0.5, "%", 4) == "<5"
    assert figure(3, "户", 100) == "<5"
    assert figure(3, "个", None) == "3 个"
    assert figure(None, "%", 0) == "—"


def test_effects_show_figures_only_where_they_can_be_believed(client: TestClient) -> None:
    # The five questions say the believed figure in their sentence and in their table, the item's page in its table alone.
    for path, times in (("/questions", 2), ("/policies/hn-biomed-voucher", 1)):
        page = client.get(path).text
        assert "8.4%" in page and "2.1% 至 15.1%" in page and "升高" in page
        assert page.count("8.4%") == times and "受益前的趋势不同" in page


def test_a_figure_that_is_not_shown_is_not_told_by_its_place(tmp_path: Path) -> None:
    home = published(tmp_path)
    (file,) = home.glob("mart-*.duckdb")
    with duckdb.connect(str(file)) as con:
        # three areas with a share and three items with an amount, the middle one of three enterprises only
        areas = [
            row[0] for row in con.execute("SELECT DISTINCT area FROM mart.dim_region ORDER BY 1 LIMIT 3").fetchall()
        ]
        items = [
            row[0]
            for row in con.execute("SELECT item_id FROM mart.dim_item WHERE is_latest ORDER BY 1 LIMIT 3").fetchall()
        ]
        con.execute("DELETE FROM mart.metric WHERE metric = 'redemption_rate' AND area IS NOT NULL")
        con.execute(
            "DELETE FROM mart.metric WHERE metric IN ('unclaimed_yuan', 'unclaimed_count') AND item_id IS NOT NULL"
        )
        for area, item, value, n in zip(areas, items, (0.9, 0.5, 0.1), (50, 3, 50), strict=True):
            add = "INSERT INTO mart.metric BY NAME SELECT ? AS metric, ? AS item_id, ? AS area, ? AS value, ? AS n"
            con.execute(add, ["redemption_rate", None, area, value, n])
            con.execute(add, ["unclaimed_yuan", item, None, value * 1e6, n])
            con.execute(add, ["unclaimed_count", item, None, n, n])
    told = json.loads((home / "CURRENT").read_text())
    (home / "CURRENT").write_text(json.dumps(told | {"bytes": file.stat().st_size}))
    client = TestClient(create(home))
    table = client.get("/metrics/redemption_rate").text.partition("按市县")[2]
    assert table.index("90.0%") < table.index("10.0%") < table.index("&lt;5")
    amounts = [line.split(",")[1] for line in client.get("/csv/unclaimed_by_item").text.strip().splitlines()[1:]]
    assert [float(cell) for cell in amounts[:2]] == [900_000, 100_000] and amounts[2] == "<5"


def test_every_chart_has_a_height_the_style_sheet_knows() -> None:
    style = (Path(charts.__file__).with_name("static") / "app.css").read_text(encoding="utf-8")
    assert {chart.height for chart in CHARTS.values()} <= {int(n) for n in re.findall(r"\.plot-(\d+) \{", style)}


def test_what_a_threshold_did_is_shown_with_its_tests_and_its_steps(client: TestClient) -> None:
    page = client.get("/policies/hn-tech-sme-rd").text
    assert "门槛处的效果" in page and "7.3%" in page and "3.1% 至 11.7%" in page and "0.40 / 0.60 / —" in page
    questions = client.get("/questions").text
    assert "在门槛处看" in questions and "7.3%" in questions
    undecided = client.get("/policies/hn-biomed-voucher").text
    assert "拨付在门槛处没有明显跳升" in undecided
    rows = client.get("/csv/item_threshold?item=hn-tech-sme-rd").content.decode("utf-8-sig").splitlines()
    assert len(rows) == 6 and rows[-1].endswith(",<5") and "8.0%" not in rows[-1]


def test_the_deadlines_of_calls_say_who_set_them(client: TestClient) -> None:
    page = client.get("/cases").text
    assert "政策咨询：1 个工作日内转办、3 个工作日内办结（试行值，待热线主管部门核定后替换）" in page


def test_the_lines_of_a_list_say_values_in_words(client: TestClient) -> None:
    page = client.get("/pushes/L-hn-biomed-voucher").text
    region = inputs()["profile.enterprise"]["registered_region"][0]
    assert f"<b>{region}</b>" not in page and re.search(r"在海南省内登记：[^<]+<b>[\u4e00-\u9fff]+[市区县]</b>", page)
    assert [_said(value, None, {}) for value in ("true", "false", "E")] == ["是", "否", "E"]
    assert quantity(Decimal("0.945355"), "number", "年") == "0.95 年" and quantity(66, "integer", "人") == "66 人"
    assert quantity(Decimal("1670.000000"), "number", "亩") == "1,670 亩" and quantity(0, "integer", "件") == "0 件"
    assert quantity(100, "integer", None) == "100"
