"""Facts of employment: staff, insurance, talents, subsidies for jobs."""

from __future__ import annotations

from decimal import Decimal

import numpy as np

from data.world import calendar, state
from data.world.vantage import Column, Vantage, flags, numbers, ratio, where, yuan
from data.world.views import inspection, labor, persons


def staff(facts: Vantage) -> dict[str, Column]:
    p = facts.people
    has = labor.insures(p)
    now = state.insured(p, facts.month)
    year = [state.insured(p, facts.span[0] + k) for k in range(12)]
    before = state.insured(p, facts.month - 12)
    unpaid = np.any(
        [
            p.streams.chance(0.01, "labor.unpaid", p.ids, (facts.month - k) // 3)
            & (state.insured(p, facts.month - k) > 0)
            for k in range(12)
        ],
        axis=0,
    )
    wage = labor._WAGE_BASE + 25_000 * (p.ids % 9)
    insured_cents = np.sum(
        [
            sum(np.floor(h * wage * r).astype(np.int64) for _, r in labor._GROUPS)
            * ~p.streams.chance(0.01, "labor.unpaid", p.ids, (facts.span[0] + k) // 3)
            for k, h in enumerate(year)
        ],
        axis=0,
    )
    case = np.any(
        [
            (inspection.inspected_day(p, y) > facts.number - 1095) & (inspection.inspected_day(p, y) <= facts.number)
            for y in range(facts.year - 3, facts.year + 1)
        ],
        axis=0,
    )
    t = persons.Talents(p)
    here = (t.recognised <= facts.number) & (t.recognised + 1826 >= facts.number)
    total, reported = np.sum(year, axis=0), np.sum([v > 0 for v in year], axis=0)
    kept = np.isin(p.ids, labor.stabilization(p, facts.year)["_eid"].to_numpy())
    refunded = kept & (
        calendar.day_number(np.full(len(p), calendar.month_index(facts.year, 8)), p.ids % 27) <= facts.number
    )
    research = state.research_cents(p, facts.year - 1) > 0
    return {
        "employees_insured": where(has, numbers(now)),
        "employees_insured_last_year_mean": where(
            has & (reported >= 6),
            [Decimal(int(v)) / int(n) if n else None for v, n in zip(total, reported, strict=True)],
        ),
        "layoff_rate": where(refunded, [Decimal(0)] * len(p)),
        "rd_staff": where(research, numbers(1 + state.staff(p, facts.span[1]) // 4)),
        "high_tech_income_last_year": where(research, yuan(state.revenue_year_cents(p, facts.year - 1) * 7 // 10)),
        "high_tech_income_ratio": where(research, [Decimal("0.7")] * len(p)),
        "employees_insured_year_end": where(has, numbers(year[11])),
        "employees_insured_growth": ratio(now - before, before),
        "employees_insured_delta_ytd": where(has, numbers(now - year[11])),
        "social_insurance_paid": where(has & (now > 0), flags(~unpaid)),
        "social_insurance_yuan_last_year": where(has, yuan(insured_cents)),
        "wage_violation": flags(case),
        "talent_count": numbers(np.bincount(t.owner[here], minlength=len(p))),
    }
