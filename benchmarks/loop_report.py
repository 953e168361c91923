"""What a loop's months came to, on one page: a row a month, the total, and what telling did."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

# Heading → the figures of a month that it adds up; a name that ends in ： stands for all that begin with it.
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "兑付": ("兑付", "办件兑付", "人才兑付"),
    "错付": ("错付", "办件错付", "人才错付"),
    "其中我方": ("错付：我方", "办件错付", "人才错付"),
    "金额不符": ("金额不符", "办件金额不符", "人才金额不符"),
    "提醒": ("提醒",),
    "误推": ("误推",),
    "误推我方": ("误推：我方",),
    "应得": ("应得",),
    "未得": ("应得未得",),
    "事实未送达": ("应得未得：事实未送达",),
    "交付有误": ("应得未得：交付有误",),
    "未能归户": ("应得未得：未能归户",),
    "口径不同": ("应得未得：口径不同",),
    "名单写明": ("应得未得：",),
    "我方": ("应得未得：我方",),
    "人才未得": ("人才应得未得",),
}
STATES: Final = ("应得", "未得", "事实未送达", "交付有误", "未能归户", "口径不同", "名单写明", "我方")
_TOLD: Final = frozenset(f"应得未得：{why}" for why in ("事实未送达", "交付有误", "未能归户", "口径不同", "我方"))
_REFUSED: Final = "应得未得："


def row(month: Mapping[str, Any]) -> dict[str, int]:
    """The figures of COLUMNS; what a list gives a reason for is whatever is not one of the five causes."""
    found = {name: sum(int(month.get(part, 0)) for part in parts) for name, parts in COLUMNS.items()}
    reasons = {name: n for name, n in month.items() if name.startswith(_REFUSED) and name not in _TOLD}
    return found | {"名单写明": sum(reasons.values())}


def missed(month: Mapping[str, Any]) -> dict[str, float | None]:
    """Shares of those who should have got something and did not: of all, of those whose facts had been delivered, and by our own fault."""
    found = row(month)
    known = found["应得"] - found["事实未送达"]
    return {
        "应得未得率": found["未得"] / found["应得"] if found["应得"] else None,
        "事实已送达的应得未得率": (found["未得"] - found["事实未送达"]) / known if known else None,
        "我方应得未得率": found["我方"] / known if known else None,
    }


def page(months: Sequence[Mapping[str, Any]], report: Mapping[str, Any]) -> str:
    """Markdown: the months, their total (what is owed is a state, not a sum: the last month's), what telling did, what happened twice."""
    rows = [row(month) for month in months]
    total = Counter[str]()
    for one in rows:
        total.update({name: n for name, n in one.items() if name not in STATES})
    last = {name: rows[-1][name] for name in STATES} if rows else {}
    heads = ["名单日", *COLUMNS]
    lines = ["# 闭环各月结果", "", "| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    told = [(str(month["as_of"]), one) for month, one in zip(months, rows, strict=True)]
    for day, one in [*told, ("合计（应得各列为末月）", {**total, **last})]:
        lines.append("| " + " | ".join([day, *(f"{one.get(name, 0):,}" for name in COLUMNS)]) + " |")
    lines += ["", *(f"- {text}" for text in _said(months, report))]
    return "\n".join(lines) + "\n"


def _said(months: Sequence[Mapping[str, Any]], report: Mapping[str, Any]) -> list[str]:
    effect, planted = report["uplift"], report["planted_uplift"]
    said = []
    if effect["effect"] is None or planted is None:
        said.append("推送净效果：还没有可比较的推送组与对照组")
    else:
        inside = "在" if report["planted_within_interval"] else "**不在**"
        interval = f"95% 区间 {100 * effect['low']:.1f} 至 {100 * effect['high']:.1f}"
        said.append(
            f"推送净效果 {100 * effect['effect']:.1f} 个百分点，{interval}（推送 {effect['treated']:,}、对照 {effect['held']:,}）；"
            f"植入 {100 * planted:.1f}，{inside}区间内"
        )
        left = "、".join(f"{why} {n:,}" for why, n in effect.get("left_out", {}).items())
        said.append(f"不参加比较：{left or '无'}")
    if months:
        shares = ((name, share) for name, share in missed(months[-1]).items() if share is not None)
        said.append("末月" + "，".join(f"{name} {share:.2%}" for name, share in shares))
    rate = report["false_push_rate"]
    said.append(f"误推率 {rate:.2%}" if rate is not None else "没有发出提醒")
    said.append("、".join(f"{name} {n}" for name, n in report["doubles"].items()))
    said.append(f"存证核对异常 {report['audit_findings']}；兑付 {report['paid_yuan']} 元")
    return said
