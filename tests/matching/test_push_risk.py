"""Each sign on a planted case and on its innocent look-alike."""

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl

from matching.push.evidence import CLAIMS, CORRECTIONS, FIRMS, HEADS, MONTHS, MOVES, PAYOUTS, PROJECTS, TIES, Evidence
from matching.push.risk import SIGNS, flags, meaning

OPENING = dt.date(2024, 6, 1)


def firm(enterprise: str, **changes: Any) -> dict[str, Any]:
    return {
        "enterprise_id": enterprise,
        "established_date": dt.date(2015, 1, 1),
        "moved_in_date": None,
        "revenue_last_year": Decimal("5000000.00"),
        "revenue_before_last_year": Decimal("4000000.00"),
        "vat_paid_last_year": Decimal("100000.00"),
        "employees_insured": 20,
        "employees_insured_last_year_mean": 19.0,
        "electricity_kwh_last_year": 90000.0,
    } | changes


def evidence(firms: list[dict[str, Any]], **frames: Any) -> Evidence:
    claims = pl.DataFrame([(f["enterprise_id"], "a", OPENING) for f in firms], schema=CLAIMS, orient="row")
    return Evidence(claims=claims, firms=pl.DataFrame(firms, schema=FIRMS, orient="row"), **frames)


def flagged(found: Evidence) -> set[tuple[str, str]]:
    return set(flags(found).select("enterprise_id", "flag").iter_rows())


def ties(kind: str, value: str, *enterprises: str) -> list[tuple[str, str, str]]:
    return [(enterprise, kind, value) for enterprise in enterprises]


def tied(*groups: list[tuple[str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame([row for group in groups for row in group], schema=TIES, orient="row")


def test_firms_of_one_hand_are_seen_long_after_they_were_set_up_and_neighbours_are_not() -> None:
    spring = dt.date(2023, 3, 1)
    idle = {"employees_insured": 0}
    firms = [
        *(firm(f"S{n}", established_date=spring + dt.timedelta(40 * n), **idle) for n in range(3)),
        # one thing in common is an office building, three firms over years are an entrepreneur, staff is a business
        *(firm(f"N{n}", established_date=spring, **idle) for n in range(3)),
        *(firm(f"Y{n}", established_date=dt.date(2015 + n, 1, 1), **idle) for n in range(3)),
        *(firm(f"B{n}", established_date=spring) for n in range(3)),
        *(firm(f"P{n}", established_date=spring, **idle) for n in range(2)),
    ]
    shared = tied(
        *(
            ties(kind, f"{group}-{kind}", *(f"{group}{n}" for n in range(size)))
            for group, size, kinds in (
                ("S", 3, ("legal_person", "account")), ("N", 3, ("address",)), ("Y", 3, ("legal_person", "phone")),
                ("B", 3, ("legal_person", "phone")), ("P", 2, ("legal_person", "phone")),
            )
            for kind in kinds
        )
    )  # fmt: skip
    found = flags(evidence(firms, ties=shared)).filter(pl.col("flag") == "shell_group")
    assert found["enterprise_id"].to_list() == ["S0", "S1", "S2"]
    assert found["detail"][0] == "3 家企业同时设立，收款账户、法定代表人相同"


def test_who_came_was_paid_and_went_back_is_seen() -> None:
    firms = [firm(f"E{n}") for n in range(4)]

    def move(n: int, day: dt.date, before: str, after: str) -> tuple[str, dt.date, str, str]:
        return (f"E{n}", day, before, after)

    came, left = dt.date(2023, 5, 1), dt.date(2023, 10, 5)
    moves = [
        move(0, came, "甲", "乙"), move(0, left, "乙", "甲"),
        move(1, came, "甲", "乙"), move(1, left, "乙", "丙"),  # went on, not back
        move(2, came, "甲", "乙"), move(2, left, "乙", "甲"),  # was paid nothing meanwhile
        move(3, came, "甲", "乙"), move(3, dt.date(2024, 6, 1), "乙", "甲"),  # stayed a year
    ]  # fmt: skip
    paid = [(f"E{n}", "x", dt.date(2023, 8, 1)) for n in (0, 1, 3)] + [("E2", "x", dt.date(2023, 11, 1))]
    found = flags(
        evidence(
            firms,
            moves=pl.DataFrame(moves, schema=MOVES, orient="row"),
            payouts=pl.DataFrame(paid, schema=PAYOUTS, orient="row"),
        )
    )
    assert found.rows() == [
        ("E0", "a", "moved_claimed_returned", "2023-05-01 迁来，2023-08-01 领到奖励，2023-10-05 迁回")
    ]


def test_newborn_shells_are_seen_and_an_old_agents_clients_are_not() -> None:
    young = dt.date(2024, 4, 15)
    firms = [firm(n, established_date=young) for n in ("E1", "E2", "E3", "E7", "E8")] + [
        firm(n) for n in ("E4", "E5", "E6")
    ]
    shared = tied(
        ties("phone", "ring", "E1", "E2", "E3"),
        ties("phone", "agent", "E4", "E5", "E6", "E7"),
        ties("address", "x", "E7", "E8"),
    )
    assert flagged(evidence(firms, ties=shared)) == {(n, "newborn_cluster") for n in ("E1", "E2", "E3")}


def test_a_jump_before_the_deadline_is_seen_and_steady_growth_is_not() -> None:
    firms = [
        firm("E1", employees_insured=40),
        firm("E2", employees_insured=24),
        firm("E3", employees_insured=5, employees_insured_last_year_mean=2.0),
        firm("E4", employees_insured=None),
    ]
    assert flagged(evidence(firms)) == {("E1", "headcount_jump")}


def test_revenue_without_tax_staff_or_power() -> None:
    grown = {"revenue_last_year": Decimal("120000000.00"), "revenue_before_last_year": Decimal("30000000.00")}
    firms = [
        firm("E1", **grown, vat_paid_last_year=Decimal(0), employees_insured=1, employees_insured_last_year_mean=1.0),
        firm("E2", **grown),
        firm("E3", vat_paid_last_year=Decimal(0), employees_insured=1, employees_insured_last_year_mean=1.0),
        firm("E4", **grown, vat_paid_last_year=None, employees_insured=None, electricity_kwh_last_year=None),
    ]
    assert flagged(evidence(firms)) == {("E1", "revenue_without_substance")}


def test_one_certificate_or_account_for_several_firms() -> None:
    shared = tied(
        ties("certificate", "GR1", "E1", "E2"), ties("account", "acc", "E3", "E4"), ties("certificate", "GR2", "E3")
    )
    firms = [firm(f"E{n}") for n in range(1, 6)]
    assert flagged(evidence(firms, ties=shared)) == {
        ("E1", "shared_certificate"),
        ("E2", "shared_certificate"),
        ("E3", "shared_account"),
        ("E4", "shared_account"),
    }


def test_moved_in_for_the_window() -> None:
    firms = [firm("E1", moved_in_date=dt.date(2024, 5, 1)), firm("E2", moved_in_date=dt.date(2022, 5, 1)), firm("E3")]
    assert flagged(evidence(firms)) == {("E1", "moved_in_to_claim")}


def test_tax_lowered_after_the_money_came() -> None:
    firms = [firm(n) for n in ("E1", "E2", "E3")]
    payouts = pl.DataFrame([(n, "b", dt.date(2023, 9, 1)) for n in ("E1", "E2", "E3")], schema=PAYOUTS, orient="row")
    corrections = pl.DataFrame(
        [
            ("E1", dt.date(2023, 11, 1), Decimal("-50000.00"), Decimal(200_000)),
            ("E2", dt.date(2023, 11, 1), Decimal("50000.00"), Decimal(200_000)),
            ("E3", dt.date(2023, 8, 1), Decimal("-50000.00"), Decimal(200_000)),
        ],
        schema=CORRECTIONS,
        orient="row",
    )
    assert flagged(evidence(firms, payouts=payouts, corrections=corrections)) == {("E1", "corrected_after_payout")}


def test_a_clean_world_has_no_flags_and_every_flag_has_words() -> None:
    assert flags(evidence([firm("E1"), firm("E2")])).is_empty()
    assert flags(Evidence(claims=pl.DataFrame(schema=CLAIMS))).is_empty()
    assert all(any("\u4e00" <= char <= "\u9fff" for char in meaning(name)) for name in SIGNS)


def test_the_order_of_the_evidence_does_not_matter() -> None:
    firms = [firm(f"E{n}", established_date=dt.date(2024, 5, 1), employees_insured=60) for n in range(6)]
    shared = tied(ties("phone", "p", *(f"E{n}" for n in range(6))), ties("address", "q", *(f"E{n}" for n in range(3))))
    turned = Evidence(
        claims=evidence(firms).claims.reverse(),
        firms=pl.DataFrame(firms[::-1], schema=FIRMS, orient="row"),
        ties=shared.reverse(),
    )
    assert flags(turned).equals(flags(evidence(firms, ties=shared)))


def months(enterprise: str, *sales: int, payable: int = 0) -> list[tuple[str, dt.date, Decimal, Decimal]]:
    """Monthly filings from January 2024 in 万元; a month of ordinary size pays tax."""
    return [
        (enterprise, dt.date(2024, n, 1), Decimal(10_000 * wan), Decimal(payable if wan > 100 else 1000))
        for n, wan in enumerate(sales, start=1)
    ]


def test_a_burst_of_untaxed_sales_is_seen_and_growth_season_or_taxed_business_is_not() -> None:
    firms = [firm(f"E{n}") for n in range(1, 6)]
    filed = [
        *months("E1", 50, 50, 50, 600, 600, 600, 50, 50),
        *months("E2", 50, 50, 50, 600, 600, 600, 50, 50, payable=9000),  # taxed
        *months("E3", 50, 50, 50, 50, 50, 600, 600, 600),  # lasts to the newest month
        *months("E4", 50, 50, 50, 600, 50, 50, 50, 50),  # one month: an invoice
        *months("E5", 1, 1, 1, 40, 40, 1, 1, 1),  # small
    ]
    found = flags(evidence(firms, months=pl.DataFrame(filed, schema=MONTHS, orient="row")))
    assert found.select("enterprise_id", "flag").rows() == [("E1", "sales_burst")]
    assert "3 个月合计申报 18000000.00 元" in found["detail"][0]


def test_insured_for_one_month_is_seen_and_a_season_is_not() -> None:
    def heads(enterprise: str, *counts: int) -> list[tuple[str, dt.date, int]]:
        return [(enterprise, dt.date(2024, n, 1), count) for n, count in enumerate(counts, start=1)]

    firms = [firm(f"E{n}") for n in range(1, 6)]
    insured = [
        *heads("E1", 8, 8, 20, 8, 8),
        *heads("E2", 8, 8, 20, 20, 20),  # hired
        *heads("E3", 100, 100, 120, 100, 100),  # a fifth more
        *heads("E4", 8, 8, 20),  # nobody knows yet
        *[row for row in heads("E5", 8, 8, 20, 8, 8) if row[1].month != 2],  # a month is missing
    ]
    found = flagged(evidence(firms, heads=pl.DataFrame(insured, schema=HEADS, orient="row")))
    assert found == {("E1", "insured_spike")}


def test_one_project_filed_in_halves_is_seen_and_two_phases_of_different_size_are_not() -> None:
    day = dt.date(2024, 3, 1)
    rows = [
        ("E1", "p1", "星海药业建设项目", day, Decimal(5_000_000)),
        ("E1", "p2", "星海药业建设项目（二期）", day, Decimal(5_000_000)),
        ("E2", "p3", "云帆仓储项目", day, Decimal(5_000_000)),
        ("E2", "p4", "云帆仓储项目（二期）", day, Decimal(8_000_000)),
        ("E3", "p5", "椰风酒店项目", day, Decimal(5_000_000)),
        ("E3", "p5", "椰风酒店项目", day, Decimal(5_000_000)),  # the same record again
    ]
    firms = [firm(n) for n in ("E1", "E2", "E3")]
    found = flagged(evidence(firms, projects=pl.DataFrame(rows, schema=PROJECTS, orient="row")))
    assert found == {("E1", "split_project")}


def test_a_steep_correction_is_seen_and_a_small_or_old_one_is_not() -> None:
    rows = [
        ("E1", dt.date(2024, 5, 1), Decimal(-60_000), Decimal(80_000)),
        ("E2", dt.date(2024, 5, 1), Decimal(-30_000), Decimal(80_000)),
        ("E3", dt.date(2022, 5, 1), Decimal(-60_000), Decimal(80_000)),
    ]
    firms = [firm(n) for n in ("E1", "E2", "E3")]
    found = flagged(evidence(firms, corrections=pl.DataFrame(rows, schema=CORRECTIONS, orient="row")))
    assert found == {("E1", "steep_correction")}
