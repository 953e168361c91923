"""An approved application is paid by a list with every guard of an award nobody asked for, once, in the cycle it was filed in."""

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.push import inputs as shapes
from matching.push.budget import FIRST_COME
from matching.push.fingerprint import award_key, list_sha256
from matching.push.inputs import Inputs
from matching.push.kinds import DECISION
from matching.push.select import Proposal, propose
from tests.matching.push_frames import AS_OF, DATES, LIMITS, condition, firm, given_inputs, item, pair

ITEM = item("b", "即申即享")
FILED = dt.date(2024, 12, 10)


def case(number: str, enterprise: str, **changes: Any) -> dict[str, Any]:
    row = {
        name: value for name, value in pair(enterprise, "b").items() if name not in ("near_miss", "short_of", "score")
    }
    return row | {"case_no": number, "applied_on": FILED, "due_on": dt.date(2024, 12, 24), "declared": None} | changes


def filed(*cases: dict[str, Any]) -> pl.DataFrame:
    """The applications as the case table knows them: still undecided."""
    rows = [{name: one[name] for name in ("case_no", "enterprise_id", "item_id", "applied_on")} for one in cases]
    return pl.DataFrame(rows, schema=shapes.CASES)


def world(*cases: dict[str, Any], items: list[dict[str, Any]] | None = None, **history: Any) -> Inputs:
    firms = [firm(name) for name in sorted({one["enterprise_id"] for one in cases})]
    inputs = given_inputs(items or [ITEM], [], firms, **history)
    return replace(
        inputs,
        approved=pl.DataFrame(list(cases), schema=shapes.APPROVED),
        cases=pl.concat([filed(*cases), inputs.cases]),
    )


def reasons(proposal: Proposal) -> dict[str, str]:
    return dict(proposal.suppressions.select("enterprise_id", "reason").iter_rows())


def test_an_approved_application_becomes_a_payment_and_the_invitation_gives_way() -> None:
    one = case("K1", "E1")
    inputs = replace(world(one), pairs=pl.DataFrame([pair("E1", "b")], schema=shapes.PAIRS))
    proposal = propose(inputs, DATES, LIMITS)
    (header,) = proposal.lists.to_dicts()
    assert (header["kind"], header["cycle"], header["amount_yuan"]) == (DECISION, "2024", Decimal("100000.00"))
    assert header["valid_until"] is None
    (line,) = proposal.lines.to_dicts()
    assert (line["case_no"], line["channel"], line["deadline"]) == ("K1", "finance", dt.date(2024, 12, 24))
    assert line["line_key"] == award_key("E1", "b", "2024", "")
    assert proposal.suppressions.select("kind", "reason").rows() == [("invite", "already_applied")]


def test_the_case_is_part_of_what_is_approved_and_other_lists_keep_their_sha256() -> None:
    proposal = propose(world(case("K1", "E1")), DATES, LIMITS)
    header, lines = proposal.lists.row(0, named=True), proposal.lines.to_dicts()
    assert list_sha256(header, [lines[0] | {"case_no": "K2"}]) != header["sha256"]
    without = {name: value for name, value in lines[0].items() if name != "case_no"}
    assert list_sha256(header, [without | {"case_no": None}]) == list_sha256(header, [without])


def test_what_the_applicant_declared_is_shown_as_declared() -> None:
    said = [{"indicator": "revenue_last_year", "value": "25000000", "submitted_on": "2024-12-10"}]
    named = pl.DataFrame(
        [("b", 1, "c1", "revenue_last_year"), ("b", 1, "c1", "employees_insured")],
        schema={"item_id": pl.String, "version": pl.Int64, "condition_id": pl.String, "indicator": pl.String},
        orient="row",
    )
    fact = ("E1", "employees_insured", "60", "labor", "headcount", dt.date(2024, 11, 1))
    inputs = world(
        case("K1", "E1", declared=json.dumps(said)),
        case("K2", "E2"),
        indicators_of=named,
        facts=pl.DataFrame([fact], schema=shapes.FACTS, orient="row"),
    )
    first, second = propose(inputs, DATES, LIMITS).lines.sort("case_no")["reasons"].to_list()
    shown = {one["indicator"]: (one["value"], one["department"], one["valid_at"]) for one in json.loads(first)}
    assert shown == {
        "revenue_last_year": ("25000000", "apply", "2024-12-10"),
        "employees_insured": ("60", "labor", "2024-11-01"),
    }
    assert [one["value"] for one in json.loads(second)] == [None, None]


def test_every_guard_of_money_stands_before_it() -> None:
    def stopped(terms: dict[str, Any] | None = None, changes: dict[str, Any] | None = None, **history: Any) -> str:
        proposal = propose(
            world(case("K1", "E1", **(changes or {})), items=[ITEM | (terms or {})], **history), DATES, LIMITS
        )
        assert proposal.lines.is_empty()
        return reasons(proposal)["E1"]

    assert stopped(changes={"bar": "barred", "bars": ["失信被执行人"]}) == "barred"
    assert stopped(changes={"bar": "unknown"}) == "bar_unknown"
    assert stopped(changes={"amount_yuan": Decimal(0)}) == "amount_unknown"
    assert stopped(terms={"award_expr": None}) == "not_money"
    assert stopped(terms={"pilot": ["460200"]}) == "not_pilot_region"
    assert stopped(terms={"claim_unit": "project"}) == "unit_unknown"
    assert stopped(terms={"budget_yuan": Decimal("99999.99")}) == "budget_exhausted"
    unfit = pl.DataFrame([("b", 1, "tax.vat 已过期")], schema=shapes.UNFIT, orient="row")
    assert stopped(unfit=unfit) == "feed_unfit"
    paid = ("E1", "b", "2024", dt.date(2024, 5, 1), Decimal(5), "台账")
    assert stopped(awards=pl.DataFrame([paid], schema=shapes.AWARDS, orient="row")) == "already_paid"
    listed = pl.DataFrame([("E1", "b", "2024", DECISION, "L1", "")], schema=shapes.LISTED, orient="row")
    assert stopped(listed=listed) == "already_listed"
    pool = pl.DataFrame(
        [("p", "资金池", Decimal("1.00"), ["b"])],
        schema={"pool": pl.String, "label": pl.String, "free_yuan": shapes.MONEY_TYPE, "items": shapes.TEXTS},
        orient="row",
    )
    assert stopped(funds=pool) == "pool_exhausted"


def test_one_unit_asked_for_in_two_cycles_is_paid_to_the_first_application() -> None:
    per_patent = ITEM | {"claim_unit": "patent", "valid_from": dt.date(2023, 1, 1)}
    held = pl.DataFrame([("E1", "b", "P1", 1)], schema=shapes.UNITS, orient="row")
    again, first = case("K1", "E1"), case("K2", "E1", applied_on=dt.date(2023, 12, 29))
    proposal = propose(world(again, first, items=[per_patent], units=held), DATES, LIMITS)
    assert proposal.lines.select("case_no", "claim_unit", "cycle").rows() == [("K2", "P1", "2023")]
    assert proposal.suppressions.select("reason", "detail").rows() == [("unit_claimed", "P1 已在本企业先申报的办件里")]


def test_the_day_of_application_counts_and_not_the_day_of_the_answer() -> None:
    window = ITEM | {"window_from": dt.date(2024, 3, 1), "window_to": dt.date(2024, 12, 15), "cycle": "batch"}
    proposal = propose(world(case("K1", "E1"), items=[window]), DATES, LIMITS)
    assert proposal.lists.select("kind", "cycle").rows() == [(DECISION, "2024B1")]
    late = case("K1", "E1", applied_on=dt.date(2024, 12, 16))
    assert reasons(propose(world(late, items=[window]), DATES, LIMITS)) == {"E1": "window_closed"}
    expired = ITEM | {"valid_to": dt.date(2024, 12, 12)}
    assert propose(world(case("K1", "E1"), items=[expired]), DATES, LIMITS).lines.height == 1
    last_year = case("K1", "E1", applied_on=dt.date(2023, 12, 30))
    old = ITEM | {"valid_from": dt.date(2023, 1, 1)}
    assert propose(world(last_year, items=[old]), DATES, LIMITS).lists["cycle"].to_list() == ["2023"]


def test_a_wish_for_no_unasked_money_and_an_earlier_refusal_do_not_stop_an_application() -> None:
    wish = pl.DataFrame([("E1", "all", AS_OF)], schema=shapes.OPT_OUTS, orient="row")
    refused = pl.DataFrame(
        [("K0", "E1", "b", dt.date(2024, 11, 1), "不通过", dt.date(2024, 12, 1), "材料不全")],
        schema=shapes.CASES,
        orient="row",
    )
    assert propose(world(case("K1", "E1"), opt_outs=wish, cases=refused), DATES, LIMITS).lines.height == 1


@pytest.mark.parametrize("decision", [None, "通过"])
def test_of_two_applications_in_one_cycle_one_is_paid(decision: str | None) -> None:
    later = case("K2", "E1", applied_on=dt.date(2024, 12, 11))
    proposal = propose(world(case("K1", "E1"), later), DATES, LIMITS)
    assert proposal.lines["case_no"].to_list() == ["K1"]
    assert reasons(proposal) == {"E1": "already_applied"}
    granted = pl.DataFrame(
        [("K9", "E1", "b", dt.date(2024, 12, 17), "通过", AS_OF, None)], schema=shapes.CASES, orient="row"
    )
    assert propose(world(case("K1", "E1"), cases=granted), DATES, LIMITS).lines.is_empty()


def test_the_budget_goes_by_the_day_of_application() -> None:
    early = case("K2", "E2", applied_on=dt.date(2024, 12, 2))
    same = case("K3", "E3", applied_on=dt.date(2024, 12, 2))
    capped = ITEM | {"budget_yuan": Decimal("200000.00")}
    proposal = propose(world(case("K1", "E1"), same, early, items=[capped]), DATES, LIMITS)
    assert sorted(proposal.lines["case_no"].to_list()) == ["K2", "K3"]
    assert reasons(proposal) == {"E1": "budget_exhausted"}
    assert proposal.lists["cut_rule"].to_list() == [FIRST_COME]


def test_what_a_firm_applied_for_stands_before_what_it_might_apply_for() -> None:
    items = [ITEM | {"excludes": ["a", "c"]}, item("a"), item("c", "即申即享")]
    inputs = world(case("K1", "E1"), items=items)
    more = pair("E1", "c", amount_yuan=Decimal("900000.00"))
    invited = replace(inputs, pairs=pl.DataFrame([more], schema=shapes.PAIRS))
    proposal = propose(invited, DATES, LIMITS)
    assert proposal.lines["kind"].to_list() == [DECISION]
    assert proposal.suppressions.select("item_id", "reason").rows() == [("c", "exclusion_group")]
    automatic = pair("E1", "a", amount_yuan=Decimal("900000.00"))
    higher = propose(replace(inputs, pairs=pl.DataFrame([automatic, more], schema=shapes.PAIRS)), DATES, LIMITS)
    assert higher.lines["kind"].to_list() == ["auto_award"]
    assert set(higher.suppressions["item_id"]) == {"b", "c"}


@st.composite
def applications(draw: st.DrawFn) -> Inputs:
    items = [
        item(
            name, "即申即享", cycle=draw(st.sampled_from(["once", "year", "month"])),
            budget_yuan=draw(st.sampled_from([None, Decimal("150000.00")])), excludes=draw(st.sampled_from([[], ["a"]])),
        )
        for name in ("a", "b")
    ]  # fmt: skip
    days = [dt.date(2024, 11, 20), dt.date(2024, 12, 2), dt.date(2024, 12, 10)]
    cases = [
        case(
            f"K{n}", draw(st.sampled_from(["E1", "E2", "E3"])), item_id=draw(st.sampled_from(["a", "b"])),
            applied_on=draw(st.sampled_from(days)), bar=draw(st.sampled_from(["clear", "clear", "barred", "unknown"])),
            amount_yuan=draw(st.sampled_from([None, Decimal("60000.00"), Decimal("100000.00")])),
        )
        for n in range(draw(st.integers(1, 8)))
    ]  # fmt: skip
    return replace(world(*cases, items=items), conditions=given_inputs(items, [], [firm("E1")]).conditions)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(applications())
def test_each_application_is_paid_or_told_why_and_no_award_stands_twice(inputs: Inputs) -> None:
    proposal = propose(inputs, DATES, LIMITS)
    assert proposal.lines.height + proposal.suppressions.height == inputs.approved.height
    assert proposal.lines["line_key"].is_unique().all()
    grouped = proposal.lines.filter(pl.col("exclusion_group").is_not_null())
    # of a group one item a year, though that one in each of its own cycles
    enjoyed = grouped.group_by("enterprise_id", "exclusion_group", "group_cycle").agg(pl.col("item_id").n_unique())
    assert (enjoyed["item_id"] == 1).all()
    paid = proposal.lines.join(inputs.approved, on="case_no")
    assert (paid["bar"] == "clear").all() and (paid["amount_yuan"] > 0).all()
    spent = proposal.lines.group_by("item_id", "cycle").agg(pl.col("amount_yuan").sum())
    for name, _, amount in spent.iter_rows():
        budget = inputs.items.filter(pl.col("item_id") == name)["budget_yuan"][0]
        assert budget is None or amount <= budget


def test_a_condition_without_a_case_is_untouched() -> None:
    plain = given_inputs([item("a")], [pair("E1", "a")], conditions=[condition("a")])
    assert propose(plain, DATES, LIMITS).lines["case_no"].to_list() == [None]
