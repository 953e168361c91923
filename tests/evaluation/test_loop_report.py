"""A loop's page adds what can be added, keeps what is a state, and tells our own misses from the others."""

import pytest

from benchmarks.loop_report import missed, page

JUNE = {"as_of": "2025-06-25", "兑付": 90, "办件兑付": 5, "人才兑付": 5, "错付": 2, "错付：我方": 1, "提醒": 1000, "误推": 3, "误推：我方": 1,
        "应得": 200, "应得未得": 110, "应得未得：budget_exhausted": 4, "应得未得：barred": 2, "应得未得：事实未送达": 100,
        "应得未得：交付有误": 3, "应得未得：我方": 1}  # fmt: skip
JULY = {
    "as_of": "2025-07-25",
    "兑付": 10,
    "提醒": 500,
    "误推": 0,
    "应得": 50,
    "应得未得": 10,
    "应得未得：事实未送达": 10,
}
REPORT = {
    "uplift": {"effect": 0.146, "low": 0.142, "high": 0.151, "treated": 100, "held": 9, "left_out": {"未满观察期": 7}},
    "planted_uplift": 0.1457, "planted_within_interval": True, "false_push_rate": 0.002, "doubles": {"重复兑付": 0},
    "audit_findings": 0, "paid_yuan": "12.34",
}  # fmt: skip


def test_missed_rates_tell_what_could_be_known() -> None:
    found = missed(JUNE)
    assert found["应得未得率"] == pytest.approx(0.55)
    assert found["事实已送达的应得未得率"] == pytest.approx(0.10)
    assert found["我方应得未得率"] == pytest.approx(0.01)


def test_a_row_a_month_and_sums_only_of_what_can_be_summed() -> None:
    lines = page([JUNE, JULY], REPORT).splitlines()
    cells = {line.split("|")[1].strip(): [c.strip() for c in line.split("|")[2:-1]] for line in lines if "|" in line}
    head, june, total = cells["名单日"], cells["2025-06-25"], cells["合计（应得各列为末月）"]
    at = {name: n for n, name in enumerate(head)}
    assert [june[at[name]] for name in ("兑付", "错付", "其中我方", "误推我方", "名单写明", "我方")] == [
        "100",
        "2",
        "1",
        "1",
        "6",
        "1",
    ]
    assert (total[at["兑付"]], total[at["提醒"]], total[at["应得"]], total[at["事实未送达"]]) == (
        "110",
        "1,500",
        "50",
        "10",
    )
    assert any("14.6 个百分点" in line and "在区间内" in line for line in lines)
