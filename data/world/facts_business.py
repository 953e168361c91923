"""Facts of the enterprise itself: who and where it is, how old, how large."""

from __future__ import annotations

import numpy as np

from data.world import calendar, pools, state
from data.world.entity import FOREIGN, INDIVIDUAL, SOLE
from data.world.lives import ENDS
from data.world.streams import Bools, Ints
from data.world.vantage import Column, Vantage, flags, months_between, numbers, ratio, where, years_between, yuan
from data.world.views import commerce, industry


def subject(facts: Vantage) -> dict[str, Column]:
    p = facts.people
    moved = p.is_away(facts.month)
    park = np.where(moved, -1, p.park)
    region = [("460400499" if k == 0 else str(r)) for k, r in zip(park, p.region_at(facts.month), strict=True)]
    # an address of the cluster registration names its host, not the park
    named = np.where(p.cluster >= 0, -1, park)
    parks = [pools.PARKS[k].id if k >= 0 else None for k in named.tolist()]
    age = [years_between(calendar.date_of(int(b)), facts.day) for b in p.birth_day]
    months = [months_between(calendar.date_of(int(b)), facts.day) for b in p.birth_day]
    gone = p.death_month <= facts.month
    still = p.standstill_at(facts.month)
    status = np.where(gone, np.array(ENDS)[p.death_kind], np.array(["存续", "歇业", "清算"])[still])
    kinds = np.array(["个体工商户", "企业", "企业", "农民专业合作社", "农村集体经济组织", "企业"])[p.kind]
    capital = np.where(p.change_at(facts.month, 0), 2, 1) * p.capital_wan * 1_000_000
    foreign_money = (p.kind == FOREIGN) & (p.ids % 3 == 0)
    since = np.where(p.returned_month <= facts.month, p.returned_month, p.moved_month)
    recent = (p.birth_day > facts.number - 365) | ((since <= facts.month) & (since > facts.month - 12))
    return {
        "registered_region": region,
        "tax_region": region,
        "registered_park": parks,
        "park_residency": [[k] if k else [] for k in parks],
        "industry": [pools.INDUSTRIES[k].letter + pools.INDUSTRIES[k].code for k in p.industry.tolist()],
        "industry_section": [pools.INDUSTRIES[k].letter for k in p.industry.tolist()],
        "applicant_type": kinds.tolist(),
        "legal_entity": flags(~np.isin(p.kind, (INDIVIDUAL, SOLE))),
        "is_foreign_invested": flags(p.kind == FOREIGN),
        "enterprise_size": state.size_class(p, facts.year - 1).to_list(),
        "established_date": [calendar.date_of(int(b)) for b in p.birth_day],
        "established_years": age,
        "established_months": months,
        "newly_settled": flags(recent),
        "registered_capital": where(~foreign_money, yuan(capital)),
        "business_status": status.tolist(),
        "in_business": flags(~gone & (still == 0)),
        "is_branch": [False] * len(p),
        "renamed_last_3_years": flags((p.renamed_month <= facts.month) & (p.renamed_month > facts.month - 36)),
    }


def scale(facts: Vantage) -> dict[str, Column]:
    p = facts.people
    in_scope = np.isin(p.letter, [ord(c) - 65 for c in "BCDFH"])
    # the lists of a year are known once its first month is: in January those of the year before stand
    listed = calendar.year_of(facts.month)
    now, was, earlier = (
        industry.is_above_scale(p, y) | commerce.is_above_limit(p, y) for y in (listed, listed - 1, listed - 2)
    )
    first = now & ~was & ~earlier if listed < facts.year else (now & ~was & ~earlier) | (was & ~earlier)
    last = industry.is_above_scale(p, facts.year - 1) | commerce.is_above_limit(p, facts.year - 1)
    before = industry.is_above_scale(p, facts.year - 2) | commerce.is_above_limit(p, facts.year - 2)
    output = {y: _output(facts, y) for y in range(facts.year - 3, facts.year)}
    trade = np.isin(p.letter, [ord("F") - 65])
    sales = np.where(trade, 1, 0) * state.revenue_year_cents(p, facts.year - 1)
    sales_before = np.where(trade, 1, 0) * state.revenue_year_cents(p, facts.year - 2)
    free = np.isin(p.industry, (commerce._ONLINE, commerce._DUTY_FREE)) & p.is_firm & (p.log_revenue > 17.216707939)
    software = (p.industry == 25) & p.is_firm
    return {
        "is_above_scale": where(in_scope, flags(now)),
        "first_time_above_scale": where(in_scope, flags(first)),
        # what the works really used, also in the months whose report leaves it out
        "electricity_kwh_last_year": where(output[facts.year - 1] > 0, numbers(_electricity(facts, facts.year - 1))),
        "output_value_last_year": where(output[facts.year - 1] > 0, yuan(output[facts.year - 1])),
        "output_value_before_last_year": where(output[facts.year - 2] > 0, yuan(output[facts.year - 2])),
        "output_value_growth_rate": ratio(output[facts.year - 1] - output[facts.year - 2], output[facts.year - 2]),
        "output_value_max_before_last_year": where(
            output[facts.year - 2] > 0, yuan(np.maximum(output[facts.year - 2], output[facts.year - 3]))
        ),
        "sales_last_year": where(trade & last, yuan(sales)),
        "sales_growth_rate": [
            g if w else None
            for g, w in zip(ratio(sales - sales_before, sales_before), (trade & last & before).tolist(), strict=True)
        ],
        "retail_sales_last_year": where(trade & last, yuan(sales * (p.ids % 5) // 10)),
        "duty_free_sales_last_year": yuan(np.where(free, state.revenue_year_cents(p, facts.year - 1) // 2, 0)),
        "software_revenue_last_year": where(software, yuan(state.revenue_year_cents(p, facts.year - 1) * 9 // 10)),
    }


def _output(facts: Vantage, year: int) -> Ints:
    listed = industry.is_above_scale(facts.people, year)
    return facts.yearly(lambda month: _output_of(facts, listed, month), year)


def _electricity(facts: Vantage, year: int) -> Ints:
    listed = industry.is_above_scale(facts.people, year)
    return facts.yearly(lambda month: _output_of(facts, listed, month) // 100 // 14, year)


def _output_of(facts: Vantage, listed: Bools, month: int) -> Ints:
    swing = 0.97 + 0.1 * facts.people.streams.uniform("output", facts.people.ids, month)
    return np.where(listed, np.floor(state.revenue_cents(facts.people, month) * swing), 0).astype(np.int64)
