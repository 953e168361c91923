"""What happens in the literal world: lists, applications, deliveries, complaints, payments; and all of it as input tables."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import polars as pl

from matching.push.decision import DECISIONS
from tests.dashboards.literal_subjects import (
    AS_OF,
    ITEMS,
    KNOWN_AT,
    LISTED,
    MONEY,
    conditions,
    enterprises,
    evidence,
    matches,
    policy_items,
    search_terms,
    tags,
)

# One cause of every group that keeps an entitled pair off a list, so that no count of a group is empty.
CAUSES = ("no_contact", "feed_unfit", "window_closed", "already_listed", "budget_exhausted", "rule_too_wide")


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
                    else ("holdout" if kind != "auto_award" and n % 2 else CAUSES[n // 5 % len(CAUSES)])
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


def answers(case: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(push.decision, profile.declaration) of the first case that waits: one figure counts, one a department knows better, one is not asked for."""
    first = case.filter(pl.col("decision").is_null()).sort("case_no").row(0, named=True)
    firm = first["_subject_id"].removeprefix("s-")
    counted = {"indicator": "rd_expense_last_year", "value": "5200000", "submitted_on": "2024-12-28"}
    row = {
        "case_no": first["case_no"], "enterprise_id": firm, "item_id": first["item_id"], "version": 1, "applied_on": first["applied_date"],
        "answer": "review", "reason": "申报与部门数据不一致", "due_on": dt.date(2025, 1, 20), "verdict": "unknown", "met": ["c1"],
        "unknown": ["c2"], "bar": "unknown", "bars": ["失信被执行人"], "declared": json.dumps([counted]),
    }  # fmt: skip
    evidence = {"department": "apply", "table_name": "declaration", "valid_at": dt.date(2024, 12, 28)}
    said = {
        "enterprise_id": firm,
        "case_no": first["case_no"],
        "proof": "审计报告.pdf",
        "commitment_no": None,
        "declaration_evidence": evidence,
    }
    told = [
        {**said, "indicator": "rd_expense_last_year", "value": "5200000", "state": "declared", "held_by": None},
        {**said, "indicator": "employees", "value": "9999", "state": "held_by_department", "held_by": "tax"},
        {**said, "indicator": "sound_finance", "value": "是", "state": "declared", "held_by": None},
    ]
    return pl.DataFrame([row], schema=DECISIONS), pl.DataFrame(told, schema_overrides={"commitment_no": pl.String})


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
    decision, declaration = answers(case)
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
        "push.decision": decision,
        "profile.declaration": declaration,
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
