"""The metrics of the catalogue by a second path: Python loops over the inputs and the cases, no SQL."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from statistics import median

from tests.assets.metric_parts import (
    World,
    after_listing,
    amounts,
    applied_within,
    approvals,
    brier,
    by_ownership,
    by_region,
    by_size,
    calibration,
    compression,
    converted,
    current,
    dated_cases,
    decided,
    execution,
    extra_pushes,
    first_listed,
    gap,
    gini,
    gross,
    held_back,
    is_small,
    item_and_section,
    kaplan_meier,
    late_calls,
    listing_to_payment,
    matched,
    mature,
    messages,
    ownership,
    paid,
    pairs_of_items,
    plain_days,
    publication_days,
    reached,
    representation,
    share,
    sms,
    starts,
    step,
    top_ten,
    trial,
    unclaimed,
    waits,
    workdays,
)
from tests.dashboards.literal_mart import AS_OF

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
    "days_to_pay": lambda w: kaplan_meier(waits(w, None, plain_days), 0.5),
    "days_to_pay_p90": lambda w: kaplan_meier(waits(w, None, plain_days), 0.1),
    "workdays_to_pay_auto": lambda w: kaplan_meier(waits(w, "免申即享", workdays), 0.5),
    "workdays_to_pay_auto_p90": lambda w: kaplan_meier(waits(w, "免申即享", workdays), 0.1),
    "workdays_to_pay_instant": lambda w: kaplan_meier(waits(w, "即申即享", workdays), 0.5),
    "workdays_to_pay_instant_p90": lambda w: kaplan_meier(waits(w, "即申即享", workdays), 0.1),
    "workdays_to_pay_promise": lambda w: kaplan_meier(waits(w, "承诺兑现", workdays), 0.5),
    "workdays_to_pay_promise_p90": lambda w: kaplan_meier(waits(w, "承诺兑现", workdays), 0.1),
    "backlog": lambda w: sum(c["decision"] is None and c["paid_date"] is None for c in w.cases if c["case_count"]),
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
    "missed": lambda w: sum(c["listed_date"] is None or c["listed_date"] > c["applied_date"] for c in approvals(w) if c["applied_date"] >= min(first_listed(w).values())),
    "auto_award_error": lambda w: share([c for c in w.cases if c["mode"] == "免申即享" and c["paid_date"]], lambda c: c["returned_yuan"] > 0),
    "brier": brier,
    "gini": gini,
    "hhi": lambda w: sum((v / sum(amounts(w))) ** 2 for v in amounts(w)),
    "top_ten_share": lambda w: sum(amounts(w)[-10:]) / sum(amounts(w)),
    "small_paid_share": lambda w: float(sum(c["paid_yuan"] for c in w.cases if paid(c) and c["size"] in ("小型", "微型")) / sum(c["paid_yuan"] for c in w.cases if paid(c))),
    "small_representation": lambda w: representation(w, is_small),
    "private_representation": lambda w: representation(w, lambda c: ownership(w, c) == "民营"),
    "size_gap": lambda w: gap(w, by_size),
    "size_gap_standardised": lambda w: gap(w, by_size, item_and_section),
    "region_gap": lambda w: gap(w, by_region),
    "region_gap_standardised": lambda w: gap(w, by_region, item_and_section),
    "ownership_gap": lambda w: gap(w, by_ownership),
    "ownership_gap_standardised": lambda w: gap(w, by_ownership, item_and_section),
    "near_miss_mass": lambda w: sum(p["near_miss"] for p in w.inputs["match.pair"]),
    "dormant_no_eligible": lambda w: 0,
    "dormant_no_payment": lambda w: len({i for i, _ in current()} - {p["policy_no"] for p in w.inputs["raw.finance_redemption"]}),
    "satisfaction": lambda w: share(w.inputs["raw.apply_feedback"], lambda f: f["rating"] in ("很满意", "满意")),
    "open_complaints": lambda w: sum(c["closed_at"] is None for c in w.inputs["raw.hotline_call"]),
    "unreached_no_data": lambda w: held_back(w, "缺数据"),
    "unreached_no_contact": lambda w: held_back(w, "联系不上"),
    "unreached_barred": lambda w: held_back(w, "排除情形"),
    "unreached_timing": lambda w: held_back(w, "时机未到"),
    "unreached_in_hand": lambda w: held_back(w, "已在办理"),
    "unreached_budget": lambda w: held_back(w, "预算已用完"),
    "unreached_rule": lambda w: held_back(w, "规则待核"),
    "unreached_control": lambda w: held_back(w, "对照组"),
    "click_rate": lambda w: len(messages(w, "clicked")) / len(messages(w, "delivered")),
    "conversion_30_days": lambda w: share(converted(w), lambda c: applied_within(c, c["listed_date"])),
    "uplift": lambda w: trial(w)[0] - trial(w)[1],
    "pushes_per_extra_application": extra_pushes,
    "on_time_rate": lambda w: share([c for c in dated_cases(w) if c["due"] < AS_OF and c["decision"] != "withdrawn" and (c["decided_date"] or c["paid_date"] is None)], lambda c: c["decided_date"] is not None and c["decided_date"] <= c["due"]),
    "overdue_backlog": lambda w: sum(c["decided_date"] is None and c["paid_date"] is None and c["due"] < AS_OF for c in dated_cases(w)),
    "promise_compression": compression,
    "publication_to_push": lambda w: median((day - starts()[item]).days for item, day in first_listed(w).items()),
    "push_to_payment": listing_to_payment,
    "committed_yuan": lambda w: sum(c["approved_yuan"] for c in approvals(w) if (c["paid_yuan"] or 0) <= 0),
    "clawback_rate": lambda w: gross(w.inputs["raw.finance_redemption"], -1) / gross(w.inputs["raw.finance_redemption"], 1),
    "cost_per_reached": lambda w: sum(c["paid_yuan"] or 0 for c in reached(w)) / len(reached(w)),
    "push_precision": lambda w: share([c for c in after_listing(w) if c["decision"] in ("approved", "refused")], lambda c: c["decision"] == "approved"),
    "false_push": lambda w: sum(c["decision"] == "refused" for c in after_listing(w)),
    "false_push_conditions": lambda w: 0,
    "false_push_materials": lambda w: sum(c["decision"] == "refused" for c in after_listing(w)),
    "precision_at_10": lambda w: share(top_ten(w), lambda c: c["decision"] == "approved"),
    "calibration_error": calibration,
    "dormant_no_application": lambda w: len({i for i, _ in current()} - {"hn-stabilization"} - {c["item_id"] for c in w.inputs["raw.apply_case"]}),
    "overlapping_items": lambda w: pairs_of_items(w, lambda a, b: len(a & b) / len(a | b) >= 0.8),
    "contained_items": lambda w: pairs_of_items(w, lambda a, b: len(a & b) / min(len(a), len(b)) >= 0.95),
    "duplicate_enjoyment": lambda w: sum(c["approved_yuan"] is not None and c["paid_yuan"] > c["approved_yuan"] for c in w.cases if paid(c)),
    "conflicting_conditions": lambda w: sum(f["rule"] in ("never-true", "contradiction") for f in w.inputs["mart.rule_finding"]),
    "strict_thresholds": lambda w: sum(
        near >= max(5, sum(p["item_id"] == item and p["verdict"] in ("eligible", "declarable") for p in w.inputs["match.pair"]))
        for item, near in ((i, sum(p["item_id"] == i and p["near_miss"] for p in w.inputs["match.pair"])) for i, _ in current())
    ),
    "response_rate": lambda w: share(decided(w), lambda c: c["case_no"] in {f["case_no"] for f in w.inputs["raw.apply_feedback"]}),
    "overdue_complaints": lambda w: sum(c["closed_at"] is None and c["due"] < AS_OF for c in late_calls(w)),
    "complaints_on_time": lambda w: share([c for c in late_calls(w) if c["closed_at"] or c["due"] < AS_OF], lambda c: c["closed_at"] is not None and c["closed_at"].date() <= c["due"]),
    "complaint_satisfaction": lambda w: share([c for c in w.inputs["raw.hotline_call"] if c["satisfaction"]], lambda c: c["satisfaction"] == "满意"),
}  # fmt: skip


def at_thresholds(w: World, outcome: str) -> dict[str, float]:
    """The believed jump of each item, of the threshold with the most enterprises near it."""
    found: dict[str, tuple[int, str, float]] = {}
    for row in w.inputs["mart.effect_threshold"]:
        if row["outcome"] == outcome and row["verdict"] == "可信":
            candidate = (-row["near_below"] - row["near_above"], row["condition_id"], float(row["estimate"]))
            found[row["item_id"]] = min(found.get(row["item_id"], candidate), candidate)
    return {item: estimate for item, (_, _, estimate) in found.items()}


# Figures that are never given for all items together: item → value.
BY_ITEM: dict[str, Callable[[World], dict[str, float]]] = {
    "exhaustion_days": lambda w: {f["item_id"]: float((f["middle_date"] - AS_OF).days) for f in w.inputs["mart.budget_forecast"] if f["verdict"] == "可信"},
    **{
        metric: lambda w, outcome=outcome, column=column: {e["item_id"]: float(e[column]) for e in w.inputs["mart.effect"] if e["outcome"] == outcome and e["verdict"] == "可信"}
        for metric, outcome, column in (
            ("effect_revenue", "revenue", "estimate"), ("effect_tax", "tax", "estimate"), ("effect_jobs", "jobs", "estimate"),
            ("effect_research", "research", "estimate"), ("effect_survival", "survival", "estimate"), ("revenue_per_wan", "revenue", "per_wan"), ("jobs_per_wan", "jobs", "per_wan"),
        )
    },
    "threshold_revenue": lambda w: at_thresholds(w, "revenue"),
    "threshold_jobs": lambda w: at_thresholds(w, "jobs"),
}  # fmt: skip
