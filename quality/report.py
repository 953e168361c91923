"""质量报告: one static page about what came, what was turned away and which checks failed; no script, no address, no delivered value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from typing import Any

_STYLE = (
    "body{font:15px/1.6 'Noto Sans CJK SC','Microsoft YaHei',sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem;color:#1c2733}"
    "table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}th,td{border-bottom:1px solid #d5dce3;padding:.3rem .5rem;"
    "text-align:left;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}h1{font-size:1.5rem}h2{font-size:1.15rem}"
)


def page(
    known_at: datetime,
    feeds: Sequence[Mapping[str, Any]],
    refused: Sequence[Mapping[str, Any]],
    rejects: Sequence[Mapping[str, Any]],
    checks: Sequence[Mapping[str, Any]],
    odd: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The page as HTML.

    `feeds`: department, table, contact, files, refused, rows, rejects, latest; `refused`: name, department, received_at, reason;
    `rejects`: department, table, column, rule, reason, n; `checks`: department, table, label, level, row_count, bad_rows, broken;
    `odd`: department, table, period, alarm, detail.
    """
    parts = [
        f"<p>截至 {known_at:%Y-%m-%d %H:%M} 收到的交付。行数守恒：读入 = 载入 + 退回 + 重复 + 合计行，逐份核对。</p>",
        _section(
            "各部门交付",
            feeds,
            {
                "department": "部门",
                "table": "表",
                "contact": "联系谁",
                "files": "份",
                "refused": "拒收",
                "rows": "载入行",
                "rejects": "退回行",
                "latest": "最近一期",
            },
        ),
        _section(
            "拒收的交付", refused, {"name": "文件", "department": "部门", "received_at": "收到", "reason": "原因"}
        ),
        _section(
            "异常的交付（迟到、缺期、换了列名或编码、内容属另一期、无回执）",
            odd,
            {
                "department": "部门",
                "table": "表",
                "period": "期",
                "alarm": "异常",
                "detail": "说明",
                "contact": "联系谁",
            },
        ),
        _section(
            "退回的行（按原因）",
            rejects,
            {"department": "部门", "table": "表", "column": "列", "rule": "规则", "reason": "原因", "n": "格"},
        ),
        _section(
            "未通过的检查",
            checks,
            {
                "department": "部门",
                "table": "表",
                "label": "检查",
                "level": "级别",
                "row_count": "行",
                "bad_rows": "不合",
                "broken": "检查本身坏了",
            },
        ),
    ]
    return (
        f'<!doctype html><html lang="zh-CN"><head><meta charset="utf-8"><title>质量报告</title><style>{_STYLE}</style></head>'
        f"<body><h1>质量报告</h1>{''.join(parts)}</body></html>\n"
    )


def _section(title: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> str:
    if not rows:
        return f"<h2>{title}</h2><p>没有。</p>"
    head = "".join(f"<th>{label}</th>" for label in columns.values())
    body = "".join("<tr>" + "".join(_cell(row.get(name)) for name in columns) + "</tr>" for row in rows)
    return f"<h2>{title}（{len(rows)}）</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if isinstance(value, int):
        return f'<td class="n">{value:,}</td>'
    text = f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else "" if value is None else str(value)
    return f"<td>{escape(text)}</td>"
