"""What the second path of the metrics is made of: rows as dictionaries and loops over them, no SQL."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Iterable
from decimal import Decimal
from statistics import median
from typing import Any

from assets.mart.words import reasons
from assets.push_inputs import calendar
from tests.dashboards.literal_mart import AS_OF, build, computed, inputs
from tests.dashboards.literal_subjects import ITEMS

Row = dict[str, Any]


class World:
    """Rows as dictionaries, once for all tests."""

    def __init__(self, home: Any) -> None:
        warehouse = build(home, calendar=calendar())
        self.cases: list[Row] = warehouse.frame("SELECT * FROM mart.fact_case").to_dicts()
        self.metrics = {
            (row["metric"], row["item_id"], row["area"]): row
            for row in warehouse.frame("SELECT * FROM mart.metric").to_dicts()
        }
        tables = inputs()
        self.inputs = {name: frame.to_dicts() for name, frame in (tables | computed(tables)).items()}
        self.firms = {row["enterprise_id"]: row for row in self.inputs["profile.enterprise"]}
        self.complaints: list[Row] = warehouse.frame("SELECT * FROM mart.fact_complaint").to_dicts()
        self.cities = dict(warehouse.frame("SELECT enterprise_id, area FROM mart.dim_enterprise").iter_rows())

    def entitled(self, item: str | None = None) -> list[Row]:
        return [c for c in self.cases if c["entitled"] and item in (None, c["item_id"])]


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


def waits(world: World, mode: str | None, measure: Callable[[dt.date, dt.date], int]) -> list[tuple[int, bool]]:
    """(time from the start of the clock, ended) of every case that is or may still be paid."""
    spans = []
    for c in world.cases:
        start = c["listed_date"] if c["mode"] == "免申即享" else c["accepted_date"] or c["applied_date"]
        if start is None or c["decision"] in ("refused", "withdrawn") or mode not in (None, c["mode"]):
            continue
        spans.append((max(measure(start, c["paid_date"] or AS_OF), 0), c["paid_date"] is not None))
    return spans


def kaplan_meier(spans: list[tuple[int, bool]], left: float) -> float | None:
    alive = 1.0
    for day in sorted({t for t, _ in spans}):
        at_risk = sum(t >= day for t, _ in spans)
        alive *= 1 - sum(t == day and died for t, died in spans) / at_risk
        if alive <= left + 1e-12:
            return float(day)
    return None


def plain_days(start: dt.date, end: dt.date) -> int:
    return (end - start).days


def workdays(start: dt.date, end: dt.date) -> int:
    """Workdays after `start` up to `end`, one day at a time."""
    known = calendar()
    return sum(known.is_working(start + dt.timedelta(days=n)) for n in range(1, (end - start).days + 1))


def due(start: dt.date, days: int) -> dt.date:
    known, day = calendar(), start
    while days:
        day += dt.timedelta(days=1)
        days -= known.is_working(day)
    return day


def brier(world: World) -> float:
    scores = {(s["enterprise_id"], s["item_id"]): s["score"] for s in world.inputs["match.score"]}
    found = [
        (scores[c["enterprise_id"], c["item_id"]] - (c["decision"] == "approved")) ** 2
        for c in decided(world)
        if (c["enterprise_id"], c["item_id"]) in scores
    ]
    return sum(found) / len(found)


def concerned(world: World) -> list[Row]:
    return [c for c in world.cases if c["entitled"] or paid(c)]


Side = Callable[[World, Row], bool | None]


def by_size(world: World, c: Row) -> bool | None:
    return {"大型": True, "中型": True, "小型": False, "微型": False}.get(c["size"])


def by_region(world: World, c: Row) -> bool | None:
    return None if c["area"] == "000000" else c["area"] in ("460100", "460200")


def ownership(world: World, c: Row) -> str:
    firm = world.firms[c["enterprise_id"]]
    if firm["is_foreign_invested"]:
        return "外资"
    return {"国有独资公司": "国有", "其他": "未定"}.get(firm["enterprise_type"], "民营")


def by_ownership(world: World, c: Row) -> bool | None:
    return {"国有": True, "民营": False}.get(ownership(world, c))


def gap(world: World, side: Side, stratum: Callable[[Row], object] = lambda c: None) -> float | None:
    """Σ n·(rate of one side − rate of the other) ÷ Σ n over strata that have both sides."""
    cells: dict[object, list[Row]] = defaultdict(list)
    for c in concerned(world):
        if side(world, c) is not None:
            cells[stratum(c)].append(c)
    total = weight = 0.0
    for rows in cells.values():
        one, other = [c for c in rows if side(world, c)], [c for c in rows if not side(world, c)]
        if one and other:
            total += len(rows) * (float(share(one, paid) or 0) - float(share(other, paid) or 0))
            weight += len(rows)
    return total / weight if weight else None


def item_and_section(c: Row) -> object:
    return c["item_id"], c["section"]


def representation(world: World, belongs: Callable[[Row], bool]) -> float:
    rows = concerned(world)
    return float(share([c for c in rows if paid(c)], belongs) or 0) / float(share(rows, belongs) or 1)


def is_small(c: Row) -> bool:
    return c["size"] in ("小型", "微型")


def held_back(world: World, group: str) -> int:
    """Suppressed pairs that are entitled, for the reasons of one group."""
    members = {r["reason"] for r in reasons().to_dicts() if r["reason_group"] == group}
    return sum(s["reason"] in members and s["verdict"] in ("eligible", "declarable") for s in world.inputs["push.suppression"])  # fmt: skip


def messages(world: World, status: str) -> set[str]:
    return {r["line_key"] for r in world.inputs["raw.sms_receipt"] if r["status"] == status}


def converted(world: World) -> list[Row]:
    rows = [c for c in world.cases if c["listed_date"] and c["mode"] != "免申即享"]
    return [c for c in rows if c["listed_date"] + dt.timedelta(days=30) <= AS_OF]


def applied_within(c: Row | None, start: dt.date) -> bool:
    return c is not None and c["applied_date"] is not None and start <= c["applied_date"] <= start + dt.timedelta(days=30)  # fmt: skip


def trial(world: World) -> tuple[float, float, int, int]:
    """(rate of the pushed, rate of the held out, pushes, pushed) of pairs drawn at least 30 days ago whose control group was left alone so long."""
    cases = {(c["enterprise_id"], c["item_id"], c["cycle"]): c for c in world.cases}
    found: dict[str, list[bool]] = {"treated": [], "holdout": []}
    pushes = 0
    drawn = world.inputs["mart.arm"]
    for a in drawn:
        held = [o for o in drawn if (o["item_id"], o["cycle"], o["arm"]) == (a["item_id"], a["cycle"], "holdout")]
        end = a["assigned_date"] + dt.timedelta(days=30)
        told = [
            o
            for o in held
            if o["assigned_date"] == a["assigned_date"] and (o["first_push_date"] or end + dt.timedelta(1)) <= end
        ]
        if end <= AS_OF and held and not told and not a["was_pushed"]:
            case = cases.get((a["enterprise_id"], a["item_id"], a["cycle"]))
            found[a["arm"]].append(applied_within(case, a["assigned_date"]))
            pushes += a["pushes"] if a["arm"] == "treated" else 0
    treated, holdout = found["treated"], found["holdout"]
    return sum(treated) / len(treated), sum(holdout) / len(holdout), pushes, len(treated)


def extra_pushes(world: World) -> float | None:
    one, other, pushes, n = trial(world)
    return pushes / (n * (one - other)) if one > other else None


def after_listing(world: World) -> list[Row]:
    return [c for c in world.cases if c["listed_date"] and c["applied_date"] and c["applied_date"] >= c["listed_date"]]


def dated_cases(world: World) -> list[Row]:
    """Cases with the due date recomputed one day at a time."""
    promise = {item: 20 for item, *_ in ITEMS}
    rows = [c for c in world.cases if c["case_count"]]
    return [{**c, "due": due(c["accepted_date"] or c["applied_date"], promise[c["item_id"]])} for c in rows]


def compression(world: World) -> float:
    rows = [c for c in world.cases if c["case_count"] and c["decided_date"]]
    saved = sum(20 - workdays(c["accepted_date"] or c["applied_date"], c["decided_date"]) for c in rows)
    return saved / (20 * len(rows))


def first_listed(world: World) -> dict[str, dt.date]:
    found: dict[str, dt.date] = {}
    for header in world.inputs["push.list"]:
        if header["kind"] in ("auto_award", "invite", "nudge") and header["row_count"]:
            item = header["item_id"]
            found[item] = min(header["as_of"], found.get(item, header["as_of"]))
    return found


def starts() -> dict[str, dt.date]:
    return {item: dt.date(2023, 1, 1) if version == 1 else dt.date(2024, 1, 1) for item, version, *_ in ITEMS}


def listing_to_payment(world: World) -> float:
    found = []
    for item, day in first_listed(world).items():
        later = [
            p["paid_date"]
            for p in world.inputs["raw.finance_redemption"]
            if p["policy_no"] == item and p["paid_yuan"] > 0 and p["paid_date"] >= day
        ]
        if later:
            found.append((min(later) - day).days)
    return float(median(found))


def reached(world: World) -> list[Row]:
    return [c for c in world.cases if c["listed_date"] or c["applied_date"] or paid(c)]


def top_ten(world: World) -> list[Row]:
    scores = {(s["enterprise_id"], s["item_id"]): s["score"] for s in world.inputs["match.score"]}
    by_item: dict[str, list[Row]] = defaultdict(list)
    for c in decided(world):
        if (c["enterprise_id"], c["item_id"]) in scores:
            by_item[c["item_id"]].append(c)
    ranked = (sorted(rows, key=lambda c: (-scores[c["enterprise_id"], c["item_id"]], c["enterprise_id"])) for rows in by_item.values())  # fmt: skip
    return [c for rows in ranked for c in rows[:10]]


def calibration(world: World) -> float:
    scores = {(s["enterprise_id"], s["item_id"]): s["score"] for s in world.inputs["match.score"]}
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for c in decided(world):
        score = scores.get((c["enterprise_id"], c["item_id"]))
        if score is not None:
            bins[min(int(score * 10), 9)].append((score, c["decision"] == "approved"))
    n = sum(map(len, bins.values()))
    return sum(abs(sum(s for s, _ in b) - sum(good for _, good in b)) for b in bins.values()) / n


def members(world: World) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for p in world.inputs["match.pair"]:
        if p["verdict"] in ("eligible", "declarable"):
            found[p["item_id"]].add(p["enterprise_id"])
    return {item: firms for item, firms in found.items() if len(firms) >= 5}


def pairs_of_items(world: World, close: Callable[[set[str], set[str]], bool]) -> int:
    sets = sorted(members(world).items())
    return sum(close(a, b) for n, (_, a) in enumerate(sets) for _, b in sets[n + 1 :])


def gross(rows: Iterable[Row], sign: int) -> Decimal:
    return sum((p["paid_yuan"] * sign for p in rows if p["paid_yuan"] * sign > 0), Decimal(0))


def late_calls(world: World) -> list[Row]:
    """Calls with their deadline recomputed: 5 workdays for the categories of these inputs."""
    return [{**c, "due": due(c["accepted_at"].date(), 5)} for c in world.inputs["raw.hotline_call"]]


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
