"""The true answer to every indicator the world holds, as of a day, per entity; what it does not hold stays None.

Money is Decimal 元, ratios Decimal, codes and dates as rules write them. The definitions are read from indicators.yml's words and
written again here on purpose: this is the second opinion that the pipeline's profile is measured against.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np

from data.world import calendar, merit, pools, state
from data.world.population import COLLECTIVE, COOP, FOREIGN, INDIVIDUAL, SOLE, Population
from data.world.streams import Ints
from data.world.views import (
    agri,
    commerce,
    customs,
    housing,
    industry,
    ip,
    labor,
    market,
    persons,
    reform,
    science,
    tax,
)

Column = list[Any]
_CUSTOMS_LEVELS = {"高级认证": "高级认证企业", "其他": "其他企业", "失信": "失信企业"}


def yuan(cents: Ints) -> Column:
    return [Decimal(int(c)) / 100 for c in cents]


def numbers(values: Ints) -> Column:
    return [int(v) for v in values]


def flags(values: np.ndarray) -> Column:
    return [bool(v) for v in values]


def ratio(over: Ints, under: Ints) -> Column:
    return [Decimal(int(a)) / Decimal(int(b)) if b > 0 else None for a, b in zip(over, under, strict=True)]


def where(mask: np.ndarray, values: Column) -> Column:
    """The values where the mask holds, None elsewhere."""
    return [v if m else None for m, v in zip(mask, values, strict=True)]


class Facts:
    """Columns of true indicators for a chunk as of a day; `known()` maps indicator names to columns."""

    def __init__(self, people: Population, day: dt.date) -> None:
        self.people = people
        self.day = day
        self.number = calendar.number_of(day)
        self.year = day.year
        self.month = calendar.month_index(day.year, day.month)
        if calendar.last_day(self.month) > day:
            self.month -= 1
        self.span = (calendar.month_index(self.year - 1, 1), calendar.month_index(self.year - 1, 12))

    def known(self) -> dict[str, Column]:
        """Every indicator the world can answer."""
        groups: tuple[Callable[[], dict[str, Column]], ...] = (
            self._subject, self._revenue, self._tax, self._scale, self._trade, self._merit, self._property,
            self._staff, self._credit, self._building, self._farming, self._projects,
        )  # fmt: skip
        columns: dict[str, Column] = {}
        for group in groups:
            columns |= group()
        return columns

    def _yearly(self, monthly: Callable[[int], Ints], year: int) -> Ints:
        first = calendar.month_index(year, 1)
        result: Ints = np.sum(
            [monthly(first + k) for k in range(12) if first + k <= max(self.month, calendar.LAST_MONTH)], axis=0
        )
        return result

    def _subject(self) -> dict[str, Column]:
        p = self.people
        moved = p.is_away(self.month)
        park = np.where(moved, -1, p.park)
        region = [("460400499" if k == 0 else str(r)) for k, r in zip(park, p.region_at(self.month), strict=True)]
        # an address of the cluster registration names its host, not the park
        named = np.where(p.cluster >= 0, -1, park)
        parks = [pools.PARKS[k].id if k >= 0 else None for k in named.tolist()]
        age = [_years_between(calendar.date_of(int(b)), self.day) for b in p.birth_day]
        months = [_months_between(calendar.date_of(int(b)), self.day) for b in p.birth_day]
        gone = p.death_month <= self.month
        status = np.where(gone, np.where(p.death_kind == 1, "吊销", "注销"), "存续")
        kinds = np.array(["个体工商户", "企业", "企业", "农民专业合作社", "农村集体经济组织", "企业"])[p.kind]
        raised = p.streams.chance(0.12, "capital.raised", p.ids) & (p.first_change_month() <= self.month)
        capital = np.where(raised, 2, 1) * p.capital_wan * 1_000_000
        foreign_money = (p.kind == FOREIGN) & (p.ids % 3 == 0)
        since = np.where(p.returned_month <= self.month, p.returned_month, p.moved_month)
        recent = (p.birth_day > self.number - 365) | ((since <= self.month) & (since > self.month - 12))
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
            "enterprise_size": state.size_class(p, self.year - 1).to_list(),
            "established_date": [calendar.date_of(int(b)) for b in p.birth_day],
            "established_years": age,
            "established_months": months,
            "newly_settled": flags(recent),
            "registered_capital": where(~foreign_money, yuan(capital)),
            "business_status": status.tolist(),
            "in_business": flags(~gone),
            "is_branch": [False] * len(p),
            "renamed_last_3_years": flags((p.renamed_month <= self.month) & (p.renamed_month > self.month - 36)),
        }

    def _revenue(self) -> dict[str, Column]:
        p = self.people
        last, before = state.revenue_year_cents(p, self.year - 1), state.revenue_year_cents(p, self.year - 2)
        months = max(self.month - calendar.month_index(self.year, 1) + 1, 0)
        ytd = state.revenue_year_cents(p, self.year, months) if months else np.zeros(len(p), dtype=np.int64)
        rolling = np.sum([state.revenue_cents(p, self.month - k) for k in range(12)], axis=0)
        highest = np.max([state.revenue_year_cents(p, y) for y in range(self.year - 4, self.year - 1)], axis=0)
        research = {y: state.research_cents(p, y) for y in range(self.year - 3, self.year)}
        profit = np.floor(last * p.margin).astype(np.int64)
        income = profit - research[self.year - 1]
        assets = state.assets_cents(p, self.year - 1)
        heads = state.staff(p, self.span[1])
        small = (income <= 300_000_000) & (heads <= 300) & (assets <= 5_000_000_000)
        return {
            "revenue_last_year": yuan(last),
            "revenue_before_last_year": yuan(before),
            "revenue_ytd": yuan(ytd),
            "revenue_last_12_months": yuan(rolling),
            "revenue_growth_rate": ratio(last - before, before),
            "revenue_growth_yuan": yuan(last - before),
            "revenue_max_before_last_year": yuan(highest),
            "profit_last_year": where(p.is_firm, yuan(profit)),
            "taxable_income_last_year": where(p.is_firm, yuan(income)),
            "total_assets": yuan(assets),
            "is_small_low_profit": where(p.is_firm, flags(small)),
            "rd_expense_last_year": yuan(research[self.year - 1]),
            "rd_expense_before_last_year": yuan(research[self.year - 2]),
            "rd_expense_last_3_years": yuan(np.sum(list(research.values()), axis=0)),
            "rd_ratio": ratio(research[self.year - 1], last),
            "rd_expense_growth": yuan(research[self.year - 1] - research[self.year - 2]),
            # who had nobody at the end of last year is known by the number registered since
            "employees": numbers(np.where(heads > 0, heads, state.staff(p, self.month))),
        }

    def _tax(self) -> dict[str, Column]:
        p = self.people
        paid = {y: self._paid(y) for y in (self.year - 1, self.year - 2)}
        rated = tax.is_rated(p, self._rated_year())
        level = tax.credit_level(p, self._rated_year()).to_list()
        exports = self._yearly(lambda m: customs.trade_cents(p, m, "E"), self.year - 1)
        on = tax.registered(p, self.month)
        status = np.where(p.death_month <= self.month, "注销", np.where(self._stray(), "非正常", "正常"))
        return {
            "taxpayer_status": where(on, status.tolist()),
            "tax_paid_last_year": yuan(paid[self.year - 1]),
            "tax_paid_before_last_year": yuan(paid[self.year - 2]),
            "tax_paid_growth_rate": ratio(paid[self.year - 1] - paid[self.year - 2], paid[self.year - 2]),
            "tax_credit_level": where(rated, level),
            "tax_arrears_yuan": yuan(tax.arrears_cents(p, self.month)),
            "taxpayer_type": np.where(p.is_general_taxpayer, "一般纳税人", "小规模纳税人").tolist(),
            "export_sales_last_year": yuan(exports),
        }

    def _rated_year(self) -> int:
        """The newest year whose credit levels are published: in the April after it."""
        return self.year - 2 if self.day.month < 4 else self.year - 1

    def _stray(self) -> np.ndarray:
        """Known to the tax office as 非正常."""
        return self.people.streams.chance(0.03, "tax.abnormal", self.people.ids)

    def _paid(self, year: int) -> Ints:
        total = np.zeros(len(self.people), dtype=np.int64)
        first = calendar.month_index(year, 1)
        for month in range(first, first + 12):
            if month > max(self.month, calendar.LAST_MONTH) + 1:
                break
            rows = tax.payments(self.people, month)
            at = np.searchsorted(self.people.ids, rows["_eid"].to_numpy())
            np.add.at(total, at, rows["_cents"].to_numpy())
        return total

    def _scale(self) -> dict[str, Column]:
        p = self.people
        in_scope = np.isin(p.letter, [ord(c) - 65 for c in "BCDFH"])
        # the lists of a year are known once its first month is: in January those of the year before stand
        listed = calendar.year_of(self.month)
        now, was, earlier = (
            industry.is_above_scale(p, y) | commerce.is_above_limit(p, y) for y in (listed, listed - 1, listed - 2)
        )
        first = now & ~was & ~earlier if listed < self.year else (now & ~was & ~earlier) | (was & ~earlier)
        last = industry.is_above_scale(p, self.year - 1) | commerce.is_above_limit(p, self.year - 1)
        before = industry.is_above_scale(p, self.year - 2) | commerce.is_above_limit(p, self.year - 2)
        output = {y: self._output(y) for y in range(self.year - 3, self.year)}
        trade = np.isin(p.letter, [ord("F") - 65])
        sales = np.where(trade, 1, 0) * state.revenue_year_cents(p, self.year - 1)
        sales_before = np.where(trade, 1, 0) * state.revenue_year_cents(p, self.year - 2)
        free = np.isin(p.industry, (commerce._ONLINE, commerce._DUTY_FREE)) & p.is_firm & (p.log_revenue > 17.216707939)
        software = (p.industry == 25) & p.is_firm
        return {
            "is_above_scale": where(in_scope, flags(now)),
            "first_time_above_scale": where(in_scope, flags(first)),
            "output_value_last_year": where(output[self.year - 1] > 0, yuan(output[self.year - 1])),
            "output_value_before_last_year": where(output[self.year - 2] > 0, yuan(output[self.year - 2])),
            "output_value_growth_rate": ratio(output[self.year - 1] - output[self.year - 2], output[self.year - 2]),
            "output_value_max_before_last_year": where(
                output[self.year - 2] > 0, yuan(np.maximum(output[self.year - 2], output[self.year - 3]))
            ),
            "sales_last_year": where(trade & last, yuan(sales)),
            "sales_growth_rate": [
                g if w else None
                for g, w in zip(
                    ratio(sales - sales_before, sales_before), (trade & last & before).tolist(), strict=True
                )
            ],
            "retail_sales_last_year": where(trade & last, yuan(sales * (p.ids % 5) // 10)),
            "duty_free_sales_last_year": yuan(np.where(free, state.revenue_year_cents(p, self.year - 1) // 2, 0)),
            "software_revenue_last_year": where(software, yuan(state.revenue_year_cents(p, self.year - 1) * 9 // 10)),
        }

    def _output(self, year: int) -> Ints:
        listed = industry.is_above_scale(self.people, year)

        def monthly(month: int) -> Ints:
            swing = 0.97 + 0.1 * self.people.streams.uniform("output", self.people.ids, month)
            return np.where(listed, np.floor(state.revenue_cents(self.people, month) * swing), 0).astype(np.int64)

        return self._yearly(monthly, year)

    def _trade(self) -> dict[str, Column]:
        p = self.people
        columns: dict[str, Column] = {}
        usd: dict[tuple[str, int], Ints] = {}
        cny: dict[tuple[str, int], Ints] = {}
        for direction in "EI":
            for year in (self.year - 1, self.year - 2):
                cny[direction, year] = self._yearly(partial(_traded, p, direction), year)
                usd[direction, year] = self._yearly(partial(_traded_usd, p, direction), year)
        for word, parts in (("export", "E"), ("import", "I"), ("trade", "EI")):
            for suffix, year in (("last_year", self.year - 1), ("before_last_year", self.year - 2)):
                columns[f"{word}_value_usd_{suffix}"] = yuan(np.sum([usd[d, year] for d in parts], axis=0))
                if word == "trade":
                    columns[f"{word}_value_yuan_{suffix}"] = yuan(np.sum([cny[d, year] for d in parts], axis=0))
        e1, e0 = usd["E", self.year - 1], usd["E", self.year - 2]
        t1, t0 = e1 + usd["I", self.year - 1], e0 + usd["I", self.year - 2]
        trader = customs.is_trader(p) & (customs.registered_month(p) <= self.month) & (p.death_month > self.month)
        paid = {k: np.zeros(len(p), dtype=np.int64) for k in ("last", "ytd", "total")}
        for turn, offset in ((0, 6), (1, 18)):
            reported = p.birth_month + offset
            cents = np.where(
                (p.kind == FOREIGN) & (reported < p.death_month),
                commerce.foreign_cents_usd(p) * (6 if turn == 0 else 4) // 10,
                0,
            )
            since = calendar.EPOCH_YEAR + reported // 12
            paid["last"] += np.where(since == self.year - 1, cents, 0)
            paid["ytd"] += np.where((since == self.year) & (reported <= self.month), cents, 0)
            paid["total"] += np.where(reported <= self.month, cents, 0)
        return columns | {
            "export_growth_ratio": ratio(e1 - e0, e0),
            "trade_growth_ratio": ratio(t1 - t0, t0),
            "trade_growth_usd_delta": yuan(t1 - t0),
            "has_customs_registration": flags(trader),
            "customs_credit_level": where(trader, [_CUSTOMS_LEVELS[w] for w in customs.credit_level(p).to_list()]),
            "has_trade_filing": flags(customs.is_trader(p) & (customs.registered_month(p) <= self.month)),
            "zero_tariff_relief_last_year": yuan(customs.relief_cents(p, self.year - 1) // 4 * 4),
            "foreign_capital_actual_last_year": yuan(paid["last"]),
            "foreign_capital_actual_ytd": yuan(paid["ytd"]),
            "foreign_capital_actual_total": yuan(paid["total"]),
        }

    def _merit(self) -> dict[str, Column]:
        p = self.people
        valid = merit.is_hnte(p, self.number)
        spells = merit.hnte(p)
        first = np.where(spells.exists[0], spells.year[0], 0)
        sme = self._tech_sme()
        aeo = (
            customs.is_trader(p)
            & np.array([w == "高级认证" for w in customs.credit_level(p).to_list()])
            & (customs.registered_month(p) <= self.month)
        )
        names: list[list[str]] = [[] for _ in range(len(p))]
        fresh: list[list[str]] = [[] for _ in range(len(p))]
        level: Column = ["无"] * len(p)

        def add(into: list[list[str]], mask: np.ndarray, word: str) -> None:
            for k in np.flatnonzero(mask).tolist():
                into[k].append(word)

        add(names, valid, "高新技术企业")
        add(names, sme, "科技型中小企业")
        add(names, aeo, "AEO高级认证企业")
        add(
            names,
            np.isin(p.ids, agri.certified(p, self.year - 1)["_eid"].to_numpy()) & p.lives_at(self.month),
            "绿色食品",
        )
        recent = (self.year - 1, self.year)
        add(fresh, np.isin(first, recent) & (merit.hnte_day(p, np.maximum(first, 1995)) <= self.number), "高新技术企业")
        ever_before = np.any([merit.is_tech_sme(p, y) for y in range(self.year - 5, self.year - 1)], axis=0)
        add(fresh, (merit.is_tech_sme(p, self.year - 1) | sme) & ~ever_before, "科技型中小企业")
        for step, word in enumerate(("创新型中小企业", "专精特新中小企业", "专精特新小巨人企业")):
            has, since = merit.gradient(p, step)
            day = merit.gradient_day(p, since)
            held = (
                has
                & (day <= self.number)
                & (self.number <= day + 1095)
                & ~(merit.is_withdrawn(p) & (self.number >= calendar.number_of(dt.date(2024, 10, 12))))
            )
            add(names, held, word)
            add(fresh, has & np.isin(since, recent) & (day <= self.number), word)
            for k in np.flatnonzero(held).tolist():
                level[k] = word
        return {
            "certifications": names,
            "recognition_first": fresh,
            "is_hnte": flags(valid),
            "hnte_valid_to": where(valid, self._held_to(spells)),
            "hnte_first_year": where(spells.exists[0] & (first <= self.year), numbers(first)),
            "is_tech_sme": flags(sme),
            "specialised_level": level,
            "tech_contract_value_last_year": yuan(self._contracts()),
        }

    def _tech_sme(self) -> np.ndarray:
        """Listed in the year, from its batch on: April to August."""
        published = self.day >= dt.date(self.year, 4, 1)
        listed: np.ndarray = merit.is_tech_sme(self.people, self.year) & published
        return listed

    def _held_to(self, spells: merit.Spells) -> Column:
        """The last day of the newest certificate issued by the day: three years, less a day."""
        last: Column = [None] * len(self.people)
        for exists, year in zip(spells.exists, spells.year, strict=True):
            for k, day in enumerate(merit.hnte_day(self.people, year).tolist()):
                if exists[k] and day <= self.number:
                    last[k] = _minus_years(calendar.date_of(day), -3) - dt.timedelta(days=1)
        return last

    def _contracts(self) -> Ints:
        rows = science.contracts(self.people, self.year - 1)
        value = np.zeros(len(self.people), dtype=np.int64)
        at = np.searchsorted(self.people.ids, rows["_eid"].to_numpy())
        value[at] = (rows["技术交易额"].str.replace(".", "", literal=True).cast(int).to_numpy()) * 10_000
        return value

    def _property(self) -> dict[str, Column]:
        p = self.people
        patents = ip.Patents(p)
        live = (patents.granted <= self.number) & (patents.lapsed > self.number)
        start, end = (
            calendar.number_of(dt.date(self.year - 1, 1, 1)),
            calendar.number_of(dt.date(self.year - 1, 12, 31)),
        )
        back = calendar.number_of(_minus_years(self.day, 3))

        def count(mask: np.ndarray) -> Ints:
            return np.bincount(patents.owner[mask], minlength=len(p)).astype(np.int64)

        invention = patents.kind == 1
        marks = ip.trademarks(p)
        shown = marks.filter(marks["_day"] <= self.number)["_eid"].to_numpy()
        marked = np.isin(p.ids, shown).astype(np.int64)
        return {
            "patents_invention": numbers(count(live & invention)),
            "patents_invention_granted_last_year": numbers(
                count(invention & (patents.granted >= start) & (patents.granted <= end))
            ),
            "patents_invention_granted_last_3_years": numbers(
                count(invention & (patents.granted > back) & (patents.granted <= self.number))
            ),
            "patent_count": numbers(count(live)),
            "ip_count": numbers(count(live) + marked),
            "trademark_count": numbers(marked),
            "patent_applications_last_year": numbers(count((patents.applied >= start) & (patents.applied <= end))),
            "ip_pledge_yuan_last_year": yuan(self._pledged(start, end)),
        }

    def _pledged(self, start: int, end: int) -> Ints:
        rows = ip.pledges(self.people)
        rows = rows.filter((rows["_day"] >= start) & (rows["_day"] <= end))
        value = np.zeros(len(self.people), dtype=np.int64)
        np.add.at(
            value,
            np.searchsorted(self.people.ids, rows["_eid"].to_numpy()),
            rows["金额"].cast(int).to_numpy() * 1_000_000,
        )
        return value

    def _staff(self) -> dict[str, Column]:
        p = self.people
        has = labor.insures(p)
        now = state.insured(p, self.month)
        year = [state.insured(p, self.span[0] + k) for k in range(12)]
        before = state.insured(p, self.month - 12)
        unpaid = np.any(
            [
                p.streams.chance(0.01, "labor.unpaid", p.ids, (self.month - k) // 3)
                & (state.insured(p, self.month - k) > 0)
                for k in range(12)
            ],
            axis=0,
        )
        wage = labor._WAGE_BASE + 25_000 * (p.ids % 9)
        insured_cents = np.sum(
            [
                sum(np.floor(h * wage * r).astype(np.int64) for _, r in labor._GROUPS)
                * ~p.streams.chance(0.01, "labor.unpaid", p.ids, (self.span[0] + k) // 3)
                for k, h in enumerate(year)
            ],
            axis=0,
        )
        case = np.any(
            [
                (labor.inspected_day(p, y) > self.number - 1095) & (labor.inspected_day(p, y) <= self.number)
                for y in range(self.year - 3, self.year + 1)
            ],
            axis=0,
        )
        t = persons.Talents(p)
        here = (t.recognised <= self.number) & (t.recognised + 1826 >= self.number)
        total, reported = np.sum(year, axis=0), np.sum([v > 0 for v in year], axis=0)
        kept = np.isin(p.ids, labor.stabilization(p, self.year)["_eid"].to_numpy())
        refunded = kept & (
            calendar.day_number(np.full(len(p), calendar.month_index(self.year, 8)), p.ids % 27) <= self.number
        )
        research = state.research_cents(p, self.year - 1) > 0
        return {
            "employees_insured": where(has, numbers(now)),
            "employees_insured_last_year_mean": where(
                has & (reported >= 6),
                [Decimal(int(v)) / int(n) if n else None for v, n in zip(total, reported, strict=True)],
            ),
            "layoff_rate": where(refunded, [Decimal(0)] * len(p)),
            "rd_staff": where(research, numbers(1 + state.staff(p, self.span[1]) // 4)),
            "high_tech_income_last_year": where(research, yuan(state.revenue_year_cents(p, self.year - 1) * 7 // 10)),
            "high_tech_income_ratio": where(research, [Decimal("0.7")] * len(p)),
            "employees_insured_year_end": where(has, numbers(year[11])),
            "employees_insured_growth": ratio(now - before, before),
            "employees_insured_delta_ytd": where(has, numbers(now - year[11])),
            "social_insurance_paid": where(has & (now > 0), flags(~unpaid)),
            "social_insurance_yuan_last_year": where(has, yuan(insured_cents)),
            "wage_violation": flags(case),
            "talent_count": numbers(np.bincount(t.owner[here], minlength=len(p))),
        }

    def _credit(self) -> dict[str, Column]:
        p = self.people
        start, end = reform.dishonest_span(p)
        since = calendar.number_of(_minus_years(self.day, 3))
        count, total = np.zeros(len(p), dtype=np.int64), np.zeros(len(p), dtype=np.int64)
        major, safety, green = (np.zeros(len(p), dtype=np.bool_) for _ in range(3))
        for year in range(self.year - 3, self.year + 1):
            hit, day, fine = reform.penalty(p, year)
            live = hit & (day > since) & (day <= self.number) & (reform.repaired_day(p, year) > self.number)
            kind = p.streams.below(len(reform._WRONGS), "penalty.kind", p.ids, year)
            count += live
            total += np.where(live, fine, 0)
            major |= live & (fine >= 10_000_000)
            safety |= live & np.isin(kind, (1, 4))
            green |= live & (kind == 6)
        listed = market.abnormal_at(p, self.number)
        serious = market.abnormal_at(p, self.number, serious=True)
        major |= serious
        return {
            "is_dishonest": flags((start <= self.number) & (self.number < end)),
            "is_serious_illegal": flags(serious),
            "is_abnormal_listed": flags(listed),
            "major_violation": flags(major),
            "safety_accident": flags(safety),
            "environmental_violation": flags(green),
            "penalty_count_last_3_years": numbers(count),
            "fine_yuan_last_3_years": yuan(total),
        }

    def _building(self) -> dict[str, Column]:
        p = self.people
        issued = housing.issued_day(p)
        alive = p.lives_at(self.month)
        holds = housing.builds(p) & (issued <= self.number) & (issued + 1826 > self.number) & alive
        bad = housing.misconduct_day(p)
        points = np.where((bad <= self.number) & (bad + 365 > self.number), 1 + p.ids % 9, 0)
        development = p.is_firm & (p.industry == housing._DEVELOPMENT)
        certified = np.isin(p.ids, housing.developers(p, self.number)["_eid"].to_numpy())
        developer = certified & (p.birth_day + 3852 >= self.number)
        rated = tax.is_rated(p, self._rated_year())
        refused = rated & (tax.credit_level(p, self._rated_year()).to_numpy() == "D")
        excluded = (
            ("房地产开发企业", development | developer),
            ("经营异常名录", market.abnormal_at(p, self.number)),
            ("严重违法失信名单", market.abnormal_at(p, self.number, serious=True)),
            ("纳税信用D级", refused),
            ("税务非正常户", tax.registered(p, self.month) & self._stray() & (p.death_month > self.month)),
        )
        safe = housing.builds(p) & (issued + 40 <= self.number) & (issued + 1135 >= self.number) & alive
        return {
            "construction_qualification": where(
                holds, [("一级", "二级", "三级")[g - 1] for g in housing.grade(p).tolist()]
            ),
            "has_safety_permit": flags(safe),
            "is_developer": flags(developer),
            "housing_misconduct_points": numbers(points),
            "excluded_category": [[word for word, mask in excluded if mask[k]] for k in range(len(p))],
        }

    def _farming(self) -> dict[str, Column]:
        p = self.people
        year = self.year if (self.day.month, self.day.day) >= (8, 15) else self.year - 1
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

    def _projects(self) -> dict[str, Column]:
        p = self.people
        month = reform.project_month(p)
        has = (month >= 0) & (month <= self.month)
        upgraded = np.isin(p.letter, [ord(c) - 65 for c in "BCD"]) & has
        total = reform.project_cents(p)
        return {
            "project_count": numbers(has.astype(np.int64)),
            "project_investment": where(has & (month + 21 > self.month), yuan(total // 10_000 * 10_000)),
            "tech_upgrade_investment": where(upgraded, yuan(total)),
            "equipment_investment": where(upgraded, yuan(total * 6 // 10)),
        }


def _traded(people: Population, direction: str, month: int) -> Ints:
    """Nobody trades before the customs registration or after the end."""
    able = customs.is_trader(people) & (customs.registered_month(people) <= month) & people.lives_at(month)
    return np.where(able, customs.trade_cents(people, month, direction), 0)


def _traded_usd(people: Population, direction: str, month: int) -> Ints:
    return np.floor(_traded(people, direction, month) / customs.dollar_rate(month)).astype(np.int64)


def _minus_years(day: dt.date, years: int) -> dt.date:
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def _months_between(start: dt.date, end: dt.date) -> int:
    return (end.year - start.year) * 12 + end.month - start.month - (end.day < start.day)


def _years_between(start: dt.date, end: dt.date) -> Decimal:
    """Whole anniversaries, and the days since over the days of that year."""
    whole = end.year - start.year - ((end.month, end.day) < (start.month, start.day))
    last, following = _minus_years(start, -whole), _minus_years(start, -whole - 1)
    return Decimal(whole) + Decimal((end - last).days) / Decimal((following - last).days)
