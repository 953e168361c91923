from pathlib import Path

import pytest

from data.indicators import CATALOGUE, CatalogueError, load


@pytest.fixture(scope="module")
def catalogue():
    return load()


CORE_FIELDS = """
registered_region industry applicant_type legal_entity tax_region enterprise_size excluded_category established_years newly_settled
industry_conforms stat_region commitment_stay_years enterprise_type permits registered_capital park_residency revenue_last_year sound_finance
first_time_above_scale is_above_scale tax_paid revenue_growth_rate local_contribution main_business_ratio total_assets tax_per_mu output_value
foreign_capital_actual trade_growth export_value import_value trade_value certifications honors recognition_first ip_count patents_invention
innovation_platform rd_expense rd_ratio patent_applications product_certificate sci_project layoff_rate social_insurance_paid new_hires
employees_insured staff_qualified_ratio employees staff_qualified is_dishonest listed_status financing_type key_list major_violation
financing_amount environmental_violation safety_accident
"""

OTHER_FIELDS = """
in_difficulty product_sales local_contribution_growth investment_per_mu outbound_investment rd_staff rd_expense_growth rd_staff_ratio
standards_led evaluation_result duplicate_funding leases_state_property fraud activity event_date service_volume project_status project_type
contract_term planting_area project_investment site_area equipment_investment fixed_asset_investment talent_level person_status
talent_education talent_title talent_age talent_income other_metric other_requirement
"""


@pytest.mark.parametrize("field", CORE_FIELDS.split())
def test_every_core_field_has_a_core_column(catalogue, field):
    assert any(indicator.core for indicator in catalogue.values() if indicator.field == field)


@pytest.mark.parametrize("field", OTHER_FIELDS.split())
def test_every_other_field_has_a_column(catalogue, field):
    assert catalogue.column(field) is not None


@pytest.mark.parametrize(
    ("field", "period", "unit", "column"),
    [
        ("rd_expense", "上年度", None, "rd_expense_last_year"),
        ("rd_expense", "近 3 年", None, "rd_expense_last_3_years"),
        ("revenue_last_year", "上一会计年度", None, "revenue_last_year"),
        ("revenue_last_year", "今年以来", None, "revenue_ytd"),
        ("revenue_last_year", None, None, "revenue_last_year"),
        ("tax_paid", None, None, "tax_paid_last_year"),
        ("export_value", None, None, "export_value_usd_last_year"),
        ("trade_value", "上年度", "元", "trade_value_yuan_last_year"),
        ("trade_value", "上年度", "USD", "trade_value_usd_last_year"),
        ("trade_growth", "同比", None, "trade_growth_ratio"),
        ("patents_invention", None, None, "patents_invention"),
        ("certifications", "上年度", None, "certifications"),
    ],
)
def test_field_and_period_words_find_the_column(catalogue, field, period, unit, column):
    assert catalogue.column(field, period, unit).name == column


def test_a_period_that_no_column_has_is_not_guessed(catalogue):
    assert catalogue.column("tax_paid", "近三年") is None
    assert catalogue.column("no_such_field", "上年度") is None


def test_labels_and_aliases_find_one_indicator(catalogue):
    assert catalogue.find("上年度研发费用") is catalogue["rd_expense_last_year"]
    assert catalogue.find(" 研发费用 ") is catalogue["rd_expense_last_year"]
    assert catalogue.find("rd_ratio") is catalogue["rd_ratio"]
    assert catalogue.find("没有这个指标") is None


def test_money_is_decimal_and_nothing_is_a_float(catalogue):
    assert catalogue["revenue_last_year"].duckdb_type == "DECIMAL(18,2)"
    assert not any(
        "DOUBLE" in indicator.duckdb_type or "FLOAT" in indicator.duckdb_type for indicator in catalogue.values()
    )


def test_evidence_names_the_profile_table_and_the_struct(catalogue):
    assert (catalogue["tax_paid_ytd"].relation, catalogue["tax_paid_ytd"].group) == ("tax", "payment")
    assert (catalogue["rd_ratio"].relation, catalogue["rd_ratio"].group) == ("derived", "rd")
    assert catalogue["sound_finance"].relation is None


GOOD = "x_yuan: {label: 甲, definition: 甲, type: money, unit: 元}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x_yuan: {label: 甲, definition: 甲, type: money, colour: 红}\n", "x_yuan：colour"),
        ("x_yuan: {label: 甲, definition: 甲, type: float}\n", "x_yuan：type"),
        (GOOD + "y_yuan: {label: 甲, definition: 乙, type: money}\n", "“甲”已用于 x_yuan"),
        (GOOD + GOOD, "写了两次"),
        ("x_yuan: {label: 甲, definition: 甲, type: money, period: someday}\n", "someday"),
        ("x_yuan: {label: 甲, definition: 甲, type: money, source: feed, department: tax}\n", "须写明"),
        ("x_yuan: {label: 甲, definition: 甲, type: text, absent_means: zero}\n", "absent_means"),
    ],
)
def test_a_bad_catalogue_names_file_indicator_and_key(tmp_path: Path, text, said):
    file = tmp_path / "indicators.yml"
    file.write_text("_periods: {last_year: [上年度]}\n" + text, encoding="utf-8")
    with pytest.raises(CatalogueError) as caught:
        load(file)
    assert "indicators.yml" in str(caught.value)
    assert said in str(caught.value)


def test_the_catalogue_has_no_key_that_only_repeats_a_default():
    text = CATALOGUE.read_text(encoding="utf-8")
    assert "absent_means: unknown" not in text
    assert "source: declared" not in text
