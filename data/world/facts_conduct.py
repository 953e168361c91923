"""Facts of conduct and trade: credit, penalties, lists, building, farming, projects."""

from __future__ import annotations

import numpy as np

from data.world import calendar, merit, state
from data.world.entity import COLLECTIVE, COOP
from data.world.vantage import Column, Vantage, flags, minus_years, numbers, where, yuan
from data.world.views import agri, disclosure, housing, reform, taxpayers


def credit(facts: Vantage) -> dict[str, Column]:
    p = facts.people
    start, end = reform.dishonest_span(p)
    since = calendar.number_of(minus_years(facts.day, 3))
    count, total = np.zeros(len(p), dtype=np.int64), np.zeros(len(p), dtype=np.int64)
    major, safety, green = (np.zeros(len(p), dtype=np.bool_) for _ in range(3))
    for year in range(facts.year - 3, facts.year + 1):
        hit, day, fine = reform.penalty(p, year)
        live = hit & (day > since) & (day <= facts.number) & (reform.repaired_day(p, year) > facts.number)
        kind = p.streams.below(len(reform._WRONGS), "penalty.kind", p.ids, year)
        count += live
        total += np.where(live, fine, 0)
        major |= live & ((fine >= 10_000_000) | reform.stops_business(p, year))
        safety |= live & np.isin(kind, (1, 4))
        green |= live & (kind == 6)
    listed = disclosure.abnormal_at(p, facts.number)
    serious = disclosure.abnormal_at(p, facts.number, serious=True)
    major |= serious
    return {
        "is_dishonest": flags((start <= facts.number) & (facts.number < end)),
        "is_serious_illegal": flags(serious),
        "is_abnormal_listed": flags(listed),
        "major_violation": flags(major),
        "safety_accident": flags(safety),
        "environmental_violation": flags(green),
        "penalty_count_last_3_years": numbers(count),
        "fine_yuan_last_3_years": yuan(total),
    }


def building(facts: Vantage) -> dict[str, Column]:
    p = facts.people
    issued = housing.issued_day(p)
    alive = p.lives_at(facts.month)
    holds = housing.builds(p) & (issued <= facts.number) & (issued + 1826 > facts.number) & alive
    bad = housing.misconduct_day(p)
    points = np.where((bad <= facts.number) & (bad + 365 > facts.number), 1 + p.ids % 9, 0)
    development = p.is_firm & (p.industry == housing._DEVELOPMENT)
    certified = np.isin(p.ids, housing.developers(p, facts.number)["_eid"].to_numpy())
    developer = certified & (p.birth_day + 3852 >= facts.number)
    rated = taxpayers.is_rated(p, facts.rated_year())
    refused = rated & (taxpayers.credit_level(p, facts.rated_year()).to_numpy() == "D")
    excluded = (
        ("房地产开发企业", development | developer),
        ("经营异常名录", disclosure.abnormal_at(p, facts.number)),
        ("严重违法失信名单", disclosure.abnormal_at(p, facts.number, serious=True)),
        ("纳税信用D级", refused),
        ("税务非正常户", taxpayers.registered(p, facts.month) & facts.stray() & (p.death_month > facts.month)),
    )
    safe = housing.builds(p) & (issued + 40 <= facts.number) & (issued + 1135 >= facts.number) & alive
    return {
        "construction_qualification": where(
            holds, [("一级", "二级", "三级")[g - 1] for g in housing.grade(p).tolist()]
        ),
        "has_safety_permit": flags(safe),
        "is_developer": flags(developer),
        "housing_misconduct_points": numbers(points),
        "excluded_category": [[word for word, mask in excluded if mask[k]] for k in range(len(p))],
    }


def farming(facts: Vantage) -> dict[str, Column]:
    p = facts.people
    year = facts.year if (facts.day.month, facts.day.day) >= (8, 15) else facts.year - 1
    leading = agri.is_leading(p, year)
    coop = np.where(p.lives_at(calendar.month_index(year, 6)), merit.coop_level(p), 0)
    words = ["无", "市级", "省级", "国家级"]
    return {
        "agri_leading_level": [words[k] for k in leading.tolist()],
        "coop_demo_level": [words[k] for k in coop.tolist()],
        "honors": [
            [*(["农业产业化龙头企业"] if a else []), *(["农民专业合作社示范社"] if b else [])]
            for a, b in zip(leading.tolist(), coop.tolist(), strict=True)
        ],
        "member_count": where(
            np.isin(p.kind, (COOP, COLLECTIVE)),
            numbers(np.where(p.kind == COOP, 5 + p.ids % 180, 80 + p.ids % 1900)),
        ),
        "collective_assets_yuan": where(p.kind == COLLECTIVE, yuan(state.assets_cents(p, year - 1) + 50_000_000)),
    }


def projects(facts: Vantage) -> dict[str, Column]:
    p = facts.people
    month = reform.filed_month(p)
    has = (month >= 0) & (month <= facts.month)
    own = reform.project_month(p)
    upgraded = np.isin(p.letter, [ord(c) - 65 for c in "BCD"]) & (own >= 0) & (own <= facts.month)
    total = reform.project_cents(p)
    return {
        "project_count": numbers(has.astype(np.int64)),
        "project_investment": where(has & (month + 21 > facts.month), yuan(total // 10_000 * 10_000)),
        "tech_upgrade_investment": where(upgraded, yuan(total)),
        "equipment_investment": where(upgraded, yuan(total * 6 // 10)),
    }
