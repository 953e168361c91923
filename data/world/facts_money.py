"""Facts of money: revenue, tax, research expense, foreign trade."""

from __future__ import annotations

from functools import partial

import numpy as np

from data.world import calendar, state
from data.world.entity import FOREIGN
from data.world.population import Population
from data.world.streams import Ints
from data.world.vantage import Column, Vantage, flags, numbers, ratio, where, yuan
from data.world.views import commerce, customs, tax, taxpayers

_CUSTOMS_LEVELS = {"高级认证": "高级认证企业", "其他": "其他企业", "失信": "失信企业"}


def revenue(facts: Vantage) -> dict[str, Column]:
    p = facts.people
    last, before = state.revenue_year_cents(p, facts.year - 1), state.revenue_year_cents(p, facts.year - 2)
    months = max(facts.month - calendar.month_index(facts.year, 1) + 1, 0)
    ytd = state.revenue_year_cents(p, facts.year, months) if months else np.zeros(len(p), dtype=np.int64)
    rolling = np.sum([state.revenue_cents(p, facts.month - k) for k in range(12)], axis=0)
    highest = np.max([state.revenue_year_cents(p, y) for y in range(facts.year - 4, facts.year - 1)], axis=0)
    research = {y: state.research_cents(p, y) for y in range(facts.year - 3, facts.year)}
    profit = np.floor(last * p.margin).astype(np.int64)
    income = profit - research[facts.year - 1]
    assets = state.assets_cents(p, facts.year - 1)
    heads = state.staff(p, facts.span[1])
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
        "rd_expense_last_year": yuan(research[facts.year - 1]),
        "rd_expense_before_last_year": yuan(research[facts.year - 2]),
        "rd_expense_last_3_years": yuan(np.sum(list(research.values()), axis=0)),
        "rd_ratio": ratio(research[facts.year - 1], last),
        "rd_expense_growth": yuan(research[facts.year - 1] - research[facts.year - 2]),
        # who had nobody at the end of last year is known by the number registered since
        "employees": numbers(np.where(heads > 0, heads, state.staff(p, facts.month))),
    }


def taxation(facts: Vantage) -> dict[str, Column]:
    p = facts.people
    paid = {y: _paid(facts, y) for y in (facts.year - 1, facts.year - 2)}
    rated = taxpayers.is_rated(p, facts.rated_year())
    level = taxpayers.credit_level(p, facts.rated_year()).to_list()
    exports = facts.yearly(lambda m: customs.trade_cents(p, m, "E"), facts.year - 1)
    on = taxpayers.registered(p, facts.month)
    status = np.where(p.death_month <= facts.month, "注销", np.where(facts.stray(), "非正常", "正常"))
    return {
        "taxpayer_status": where(on, status.tolist()),
        "tax_paid_last_year": yuan(paid[facts.year - 1]),
        "tax_paid_before_last_year": yuan(paid[facts.year - 2]),
        "tax_paid_growth_rate": ratio(paid[facts.year - 1] - paid[facts.year - 2], paid[facts.year - 2]),
        "tax_credit_level": where(rated, level),
        "tax_arrears_yuan": yuan(taxpayers.arrears_cents(p, facts.month)),
        "taxpayer_type": np.where(p.is_general_taxpayer, "一般纳税人", "小规模纳税人").tolist(),
        "export_sales_last_year": yuan(exports),
    }


def _paid(facts: Vantage, year: int) -> Ints:
    total = np.zeros(len(facts.people), dtype=np.int64)
    first = calendar.month_index(year, 1)
    for month in range(first, first + 12):
        if month > max(facts.month, calendar.LAST_MONTH) + 1:
            break
        rows = tax.payments(facts.people, month)
        at = np.searchsorted(facts.people.ids, rows["_eid"].to_numpy())
        np.add.at(total, at, rows["_cents"].to_numpy())
    return total


def trade(facts: Vantage) -> dict[str, Column]:
    p = facts.people
    columns: dict[str, Column] = {}
    usd: dict[tuple[str, int], Ints] = {}
    cny: dict[tuple[str, int], Ints] = {}
    for direction in "EI":
        for year in (facts.year - 1, facts.year - 2):
            cny[direction, year] = facts.yearly(partial(_traded, p, direction), year)
            usd[direction, year] = facts.yearly(partial(_traded_usd, p, direction), year)
    for word, parts in (("export", "E"), ("import", "I"), ("trade", "EI")):
        for suffix, year in (("last_year", facts.year - 1), ("before_last_year", facts.year - 2)):
            columns[f"{word}_value_usd_{suffix}"] = yuan(np.sum([usd[d, year] for d in parts], axis=0))
            if word == "trade":
                columns[f"{word}_value_yuan_{suffix}"] = yuan(np.sum([cny[d, year] for d in parts], axis=0))
    e1, e0 = usd["E", facts.year - 1], usd["E", facts.year - 2]
    t1, t0 = e1 + usd["I", facts.year - 1], e0 + usd["I", facts.year - 2]
    trader = customs.is_trader(p) & (customs.registered_month(p) <= facts.month) & (p.death_month > facts.month)
    paid = {k: np.zeros(len(p), dtype=np.int64) for k in ("last", "ytd", "total")}
    for turn, offset in ((0, 6), (1, 18)):
        reported = p.birth_month + offset
        cents = np.where(
            (p.kind == FOREIGN) & (reported < p.death_month),
            commerce.foreign_cents_usd(p) * (6 if turn == 0 else 4) // 10,
            0,
        )
        since = calendar.EPOCH_YEAR + reported // 12
        paid["last"] += np.where(since == facts.year - 1, cents, 0)
        paid["ytd"] += np.where((since == facts.year) & (reported <= facts.month), cents, 0)
        paid["total"] += np.where(reported <= facts.month, cents, 0)
    return columns | {
        "export_growth_ratio": ratio(e1 - e0, e0),
        "trade_growth_ratio": ratio(t1 - t0, t0),
        "trade_growth_usd_delta": yuan(t1 - t0),
        "has_customs_registration": flags(trader),
        "customs_credit_level": where(trader, [_CUSTOMS_LEVELS[w] for w in customs.credit_level(p).to_list()]),
        "has_trade_filing": flags(customs.is_trader(p) & (customs.registered_month(p) <= facts.month)),
        "zero_tariff_relief_last_year": yuan(customs.relief_cents(p, facts.year - 1) // 4 * 4),
        "foreign_capital_actual_last_year": yuan(paid["last"]),
        "foreign_capital_actual_ytd": yuan(paid["ytd"]),
        "foreign_capital_actual_total": yuan(paid["total"]),
    }


def _traded(people: Population, direction: str, month: int) -> Ints:
    """Nobody trades before the customs registration or after the end."""
    able = customs.is_trader(people) & (customs.registered_month(people) <= month) & people.lives_at(month)
    return np.where(able, customs.trade_cents(people, month, direction), 0)


def _traded_usd(people: Population, direction: str, month: int) -> Ints:
    return np.floor(_traded(people, direction, month) / customs.dollar_rate(month)).astype(np.int64)
