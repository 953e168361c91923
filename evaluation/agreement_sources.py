"""What rows an indicator stands on, which of them are only a substitute, and how far a delivered figure is rounded."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

# Half a unit of the delivered figure, in the indicator's unit, times the rows a year's figure is a sum of.
ROUNDING: Mapping[str, int | Decimal] = {
    "commerce.sales_month": 6_000, "industry.output_month": 6_000, "commerce.duty_free": 600, "science.rd_input": 300, "industry.software": 600,
    "industry.tech_upgrade": 100, "reform.project": 100, "agri.collective": 100, "commerce.foreign_capital": 5, "customs.trade_month": 100, "tax.income_tax": 50,
    # a quarter's export is a share of the quarter's sales, the truth's of each month's: a cent each way twelve times
    "tax.vat": Decimal("0.12"),
}  # fmt: skip
# What rows a derived indicator stands on besides its own table, best source first.
SOURCES: Mapping[str, tuple[str, ...]] = {
    "revenue": ("tax.income_tax", "tax.vat", "market.annual_report"),
    "revenue_last_12_months": ("tax.vat",),
    "revenue_ytd": ("tax.vat",),
    "total_assets": ("tax.income_tax", "market.annual_report"),
    "employees_insured": ("labor.headcount",),
    "employees": ("tax.income_tax", "market.annual_report", "market.baseinfo"),
    "enterprise_size": ("tax.income_tax", "tax.vat", "market.annual_report", "labor.headcount"),
    "rd_": ("tax.income_tax", "science.rd_input"),
    "high_tech": ("science.rd_input", "tax.income_tax"),
    "certifications": ("science.hnte", "science.tech_sme", "industry.gradient", "agri.certification", "customs.registration"),
    "recognition_first": ("science.hnte", "science.tech_sme", "industry.gradient"),
    "honors": ("agri.leading", "agri.coop"),
    "excluded_category": ("market.abnormal", "tax.registration", "tax.credit", "housing.developer", "market.baseinfo"),
    "first_time_above_scale": ("industry.output_month", "commerce.sales_month"),
    "is_above_scale": ("industry.output_month", "commerce.sales_month"),
    "patent": ("ip.patent", "ip.patent_status"),
    "ip_count": ("ip.patent", "ip.patent_status", "ip.trademark"),
    "major_violation": ("reform.penalty", "market.abnormal"),
    "export_sales": ("tax.vat",),
    "newly_settled": ("market.baseinfo", "market.alter"),
    "tax_paid": ("tax.payment", "tax.registration"),
    "park_residency": ("market.baseinfo",),
}  # fmt: skip
# Indicators that a lesser source may stand in for: its figure is another one by nature. Anywhere else another table is an error of ours.
LESSER = ("revenue", "total_assets", "employees", "enterprise_size", "rd_", "high_tech")
# A growth stands on two years; the evidence beside it is of the later one.
EARLIER = {"revenue_growth_rate": "revenue_before_last_year", "revenue_growth_yuan": "revenue_before_last_year"}
