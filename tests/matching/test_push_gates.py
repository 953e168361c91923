"""Every gate names its reason, and lets through what it does not concern."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import polars as pl

from matching.push import inputs as shapes
from matching.push.inputs import Limits
from matching.push.select import propose
from tests.matching.push_frames import AS_OF, DATES, LIMITS, firm, given_inputs, item, only_reason, pair


def test_an_unknown_bar_blocks_the_payment_and_not_the_invitation() -> None:
    items = [item("a"), item("b", "即申即享")]
    unsure = {"bar": "unknown", "bars": ["is_dishonest"]}
    proposal = propose(given_inputs(items, [pair("E1", "a", **unsure), pair("E1", "b", **unsure)]), DATES, LIMITS)
    assert proposal.lines["kind"].to_list() == ["invite"]
    assert proposal.suppressions["reason"].to_list() == ["bar_unknown"]
    assert "is_dishonest" in proposal.suppressions["detail"][0]


def test_every_gate_names_its_reason() -> None:
    def reason(
        changes: dict[str, Any] | None = None,
        terms: dict[str, Any] | None = None,
        firms: list[dict[str, Any]] | None = None,
        **history: Any,
    ) -> tuple[str, str]:
        items = [item("a", **(terms or {}))]
        return only_reason(
            propose(given_inputs(items, [pair("E1", "a", **(changes or {}))], firms, **history), DATES, LIMITS)
        )

    def case(
        decision: str | None, decided: dt.date | None = None, applied: dt.date = dt.date(2024, 6, 1)
    ) -> pl.DataFrame:
        row = {
            "enterprise_id": "E1",
            "item_id": "a",
            "applied_on": applied,
            "decision": decision,
            "decided_on": decided,
        }
        return pl.DataFrame([row | {"reason": "材料不全"}], schema=shapes.CASES, orient="row")

    assert reason({"bar": "barred", "bars": ["失信被执行人"]}) == ("barred", "排除情形：失信被执行人")
    assert reason({"amount_yuan": None})[0] == "amount_unknown"
    assert reason({"amount_yuan": Decimal("0.00")})[0] == "amount_unknown"
    assert reason(terms={"valid_to": dt.date(2024, 12, 17)}) == ("not_current", "2024-12-17 已失效")
    window = {"window_from": dt.date(2024, 3, 1), "window_to": dt.date(2024, 4, 30)}
    assert reason(terms=window) == ("window_closed", "申报期 2024-04-30 已结束")
    ahead = {"window_from": dt.date(2025, 3, 1), "window_to": dt.date(2025, 4, 30)}
    assert reason(terms=ahead) == ("window_closed", "申报期 2025-03-01 开始")
    assert reason(terms={"pilot": ["460200", "460400"]})[0] == "not_pilot_region"
    assert reason(firms=[firm("E1", region=None)], terms={"pilot": ["460100"]})[0] == "not_pilot_region"
    unfit = pl.DataFrame([{"item_id": "a", "version": 1, "detail": "tax.vat 已过期"}], schema=shapes.UNFIT)
    assert reason(unfit=unfit) == ("feed_unfit", "tax.vat 已过期")
    paid = {"enterprise_id": "E1", "item_id": "a", "cycle": "2024", "paid_on": dt.date(2024, 5, 1)}
    awards = pl.DataFrame([paid | {"amount_yuan": Decimal(5), "source": "兑现台账"}], schema=shapes.AWARDS)
    assert reason(awards=awards) == ("already_paid", "2024 周期已兑付 5.00 元（兑现台账）")
    assert reason(cases=case(None)) == ("already_applied", "2024-06-01 已申报（办理中）")
    assert reason(cases=case("通过"))[0] == "already_applied"
    assert reason(cases=case("不通过", dt.date(2024, 12, 1)))[0] == "cooling_off"
    wish = pl.DataFrame([{"enterprise_id": "E1", "scope": "award", "since": AS_OF}], schema=shapes.OPT_OUTS)
    assert reason(opt_outs=wish)[0] == "opted_out"
    listed = pl.DataFrame(
        [{"enterprise_id": "E1", "item_id": "a", "cycle": "2024", "kind": "auto_award", "list_id": "L1"}],
        schema=shapes.LISTED,
    )
    assert reason(listed=listed) == ("already_listed", "已在名单 L1")


def test_gates_that_do_not_apply_let_the_pair_through() -> None:
    old_refusal = pl.DataFrame(
        [
            {
                "enterprise_id": "E1",
                "item_id": "a",
                "applied_on": dt.date(2024, 1, 5),
                "decision": "不通过",
                "decided_on": dt.date(2024, 2, 1),
                "reason": None,
            }
        ],
        schema=shapes.CASES,
    )
    last_year = old_refusal.with_columns(
        pl.lit(dt.date(2023, 5, 1)).alias("applied_on"), pl.lit("通过").alias("decision")
    )
    message_only = pl.DataFrame([{"enterprise_id": "E1", "scope": "message", "since": AS_OF}], schema=shapes.OPT_OUTS)
    for history in ({"cases": old_refusal}, {"cases": last_year}, {"opt_outs": message_only}):
        proposal = propose(given_inputs([item("a", pilot=["460100"])], [pair("E1", "a")], **history), DATES, LIMITS)
        assert proposal.lines.height == 1, history


def test_a_firm_hears_of_its_best_undecided_items_and_of_every_certain_one() -> None:
    items = [item(name, "即申即享") for name in "abcde"]
    scores = {"a": 0.4, "b": 0.9, "c": 0.4, "d": None}
    undecided = [pair("E1", name, "unknown", score=score) for name, score in scores.items()]
    inputs = given_inputs(items, [*undecided, pair("E1", "e", score=0.1)])
    many = replace(LIMITS, messages_per_week=9)
    told = propose(inputs, DATES, many)
    assert set(told.lines["item_id"]) == {"a", "b", "e"}  # the tie between a and c goes by item id
    held = told.suppressions.select("item_id", "reason", "detail").rows()
    assert [row[:2] for row in held] == [("c", "outranked"), ("d", "outranked")]
    assert held[0][2] == "待判定事项中匹配分排第 3，一次提醒前 2 项"
    # two whose reminders are used up make room for the next two
    used = [
        {"enterprise_id": "E1", "item_id": name, "cycle": "2024", "sent_on": AS_OF - dt.timedelta(days=20 * n)}
        for name in "ab"
        for n in (1, 2, 3)
    ]
    later = propose(replace(inputs, sent=pl.DataFrame(used, schema=shapes.SENT)), DATES, many)
    assert set(later.lines.filter(pl.col("kind") == "invite")["item_id"]) == {"c", "d", "e"}
    assert set(later.suppressions["reason"]) == {"cap"}


def test_the_higher_award_is_kept_and_the_lower_says_so() -> None:
    items = [item("a", excludes=["b"]), item("b"), item("c", excludes=["b"])]
    pairs = [
        pair("E1", "a", amount_yuan=Decimal(100)),
        pair("E1", "b", amount_yuan=Decimal(300)),
        pair("E1", "c", amount_yuan=Decimal(300)),
        pair("E2", "a", amount_yuan=Decimal(100)),
    ]
    proposal = propose(given_inputs(items, pairs), DATES, LIMITS)
    assert proposal.lines.select("enterprise_id", "item_id").sort("enterprise_id").rows() == [("E1", "b"), ("E2", "a")]
    assert set(proposal.suppressions["reason"]) == {"exclusion_group"}
    assert all("保留同组较高的 b" in detail for detail in proposal.suppressions["detail"])
    assert proposal.lines["exclusion_group"].unique().to_list() == ["a"]


def test_growth_over_a_month_that_may_be_missing_pays_nobody_yet() -> None:
    gap = {"enterprise_id": "E1", "item_id": "a", "version": 1, "detail": "2023-10 没有进出口数据"}
    gaps = pl.DataFrame([gap], schema=shapes.GAPS)
    assert only_reason(propose(given_inputs([item("a")], [pair("E1", "a")], gaps=gaps), DATES, LIMITS)) == (
        "series_gap",
        "2023-10 没有进出口数据",
    )
    others = [pair("E2", "a"), pair("E1", "b"), pair("E1", "c")]
    proposal = propose(given_inputs([item("a"), item("b"), item("c", "即申即享")], others, gaps=gaps), DATES, LIMITS)
    assert proposal.suppressions.is_empty() and proposal.lines.height == 3


def test_a_firm_in_doubt_is_not_paid_and_a_closing_one_not_invited() -> None:
    def doubt(reason: str, **of: Any) -> pl.DataFrame:
        row = {"enterprise_id": "E1", "item_id": None, "version": None, "reason": reason, "detail": "存疑", **of}
        return pl.DataFrame([row], schema=shapes.DOUBTS)

    items = [item("a"), item("b", "即申即享")]
    pairs = [pair("E1", "a"), pair("E1", "b"), pair("E2", "a")]

    def stopped(doubts: pl.DataFrame) -> list[tuple[str, str, str]]:
        proposal = propose(given_inputs(items, pairs, doubts=doubts), DATES, LIMITS)
        return proposal.suppressions.select("enterprise_id", "item_id", "reason").rows()

    assert stopped(doubt("row_rejected")) == [("E1", "a", "row_rejected")]
    assert stopped(doubt("row_rejected", item_id="a", version=1)) == [("E1", "a", "row_rejected")]
    assert stopped(doubt("row_rejected", item_id="b", version=1)) == []
    assert stopped(doubt("standing_disputed")) == [("E1", "a", "standing_disputed"), ("E1", "b", "standing_disputed")]


def test_money_nobody_must_ask_for_outlives_the_last_day_to_ask() -> None:
    """A monthly allowance proposed on the 18th cannot be signed within its month: notice alone takes five days."""
    monthly = item("a", cycle="month")
    money = propose(given_inputs([monthly], [pair("E1", "a")]), DATES, LIMITS).lists.row(0, named=True)
    assert money["valid_until"] == AS_OF + dt.timedelta(days=LIMITS.award_days) > dt.date(2024, 12, 31)
    told = propose(given_inputs([item("a", "即申即享", cycle="month")], [pair("E1", "a")]), DATES, LIMITS)
    assert told.lists["valid_until"].to_list() == [dt.date(2024, 12, 31)]


def _automatic_against_higher(**changes: Any) -> dict[str, str]:
    """item → list kind for a firm with an automatic award `a` of 100 元 and the higher `b` of 300 元 that must be applied for."""
    verdict = changes.pop("verdict", "eligible")
    firms = [firm("E1", **({"contact_hash": None} if changes.pop("mute", False) else {}))]
    told = changes.pop("told", 0)
    sent = [
        {"enterprise_id": "E1", "item_id": "b", "cycle": "2024", "sent_on": AS_OF - dt.timedelta(days=40 + 20 * n)}
        for n in range(told)
    ]
    items = [
        item(
            "a",
            excludes=["b"],
            cycle="once",
            window_to=AS_OF + changes.pop("left", dt.timedelta(90)),
        ),
        item("b", "即申即享"),
    ]
    pairs = [pair("E1", "a", amount_yuan=Decimal(100)), pair("E1", "b", verdict, amount_yuan=Decimal(300), **changes)]
    given = given_inputs(items, pairs, firms, sent=pl.DataFrame(sent, schema=shapes.SENT))
    proposal = propose(given, DATES, LIMITS)
    return dict(proposal.lines.select("item_id", "kind").rows())


def test_an_automatic_award_waits_for_a_higher_one_only_while_that_is_likely_to_come() -> None:
    """就高: the firm is told of the higher award; but who cannot be told, is told in vain, or may not be entitled is paid what is certain."""
    assert _automatic_against_higher() == {"b": "invite"}
    assert _automatic_against_higher(told=2) == {"b": "invite"}
    for certain in (
        {"told": 3},
        {"mute": True},
        {"verdict": "unknown", "unknown": ["c1"], "met": []},
        {"bar": "unknown", "bars": ["x"]},
        {"left": dt.timedelta(30)},
    ):
        assert _automatic_against_higher(**certain) == {"a": "auto_award"}, certain


def test_an_award_already_paid_wins_over_a_higher_one() -> None:
    items = [item("a", excludes=["b"]), item("b")]
    paid = {"enterprise_id": "E1", "item_id": "a", "cycle": "2024", "paid_on": dt.date(2024, 5, 1)}
    awards = pl.DataFrame([paid | {"amount_yuan": Decimal(5), "source": "台账"}], schema=shapes.AWARDS)
    assert only_reason(propose(given_inputs(items, [pair("E1", "b")], awards=awards), DATES, LIMITS)) == (
        "exclusion_group",
        "同组事项 a 本年度已兑付",
    )


def test_the_budget_cuts_a_strict_prefix_and_ties_go_by_key() -> None:
    pairs = [
        pair("E1", "a", score=0.9, amount_yuan=Decimal("60.00")),
        pair("E3", "a", score=0.8, amount_yuan=Decimal("50.00")),
        pair("E2", "a", score=0.8, amount_yuan=Decimal("30.00")),
        pair("E4", "a", score=0.1, amount_yuan=Decimal("1.00")),
    ]
    inputs = given_inputs([item("a", budget_yuan=Decimal("110.00"))], pairs)
    proposal = propose(replace(inputs, spent={("a", "2024"): Decimal("10.00")}), DATES, LIMITS)
    assert sorted(proposal.lines["enterprise_id"]) == ["E1", "E2"]
    assert set(proposal.suppressions["enterprise_id"]) == {"E3", "E4"}
    assert (
        "剩余预算 100.00 元，排到本户累计 140.00 元"
        in proposal.suppressions.filter(pl.col("enterprise_id") == "E3")["detail"][0]
    )
    assert proposal.lists["cut_rule"][0].startswith("按匹配分从高到低")


def test_a_rule_that_most_of_all_enterprises_meet_pays_nobody() -> None:
    limits = replace(LIMITS, share_counts_from=10)

    def paid(met: int, everybody: int, limits: Limits = limits) -> tuple[int, set[str]]:
        numbers = range(everybody)
        verdicts = ["eligible" if n < met else "ineligible" for n in numbers]
        pairs = [pair(f"E{n}", "a", verdict=v) for n, v in zip(numbers, verdicts, strict=True)]
        found = propose(given_inputs([item("a")], pairs), DATES, limits)
        lines = found.lines.filter(pl.col("kind") == "auto_award").height
        return lines, set(found.suppressions.filter(pl.col("reason") == "rule_too_wide")["detail"])

    assert paid(6, 12) == (6, set())
    assert paid(7, 12) == (0, {"符合的有 7 户，超过全部 12 户的 50%，规则可能写宽了，请先核对"})
    assert paid(9, 9) == (9, set()), "among so few a share says nothing"
    assert paid(7, 12, replace(limits, widest_share=0.6)) == (7, set())
