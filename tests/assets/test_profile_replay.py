"""The same day asked again gives what was stored then, whatever has arrived since and in whatever order the rows lie."""

import random
from datetime import date

import pytest

from assets.profile.plan import build
from tests.assets.profile_world import ProfileWorld

FIRMS = ["甲", "乙", "丙"]


def vat(of, year, month, sales, serial, **extra):
    last = {2: 28}.get(month, 30)
    return {
        "of": of,
        "djxh": f"D{of}",
        "filing_id": serial,
        "period_from_date": f"{year}-{month:02d}-01",
        "period_to_date": f"{year}-{month:02d}-{last}",
        "filed_date": f"{year}-{month:02d}-{last}",
        "taxable_sales_yuan": sales,
        "is_void": False,
        **extra,
    }


def base(of, op_at, **extra):
    return {
        "of": of,
        "pripid": of,
        "name": of,
        "established_date": "2019-03-01",
        "status": "active",
        "op": "U",
        "op_at": op_at,
        **extra,
    }


def deliveries():
    """(raw table, rows, day received, period): a year of months with corrections, moves, penalties and certificates."""
    out = [
        (
            "market_baseinfo",
            [base(f, "2019-03-01 09:00:00", region_code="460105") for f in FIRMS],
            "2024-01-02",
            "20240101",
        )
    ]
    for m in range(1, 13):
        day = f"2024-{m % 12 + 1:02d}-18" if m < 12 else "2025-01-18"
        rows = [vat(f, 2024, m, f"{100 * m + n}.37", f"{f}{m}") for n, f in enumerate(FIRMS)]
        if m > 3:
            rows += [
                {**vat("甲", 2024, m - 3, "1", f"甲{m - 3}"), "is_void": True},
                vat("甲", 2024, m - 3, f"{90 * m}.00", f"甲{m - 3}G", filed_date=day),
            ]
        out.append(("tax_vat", rows, day, f"2024{m:02d}"))
        heads = {"name": "x", "pension_count": m, "unemployment_count": m, "injury_count": m}
        out.append(
            (
                "labor_headcount",
                [{"of": f, "pay_month": f"2024-{m:02d}-01", **heads} for f in FIRMS],
                day,
                f"2024{m:02d}",
            )
        )
    fine = {
        "of": "乙",
        "subject_name": "乙",
        "document_no": "琼罚〔2024〕7号",
        "fine_yuan": "200000",
        "decided_date": "2024-03-01",
    }
    out.append(
        (
            "reform_penalty",
            [{**fine, "is_repaired": False, "updated_at": "2024-03-08 00:00:00"}],
            "2024-03-08",
            "20240308",
        )
    )
    repaired = {**fine, "is_repaired": True, "repaired_date": "2024-08-01", "updated_at": "2024-08-02 00:00:00"}
    out.append(("reform_penalty", [repaired], "2024-08-02", "20240802"))
    out.append(("market_baseinfo", [base("丙", "2024-05-06 09:00:00", region_code="460204")], "2024-05-07", "20240507"))
    certificate = {"of": "甲", "certificate_no": "GR1", "name": "甲", "issued_date": "2024-04-01", "valid_years": 3}
    out.append(("science_hnte", [{**certificate, "status": "valid"}], "2024-05-01", "2024"))
    out.append(("science_hnte", [{**certificate, "status": "cancelled", "cancelled_year": 2024}], "2024-11-01", "2024"))
    return sorted(out, key=lambda d: d[2])


# evidence is the costly table: three of the twelve days show it
EVIDENCED = ("2024-03-30", "2024-08-30", "2024-12-30")


def rebuilt(world, day):
    """Builds the world's profile for the dates it was asked about; its tables by name."""
    without = () if day in EVIDENCED else ("sourced",)
    build(world.warehouse, world.scope, without)
    tables = {"enterprise", "evidence", "event", "indicator_month"} - ({"evidence"} if without else set())
    return {name: world.frame(f"SELECT * FROM profile.{name}") for name in sorted(tables)}


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """A world that built its profile at the end of each of twelve months from what had arrived, and what it stored."""
    world = ProfileWorld(tmp_path_factory.mktemp("replay"), "2024-01-31")
    waiting = deliveries()
    kept = {}
    for month in range(1, 13):
        day = f"2024-{month:02d}-{28 if month == 2 else 30}"
        while waiting and waiting[0][2] <= day:
            table, rows, received, period = waiting.pop(0)
            world.deliver(table, rows, received, period)
        world.ask(date.fromisoformat(day))
        kept[day] = rebuilt(world, day)
    for table, rows, received, period in waiting:
        world.deliver(table, rows, received, period)
    return world, kept


def test_twelve_past_days_give_what_was_stored_then(history):
    world, kept = history
    for day, tables in kept.items():
        world.ask(date.fromisoformat(day))
        for name, frame in rebuilt(world, day).items():
            assert frame.equals(tables[name]), f"{day} profile.{name}"


def test_a_past_day_known_later_knows_more(history):
    world, kept = history
    day = date(2024, 6, 30)
    world.ask(day, "2025-01-25T00:00:00")
    then = {row["enterprise_id"]: row for row in kept["2024-06-30"]["enterprise"].iter_rows(named=True)}
    later = {row["enterprise_id"]: row for row in rebuilt(world, "2024-06-30")["enterprise"].iter_rows(named=True)}
    assert then["甲"]["is_hnte"] is True
    assert later["甲"]["is_hnte"] is False, "cancelled from 2024 on, as was learned in November"
    assert then["乙"]["penalty_count_last_3_years"] == later["乙"]["penalty_count_last_3_years"] == 1, (
        "repaired in August only"
    )
    assert (then["甲"]["employees_insured"], later["甲"]["employees_insured"]) == (5, 6)


@pytest.mark.parametrize("seed", [1])
def test_the_order_in_which_rows_lie_changes_nothing(history, tmp_path, seed):
    world, _ = history
    world.ask(date(2024, 12, 31), "2025-01-25T00:00:00")
    expected = rebuilt(world, "2024-12-30")
    order = random.Random(seed)
    with world.warehouse.write() as w:
        for table in ("tax_vat", "labor_headcount", "market_baseinfo", "reform_penalty", "science_hnte"):
            rows = world.frame(f"SELECT * FROM raw.{table}")
            w.replace(f"raw.{table}", rows[order.sample(range(len(rows)), len(rows))])
    for name, frame in rebuilt(world, "2024-12-30").items():
        assert frame.equals(expected[name]), name


def test_events_name_what_changed_and_from_what(history):
    _, kept = history
    events = kept["2024-12-30"]["event"].rows()
    assert ("丙", date(2024, 5, 6), "moved", "460105", "460204") in [row[:5] for row in events]
    certified = kept["2024-05-30"]["event"].rows()
    assert ("甲", date(2024, 4, 1), "certified", None, "高新技术企业") in [row[:5] for row in certified]


def test_the_panel_has_a_row_per_enterprise_and_month(history):
    _, kept = history
    panel = kept["2024-12-30"]["indicator_month"]
    assert panel.select("enterprise_id", "month").is_unique().all()
    assert panel["insured_count"].drop_nulls().len() == 33
