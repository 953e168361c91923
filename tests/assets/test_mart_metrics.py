"""Metrics recomputed from the inputs and the cases by a second path: Python loops and polars, no SQL."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from statistics import median
from typing import Any

import pytest

from evaluation.metrics import catalogue
from tests.dashboards.literal_mart import AS_OF, ITEMS, build, inputs

Row = dict[str, Any]


class World:
    """Rows as dictionaries, once for all tests."""

    def __init__(self, home: Any) -> None:
        warehouse = build(home)
        self.cases: list[Row] = warehouse.frame("SELECT * FROM mart.fact_case").to_dicts()
        self.metrics = {
            (row["metric"], row["item_id"], row["area"]): row
            for row in warehouse.frame("SELECT * FROM mart.metric").to_dicts()
        }
        self.inputs = {name: frame.to_dicts() for name, frame in inputs().items()}

    def entitled(self, item: str | None = None) -> list[Row]:
        return [c for c in self.cases if c["entitled"] and item in (None, c["item_id"])]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("metrics"))


def share(rows: list[Row], good: Callable[[Row], bool]) -> float | None:
    return sum(map(good, rows)) / len(rows) if rows else None


def mature(rows: list[Row]) -> list[Row]:
    return [c for c in rows if c["deadline"] is not None and c["deadline"] < AS_OF]


def paid(c: Row) -> bool:
    return (c["paid_yuan"] or 0) > 0


def decided(world: World) -> list[Row]:
    return [c for c in world.cases if c["case_count"] and c["decision"] in ("approved", "refused")]


def amounts(world: World) -> list[float]:
    held: dict[str, float] = {}
    for c in world.cases:
        if paid(c):
            held[c["enterprise_id"]] = held.get(c["enterprise_id"], 0) + float(c["paid_yuan"])
    return sorted(held.values())


def gini(world: World) -> float:
    values = amounts(world)
    return sum(abs(a - b) for a in values for b in values) / (2 * len(values) ** 2 * (sum(values) / len(values)))


def kaplan_meier(world: World) -> float | None:
    spans = []
    for c in world.cases:
        start = c["listed_date"] if c["mode"] == "免申即享" else c["accepted_date"] or c["applied_date"]
        if start is None or c["decision"] in ("refused", "withdrawn"):
            continue
        spans.append((max(((c["paid_date"] or AS_OF) - start).days, 0), c["paid_date"] is not None))
    alive = 1.0
    for day in sorted({t for t, _ in spans}):
        at_risk = sum(t >= day for t, _ in spans)
        alive *= 1 - sum(t == day and died for t, died in spans) / at_risk
        if alive <= 0.5:
            return float(day)
    return None


def brier(world: World) -> float:
    scores = {(s["enterprise_id"], s["item_id"]): s["score"] for s in world.inputs["match.score"]}
    found = [
        (scores[c["enterprise_id"], c["item_id"]] - (c["decision"] == "approved")) ** 2
        for c in decided(world)
        if (c["enterprise_id"], c["item_id"]) in scores
    ]
    return sum(found) / len(found)


def size_gap(world: World) -> float:
    rows = [c for c in world.cases if c["entitled"] or paid(c)]
    large = [c for c in rows if c["size"] in ("大型", "中型")]
    small = [c for c in rows if c["size"] in ("小型", "微型")]
    return float(share(large, paid) or 0) - float(share(small, paid) or 0)


def representation(world: World) -> float:
    rows = [c for c in world.cases if c["entitled"] or paid(c)]

    def is_small(c: Row) -> bool:
        return c["size"] in ("小型", "微型")

    return float(share([c for c in rows if paid(c)], is_small) or 0) / float(share(rows, is_small) or 1)


def current() -> set[tuple[str, int]]:
    return {(item, version) for item, version, *_ in ITEMS if (item, version) != ("hn-biomed-voucher", 1)}


def matched(world: World, *verdicts: str) -> int:
    return sum(
        t["n"]
        for t in world.inputs["match.total"]
        if (t["item_id"], t["version"]) in current() and t["verdict"] in verdicts
    )


def unclaimed(world: World) -> list[Row]:
    return [c for c in world.entitled() if c["applied_date"] is None and not paid(c)]


def approvals(world: World) -> list[Row]:
    return [c for c in world.cases if c["decision"] == "approved"]


def step(world: World, first: str, second: str) -> float:
    names = ("applied_date", "accepted_date", "decided_date", "paid_date")
    whole = [
        c
        for c in world.cases
        if all(c[n] for n in names) and c["applied_date"] <= c["accepted_date"] <= c["decided_date"] <= c["paid_date"]
    ]
    whole = [c for c in whole if c["paid_date"] > c["applied_date"]]
    return sum((c[second] - c[first]).days for c in whole) / sum(
        (c["paid_date"] - c["applied_date"]).days for c in whole
    )


def sms(world: World) -> list[Row]:
    received = {r["line_key"] for r in world.inputs["raw.sms_receipt"] if r["status"] == "delivered"}
    return [{"good": line["line_key"] in received} for line in world.inputs["push.line"] if line["channel"] == "sms"]


def execution(world: World) -> float:
    spent: dict[str, Decimal] = {}
    for p in world.inputs["raw.finance_redemption"]:
        if p["paid_date"].year == AS_OF.year:
            spent[p["policy_no"]] = spent.get(p["policy_no"], Decimal(0)) + p["paid_yuan"]
    budgets = {item: budget for item, version, *_, budget in ITEMS if budget and (item, version) in current()}
    return float(sum(spent.get(item, Decimal(0)) for item in budgets) / sum(budgets.values()))


def publication_days(world: World) -> float:
    found = []
    for item, version, *_ in ITEMS:
        if (item, version) not in current():
            continue
        starts = dt.date(2023, 1, 1) if version == 1 else dt.date(2024, 1, 1)
        days = [
            p["paid_date"]
            for p in world.inputs["raw.finance_redemption"]
            if p["policy_no"] == item and p["paid_yuan"] > 0 and p["paid_date"] >= starts
        ]
        if days:
            found.append((min(days) - starts).days)
    return float(median(found))


SECOND_PATH: dict[str, Callable[[World], float | Decimal | None]] = {
    "eligible_base": lambda w: matched(w, "eligible", "declarable"),
    "eligible_enterprises": lambda w: len({p["enterprise_id"] for p in w.inputs["match.pair"] if p["verdict"] in ("eligible", "declarable")}),
    "decidability": lambda w: matched(w, "eligible", "declarable", "ineligible") / matched(w, "eligible", "declarable", "ineligible", "unknown"),
    "push_reach": lambda w: share(w.entitled(), lambda c: c["listed_date"] is not None),
    "unreached": lambda w: sum(c["listed_date"] is None for c in w.entitled()),
    "delivery_rate": lambda w: share(sms(w), lambda line: line["good"]),
    "application_take_up": lambda w: share(
        mature([c for c in w.cases if (c["entitled"] or c["applied_date"]) and c["mode"] != "免申即享"]), lambda c: c["applied_date"] is not None
    ),
    "redemption_rate": lambda w: share(mature([c for c in w.cases if c["entitled"] or paid(c)]), paid),
    "amount_redemption": lambda w: float(
        sum(c["paid_yuan"] or 0 for c in mature([c for c in w.cases if c["entitled"] or paid(c)]))
        / sum(next((c[k] for k in ("entitled_yuan", "approved_yuan", "paid_yuan") if c[k] is not None), Decimal(0)) for c in mature([c for c in w.cases if c["entitled"] or paid(c)]))
    ),
    "unclaimed_count": lambda w: len(unclaimed(w)),
    "unclaimed_yuan": lambda w: sum(c["entitled_yuan"] for c in unclaimed(w) if c["entitled_yuan"] is not None),
    "applications": lambda w: len(w.inputs["raw.apply_case"]),
    "approval_rate": lambda w: share(decided(w), lambda c: c["decision"] == "approved"),
    "first_pass_rate": lambda w: share(decided(w), lambda c: c["decision"] == "approved" and c["supplement_count"] == 0),
    "days_to_decide": lambda w: median((c["decided_date"] - (c["accepted_date"] or c["applied_date"])).days for c in decided(w)),
    "days_to_pay": kaplan_meier,
    "backlog": lambda w: sum(c["decision"] is None for c in w.inputs["raw.apply_case"]),
    "accept_share": lambda w: step(w, "applied_date", "accepted_date"),
    "decide_share": lambda w: step(w, "accepted_date", "decided_date"),
    "pay_share": lambda w: step(w, "decided_date", "paid_date"),
    "publication_to_payment": publication_days,
    "entitled_yuan": lambda w: sum(c["entitled_yuan"] for c in w.entitled() if c["entitled_yuan"] is not None),
    "approved_yuan": lambda w: sum(c["approved_yuan"] for c in w.inputs["raw.apply_case"] if c["decision"] == "approved"),
    "paid_yuan": lambda w: sum(p["paid_yuan"] for p in w.inputs["raw.finance_redemption"]),
    "budget_execution": execution,
    "budget_lead": lambda w: execution(w) - AS_OF.timetuple().tm_yday / 365.25,
    "returned_yuan": lambda w: -sum(p["paid_yuan"] for p in w.inputs["raw.finance_redemption"] if p["paid_yuan"] < 0),
    "paid_per_enterprise": lambda w: float(sum(c["paid_yuan"] for c in w.cases if paid(c)) / sum(map(paid, w.cases))),
    "missed": lambda w: sum(c["listed_date"] is None or c["listed_date"] > c["applied_date"] for c in approvals(w)),
    "auto_award_error": lambda w: share([c for c in w.cases if c["mode"] == "免申即享" and c["paid_date"]], lambda c: c["returned_yuan"] > 0),
    "brier": brier,
    "gini": gini,
    "hhi": lambda w: sum((v / sum(amounts(w))) ** 2 for v in amounts(w)),
    "top_ten_share": lambda w: sum(amounts(w)[-10:]) / sum(amounts(w)),
    "small_paid_share": lambda w: float(sum(c["paid_yuan"] for c in w.cases if paid(c) and c["size"] in ("小型", "微型")) / sum(c["paid_yuan"] for c in w.cases if paid(c))),
    "small_representation": representation,
    "size_gap": size_gap,
    "near_miss_mass": lambda w: sum(p["near_miss"] for p in w.inputs["match.pair"]),
    "dormant_no_eligible": lambda w: 0,
    "dormant_no_payment": lambda w: len({i for i, _ in current()} - {p["policy_no"] for p in w.inputs["raw.finance_redemption"]}),
    "satisfaction": lambda w: share(w.inputs["raw.apply_feedback"], lambda f: f["rating"] in ("很满意", "满意")),
    "open_complaints": lambda w: sum(c["closed_at"] is None for c in w.inputs["raw.hotline_call"]),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(SECOND_PATH))
def test_a_metric_equals_its_second_path(world: World, name: str) -> None:
    found = world.metrics[name, None, None]["value"]
    expected = SECOND_PATH[name](world)
    assert expected is not None
    assert float(found) == pytest.approx(float(expected), abs=1e-6)


def test_every_metric_has_a_total_that_is_a_figure_or_a_reason(world: World) -> None:
    for metric in catalogue():
        row = world.metrics[metric.id, None, None]
        assert (row["value"] is None) == (row["reason"] is not None), metric.id


@pytest.mark.parametrize(
    "name", ["eligible_base", "unclaimed_count", "unclaimed_yuan", "paid_yuan", "applications", "approved_yuan"]
)
@pytest.mark.parametrize("position", [1, 2])
def test_slices_add_up_to_the_total(world: World, name: str, position: int) -> None:
    parts = [
        row["value"]
        for key, row in world.metrics.items()
        if key[0] == name and key[position] is not None and row["value"] is not None
    ]
    assert sum(parts) == world.metrics[name, None, None]["value"]


def test_immature_cases_are_counted_beside_the_figure(world: World) -> None:
    row = world.metrics["application_take_up", None, None]
    all_of_them = [c for c in world.cases if (c["entitled"] or c["applied_date"]) and c["mode"] != "免申即享"]
    assert row["n"] == len(mature(all_of_them))
    assert row["n"] + row["immature"] == len(all_of_them)


def test_what_cannot_be_computed_says_why_and_is_not_zero(world: World) -> None:
    row = world.metrics["uplift", None, None]
    assert row["value"] is None and "30天" in row["reason"]
