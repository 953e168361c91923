"""What an approver sees before signing: totals against budget and last time, who and where, how old the evidence is, and a sample."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from matching.push.kinds import MONEY

# A total this many times the last one, or its inverse, is called unusual; chosen, not fitted.
JUMP: Final = Decimal(2)
SAMPLE: Final = 10
# A list that lapses within so many days of its date is signed now or never.
HURRY_DAYS: Final = 7


def _amount(value: object) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _day(value: object) -> dt.date:
    return dt.date.fromisoformat(str(value)[:10])


def _evidence_days(lines: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted(
        reason["valid_at"] for line in lines for reason in json.loads(line["reasons"] or "[]") if reason.get("valid_at")
    )


def sample(lines: Sequence[Mapping[str, Any]], sha256: str, n: int = SAMPLE) -> list[Mapping[str, Any]]:
    """`n` lines that nobody can choose: ordered by a hash of the line and the list's sha256, so that each list draws its own."""
    drawn = sorted(lines, key=lambda line: hashlib.sha256(f"{sha256}{line['line_key']}".encode()).hexdigest())
    return drawn[:n]


def checks(
    header: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], last: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The checks of a list as one JSON document; `last` is the header of the newest earlier list of the same kind and item.

    `warnings` are Chinese sentences an approver must have read; amounts are texts of DECIMAL.
    """
    total, budget = _amount(header.get("amount_yuan")), _amount(header.get("budget_yuan"))
    days = _evidence_days(lines)
    flags = Counter(flag["flag"] for line in lines for flag in json.loads(line.get("risk") or "[]"))
    warnings: list[str] = []
    if total is not None and budget is not None and total > budget:
        warnings.append(f"合计 {total} 元超过预算 {budget} 元")
    last_rows = last["row_count"] if last else None
    if last_rows:
        ratio = Decimal(len(lines)) / Decimal(last_rows)
        if ratio >= JUMP or ratio <= 1 / JUMP:
            warnings.append(f"行数 {len(lines)}，上一份 {last_rows}，变化异常")
    last_total = _amount(last.get("amount_yuan")) if last else None
    if total and last_total and (total / last_total >= JUMP or total / last_total <= 1 / JUMP):
        warnings.append(f"金额 {total} 元，上一份 {last_total} 元，变化异常")
    without = sum(1 for line in lines if json.loads(line["reasons"] or "[]") == [])
    if without and header["kind"] in MONEY:
        warnings.append(f"{without} 行没有依据记录")
    until = header.get("valid_until")
    if until is not None and header["kind"] not in MONEY:
        left = (_day(until) - _day(header["as_of"])).days
        if left <= HURRY_DAYS:
            warnings.append(f"有效至 {until}，只剩 {left} 天：提醒不必公示，过期未发的不再发出")
    if flags:
        warnings.append(f"{sum(1 for line in lines if json.loads(line.get('risk') or '[]'))} 行有风险提示")
    return {
        "rows": len(lines),
        "amount_yuan": None if total is None else str(total),
        "budget_yuan": None if budget is None else str(budget),
        "budget_share": None if total is None or not budget else f"{total / budget:.4f}",
        "last_list": last["list_id"] if last else None,
        "last_rows": last_rows,
        "last_amount_yuan": None if last_total is None else str(last_total),
        "by_region": dict(sorted(Counter(str(line.get("region") or "未知") for line in lines).items())),
        "by_size": dict(sorted(Counter(str(line.get("size") or "未定") for line in lines).items())),
        "newest_evidence": days[-1] if days else None,
        "oldest_evidence": days[0] if days else None,
        "risk_flags": dict(sorted(flags.items())),
        "warnings": warnings,
        "sample": [line["line_key"] for line in sample(lines, str(header["sha256"]))],
    }
