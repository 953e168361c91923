"""Facts of recognition: certificates, levels, contracts, patents and trademarks."""

from __future__ import annotations

import datetime as dt

import numpy as np

from data.world import calendar, merit
from data.world.streams import Ints
from data.world.vantage import Column, Vantage, flags, minus_years, numbers, where, yuan
from data.world.views import agri, customs, ip, science


def recognitions(facts: Vantage) -> dict[str, Column]:
    p = facts.people
    valid = merit.is_hnte(p, facts.number)
    spells = merit.hnte(p)
    first = np.where(spells.exists[0], spells.year[0], 0)
    sme = _tech_sme(facts)
    aeo = (
        customs.is_trader(p)
        & np.array([w == "高级认证" for w in customs.credit_level(p).to_list()])
        & (customs.registered_month(p) <= facts.month)
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
        np.isin(p.ids, agri.certified(p, facts.year - 1)["_eid"].to_numpy()) & p.lives_at(facts.month),
        "绿色食品",
    )
    recent = (facts.year - 1, facts.year)
    add(fresh, np.isin(first, recent) & (merit.hnte_day(p, np.maximum(first, 1995)) <= facts.number), "高新技术企业")
    ever_before = np.any([merit.is_tech_sme(p, y) for y in range(facts.year - 5, facts.year - 1)], axis=0)
    add(fresh, (merit.is_tech_sme(p, facts.year - 1) | sme) & ~ever_before, "科技型中小企业")
    for step, word in enumerate(("创新型中小企业", "专精特新中小企业", "专精特新小巨人企业")):
        has, since = merit.gradient(p, step)
        day = merit.gradient_day(p, since)
        held = (
            has
            & (day <= facts.number)
            & (facts.number <= day + 1095)
            & ~(merit.is_withdrawn(p) & (facts.number >= calendar.number_of(dt.date(2024, 10, 12))))
        )
        add(names, held, word)
        add(fresh, has & np.isin(since, recent) & (day <= facts.number), word)
        for k in np.flatnonzero(held).tolist():
            level[k] = word
    return {
        "certifications": names,
        "recognition_first": fresh,
        "is_hnte": flags(valid),
        "hnte_valid_to": where(valid, _held_to(facts, spells)),
        "hnte_first_year": where(spells.exists[0] & (first <= facts.year), numbers(first)),
        "is_tech_sme": flags(sme),
        "specialised_level": level,
        "tech_contract_value_last_year": yuan(_contracts(facts)),
    }


def _tech_sme(facts: Vantage) -> np.ndarray:
    """Listed in the year, from its batch on: April to August."""
    published = facts.day >= dt.date(facts.year, 4, 1)
    listed: np.ndarray = merit.is_tech_sme(facts.people, facts.year) & published
    return listed


def _held_to(facts: Vantage, spells: merit.Spells) -> Column:
    """The last day of the newest certificate issued by the day: three years, less a day."""
    last: Column = [None] * len(facts.people)
    for exists, year in zip(spells.exists, spells.year, strict=True):
        for k, day in enumerate(merit.hnte_day(facts.people, year).tolist()):
            if exists[k] and day <= facts.number:
                last[k] = minus_years(calendar.date_of(day), -3) - dt.timedelta(days=1)
    return last


def _contracts(facts: Vantage) -> Ints:
    sellers, amount = science.signed(facts.people, facts.year - 1)
    value = np.zeros(len(facts.people), dtype=np.int64)
    value[np.searchsorted(facts.people.ids, sellers.ids)] = science.traded(amount)
    return value


def property_rights(facts: Vantage) -> dict[str, Column]:
    p = facts.people
    patents = ip.Patents(p)
    live = patents.held(facts.number)
    start, end = (
        calendar.number_of(dt.date(facts.year - 1, 1, 1)),
        calendar.number_of(dt.date(facts.year - 1, 12, 31)),
    )
    back = calendar.number_of(minus_years(facts.day, 3))

    def count(mask: np.ndarray) -> Ints:
        return np.bincount(patents.owner[mask], minlength=len(p)).astype(np.int64)

    invention = patents.kind == 1
    marks = ip.trademarks(p)
    shown = marks.filter(marks["_day"] <= facts.number)["_eid"].to_numpy()
    marked = np.isin(p.ids, shown).astype(np.int64)
    return {
        "patents_invention": numbers(count(live & invention)),
        "patents_invention_granted_last_year": numbers(
            count(invention & (patents.granted >= start) & (patents.granted <= end))
        ),
        "patents_invention_granted_last_3_years": numbers(
            count(invention & (patents.granted > back) & (patents.granted <= facts.number))
        ),
        "patent_count": numbers(count(live)),
        "ip_count": numbers(count(live) + marked),
        "trademark_count": numbers(marked),
        "patent_applications_last_year": numbers(count((patents.applied >= start) & (patents.applied <= end))),
        "ip_pledge_yuan_last_year": yuan(_pledged(facts, start, end)),
    }


def _pledged(facts: Vantage, start: int, end: int) -> Ints:
    rows = ip.pledges(facts.people)
    rows = rows.filter((rows["_day"] >= start) & (rows["_day"] <= end))
    value = np.zeros(len(facts.people), dtype=np.int64)
    np.add.at(
        value,
        np.searchsorted(facts.people.ids, rows["_eid"].to_numpy()),
        rows["金额"].cast(int).to_numpy() * 1_000_000,
    )
    return value
