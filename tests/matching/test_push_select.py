"""Lists are complete, deterministic, within their caps, and every held-back pair says why."""

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.push import inputs as shapes
from matching.push.candidates import candidates
from matching.push.inputs import Dates, Inputs, Limits
from matching.push.quiet import Calendar
from matching.push.select import Proposal, propose

AS_OF = dt.date(2024, 12, 18)  # a Wednesday
DATES = Dates(AS_OF, dt.datetime(2024, 12, 18, 23, 59, 59), AS_OF, "b0", b"k" * 32)
LIMITS = Limits(holdout_share=0.0)


def item(item_id: str, mode: str = "免申即享", **changes: Any) -> dict[str, Any]:
    return {
        "item_id": item_id,
        "version": 1,
        "title": f"事项{item_id}",
        "issuer": "海南省工业和信息化厅",
        "mode": mode,
        "entity": "enterprise",
        "cycle": "year",
        "claim_unit": "entity",
        "valid_from": dt.date(2024, 1, 1),
        "valid_to": dt.date(2025, 12, 31),
        "window_from": None,
        "window_to": None,
        "budget_yuan": None,
        "promise_days": 20,
        "award_expr": "1",
        "excludes": [],
        "pilot": [],
        "materials": [],
    } | changes


def pair(enterprise: str, item_id: str, verdict: str = "eligible", **changes: Any) -> dict[str, Any]:
    return {
        "enterprise_id": enterprise,
        "uscc": f"9146{enterprise}",
        "item_id": item_id,
        "version": 1,
        "verdict": verdict,
        "met": ["c1"],
        "failed": [],
        "unknown": [],
        "near_miss": False,
        "bar": "clear",
        "bars": [],
        "amount_yuan": Decimal("100000.00"),
        "score": 0.9,
    } | changes


def firm(enterprise: str, **changes: Any) -> dict[str, Any]:
    return {
        "enterprise_id": enterprise,
        "uscc": f"9146{enterprise}",
        "name": f"海南{enterprise}有限公司",
        "region": "460105",
        "size": "小型",
        "contact_hash": f"h-{enterprise}",
        "contact_masked": "138****0000",
    } | changes


def condition(item_id: str, condition_id: str = "c1", **changes: Any) -> dict[str, Any]:
    return {
        "item_id": item_id,
        "version": 1,
        "condition_id": condition_id,
        "text": "上年度营业收入不低于2000万元",
        "expr": "revenue_last_year >= 20000000",
        "on_unknown": "ask",
        "outside": False,
    } | changes


def given_inputs(
    items: list[dict[str, Any]],
    pairs: list[dict[str, Any]],
    firms: list[dict[str, Any]] | None = None,
    conditions: list[dict[str, Any]] | None = None,
    **history: Any,
) -> Inputs:
    names = sorted({row["enterprise_id"] for row in pairs})
    return Inputs(
        pairs=pl.DataFrame(pairs, schema=shapes.PAIRS, orient="row"),
        items=pl.DataFrame(items, schema=shapes.ITEMS, orient="row"),
        conditions=pl.DataFrame(
            conditions if conditions is not None else [condition(row["item_id"]) for row in items],
            schema=shapes.CONDITIONS,
            orient="row",
        ),
        enterprises=pl.DataFrame(firms or [firm(name) for name in names], schema=shapes.ENTERPRISES, orient="row"),
        **history,
    )


def only_reason(proposal: Proposal) -> tuple[str, str]:
    assert proposal.lines.filter(pl.col("kind") != "digest").is_empty()
    assert proposal.suppressions.height == 1
    row = proposal.suppressions.row(0, named=True)
    return row["reason"], row["detail"]


def test_each_mode_has_its_kind_of_list() -> None:
    items = [item("a"), item("b", "即申即享"), item("c", "承诺兑现")]
    proposal = propose(given_inputs(items, [pair("E1", "a"), pair("E2", "b"), pair("E3", "c")]), DATES, LIMITS)
    assert proposal.lists.select("kind", "item_id", "row_count").rows() == [
        ("auto_award", "a", 1),
        ("invite", "b", 1),
        ("nudge", "c", 1),
    ]
    award = proposal.lists.row(0, named=True)
    assert award["amount_yuan"] == Decimal("100000.00")
    assert award["holdout_share"] == 0.0 and "不设对照组" in award["note"]


def test_a_verdict_that_only_a_person_can_settle_goes_to_the_department() -> None:
    items = [item("a"), item("b", "即申即享")]
    rules = [
        condition("a"),
        condition("b", "ask"),
        condition("b", "look", on_unknown="review"),
        condition("b", "must", on_unknown="deny"),
        condition("b", "o1", outside=True, on_unknown=None),
    ]
    pairs = [
        pair("E1", "a", "unknown", unknown=["c1"]),
        pair("E2", "b", "unknown", unknown=["ask", "o1"]),
        pair("E3", "b", "unknown", unknown=["look"]),
        pair("E4", "b", "unknown", unknown=["must"]),
        pair("E5", "b", "declarable", unknown=["o1"]),
        pair("E6", "b", "ineligible", failed=["ask"], near_miss=True),
        pair("E7", "b", "eligible", failed=["ask"], unknown=["look"]),
    ]
    proposal = propose(given_inputs(items, pairs, conditions=rules), DATES, LIMITS)
    kinds = {row["enterprise_id"]: row["kind"] for row in proposal.lines.iter_rows(named=True)}
    assert kinds == {
        "E1": "department",
        "E2": "invite",
        "E3": "department",
        "E5": "invite",
        "E6": "near_miss",
        "E7": "invite",
    }
    assert only_reason(replace(proposal, lines=proposal.lines.clear()))[0] == "verdict_unknown"
    missing = {row["enterprise_id"]: json.loads(row["missing"]) for row in proposal.lines.iter_rows(named=True)}
    assert [entry["why"] for entry in missing["E2"]] == ["缺数据，可申明", "需承诺"]
    assert [entry["why"] for entry in missing["E3"]] == ["需部门核实"]
    assert [entry["why"] for entry in missing["E6"]] == ["未达到"]
    assert missing["E7"] == []


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


def test_one_phone_for_several_firms_becomes_one_digest() -> None:
    firms = [firm(name, contact_hash="agent") for name in ("E1", "E2", "E3")] + [firm("E4")]
    pairs = [pair(name, "b") for name in ("E1", "E2", "E3", "E4")]
    proposal = propose(given_inputs([item("b", "即申即享")], pairs, firms), DATES, LIMITS)
    assert set(proposal.suppressions["reason"]) == {"shared_phone"}
    digest = proposal.lines.filter(pl.col("kind") == "digest").row(0, named=True)
    assert json.loads(digest["covers"]) == [["E1", "b", "2024"], ["E2", "b", "2024"], ["E3", "b", "2024"]]
    assert (digest["channel"], digest["contact_hash"]) == ("sms", "agent")
    assert proposal.lines.filter(pl.col("kind") == "invite")["enterprise_id"].to_list() == ["E4"]


def test_the_reasons_name_the_words_the_value_the_source_and_its_day() -> None:
    inputs = replace(
        given_inputs([item("a")], [pair("E1", "a")]),
        indicators_of=pl.DataFrame(
            {"item_id": ["a"], "version": [1], "condition_id": ["c1"], "indicator": ["revenue_last_year"]}
        ),
        facts=pl.DataFrame(
            [
                {
                    "enterprise_id": "E1",
                    "indicator": "revenue_last_year",
                    "value": "25000000.00",
                    "department": "tax",
                    "table_name": "vat",
                    "valid_at": dt.date(2023, 12, 31),
                }
            ],
            schema=shapes.FACTS,
        ),
    )
    line = propose(inputs, DATES, LIMITS).lines.row(0, named=True)
    assert json.loads(line["reasons"]) == [
        {
            "condition_id": "c1",
            "text": "上年度营业收入不低于2000万元",
            "indicator": "revenue_last_year",
            "value": "25000000.00",
            "department": "tax",
            "table_name": "vat",
            "valid_at": "2023-12-31",
        }
    ]


def test_messages_wait_for_a_working_day_and_die_after_the_deadline() -> None:
    off = Calendar(off=frozenset({AS_OF, dt.date(2024, 12, 19)}), years=frozenset({2024}))
    later = item("b", "即申即享", window_from=dt.date(2024, 1, 1), window_to=dt.date(2024, 12, 31))
    sooner = item("c", "即申即享", window_from=dt.date(2024, 1, 1), window_to=dt.date(2024, 12, 19))
    inputs = replace(given_inputs([later, sooner], [pair("E1", "b"), pair("E2", "c")]), calendar=off)
    proposal = propose(inputs, DATES, LIMITS)
    line = proposal.lines.row(0, named=True)
    assert line["earliest_send"] == dt.datetime(2024, 12, 20, 8)
    assert line["kind"] == "nudge" and "12月31日截止" in line["message"] and line["message"].endswith("回T退订")
    assert proposal.suppressions.select("enterprise_id", "reason").rows() == [("E2", "quiet_hours")]


VERDICTS = st.sampled_from(["eligible", "declarable", "unknown", "ineligible"])
MODES = st.sampled_from(["免申即享", "即申即享", "承诺兑现"])


@st.composite
def worlds(draw: st.DrawFn) -> Inputs:
    n_items, n_firms = draw(st.integers(1, 4)), draw(st.integers(1, 7))
    items = [
        item(
            f"i{n}",
            draw(MODES),
            excludes=draw(st.sampled_from([[], ["i0"]])) if n else [],
            budget_yuan=draw(st.sampled_from([None, Decimal("150000.00")])),
            pilot=draw(st.sampled_from([[], ["460100"], ["460200"]])),
            window_to=draw(st.sampled_from([None, dt.date(2024, 12, 1), dt.date(2024, 12, 25)])),
        )
        for n in range(n_items)
    ]
    firms = [
        firm(
            f"E{n}",
            contact_hash=draw(st.sampled_from([None, "shared", f"own{n}"])),
            region=draw(st.sampled_from(["460105", None])),
        )
        for n in range(n_firms)
    ]
    pairs = [
        pair(
            f"E{f}",
            f"i{i}",
            draw(VERDICTS),
            near_miss=draw(st.booleans()),
            bar=draw(st.sampled_from(["clear", "barred", "unknown"])),
            amount_yuan=draw(st.sampled_from([None, Decimal(0), Decimal("70000.00"), Decimal("90000.00")])),
            score=draw(st.sampled_from([None, 0.1, 0.5, 0.9])),
        )
        for f in range(n_firms)
        for i in range(n_items)
        if draw(st.booleans())
    ]
    return given_inputs(items, pairs, firms)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds(), st.randoms(use_true_random=False))
def test_laws_of_every_proposal(world: Inputs, random: Any) -> None:
    limits = Limits(holdout_share=0.3, largest_useful_effect=10.0)
    proposal = propose(world, DATES, limits)
    own = proposal.lines.filter(pl.col("kind") != "digest")
    key = ["enterprise_id", "item_id", "version"]
    listed, held = set(own.select(key).rows()), set(proposal.suppressions.select(key).rows())
    # complete and exclusive: every candidate once, on a line or on a suppression row
    assert not listed & held
    assert listed | held == set(candidates(world, DATES, limits).select(key).rows())
    assert own.height + proposal.suppressions.height == len(listed | held)
    # caps: two messages a week, one per telephone and firm
    messages = proposal.lines.filter(pl.col("channel") == "sms")
    per_firm = own.filter(pl.col("channel") == "sms").group_by("enterprise_id").len()
    assert per_firm.filter(pl.col("len") > 2).is_empty()
    assert messages["line_key"].n_unique() == messages.height
    # money: never barred, never unsure, never beyond the budget, at most one of a group
    award = own.filter(pl.col("kind") == "auto_award").join(
        world.pairs.select(*key, "bar", "verdict"), on=key, suffix="_pair"
    )
    assert award.filter((pl.col("bar") != "clear") | (pl.col("verdict") != "eligible")).is_empty()
    assert all(
        total <= Decimal(150000)
        for total in award.join(world.items.filter(pl.col("budget_yuan").is_not_null()), on="item_id")
        .group_by("item_id")
        .agg(pl.col("amount_yuan").sum())["amount_yuan"]
    )
    grouped = own.filter(
        pl.col("exclusion_group").is_not_null() & pl.col("kind").is_in(["auto_award", "invite", "nudge"])
    )
    assert grouped.group_by("enterprise_id", "exclusion_group").len().filter(pl.col("len") > 1).is_empty()
    # deterministic: the order of the inputs does not matter
    order = list(range(world.pairs.height))
    random.shuffle(order)
    again = propose(replace(world, pairs=world.pairs[order], enterprises=world.enterprises.reverse()), DATES, limits)
    for name in ("lists", "lines", "suppressions"):
        assert getattr(proposal, name).write_ndjson() == getattr(again, name).write_ndjson()


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(3, 9), st.integers(0, 3))
def test_no_seven_days_hold_more_than_two_messages(n_items: int, gap: int) -> None:
    items = [item(f"i{n}", "即申即享") for n in range(n_items)]
    inputs = given_inputs(items, [pair("E1", f"i{n}") for n in range(n_items)])
    sent = shapes.empty(shapes.SENT)
    day = AS_OF
    for _ in range(18):
        dates = replace(DATES, as_of=day)
        lines = propose(replace(inputs, sent=sent), dates, LIMITS).lines.filter(pl.col("kind") == "invite")
        wave = lines.select("enterprise_id", "item_id", "cycle", pl.col("earliest_send").dt.date().alias("sent_on"))
        sent = pl.concat([sent, wave])
        day += dt.timedelta(days=1 + gap)
    assert sent.height >= 2
    days = sorted(sent["sent_on"])
    for first in days:
        assert sum(first <= other < first + dt.timedelta(days=7) for other in days) <= 2
    for (_, _), own in sent.group_by("item_id", "cycle"):
        dated = sorted(own["sent_on"])
        assert len(dated) <= 3
        assert all(b - a >= dt.timedelta(days=14) for a, b in pairwise(dated))
