"""Contracts load strictly, name every file and key at fault, and change by date without touching the past."""

from datetime import date

import pytest

from data import contract
from data.contract import ContractError, Table, header_mark, parse_feed, parse_yaml, split_unit

FEED = """
department: probe
name: 探测厅
prefix: TC
contact: 信息科
forms:
  daily: {pattern: '{prefix}_{native}_{period}_{kind}_{batch}\\.csv', format: csv, encoding: gb18030}
tables:
  firm:
    native: T_FIRM
    label: 企业
    primary: [uscc]
    valid_at: null
    cadence: day
    subject: {uscc: uscc}
    columns:
      uscc: {label: 信用代码, header: XYDM, type: code, key: uscc, required: true}
      capital_yuan: {label: 注册资本, header: 注册资本(万元), type: money, unit: 万元}
    changes:
      - {since: 2025-02-01, note: 注册资本改为元, columns: {capital_yuan: {header: 注册资本, unit: 元}}, form: {encoding: utf-8}}
"""


def probe(**replaced: str) -> Table:
    text = FEED
    for old, new in replaced.items():
        text = text.replace(old.replace("__", " "), new)
    return parse_feed(text, "probe.yml").tables["firm"]


def test_every_department_has_a_contract() -> None:
    feeds = contract.feeds()
    assert sum(f.kind == "department" for f in feeds.values()) == 12
    assert {d for d, f in feeds.items() if f.kind == "internal"} == {"apply", "sms", "hotline"}
    for table in contract.tables():
        assert table.rules, f"{table.key} 没有规则"
        assert set(table.primary) <= set(table.stored)


def test_no_two_tables_claim_one_name_unless_they_share_a_snapshot() -> None:
    seen: dict[str, str] = {}
    for feed in contract.feeds().values():
        for table in feed.tables.values():
            for form in table.forms.values():
                if form.format != "sqlite":
                    assert seen.setdefault(form.pattern, table.key) == table.key


@pytest.mark.parametrize(
    ("name", "period", "kind", "batch"),
    [
        ("SCJG_E_BASEINFO_20241218_I_01.csv", "20241218", "I", "01"),
        ("SCJG_E_BASEINFO_2024Q4_F_01.sql.gz", "2024Q4", "F", "01"),
    ],
)
def test_a_name_says_period_kind_and_batch(name: str, period: str, kind: str, batch: str) -> None:
    recognised = contract.table("market", "baseinfo").recognise(name)
    assert recognised is not None
    assert tuple(recognised[1]) == (period, kind, batch)


@pytest.mark.parametrize(
    "name",
    [
        "SCJG_E_BASEINFO_20241218_I_01.csv.exe",
        "../SCJG_E_BASEINFO_20241218_I_01.csv",
        "SCJG_E_BASEINFO_２０241218_I_01.csv",
    ],
)
def test_other_names_are_not_deliveries(name: str) -> None:
    assert contract.table("market", "baseinfo").recognise(name) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "第 2 行：键「a」重复"),
        ("a: &x [1]\nb: *x\n", "第 2 行：不允许使用 YAML 别名"),
        ("a: NO\n", "第 1 行：「NO」"),
        ("a: [1\n", "不是合法的 YAML"),
        ("1: a\n", "要写成带引号的文字"),
        ("- a\n", "顶层应是键值对"),
    ],
)
def test_yaml_is_read_strictly(text: str, message: str) -> None:
    with pytest.raises(ContractError, match=r"x\.yml") as caught:
        parse_yaml(text, "x.yml")
    assert message in str(caught.value)


def test_billion_laughs_is_stopped_at_the_first_alias() -> None:
    bomb = "a: &a [x,x]\n" + "".join(f"b{i}: &b{i} [*a,*a]\n" for i in range(9))
    with pytest.raises(ContractError, match="别名"):
        parse_yaml(bomb, "bomb.yml")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("cadence: day", "cadence: day\n    cadance: day", "tables.firm.cadance：不认识的键"),
        ("prefix: TC\n", "", "prefix：缺少这个键"),
        ("unit: 万元}", "unit: 万圆}", "单位「万圆」不在已知单位之列"),
        ("capital_yuan: {label: 注册资本, header", "capital: {label: 注册资本, header", "列名应以 _yuan 结尾"),
        ("primary: [uscc]", "primary: [code]", "primary 提到的列「code」不在 columns 里"),
        ("type: code, key: uscc,", "type: code, key: uscc, codes: nowhere,", "reference/nowhere.csv 不存在"),
    ],
)
def test_a_faulty_contract_stops_the_load_naming_file_and_key(old: str, new: str, message: str) -> None:
    with pytest.raises(ContractError) as caught:
        parse_feed(FEED.replace(old, new), "probe.yml")
    assert str(caught.value).startswith("probe.yml：")
    assert message in str(caught.value)


def test_personal_columns_are_stored_as_hashes_only() -> None:
    for table in contract.tables():
        for name, column in table.columns.items():
            assert (column.personal in ("contact", "id", "account")) == name.endswith("_hash"), f"{table.key}.{name}"


def test_a_dated_change_leaves_the_past_as_it_was() -> None:
    table = probe()
    assert table.stored  # cached before the change is applied
    before, after = table.at(date(2025, 1, 31)), table.at(date(2025, 2, 1))
    assert (before.columns["capital_yuan"].unit, after.columns["capital_yuan"].unit) == ("万元", "元")
    assert (before.forms["daily"].encoding, after.forms["daily"].encoding) == ("gb18030", "utf-8")
    assert before.version != after.version
    assert "注册资本" in after.headers


def test_headers_compare_without_width_blanks_and_units() -> None:
    assert header_mark("注册资本（万元）") == header_mark("注册 资本\n(万元)")
    assert split_unit("注册资本（万元）") == ("注册资本", "万元")
    assert split_unit("面积(参考)") == ("面积(参考)", None)
