"""Money and people over periods: corrections, quarters, cumulative figures, several numbers of one firm, sources in order."""

from decimal import Decimal

import pytest

from tests.assets.profile_world import ProfileWorld


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    w = ProfileWorld(tmp_path_factory.mktemp("money"), "2024-12-31", "2025-01-25T00:00:00")
    months = [(f"{m:02d}", 28 if m == 2 else 30) for m in range(1, 13)]

    def vat(of, year, month, sales, serial, days=28, **extra):
        return dict(
            of=of,
            djxh=f"D{of}",
            filing_id=serial,
            period_from_date=f"{year}-{month}-01",
            period_to_date=f"{year}-{month}-{days}",
            filed_date=f"{year}-{month}-{days}",
            taxable_sales_yuan=sales,
            is_void=False,
            **extra,
        )

    w.deliver(
        "market_baseinfo",
        [_base("月报户"), _base("季报户"), _base("新户", "2023-11-05"), _base("汇缴户")],
        "2024-01-05",
    )
    # 月报户 files every month of 2023 and 2024; March 2023 is corrected, April voided and filed again
    rows = [vat("月报户", 2023, m, "100.00", f"a{m}", d) for m, d in months]
    w.deliver("tax_vat", rows, "2024-01-20", "202312")
    w.deliver(
        "tax_vat",
        [
            {**vat("月报户", 2023, "03", "130.00", "a03G", 30), "filed_date": "2024-02-05", "is_correction": True},
            {**vat("月报户", 2023, "04", "100.00", "a04", 30), "is_void": True},
            {**vat("月报户", 2023, "04", "40.00", "a04G", 30), "filed_date": "2024-02-05", "is_correction": True},
        ],
        "2024-02-20",
        "202401",
    )
    w.deliver("tax_vat", [vat("月报户", 2024, m, "110.00", f"b{m}", d) for m, d in months[:11]], "2024-12-20", "202411")
    # 季报户: one hundred yuan a quarter, one cent that does not divide
    w.deliver(
        "tax_vat",
        [
            {
                "of": "季报户",
                "djxh": "D季",
                "filing_id": f"q{q}",
                "period_from_date": f"2024-{3 * q - 2:02d}-01",
                "period_to_date": f"2024-{3 * q:02d}-{31 if q in (1, 4) else 30}",
                "filed_date": f"2024-{3 * q:02d}-28",
                "taxable_sales_yuan": "60.00",
                "exempt_sales_yuan": "40.00",
                "is_void": False,
            }
            for q in (1, 2, 3)
        ],
        "2024-11-01",
        "202410",
    )
    # 漏季户 and 足季户 both hold twelve months; the first left out the quarter that was due in October
    for of, quarters in (
        ("漏季户", [(2023, 3), (2023, 4), (2024, 1), (2024, 2)]),
        ("足季户", [(2023, 4), (2024, 1), (2024, 2), (2024, 3)]),
    ):
        rows = [
            {
                **vat(of, y, f"{3 * q:02d}", "90.00", f"{of}{y}{q}", 31 if q in (1, 4) else 30),
                "period_from_date": f"{y}-{3 * q - 2:02d}-01",
            }
            for y, q in quarters
        ]
        w.deliver("tax_vat", rows, "2024-11-01", "202410")
    # 停报户 filed every month to September and then no more
    rows = [
        vat("停报户", y, m, "100.00", f"s{y}{m}", d) for y in (2023, 2024) for m, d in months[: 12 if y == 2023 else 9]
    ]
    w.deliver("tax_vat", rows, "2024-10-18", "202409")
    # 新户 was founded in November 2023: two months are its whole year
    w.deliver("tax_vat", [vat("新户", 2023, m, "50.00", f"n{m}", d) for m, d in months[10:]], "2024-01-20", "202312")
    annual = {
        "period_from_date": "2023-01-01",
        "period_to_date": "2023-12-31",
        "is_annual": True,
        "filed_date": "2024-05-20",
    }
    w.deliver(
        "tax_income_tax",
        [
            {
                **annual,
                "of": "汇缴户",
                "djxh": "D1",
                "revenue_yuan": "5000000.00",
                "rd_expense_yuan": "250000.00",
                "assets_yuan": "0.00",
                "staff_count": 25,
                "profit_yuan": "100.00",
                "taxable_income_yuan": "90.00",
            },
            {
                **annual,
                "of": "汇缴户",
                "djxh": "D1",
                "period_from_date": "2022-01-01",
                "period_to_date": "2022-12-31",
                "filed_date": "2023-05-20",
                "revenue_yuan": "4000000.00",
                "rd_expense_yuan": "0.00",
                "staff_count": 20,
            },
        ],
        "2024-06-20",
        "2023",
    )
    w.deliver(
        "market_annual_report",
        [{"of": "汇缴户", "pripid": "汇缴户", "report_year": 2023, "assets_yuan": "7000000", "staff_count": 99}],
        "2024-05-01",
    )
    w.deliver(
        "science_rd_input",
        [{"of": "汇缴户", "name": "汇", "report_year": 2022, "rd_expense_yuan": "180000.00"}],
        "2023-05-25",
    )
    w.deliver(
        "tax_registration",
        [
            *(
                {"of": e, "djxh": f"D{e}", "name": e, "status": "normal", "tax_office_code": "14601060000"}
                for e in ("月报户", "汇缴户")
            ),
        ],
        "2024-12-18",
        "202411",
    )
    w.deliver_year("tax_payment", 2023, "2024-01-18")
    w.deliver(
        "tax_payment",
        [
            {
                "of": "月报户",
                "djxh": "D月报户",
                "tax_kind": "vat",
                "paid_date": "2023-05-10",
                "paid_yuan": "300.00",
                "is_refund": False,
            },
            {
                "of": "月报户",
                "djxh": "D月报户",
                "tax_kind": "cit",
                "paid_date": "2023-06-10",
                "paid_yuan": "200.00",
                "is_refund": False,
            },
            {
                "of": "月报户",
                "djxh": "D月报户",
                "tax_kind": "vat",
                "paid_date": "2023-07-10",
                "paid_yuan": "-50.00",
                "is_refund": True,
            },
            {
                "of": "月报户",
                "djxh": "D月报户",
                "tax_kind": "vat",
                "paid_date": "2024-05-10",
                "paid_yuan": "70.00",
                "is_refund": False,
            },
        ],
        "2024-12-18",
        "202411",
    )
    # the whole batch sent again changes nothing
    w.deliver(
        "tax_payment",
        [
            {
                "of": "月报户",
                "djxh": "D月报户",
                "tax_kind": "vat",
                "paid_date": "2023-05-10",
                "paid_yuan": "300.00",
                "is_refund": False,
            }
        ],
        "2024-12-19",
        "202411",
    )
    head = {
        "name": "x",
        "pension_count": 10,
        "unemployment_count": 9,
        "injury_count": 12,
        "pension_due_yuan": "10",
        "pension_paid_yuan": "10",
    }
    w.deliver(
        "labor_headcount", [dict(of="停报户", pay_month="2024-09-01", **head)], "2024-10-18", "202409", batch="460100"
    )
    # 两处户 is insured at two offices; the second has not sent November; 撤处户 closed its second in August
    for of, months_at in (
        ("两处户", {"460100": (9, 10, 11), "460200": (9, 10)}),
        ("撤处户", {"460100": (7, 8, 9, 10, 11), "460200": (7, 8)}),
    ):
        for office, held in months_at.items():
            rows = [dict(of=of, pay_month=f"2024-{m:02d}-01", **head) for m in held]
            w.deliver("labor_headcount", rows, "2024-12-18", "202411", batch=office)
    # 免税店 sold in every month of 2023 but one, which never came
    shop = [
        {"of": "免税店", "name": "x", "report_month": f"2023-{m:02d}-01", "sales_yuan": "10.00"}
        for m in range(1, 13)
        if m != 4
    ]
    w.deliver_year("commerce_duty_free", 2023, "2024-12-18")
    w.deliver("commerce_duty_free", shop, "2024-12-18", "202311")
    for office in ("460100", "460200"):
        w.deliver(
            "labor_headcount", [dict(of="月报户", pay_month="2024-11-01", **head)], "2024-12-18", "202411", batch=office
        )
    w.deliver(
        "labor_headcount",
        [dict(of="月报户", pay_month="2024-11-01", **{**head, "injury_count": 20})],
        "2024-12-19",
        "202411",
        batch="460200",
    )
    w.deliver(
        "labor_headcount",
        [dict(of="月报户", pay_month="2023-11-01", **{**head, "injury_count": 16})],
        "2023-12-18",
        "202311",
        batch="460100",
    )
    sales = [
        ("2023年1-2月", 20),
        ("2023年1-11月", 100),
        ("2023年1-12月", 120),
        ("2024年1-2月", 30),
        ("2024年1-11月", 45),
    ]
    w.deliver(
        "commerce_sales_month",
        [{"of": "月报户", "name": "x", "report_month": m, "goods_sales_yuan": v, "_sheet": "三亚"} for m, v in sales],
        "2024-12-20",
    )
    key = {
        "of": "月报户",
        "customs_code": "C1",
        "trade_month": "2023-06-01",
        "direction": "export",
        "supervision_mode": "0110",
        "hs_code": "1",
        "country": "US",
    }
    w.deliver_year("customs_trade_month", 2023, "2024-01-18")
    w.deliver("customs_trade_month", [dict(key, value_usd="1000", value_yuan="7000")], "2023-07-18", "202306")
    w.deliver("customs_trade_month", [dict(key, value_usd="1200", value_yuan="8400")], "2023-08-18", "202307")
    w.deliver("customs_trade_month", [dict(key, value_usd="-100", value_yuan="-700")], "2023-10-18", "202309")
    return w.build()


def _base(of, established="2015-05-04", **extra):
    return dict(
        of=of,
        pripid=of,
        name=of,
        established_date=established,
        approved_date=established,
        status="active",
        op="I",
        op_at=f"{established} 10:00:00",
        **extra,
    )


def test_a_corrected_filing_replaces_and_a_voided_one_goes(world):
    assert world.profile("月报户")["revenue_last_year"] == Decimal("1170.00")


def test_sales_to_date_reach_the_last_filed_month_and_a_year_back(world):
    profile = world.profile("月报户")
    assert profile["revenue_ytd"] == Decimal("1210.00")
    assert profile["revenue_last_12_months"] == Decimal("1310.00")


def test_a_quarter_is_spread_over_its_months_and_loses_no_cent(world):
    months = world.frame("SELECT month, sales_yuan FROM profile.tax_month WHERE enterprise_id = '季报户'")
    assert len(months) == 9
    assert months["sales_yuan"].to_list()[:3] == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]
    assert world.profile("季报户")["revenue_ytd"] == Decimal("300.00")
    assert world.profile("季报户")["revenue_last_12_months"] is None


def test_twelve_months_end_with_the_newest_period_that_is_due(world):
    assert world.profile("足季户")["revenue_last_12_months"] == Decimal("360.00")
    assert world.profile("足季户")["revenue_ytd"] == Decimal("270.00")
    for firm in ("漏季户", "停报户"):
        profile = world.profile(firm)
        assert (profile["revenue_last_12_months"], profile["revenue_ytd"]) == (None, None), firm


def test_heads_of_a_past_season_are_not_the_present_heads(world):
    profile = world.profile("停报户")
    assert (profile["employees_insured"], profile["social_insurance_paid"]) == (None, None)


def test_months_missing_leave_the_year_unknown_but_not_for_a_firm_just_founded(world):
    assert world.profile("季报户")["revenue_last_year"] is None
    assert world.profile("新户")["revenue_last_year"] == Decimal("100.00")


def test_the_settlement_comes_before_the_annual_report_and_fills_what_it_holds(world):
    profile = world.profile("汇缴户")
    assert profile["revenue_last_year"] == Decimal("5000000.00")
    assert profile["employees"] == 25
    assert profile["total_assets"] == Decimal("7000000.00"), (
        "0.00 is an unfilled balance sheet, the report's figure stands"
    )
    assert profile["revenue_growth_rate"] == Decimal("0.250000")
    assert profile["rd_ratio"] == Decimal("0.050000")


def test_nothing_deducted_gives_way_to_the_science_departments_figure(world):
    profile = world.profile("汇缴户")
    assert profile["rd_expense_before_last_year"] == Decimal("180000.00")
    assert profile["rd_expense_growth"] == Decimal("70000.00")
    assert profile["rd_expense_last_3_years"] is None, "2021 was never reported"
    assert world.evidence("汇缴户")["rd_expense_before_last_year"]["department"] == "science"


def test_tax_paid_is_net_of_refunds_and_resent_batches_and_zero_only_for_taxpayers(world):
    profile = world.profile("月报户")
    assert profile["tax_paid_last_year"] == Decimal("450.00")
    assert profile["vat_paid_last_year"] == Decimal("250.00")
    assert profile["tax_paid_ytd"] == Decimal("70.00")
    assert world.profile("汇缴户")["tax_paid_last_year"] == Decimal("0.00")
    assert world.profile("新户")["tax_paid_last_year"] is None


def test_offices_add_up_and_one_office_counts_once(world):
    profile = world.profile("月报户")
    assert profile["employees_insured"] == 32, "12 in Haikou, 20 in Sanya by the workbook sent again"
    assert profile["employees_insured_growth"] == Decimal("1.000000")
    assert profile["social_insurance_paid"] is True


def test_an_office_that_has_not_reported_yet_is_waited_for_and_one_that_is_gone_is_not(world):
    assert world.profile("两处户")["employees_insured"] == 24, "October, when both offices had reported"
    assert world.profile("撤处户")["employees_insured"] == 12, (
        "one office since September, borne out by two months more"
    )


def test_a_month_that_never_came_leaves_the_year_unknown_and_not_zero(world):
    assert world.profile("免税店")["duty_free_sales_last_year"] is None
    assert world.profile("月报户")["duty_free_sales_last_year"] == Decimal("0.00"), (
        "every month of the feed came, none named it"
    )


def test_cumulative_sales_are_differenced(world):
    months = world.frame(
        "SELECT month, goods_sales_yuan, months FROM profile.commerce_month WHERE enterprise_id = '月报户' ORDER BY month"
    )
    assert months["goods_sales_yuan"].to_list() == [20, 80, 20, 30, 15]
    assert months["months"].to_list() == [2, 9, 1, 2, 9]
    profile = world.profile("月报户")
    assert (profile["sales_last_year"], profile["sales_ytd"], profile["stat_region"]) == (
        Decimal("120.00"),
        Decimal("45.00"),
        "460200",
    )


def test_customs_figures_are_replaced_and_differences_added(world):
    profile = world.profile("月报户")
    assert profile["export_value_usd_last_year"] == Decimal("1100.00")
    assert profile["trade_value_yuan_last_year"] == Decimal("7700.00")
    assert profile["import_value_usd_last_year"] == Decimal("0.00")


def test_no_trade_is_zero_only_while_customs_delivers(world):
    assert world.profile("汇缴户")["export_value_usd_last_year"] is None, (
        "the last customs file is older than its limit"
    )
