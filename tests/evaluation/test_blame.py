"""A fault excuses a wrong value only where it spoils the field and the period the value is taken from."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl
import pytest

from evaluation import agreement, blame


@pytest.mark.parametrize(
    ("what", "feed", "indicator", "reached"),
    [
        ("wild_report", "market.annual_report", "total_assets", True),
        ("zero_for_unknown@ZCZE", "tax.income_tax", "total_assets", True),
        ("zero_for_unknown@ZCZE", "tax.income_tax", "revenue_last_year", False),
        ("dash_for_unknown@VENDINC", "market.annual_report", "revenue_last_year", True),
        ("dash_for_unknown@VENDINC", "market.annual_report", "total_assets", False),
        ("district_blank@DOMDISTRICT", "market.baseinfo", "registered_region", True),
        ("district_blank@DOMDISTRICT", "market.baseinfo", "registered_capital", False),
        ("thousands_separator@研发费用", "science.rd_input", "rd_ratio", False),
        ("orgform@名称", "commerce.sales_month", "sales_last_year", False),
        ("former_name", "tax.registration", "taxpayer_status", False),
        ("letters_in_number@SBRQ", "tax.vat", "revenue_ytd", False),
        ("slash_for_unknown@某列", "agri.coop", "coop_revenue_last_year", True),
    ],
)
def test_a_defect_reaches_what_is_read_from_its_field(what: str, feed: str, indicator: str, reached: bool) -> None:
    assert blame.reaches(what, feed, indicator) is reached


def test_a_fault_of_an_earlier_period_excuses_nothing() -> None:
    marks = [blame.mark(date(2022, 6, 30), "rejected"), blame.mark(date(2024, 6, 30), "late")]
    assert blame.within(marks, "tax.vat", "2024-12-31", date(2024, 1, 1)) == {"late"}
    assert blame.within(marks, "tax.vat", "2024-12-31", None) == {"rejected", "late"}


def test_of_a_standing_table_the_newest_row_counts() -> None:
    marks = [blame.mark(date(2024, 6, 30), "rejected")]
    assert blame.within(marks, "market.baseinfo", "2024-06-30", None) == {"rejected"}
    assert blame.within(marks, "market.baseinfo", "2024-09-30", None) == set()
    assert blame.within([blame.mark(None, "unlinked")], "reform.permit", "9999-12-31", date(2024, 1, 1)) == {"unlinked"}


def test_the_same_difference_is_planted_in_its_year_and_ours_in_another() -> None:
    place = {"feed": "tax.income_tax", "row_no": 1, "sheet": ""}
    records = pl.DataFrame(
        [
            {
                "uscc": u,
                "file": f"landing/tax/SWJ_SB_QYSDS_{period}_I_01.txt.gz",
                "defects": "zero_for_unknown@ZCZE",
                **place,
            }
            for u, period in (("a", "202412"), ("b", "202212"))
        ]
    )
    names = records["file"].str.split("/").list.last()
    deliveries = records.select("file").with_columns(received_at=pl.lit(datetime(2025, 1, 10)))
    ledger = pl.DataFrame({"name": names, "file_id": ["f", "g"], "status": ["loaded", "loaded"]})
    landed = pl.DataFrame([{"file_id": f, "uscc": u, **place} for f, u in (("f", "a"), ("g", "b"))])
    rejects = pl.DataFrame(schema={"file_id": pl.String, "row_no": pl.Int64})
    trails = agreement.trail(records, deliveries, ledger, landed, rejects, datetime(2025, 1, 25), date(2025, 1, 25))
    different = pl.DataFrame(
        [{"uscc": u, "indicator": "total_assets", "ours": "0", "true": "900000"} for u in ("a", "b")]
    )
    stood = pl.DataFrame({"uscc": ["a", "b"], "indicator": ["total_assets"] * 2, "feed": ["tax.income_tax"] * 2})
    found = agreement.causes(
        different, trails, stood, {"total_assets": ("tax.income_tax",)}, {}, {"total_assets": date(2024, 1, 1)}, {}, {}, frozenset(), frozenset(), date(2025, 1, 25)
    )  # fmt: skip
    assert found["cause"].to_list() == [agreement.PLANTED, agreement.OUR_ERROR]


def test_a_pulled_record_that_became_visible_after_the_day_is_late() -> None:
    records = pl.DataFrame(
        [
            {"uscc": u, "feed": "reform.penalty", "file": "api/XZCF.jsonl", "row_no": n, "sheet": "", "defects": "", "stamped": datetime(2025, 1, day)}
            for n, (u, day) in enumerate((("a", 26), ("b", 20)), 1)
        ]
    )  # fmt: skip
    deliveries = pl.DataFrame(schema={"file": pl.String, "received_at": pl.Datetime("us")})
    ledger = pl.DataFrame(schema={"name": pl.String, "file_id": pl.String, "status": pl.String})
    landed = pl.DataFrame(
        [{"feed": "reform.penalty", "file_id": "p", "row_no": 1, "sheet": "", "uscc": u} for u in "ab"]
    )
    rejects = pl.DataFrame(schema={"file_id": pl.String, "row_no": pl.Int64})
    trails = agreement.trail(
        records, deliveries, ledger, landed, rejects, datetime(2025, 1, 25, 23, 59), date(2025, 1, 25)
    )
    assert dict(trails.select("uscc", "marks").iter_rows()) == {"a": ["9999-12-31|late"], "b": []}


HNTE = frozenset({"science.hnte"})
NONE: frozenset[str] = frozenset()


def _alone(
    received: datetime,
    file: str,
    as_of: date,
    monthly: frozenset[str] = NONE,
    dayless: frozenset[str] = NONE,
    since: date | None = None,
    defects: str = "",
) -> list[str]:
    """The marks of the only record of firm a, received then in a file of that name, known by 2024-11-25."""
    place = {"feed": "science.hnte", "row_no": 1, "sheet": ""}
    records = pl.DataFrame(
        [{"uscc": "a", "file": file, "defects": defects, "since": since, **place}], schema_overrides={"since": pl.Date}
    )
    deliveries = pl.DataFrame({"file": [file], "received_at": [received]})
    ledger = pl.DataFrame({"name": [file.rsplit("/")[-1]], "file_id": ["f"], "status": ["loaded"]})
    landed = pl.DataFrame([{"file_id": "f", "uscc": "a", **place}])
    rejects = pl.DataFrame(schema={"file_id": pl.String, "row_no": pl.Int64})
    found = agreement.trail(
        records, deliveries, ledger, landed, rejects, datetime(2024, 11, 25), as_of, monthly, dayless
    )
    return [mark for marks in found["marks"].to_list() for mark in marks]


def test_the_list_of_the_running_year_that_has_not_come_is_pending_and_a_month_s_file_is_not() -> None:
    file, received = "landing/science/KJT_GQ_2024_F_01.csv", datetime(2025, 1, 17)
    assert _alone(received, file, date(2024, 10, 31)) == ["2024-12-31|pending"]
    assert _alone(received, file, date(2024, 10, 31), HNTE) == []
    assert _alone(datetime(2024, 11, 1), file, date(2024, 10, 31)) == []


def test_a_later_month_s_row_is_pending_if_what_it_reports_is_older_than_the_day() -> None:
    file, received = "landing/labor/RSJ_RCRD_202412_I_01.xlsx", datetime(2025, 1, 17)
    assert _alone(received, file, date(2024, 10, 31), HNTE, since=date(2024, 10, 1)) == ["2024-12-31|pending"]
    assert _alone(received, file, date(2024, 10, 31), HNTE, since=date(2024, 11, 1)) == []


def test_a_list_without_days_says_nothing_of_the_days_before_it_came() -> None:
    file, received = "landing/agri/NYT_HZS_2024_F_01.xls", datetime(2024, 11, 10)
    assert _alone(received, file, date(2024, 10, 31), dayless=HNTE) == ["2024-12-31|pending"]
    assert _alone(received, file, date(2024, 11, 15), dayless=HNTE) == []


def test_a_month_handed_in_with_the_next_is_late_and_excuses_no_month_long_before() -> None:
    file, received = "landing/labor/RSJ_CBRS_202410_I_460100.xlsx", datetime(2024, 11, 26)
    told = _alone(received, file, date(2024, 9, 30), HNTE, defects="late_sheet")
    assert told == ["2024-10-31|defect:late_sheet", "2024-10-31|late"]
    assert _alone(received, file, date(2024, 6, 30), HNTE, defects="late_sheet") == []


@pytest.mark.parametrize(("was", "cause"), [("12", agreement.NOT_DUE), ("13", agreement.OUR_ERROR)])
def test_a_value_is_of_an_earlier_period_only_if_it_was_the_truth_of_one(was: str, cause: str) -> None:
    cell = {"uscc": ["a"], "indicator": ["employees_insured"]}
    different = pl.DataFrame({**cell, "ours": ["12"], "true": ["14"]})
    trails = pl.DataFrame(
        {"uscc": ["a"], "feed": ["labor.headcount"], "newest": ["2024-11-30"], "marks": [[]]},
        schema_overrides={"marks": pl.List(pl.String)},
    )
    stood = pl.DataFrame({**cell, "feed": ["labor.headcount"]})
    found = agreement.causes(
        different, trails, stood, {"employees_insured": ("labor.headcount",)}, {}, {}, {}, {}, frozenset(),
        frozenset({(None, "employees_insured")}), date(2025, 1, 25), pl.DataFrame({**cell, "value": [was]}),
    )  # fmt: skip
    assert found["cause"].to_list() == [cause]


def test_a_definition_of_some_enterprises_excuses_no_other() -> None:
    definition = agreement.Definition("金融业另有标准", of=frozenset({"a"}))
    assert definition.covers("a", "微型", "小型")
    assert not definition.covers("b", "微型", "小型")


def test_a_definition_excuses_by_its_names_and_in_its_direction_only() -> None:
    listed = agreement.Definition("名录不足五年", names=frozenset({"科技型中小企业"}))
    assert listed.covers("a", "高新技术企业、科技型中小企业", "高新技术企业")
    assert not listed.covers("a", "科技型中小企业", "高新技术企业")
    later = agreement.Definition("公布后才交付", below=True)
    assert later.covers("a", "1", "2") and later.covers("a", None, "2")
    assert not later.covers("a", "3", "2")


@pytest.mark.parametrize(("ours", "cause"), [("0", agreement.GAP), (None, agreement.GAP), ("2", agreement.OUR_ERROR)])
def test_a_value_without_a_row_of_the_enterprise_is_somebody_else_s(ours: str | None, cause: str) -> None:
    cell = {"uscc": ["a"], "indicator": ["trademark_count"]}
    different = pl.DataFrame({**cell, "ours": [ours], "true": ["1"]}, schema_overrides={"ours": pl.String})
    trails = pl.DataFrame(
        schema={"uscc": pl.String, "feed": pl.String, "newest": pl.String, "marks": pl.List(pl.String)}
    )
    stood = pl.DataFrame({**cell, "feed": ["ip.trademark"]})
    found = agreement.causes(
        different, trails, stood, {"trademark_count": ("ip.trademark",)}, {}, {}, {}, {}, frozenset(), frozenset(), date(2025, 1, 25)
    )  # fmt: skip
    assert found["cause"].to_list() == [cause]


def test_a_lesser_source_excuses_only_where_one_may_stand_in_and_the_best_had_not_come() -> None:
    cells = [("revenue_last_year", "market.annual_report"), ("tax_paid_last_year", "tax.registration")]
    different = pl.DataFrame(
        [{"uscc": u, "indicator": i, "ours": "0", "true": "500000"} for u in "ab" for i, _ in cells]
    )
    trails = pl.DataFrame(
        [{"uscc": u, "feed": feed, "newest": "2024-12-31", "marks": []} for u in "ab" for _, feed in cells],
        schema_overrides={"marks": pl.List(pl.String)},
    )
    stood = pl.DataFrame([{"uscc": u, "indicator": i, "feed": feed} for u in "ab" for i, feed in cells])
    feeds = {"revenue_last_year": ("tax.income_tax",), "tax_paid_last_year": ("tax.payment",)}
    found = agreement.causes(
        different, trails, stood, feeds, {}, {}, {}, {}, frozenset(), frozenset(), date(2025, 1, 25),
        first_hand=frozenset({("b", "revenue_last_year")}),
    )  # fmt: skip
    told = {(row["uscc"], row["indicator"]): row["cause"] for row in found.iter_rows(named=True)}
    assert told["a", "revenue_last_year"] == agreement.SUBSTITUTE
    assert told["b", "revenue_last_year"] == told["a", "tax_paid_last_year"] == agreement.OUR_ERROR


def test_the_returns_of_a_ring_of_invoices_are_planted_in_its_months_only() -> None:
    files = [f"landing/tax/SWJ_SB_ZZS_2024{month:02d}_I_01.txt.gz" for month in (5, 6)]
    rows = [{"uscc": u, "feed": "tax.vat", "file": f, "defects": "voided"} for u in "ab" for f in files]
    fraud = {"kind": "circular_invoicing", "first_month": date(2024, 6, 1), "last_month": date(2024, 8, 1)}
    rings = pl.DataFrame([{"uscc": "a", "innocent": False, **fraud}, {"uscc": "b", "innocent": True, **fraud}])
    found = blame.ringed(pl.DataFrame(rows), rings)["defects"].to_list()
    assert found == ["voided", "voided;ring_circular_invoicing", "voided", "voided"]


@pytest.mark.parametrize(
    ("ours", "cause"), [("1", agreement.GAP), ("3", agreement.OUR_ERROR), (None, agreement.OUR_ERROR)]
)
def test_what_no_row_tells_excuses_its_one_value_only(ours: str | None, cause: str) -> None:
    cell = {"uscc": ["a"], "indicator": ["penalty_count_last_3_years"]}
    different = pl.DataFrame({**cell, "ours": [ours], "true": ["2"]}, schema_overrides={"ours": pl.String})
    trails = pl.DataFrame(
        {"uscc": ["a"], "feed": ["reform.penalty"], "newest": ["9999-12-31"], "marks": [[]]},
        schema_overrides={"marks": pl.List(pl.String)},
    )
    stood = pl.DataFrame({**cell, "feed": ["reform.penalty"]})
    untold = {("a", "penalty_count_last_3_years"): agreement.Untold("1", agreement.GAP, "处罚没有记录")}
    found = agreement.causes(
        different, trails, stood, {"penalty_count_last_3_years": ("reform.penalty",)}, {}, {}, {}, {}, frozenset(), frozenset(),
        date(2025, 1, 25), untold=untold,
    )  # fmt: skip
    assert found["cause"].to_list() == [cause]


def test_a_spoilt_cell_that_came_says_more_than_a_file_that_has_not() -> None:
    names = ("total_assets", "revenue_last_year")
    different = pl.DataFrame(
        [{"uscc": "a", "indicator": name, "ours": None, "true": "900000"} for name in names], schema_overrides={"ours": pl.String}
    )  # fmt: skip
    marks = ["2024-12-31|defect:zero_for_unknown@ZCZE", "2025-12-31|pending"]
    trails = pl.DataFrame({"uscc": ["a"], "feed": ["tax.income_tax"], "newest": ["2025-12-31"], "marks": [marks]})
    stood = pl.DataFrame(schema={"uscc": pl.String, "indicator": pl.String, "feed": pl.String})
    feeds = dict.fromkeys(names, ("tax.income_tax",))
    found = agreement.causes(different, trails, stood, feeds, {}, {}, {}, {}, NONE, NONE, date(2025, 12, 25))
    assert dict(found.select("indicator", "cause").iter_rows()) == {
        "total_assets": agreement.PLANTED, "revenue_last_year": agreement.NOT_DUE,
    }  # fmt: skip


def _written_over(landed: list[tuple[str, int, str | None]], rejected: tuple[int, ...] = ()) -> dict[str, list[str]]:
    """The marks of a (row 1), b (2), c (3) of one file and d (1), e (2) of another written over it, of which those rows landed."""
    file = {"feed": "ip.trademark", "file": "landing/ip/ZSCQ_TM_20240217_I_01.xml", "sheet": "", "defects": ""}
    rows = (("a", 1), ("b", 2), ("c", 3), ("d", 1), ("e", 2))
    records = pl.DataFrame([{"uscc": u, "row_no": n, "versions": [3, 2], **file} for u, n in rows])
    deliveries = pl.DataFrame({"file": [file["file"]], "received_at": [datetime(2024, 2, 23)]})
    ledger = pl.DataFrame({"name": ["ZSCQ_TM_20240217_I_01.xml"], "file_id": ["f"], "status": ["loaded"]})
    told = pl.DataFrame(
        [{"feed": "ip.trademark", "file_id": "f", "row_no": n, "sheet": "", "uscc": u} for _, n, u in landed],
        schema={"feed": pl.String, "file_id": pl.String, "row_no": pl.Int64, "sheet": pl.String, "uscc": pl.String},
    )
    turned = pl.DataFrame(
        [{"file_id": "f", "row_no": n} for n in rejected], schema={"file_id": pl.String, "row_no": pl.Int64}
    )
    found = agreement.trail(records, deliveries, ledger, told, turned, datetime(2024, 11, 25), date(2024, 11, 25))
    return {u: [m.partition("|")[2] for m in marks] for u, marks in found.select("uscc", "marks").iter_rows()}


def test_rows_of_a_file_that_another_was_written_over_never_arrived() -> None:
    found = _written_over([("d", 1, "d"), ("e", 2, "e")])
    assert found == {"a": ["overwritten"], "b": ["overwritten"], "c": ["overwritten"], "d": [], "e": []}


def test_rows_of_the_file_that_did_arrive_are_not_overwritten() -> None:
    """Row 2 went to an enterprise that neither file names there; then row 2 was lost in reading, so that neither file is whole."""
    assert _written_over([("d", 1, "d"), ("e", 2, "z")])["e"] == ["unlinked"]
    assert _written_over([("d", 1, "d")])["c"] == _written_over([("d", 1, "d")])["e"] == []
    assert _written_over([("d", 1, "d")], rejected=(2,))["e"] == ["rejected"]
