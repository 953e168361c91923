"""The literal world: 48 enterprises with their evidence, 5 items with their rules, and who fits what."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import polars as pl

from matching.push.quiet import Calendar
from matching.text.search import document_terms

AS_OF = dt.date(2024, 12, 31)
KNOWN_AT = dt.datetime(2024, 12, 31, 18, 0)
MONEY = pl.Decimal(18, 2)
NO_CALENDAR = Calendar()
AREAS = ["460108", "460106", "460203", "460400499", "469002", "469005", "469023", "460105"]
SECTIONS = ["C", "I", "M", "F"]
SIZES = ["微型", "小型", "中型", "大型"]
# One list of the spring, so that something was applied for and decided after it was listed.
LISTED = {"hn-tech-sme-rd": dt.date(2024, 5, 10)}
ITEMS = [
    # item_id, version, title, mode, cycle, window_from, window_to, budget
    ("hn-stabilization", 1, "稳岗返还", "免申即享", "year", None, None, 5_000_000),
    (
        "hn-tech-sme-rd",
        1,
        "科技型中小企业研发补助",
        "即申即享",
        "year",
        dt.date(2024, 3, 1),
        dt.date(2024, 6, 30),
        3_000_000,
    ),
    (
        "hn-biomed-voucher",
        1,
        "生物医药产业研发券",
        "承诺兑现",
        "year",
        dt.date(2023, 3, 1),
        dt.date(2023, 4, 30),
        9_000_000,
    ),
    (
        "hn-biomed-voucher",
        2,
        "生物医药产业研发券",
        "承诺兑现",
        "year",
        dt.date(2024, 3, 1),
        dt.date(2024, 10, 31),
        10_000_000,
    ),
    ("hk-startup-rent", 1, "创业企业房租补贴", "即申即享", "once", None, None, None),
    ("sy-hotel-growth", 1, "酒店业增长奖励", "承诺兑现", "year", dt.date(2024, 9, 1), dt.date(2025, 3, 31), 2_000_000),
]


def enterprises() -> pl.DataFrame:
    n = 48
    return pl.DataFrame(
        {
            "enterprise_id": [f"e{i:03d}" for i in range(n)],
            "uscc": [f"9146000000000{i:04d}X" for i in range(n)],
            "name": [f"海南示例{i:02d}号{'科技' if i % 2 else '实业'}有限公司" for i in range(n)],
            "registered_region": [AREAS[i % 8] for i in range(n)],
            "industry": [f"{SECTIONS[i % 4]}{20 + i % 7}" for i in range(n)],
            "industry_section": [SECTIONS[i % 4] for i in range(n)],
            "enterprise_size": [SIZES[(i // 4) % 4] if i % 11 else None for i in range(n)],
            "enterprise_type": [
                "国有独资公司" if i % 7 == 0 else "有限责任公司" if i % 9 else "其他" for i in range(n)
            ],
            "is_foreign_invested": [i % 10 == 9 for i in range(n)],
            "business_status": ["存续" if i % 13 else "吊销" for i in range(n)],
            "in_business": [bool(i % 13) for i in range(n)],
            "established_date": [dt.date(2010 + i % 12, 1 + i % 12, 3) for i in range(n)],
            "rd_expense_last_year": [Decimal(i * 250_000) if i % 5 else None for i in range(n)],
            "employees_insured": [None if i % 9 == 0 else 3 + i * 2 for i in range(n)],
            "is_dishonest": [i % 17 == 3 for i in range(n)],
        },
        schema_overrides={"rd_expense_last_year": MONEY},
    )


def evidence(firms: pl.DataFrame) -> pl.DataFrame:
    rows = []
    sources = {
        "registered_region": ("market", "baseinfo"),
        "industry": ("market", "baseinfo"),
        "enterprise_size": ("market", "baseinfo"),
        "rd_expense_last_year": ("science", "rd_input"),
        "employees_insured": ("labor", "headcount"),
        "is_dishonest": ("reform", "dishonest"),
    }
    for i, row in enumerate(firms.iter_rows(named=True)):
        for indicator, (department, table) in sources.items():
            if row[indicator] is not None:
                rows.append(
                    (
                        row["enterprise_id"],
                        indicator,
                        "known",
                        department,
                        table,
                        f"f{department}",
                        i + 2,
                        dt.date(2024, 11, 30),
                        dt.datetime(2024, 12, 10, 9),
                    )
                )
    names = [
        "enterprise_id",
        "indicator",
        "state",
        "department",
        "table_name",
        "file_id",
        "row_no",
        "valid_at",
        "received_at",
    ]
    return pl.DataFrame(rows, schema=names, orient="row")


def policy_items() -> pl.DataFrame:
    rows = [
        {
            "item_id": item, "version": version, "title": title, "issuer": "海南省工业和信息化厅", "level": "省级", "region": ["460000"],
            "zone": None, "basis": "琼工信规〔2024〕8号 第五条", "valid_from": dt.date(2023, 1, 1) if version == 1 else dt.date(2024, 1, 1),
            "valid_to": dt.date(2023, 12, 31) if (item, version) == ("hn-biomed-voucher", 1) else dt.date(2026, 12, 31),
            "window_from": opens, "window_to": closes, "cycle": cycle, "entity": "enterprise", "mode": mode, "promise_days": 20,
            "logic": "c1 AND c2", "award_expr": "least(rd_expense_last_year * 0.1, 1000000)", "award_per": "year", "award_note": None,
            "budget_yuan": Decimal(budget) if budget else None, "claim_unit": "entity", "excludes": [], "exclude_when": None,
            "pilot": None, "materials": ["研发费用专项审计报告"], "text": f"{title}：上年度研发费用达到条件的，给予奖励。", "file": f"{item}.md",
        }
        for item, version, title, mode, cycle, opens, closes, budget in ITEMS
    ]  # fmt: skip
    schema = {
        "zone": pl.String,
        "award_note": pl.String,
        "exclude_when": pl.String,
        "pilot": pl.List(pl.String),
        "excludes": pl.List(pl.String),
        "budget_yuan": MONEY,
    }
    return pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None)


def conditions() -> pl.DataFrame:
    rows = [
        (item, version, name, text, expr, "ask", False)
        for item, version, *_ in ITEMS
        for name, text, expr in (
            ("c1", "在海南省内登记", "registered_region IN ('460000')"),
            ("c2", "上年度研发费用不低于500万元", "rd_expense_last_year >= 5000000"),
        )
    ]
    return pl.DataFrame(
        rows, schema=["item_id", "version", "condition_id", "text", "expr", "on_unknown", "outside"], orient="row"
    )


def search_terms() -> pl.DataFrame:
    items = policy_items()
    return items.select(
        "item_id",
        "version",
        terms=pl.Series([document_terms(row["title"], row["text"]) for row in items.iter_rows(named=True)]),
    )


def tags() -> pl.DataFrame:
    """Every item is for everybody; the biomedical voucher alone is 研发创新."""
    rows = []
    for item, version, *_ in ITEMS:
        rows += [(item, version, "size", "不限", "reviewed"), (item, version, "industry", "不限", "reviewed")]
        rows.append((item, version, "theme", "研发创新" if item == "hn-biomed-voucher" else "就业稳岗", "reviewed"))
    return pl.DataFrame(rows, schema=["item_id", "version", "facet", "tag", "source"], orient="row").with_columns(
        score=pl.lit(1.0), because=pl.lit("")
    )


def matches(firms: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(match.pair, match.total, match.score) of every enterprise × current item."""
    pairs, totals, scores = [], [], []
    current = [(item, version) for item, version, *_ in ITEMS if (item, version) != ("hn-biomed-voucher", 1)]
    for i, firm in enumerate(firms.iter_rows(named=True)):
        for k, (item, version) in enumerate(current):
            pick = (i * 3 + k * 5) % 8
            verdict = [
                "eligible",
                "declarable",
                "unknown",
                "ineligible",
                "ineligible",
                "ineligible",
                "eligible",
                "unknown",
            ][pick]
            near = pick == 3
            amount = Decimal(20_000 + 5_000 * i) if verdict in ("eligible", "declarable") and (i + k) % 6 else None
            totals.append(
                (
                    item,
                    version,
                    verdict,
                    firm["registered_region"],
                    firm["industry_section"],
                    firm["enterprise_size"],
                    1,
                    amount,
                )
            )
            if verdict == "ineligible" and not near:
                continue
            pairs.append(
                {
                    "enterprise_id": firm["enterprise_id"], "uscc": firm["uscc"], "item_id": item, "version": version, "verdict": verdict,
                    "met": ["c1"] if verdict != "eligible" else ["c1", "c2"], "failed": ["c2"] if near else [],
                    "unknown": ["c2"] if verdict in ("unknown", "declarable") else [], "near_miss": near, "one_unknown": verdict == "unknown",
                    "short_of": ["c2"] if near else [],
                    "bar": "barred" if firm["is_dishonest"] else "clear", "bars": ["dishonest"] if firm["is_dishonest"] else [],
                    "amount_yuan": amount, "valid_from": dt.date(2024, 2, 1), "valid_to": None,
                }
            )  # fmt: skip
            if verdict != "ineligible":
                scores.append(
                    (firm["enterprise_id"], item, version, 0.2 + ((i + k) % 8) / 10, "{}", "weighted", "literal")
                )
    pair = pl.DataFrame(pairs, schema_overrides={"amount_yuan": MONEY, "valid_to": pl.Date, "failed": pl.List(pl.String), "unknown": pl.List(pl.String), "bars": pl.List(pl.String)}, infer_schema_length=None)  # fmt: skip
    names = ["item_id", "version", "verdict", "region", "industry", "size", "n", "amount_yuan"]
    total = pl.DataFrame(
        totals, schema=names, orient="row", schema_overrides={"amount_yuan": MONEY}, infer_schema_length=None
    )
    total = total.group_by(names[:6]).agg(pl.col("n").sum().cast(pl.Int64), pl.col("amount_yuan").sum())
    score = pl.DataFrame(
        scores, schema=["enterprise_id", "item_id", "version", "score", "features", "model", "build_id"], orient="row"
    )
    return pair, total, score
