"""A small literal world behind the mart: 48 enterprises, 5 items, published through the very SQL of `assets/mart`."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from functools import cache
from pathlib import Path

import polars as pl

from assets.mart import queries, reference, tables
from assets.mart.effect import POWER_SCHEMA
from assets.mart.forecast import SCHEMA as FORECAST
from assets.mart.words import words
from assets.sql import upstream_tables
from evaluation.item_effects import CREDIBLE, SCHEMA, UNDECIDED, judged
from evaluation.metrics import catalogue, dictionary_sql, metric_sql
from evaluation.scenarios import SCHEMA as SCENARIO_SCHEMA
from matching.push.quiet import Calendar
from matching.text.search import document_terms
from pipelines.publish import publish
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse

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


def lists(pair: pl.DataFrame, firms: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(push.list, push.line, push.suppression): auto-awards, invitations and nudges of December 2024."""
    where = {row["enterprise_id"]: row for row in firms.iter_rows(named=True)}
    titles = {item: (title, mode) for item, _, title, mode, *_ in ITEMS}
    kind_of = {"免申即享": "auto_award", "即申即享": "invite", "承诺兑现": "nudge"}
    headers, lines, stopped = [], [], []
    for (item, version), rows in sorted(
        pair.filter(pl.col("verdict").is_in(["eligible", "declarable"])).group_by("item_id", "version")
    ):
        title, mode = titles[str(item)]
        kind = kind_of[mode]
        cycle = "once" if item == "hk-startup-rent" else "2024"
        list_id = f"L-{item}"
        kept = 0
        amount = Decimal(0)
        for n, row in enumerate(rows.sort("enterprise_id").iter_rows(named=True)):
            firm = where[row["enterprise_id"]]
            place = {"region": firm["registered_region"], "size": firm["enterprise_size"], "build_id": "literal"}
            same = {"kind": kind, "enterprise_id": row["enterprise_id"], "uscc": row["uscc"], "item_id": item, "version": version,
                    "cycle": cycle, "verdict": row["verdict"], "amount_yuan": row["amount_yuan"]}  # fmt: skip
            if row["bar"] == "barred" or n % 5 == 4:
                reason = (
                    "barred"
                    if row["bar"] == "barred"
                    else ("holdout" if kind != "auto_award" and n % 2 else "no_contact")
                )
                stopped.append(
                    {
                        **same,
                        "reason": reason,
                        "detail": "",
                        "arm": "holdout" if reason == "holdout" else None,
                        "probability": 0.08,
                        **place,
                    }
                )
                continue
            kept += 1
            amount += row["amount_yuan"] or 0
            lines.append(
                {
                    "list_id": list_id, "line_no": kept, "line_key": f"{list_id}-{kept}", **same, "name": firm["name"], "claim_unit": "",
                    "deadline": dt.date(2025, 1, 31), "reasons": json.dumps([{"condition_id": "c1", "text": "在海南省内登记", "indicator": "registered_region", "value": firm["registered_region"], "department": "market", "table_name": "baseinfo", "valid_at": "2024-11-30"}], ensure_ascii=False),
                    "missing": "[]", "form": None, "score": 0.6, "channel": "finance" if kind == "auto_award" else "sms", "template": "invite",
                    "message": f"【海易兑】{title}：请于2025年1月31日前申报。回T退订", "wave": 1, "contact_hash": "h", "contact_masked": "138****0000",
                    "earliest_send": dt.datetime(2024, 12, 20, 8), "latest_send": dt.datetime(2025, 1, 31, 20), "arm": "treated" if kind != "auto_award" else None,
                    "probability": 0.92, "exclusion_group": None, "group_cycle": "2024", "covers": None, "risk": None, **place,
                }
            )  # fmt: skip
        headers.append(
            {
                "list_id": list_id, "sha256": "0" * 64, "kind": kind, "item_id": item, "version": version, "title": title, "department": "海南省工业和信息化厅",
                "cycle": cycle, "as_of": LISTED.get(str(item), dt.date(2024, 12, 20)), "known_at": KNOWN_AT, "rules_as_of": AS_OF, "build_id": "literal", "row_count": kept,
                "suppressed_count": rows.height - kept, "amount_yuan": amount, "budget_yuan": None, "watermarks": "{}", "valid_until": dt.date(2025, 1, 31),
                "author": "系统", "cut_rule": "", "holdout_share": 0.08, "holdout_count": 1, "smallest_visible_effect": None, "sample_ratio_p": None,
                "note": "", "corrects": None,
            }
        )  # fmt: skip
    return (
        pl.DataFrame(headers, schema_overrides={"amount_yuan": MONEY, "budget_yuan": MONEY}, infer_schema_length=None),
        pl.DataFrame(
            lines, schema_overrides={"amount_yuan": MONEY, "enterprise_id": pl.String}, infer_schema_length=None
        ),
        pl.DataFrame(stopped, schema_overrides={"amount_yuan": MONEY, "arm": pl.String}, infer_schema_length=None),
    )


def applications(pair: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """(raw.apply_case, raw.finance_redemption, raw.apply_feedback) with the landed columns."""
    cases, paid, said = [], [], []
    modes = {item: mode for item, _, _, mode, *_ in ITEMS}
    landed = {
        "_file_id": "fcase",
        "_sheet": "",
        "_period": "20241231",
        "_received_at": dt.datetime(2024, 12, 31, 1),
        "_op": "I",
    }
    eligible = pair.filter(pl.col("verdict").is_in(["eligible", "declarable"])).sort("item_id", "enterprise_id")
    for n, row in enumerate(eligible.iter_rows(named=True)):
        auto = modes[row["item_id"]] == "免申即享"
        subject = f"s-{row['enterprise_id']}"
        applied = dt.date(2024, 4, 1) + dt.timedelta(days=(n * 7) % 200)
        approved = Decimal(15_000 + 900 * n)
        decided = applied + dt.timedelta(days=5 + n % 30)
        outcome = ["approved", "approved", "approved", "refused", None, "withdrawn"][n // 2 % 6]
        if not auto and n % 3:
            cases.append(
                {
                    "case_no": f"A{n:04d}", "item_id": row["item_id"], "uscc": row["uscc"], "name": "", "applied_date": applied,
                    "accepted_date": applied + dt.timedelta(days=2), "supplement_count": n % 3, "decision": outcome, "decision_source": outcome,
                    "decided_date": decided if outcome else None, "refusal_reason": "材料不全" if outcome == "refused" else None,
                    "approved_yuan": approved if outcome == "approved" else None, "promise_days": 20, "source": "self", "source_source": "主动",
                    "updated_at": dt.datetime(2024, 12, 30), **landed, "_row_no": n + 1, "_subject_id": subject,
                }
            )  # fmt: skip
            if outcome:
                said.append(
                    {
                        "case_no": f"A{n:04d}",
                        "rating": ["很满意", "满意", "不满意"][n % 3],
                        "reason": None,
                        "given_at": dt.datetime(2024, 12, 1),
                        **landed,
                        "_row_no": n,
                        "_subject_id": None,
                    }
                )
        if (auto and n % 2) or (not auto and n % 3 and outcome == "approved" and n % 4):
            day = dt.date(2024, 6, 1) + dt.timedelta(days=n * 3 % 180) if auto else decided + dt.timedelta(days=12)
            for part, share in ((1, Decimal("1.0")), *(((2, Decimal("-0.5")),) if n % 20 == 7 else ())):
                paid.append(
                    {
                        "serial_no": str(n), "policy_no": row["item_id"], "policy_name": "", "batch_no": "1", "name": "", "uscc": row["uscc"],
                        "approved_yuan": approved, "paid_yuan": approved * share, "paid_date": day + dt.timedelta(days=part - 1), "bearer_level": "省级",
                        **landed, "_row_no": n * 10 + part, "_subject_id": subject,
                    }
                )  # fmt: skip
    money = {"approved_yuan": MONEY, "paid_yuan": MONEY}
    return (
        pl.DataFrame(
            cases, schema_overrides={"approved_yuan": MONEY, "supplement_count": pl.Int64}, infer_schema_length=None
        ),
        pl.DataFrame(paid, schema_overrides=money, infer_schema_length=None),
        pl.DataFrame(said, schema_overrides={"reason": pl.String, "_subject_id": pl.String}, infer_schema_length=None),
    )


def deliveries() -> tuple[pl.DataFrame, pl.DataFrame]:
    """(raw.delivery, quality.reject) of three months."""
    rows, rejects = [], []
    for d, (department, table) in enumerate(
        [
            ("market", "baseinfo"),
            ("tax", "vat"),
            ("labor", "headcount"),
            ("finance", "redemption"),
            ("customs", "trade_month"),
        ]
    ):
        for month in (10, 11, 12):
            refused = (department, month) == ("customs", 11)
            rejected = 0 if refused else d * 2 + month - 10
            rows.append(
                {
                    "file_id": f"f{department}{month}", "sha256": "0" * 64, "name": f"{department.upper()}_{table}_2024{month}_I_01.csv", "department": department,
                    "table_name": table, "period": f"2024{month}", "kind": "I", "batch": "01", "received_at": dt.datetime(2024, month, 18 + d, 9, 30), "sequence": d * 3 + month,
                    "rows_in": 0 if refused else 100 + d, "rows_loaded": 0 if refused else 100 + d - rejected, "rows_rejected": rejected, "rows_duplicate": 0, "rows_total": 0,
                    "status": "refused" if refused else "loaded", "reason": "控制文件行数 120 与实际 90 不符" if refused else None,
                }
            )  # fmt: skip
            rejects += [
                {"file_id": f"f{department}{month}", "file": f"{department}.csv", "sheet": None, "row_no": r + 2, "column_name": "uscc", "value": "91460000MA5", "rule": "uscc_form",
                 "reason": "统一社会信用代码应为 18 位", "department": department, "table_name": table}
                for r in range(rejected)
            ]  # fmt: skip
    return (
        pl.DataFrame(rows, infer_schema_length=None),
        pl.DataFrame(rejects, schema_overrides={"sheet": pl.String}, infer_schema_length=None),
    )


def complaints() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "ticket_no": ["T1", "T2", "T3"],
            "uscc": [None, None, None],
            "name": ["", "", ""],
            "item_id": ["hn-biomed-voucher", "hk-startup-rent", None],
            "category": ["兑付慢", "不知道怎么报", "其他"],
            "request": ["", "", ""],
            "accepted_at": [dt.datetime(2024, 11, 1, 9), dt.datetime(2024, 12, 5, 9), dt.datetime(2024, 12, 30, 9)],
            "transferred_at": [dt.datetime(2024, 11, 1, 12), dt.datetime(2024, 12, 6, 9), None],
            "closed_at": [dt.datetime(2024, 11, 4, 9), None, None],
            "satisfaction": ["满意", None, None],
            "_file_id": ["fcall"] * 3,
            "_row_no": [1, 2, 3],
            "_received_at": [dt.datetime(2024, 12, 31, 1)] * 3,
            "_op": ["I"] * 3,
            "_subject_id": ["s-e001", "s-e002", None],
        },
        schema_overrides={"uscc": pl.String},
    )


def months(firms: pl.DataFrame) -> pl.DataFrame:
    """profile.indicator_month: three months of every enterprise."""
    rows = [
        {"enterprise_id": firm, "month": dt.date(2024, month, 1), "vat_sales_yuan": Decimal(1000 * i + month), "vat_payable_yuan": Decimal(30 * i),
         "insured_count": 3 + i, "output_yuan": None, "export_usd": None, "import_usd": None}
        for i, firm in enumerate(firms["enterprise_id"]) for month in (10, 11, 12)
    ]  # fmt: skip
    money = dict.fromkeys(("vat_sales_yuan", "vat_payable_yuan", "output_yuan", "export_usd", "import_usd"), MONEY)
    return pl.DataFrame(rows, schema_overrides=money, infer_schema_length=None)


def events() -> pl.DataFrame:
    """profile.event: e001 moved twice, e002 closed."""
    rows = [
        ("e001", dt.date(2023, 5, 1), "moved", "460108", "460203"),
        ("e001", dt.date(2024, 6, 1), "moved", "460203", "460106"),
        ("e002", dt.date(2024, 7, 1), "status", "active", "cancelled"),
    ]
    return pl.DataFrame(
        [(*row, "fevent", n) for n, row in enumerate(rows, 1)],
        schema=["enterprise_id", "day", "kind", "before", "after", "file_id", "row_no"],
        orient="row",
    )


def vouchers() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "voucher_no": ["V1", "V2"],
            "paid_date": [dt.date(2024, 6, 3), dt.date(2024, 7, 3)],
            "fund_source": ["省级财政资金", "市县财政资金"],
            "_received_at": [dt.datetime(2024, 12, 1)] * 2,
        }
    )


def inputs() -> dict[str, pl.DataFrame]:
    """Every table the mart reads, by name."""
    firms = enterprises()
    pair, total, score = matches(firms)
    header, line, suppression = lists(pair, firms)
    case, redemption, feedback = applications(pair)
    delivery, reject = deliveries()
    receipt = line.filter(pl.col("channel") == "sms").select(
        "list_id",
        "line_key",
        channel=pl.lit("短信"),
        status=pl.when(pl.col("line_no") % 4 == 0).then(pl.lit("failed")).otherwise(pl.lit("delivered")),
        status_source=pl.lit("送达"),
        occurred_at=pl.lit(dt.datetime(2024, 12, 20, 9)),
        _received_at=pl.lit(dt.datetime(2024, 12, 21)),
    )
    subject = firms.select(
        _subject_id=pl.format("s-{}", "enterprise_id"),
        enterprise_id="enterprise_id",
        tier=pl.lit("key"),
        score=pl.lit(1.0),
        why=pl.lit(""),
    )
    review = subject.head(1).select(
        "_subject_id", rank=pl.lit(1), enterprise_id="enterprise_id", score=pl.lit(0.9), reason=pl.lit("名称相近,把握不足"), why=pl.lit(""),
        department=pl.lit("apply"), table_name=pl.lit("case"), said_name=pl.lit("海南某某有限公司"), said_code=pl.lit(None, pl.String),
    )  # fmt: skip
    return {
        "profile.enterprise": firms,
        "profile.evidence": evidence(firms),
        "profile.indicator_month": months(firms),
        "profile.event": events(),
        "raw.finance_payment": vouchers(),
        "policy.item": policy_items(),
        "policy.condition": conditions(),
        "policy.search": search_terms(),
        "policy.tag": tags(),
        "match.pair": pair,
        "match.total": total,
        "match.score": score,
        "push.list": header,
        "push.line": line,
        "push.suppression": suppression,
        "raw.apply_case": case,
        "raw.finance_redemption": redemption,
        "raw.apply_feedback": feedback,
        "raw.hotline_call": complaints(),
        "raw.sms_receipt": receipt,
        "raw.delivery": delivery,
        "quality.reject": reject,
        "registry.said": subject.select(
            "_subject_id",
            department=pl.lit("apply"),
            table_name=pl.lit("case"),
            first_received_at=pl.lit(dt.datetime(2024, 4, 2)),
        ),
        "registry.subject": subject,
        "registry.review": review,
        "registry.enterprise": firms.select("enterprise_id", "uscc", "name"),
    }


def effects() -> pl.DataFrame:
    """One estimate to be believed, one not."""
    same = {"treated": 40, "compared": 90, "left_out": 2, "quarters": 8, "pretrend_p": Decimal("0.4"), "p": Decimal("0.004"), "paid_yuan": Decimal(900000),
            "per_wan": Decimal("1200"), "per_wan_low": Decimal("300"), "per_wan_high": Decimal("2100")}  # fmt: skip
    share = {"estimate": Decimal("0.084"), "low": Decimal("0.021"), "high": Decimal("0.151")}
    rows = [
        {"item_id": "hn-biomed-voucher", "outcome": "revenue", **same, **share, "verdict": CREDIBLE, "reason": None},
        {"item_id": "hn-biomed-voucher", "outcome": "jobs", **same, **share, "verdict": UNDECIDED, "reason": "受益前的趋势不同"},
    ]  # fmt: skip
    return judged(pl.DataFrame(rows, schema=SCHEMA))


def arms(pair: pl.DataFrame) -> pl.DataFrame:
    """A frozen list of March: every fourth entitled pair held out."""
    drawn = pair.filter(pl.col("verdict") == "eligible").sort("item_id", "enterprise_id").with_row_index("n")
    return drawn.select(
        "enterprise_id",
        "item_id",
        cycle=pl.when(pl.col("item_id") == "hk-startup-rent").then(pl.lit("once")).otherwise(pl.lit("2024")),
        stratum=pl.lit("all"),
        arm=pl.when(pl.col("n") % 4 == 0).then(pl.lit("holdout")).otherwise(pl.lit("treated")),
        assigned_date=pl.when(pl.col("n") % 9 == 0).then(dt.date(2024, 12, 20)).otherwise(dt.date(2024, 3, 20)),
        pushes=pl.when(pl.col("n") % 4 == 0).then(0).otherwise(1).cast(pl.Int64),
    )


def forecasts() -> pl.DataFrame:
    """One budget that will run out, believed; one that cannot be told."""
    rows = [
        {"item_id": "hn-biomed-voucher", "year": 2024, "budget_yuan": Decimal(10_000_000), "paid_yuan": Decimal(9_000_000), "committed_yuan": Decimal(0),
         "expected_yuan": Decimal(12_000_000), "low_yuan": Decimal(11_000_000), "high_yuan": Decimal(13_000_000), "exhausted_ratio": Decimal("0.9"),
         "earliest_date": AS_OF + dt.timedelta(days=20), "middle_date": AS_OF + dt.timedelta(days=31), "latest_date": None, "months": 30,
         "tested_windows": 15, "held_windows": 12, "error_ratio": Decimal("0.2"), "naive_error_ratio": Decimal("0.4"), "verdict": CREDIBLE},
        {"item_id": "hn-stabilization", "year": 2024, "budget_yuan": Decimal(5_000_000), "paid_yuan": Decimal(0), "months": 3, "verdict": UNDECIDED,
         "reason": "只有 3 个整月的拨付记录（至少 12）"},
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=FORECAST)


def findings() -> pl.DataFrame:
    rows = [("hn-biomed-voucher", "c2", "never-true", "error", "条件自相矛盾，任何主体都不可能满足", "x.md", 12)]
    names = ["item_id", "condition_id", "rule", "severity", "message", "file", "line"]
    return pl.DataFrame(rows, schema=names, orient="row")


def computed(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Mart tables that Python makes and the queries read, without the dates of the run."""
    power = {"item_id": "sy-hotel-growth", "outcome": "revenue", "treated": 12, "compared": 60, "sd": Decimal("0.3"),
             "detectable": Decimal("0.31"), "needed_for_5": 300, "before_quarters": 4, "after_quarters": 4}  # fmt: skip
    moved = {"item_id": "hn-tech-sme-rd", "version": 1, "condition_id": "c2", "indicator": "rd_expense_last_year", "scenario": "放宽10%",
             "threshold": Decimal(5_000_000), "new_threshold": Decimal(4_500_000), "before_count": 20, "after_count": 26, "gained_count": 6,
             "lost_count": 0, "gained_small_count": 5, "before_yuan": Decimal(2_000_000), "after_yuan": Decimal(2_600_000), "expr": "rd_expense_last_year >= 4500000"}  # fmt: skip
    return {
        "mart.arm": arms(tables["match.pair"]),
        "mart.budget_forecast": forecasts(),
        "mart.rule_finding": findings(),
        "mart.effect": effects(),
        "mart.effect_power": pl.DataFrame([power], schema=POWER_SCHEMA),
        "mart.scenario": pl.DataFrame([moved], schema=SCENARIO_SCHEMA),
    }


@cache
def mart_queries() -> dict[str, str]:
    """Every mart table's SELECT, in an order in which each finds its upstream."""
    found = {f"mart.{name}": sql for name, sql in queries().items()}
    found["mart.dim_metric"] = dictionary_sql(catalogue())
    found["mart.metric"] = metric_sql(catalogue())
    ordered: dict[str, str] = {}
    while len(ordered) < len(found):
        ready = [
            name
            for name, sql in found.items()
            if name not in ordered and all(t in ordered or t not in found for t in upstream_tables(sql, name))
        ]
        assert ready, f"circle among {sorted(set(found) - set(ordered))}"
        ordered.update({name: found[name] for name in ready})
    return ordered


def build(
    home: Path,
    given: dict[str, pl.DataFrame] | None = None,
    calendar: Calendar = NO_CALENDAR,
    leave_out: tuple[str, ...] = (),
) -> DuckWarehouse:
    """A warehouse with the inputs, the reference dimensions and every mart table but those in `leave_out`."""
    scope = RunScope(home=home, as_of=AS_OF, known_at=KNOWN_AT, rules_as_of=AS_OF)
    home.mkdir(parents=True, exist_ok=True)
    warehouse = DuckWarehouse(home=home, scope=scope)
    with warehouse.write() as w:
        for name, frame in (given or inputs()).items():
            w.replace(name, frame)
        w.replace("mart.dim_date", reference.dates(AS_OF, calendar))
        w.replace("mart.dim_region", reference.regions(AS_OF))
        w.replace("mart.dim_industry", reference.industries())
        w.replace("mart.dim_department", reference.departments())
        for name, (frame, _) in words().items():
            w.replace(f"mart.{name}", frame)
        w.replace("mart.dim_table", tables())
        for name, frame in computed(given or inputs()).items():
            if name not in leave_out:
                w.replace(name, frame)
        for name, sql in mart_queries().items():
            if name not in leave_out:
                w.replace(name, sql)
    return warehouse


def published(home: Path, tables: dict[str, pl.DataFrame] | None = None) -> Path:
    """A home with one publication."""
    warehouse = build(home, tables)
    assert warehouse.scope is not None
    publish(warehouse, warehouse.scope)
    return home
