"""Whatever the frames hold, money goes only where verdict, bars, amount, budget and once-ness all say yes."""

import datetime as dt
from dataclasses import replace
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.push import inputs as shapes
from matching.push.budget import beyond_budget
from matching.push.candidates import excluding
from matching.push.inputs import Dates, Inputs, Limits
from matching.push.kinds import MONEY
from matching.push.select import propose

AS_OF = dt.date(2024, 12, 18)
DATES = Dates(AS_OF, dt.datetime(2024, 12, 18, 23, 59, 59), AS_OF, "b0", b"k" * 32)
FEN = Decimal("0.01")
AMOUNTS = st.one_of(
    st.sampled_from([None, Decimal(0), Decimal("-500.00"), FEN, Decimal("60000.00")]),
    st.integers(1, 10_000_000).map(lambda fen: Decimal(fen) / 100),
)


@st.composite
def worlds(draw: st.DrawFn) -> Inputs:
    """Award items in two versions, excluding each other at random, over frames with every verdict, bar and amount there is."""
    numbers = range(draw(st.integers(1, 4)))
    items = [
        {
            "item_id": f"i{n}", "version": version, "title": f"事项{n}", "issuer": "海南省财政厅",
            "mode": draw(st.sampled_from(["免申即享", "免申即享", "即申即享"])), "entity": draw(st.sampled_from(["enterprise", "person"])),
            "cycle": draw(st.sampled_from(["once", "year", "month"])), "claim_unit": "entity", "valid_from": None, "valid_to": None,
            "window_from": None, "window_to": None, "promise_days": 5, "award_expr": draw(st.sampled_from(["1", "1", None])),
            "budget_yuan": draw(st.sampled_from([None, Decimal("100000.00"), Decimal("0.03")])),
            "excludes": draw(st.sampled_from([[], ["i0"], ["i1"]])), "pilot": [], "materials": [],
        }
        for n in numbers
        for version in ((1, 2) if draw(st.booleans()) else (1,))
    ]  # fmt: skip
    firms = [f"E{n}" for n in range(draw(st.integers(1, 6)))]
    pairs = [
        {
            "enterprise_id": firm, "uscc": f"9146{firm}", "item_id": item["item_id"], "version": item["version"],
            "verdict": draw(st.sampled_from(["eligible", "eligible", "eligible", "declarable", "unknown", "ineligible", None])),
            "met": [], "failed": [], "unknown": [], "near_miss": draw(st.booleans()),
            "bar": draw(st.sampled_from(["clear", "clear", "clear", "barred", "unknown", None])), "bars": [],
            "amount_yuan": draw(AMOUNTS), "score": draw(st.sampled_from([None, 0.0, 0.5, 0.9])),
        }
        for firm in firms
        for item in items
    ]  # fmt: skip
    paid = [
        {"enterprise_id": firm, "item_id": "i0", "cycle": "2024", "paid_on": dt.date(2024, 3, 1), "amount_yuan": FEN, "source": "台账"}
        for firm in firms
        if draw(st.booleans())
    ]  # fmt: skip
    return Inputs(
        pairs=pl.DataFrame(pairs, schema=shapes.PAIRS, orient="row"),
        items=pl.DataFrame(items, schema=shapes.ITEMS, orient="row"),
        conditions=shapes.empty(shapes.CONDITIONS),
        enterprises=pl.DataFrame([{"enterprise_id": firm, "uscc": f"9146{firm}"} for firm in firms], schema=shapes.ENTERPRISES),
        awards=pl.DataFrame(paid, schema=shapes.AWARDS, orient="row"),
        spent={("i0", "2024"): FEN * len(paid)} if paid else {},
    )  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(worlds())
def test_what_is_paid_may_be_paid(world: Inputs) -> None:
    proposal = propose(world, DATES, Limits())
    lines = proposal.lines.filter(pl.col("kind").is_in(sorted(MONEY)))
    key = ["enterprise_id", "item_id", "version"]
    facts = {tuple(row[name] for name in key): row for row in world.pairs.iter_rows(named=True)}
    items = {(row["item_id"], row["version"]): row for row in world.items.iter_rows(named=True)}
    groups = excluding(world.items)
    paid_before = set(world.awards.select("enterprise_id", "item_id", "cycle").rows())
    once: set[tuple[str, ...]] = set()
    grouped: set[tuple[str, ...]] = set()
    spent: dict[tuple[str, str], Decimal] = dict(world.spent)
    for line in lines.iter_rows(named=True):
        pair, item = facts[tuple(line[name] for name in key)], items[(line["item_id"], line["version"])]
        assert pair["verdict"] == "eligible" and pair["bar"] == "clear"
        assert item["award_expr"] is not None and (item["mode"] == "免申即享" or item["entity"] == "person")
        assert (
            line["amount_yuan"] is not None and line["amount_yuan"] > 0 and line["amount_yuan"] == pair["amount_yuan"]
        )
        assert line["line_key"] not in once
        award = (line["enterprise_id"], line["item_id"], line["cycle"])
        assert award not in once and award not in paid_before
        once |= {award, line["line_key"]}
        if line["item_id"] in groups:
            slot = (line["enterprise_id"], groups[line["item_id"]])
            assert slot not in grouped
            grouped.add(slot)
        fund = (line["item_id"], line["cycle"])
        spent[fund] = spent.get(fund, Decimal(0)) + line["amount_yuan"]
        assert item["budget_yuan"] is None or spent[fund] <= item["budget_yuan"]
    heads = proposal.lists.filter(pl.col("kind").is_in(sorted(MONEY)))
    assert sum(heads["amount_yuan"], Decimal(0)) == sum(lines["amount_yuan"], Decimal(0))


def test_an_unfit_feed_pays_nobody() -> None:
    item = {"item_id": "a", "version": 1, "mode": "免申即享", "entity": "enterprise", "cycle": "year", "award_expr": "1", "title": "甲", "issuer": "乙"}  # fmt: skip
    pair = {
        "enterprise_id": "E1",
        "item_id": "a",
        "version": 1,
        "verdict": "eligible",
        "bar": "clear",
        "amount_yuan": FEN,
    }
    inputs = Inputs(
        pairs=pl.DataFrame([pair], schema=shapes.PAIRS, orient="row"),
        items=pl.DataFrame([item], schema=shapes.ITEMS, orient="row"),
        conditions=shapes.empty(shapes.CONDITIONS),
        enterprises=pl.DataFrame([{"enterprise_id": "E1"}], schema=shapes.ENTERPRISES),
    )
    assert propose(inputs, DATES).lines.height == 1
    unfit = pl.DataFrame([{"item_id": "a", "version": 1, "detail": "被拒收"}], schema=shapes.UNFIT, orient="row")
    stopped = propose(replace(inputs, unfit=unfit), DATES)
    assert stopped.lines.is_empty() and stopped.suppressions["reason"].to_list() == ["feed_unfit"]


def test_two_versions_in_force_pay_once() -> None:
    item = {"item_id": "a", "mode": "免申即享", "entity": "enterprise", "cycle": "once", "award_expr": "1", "title": "甲", "issuer": "乙"}  # fmt: skip
    pair = {"enterprise_id": "E1", "item_id": "a", "verdict": "eligible", "bar": "clear", "amount_yuan": FEN}
    inputs = Inputs(
        pairs=pl.DataFrame([pair | {"version": v} for v in (1, 2)], schema=shapes.PAIRS, orient="row"),
        items=pl.DataFrame([item | {"version": v} for v in (1, 2)], schema=shapes.ITEMS, orient="row"),
        conditions=shapes.empty(shapes.CONDITIONS),
        enterprises=pl.DataFrame([{"enterprise_id": "E1"}], schema=shapes.ENTERPRISES),
    )
    proposal = propose(inputs, DATES)
    assert proposal.lines["version"].to_list() == [2]
    assert proposal.suppressions.select("version", "reason", "detail").rows() == [(1, "not_current", "第 2 版已生效")]


@settings(max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from([None, 0.7, 0.7 + 1e-16, 0.7000001]), st.integers(1, 400)), min_size=1, max_size=10
    ),
    st.integers(0, 1500),
    st.randoms(use_true_random=False),
)
def test_who_is_paid_at_the_edge_of_a_budget_does_not_depend_on_the_order_of_rows(
    rows: list[tuple[float | None, int]], free: int, random: Any
) -> None:
    """Equal and nearly equal scores: the same firms are cut whatever order they come in, and what is paid fits and is a prefix."""
    made = [(n, "i", "2025", None, score, f"E{n:02}", Decimal(yuan)) for n, (score, yuan) in enumerate(rows)]
    schema = {
        "row": pl.UInt32, "item_id": pl.String, "cycle": pl.String, "applied_on": pl.Date, "score": pl.Float64,
        "enterprise_id": pl.String, "amount_yuan": pl.Decimal(18, 2),
    }  # fmt: skip
    frame = pl.DataFrame(made, schema=schema, orient="row")
    cut = set(beyond_budget(frame, {("i", "2025"): Decimal(free)})["row"])
    random.shuffle(made)
    assert (
        set(beyond_budget(pl.DataFrame(made, schema=schema, orient="row"), {("i", "2025"): Decimal(free)})["row"])
        == cut
    )
    ranked = sorted(made, key=lambda one: (-(one[4] if one[4] is not None else -1.0), one[5]))
    paid = [one for one in ranked if one[0] not in cut]
    assert paid == ranked[: len(paid)] and sum(one[6] for one in paid) <= free
    assert len(paid) == len(ranked) or sum(one[6] for one in ranked[: len(paid) + 1]) > free
