"""What kinds of list there are, which mode of an item feeds which kind, and every reason a pair may be held back for."""

from __future__ import annotations

from typing import Final

AUTO_AWARD: Final = "auto_award"
INVITE: Final = "invite"
NUDGE: Final = "nudge"
NEAR_MISS: Final = "near_miss"
WORK: Final = "department"
TALENT: Final = "talent"
DIGEST: Final = "digest"
DECISION: Final = "decision"

KINDS: Final[dict[str, str]] = {
    AUTO_AWARD: "免申即享兑付名单",
    INVITE: "即申即享邀请名单",
    NUDGE: "申报提醒名单",
    NEAR_MISS: "差一步名单",
    WORK: "部门核实清单",
    TALENT: "人才补贴名单",
    DECISION: "即申即享兑付名单",
    DIGEST: "合并提醒名单",
}

MONEY: Final = frozenset({AUTO_AWARD, TALENT, DECISION})
# Nobody asked for these awards: they are the ones a firm can decline beforehand.
UNASKED: Final = MONEY - {DECISION}
MESSAGE: Final = frozenset({INVITE, NUDGE})
# Kinds whose lines reach the enterprise in any form; a work list stays inside the department.
ADDRESSED: Final = frozenset({INVITE, NUDGE, NEAR_MISS})
EVERY: Final = MONEY | {INVITE, NUDGE, NEAR_MISS, WORK}

MODE_AUTO: Final = "免申即享"
MODE_INSTANT: Final = "即申即享"
MODE_PROMISE: Final = "承诺兑现"

VERDICTS: Final = {"eligible": "符合", "declarable": "承诺后符合", "unknown": "缺数据", "ineligible": "不符合"}
BARS: Final = {"clear": "无", "barred": "命中排除", "unknown": "排除待核"}

REASONS: Final[dict[str, str]] = {
    "verdict_unknown": "条件尚不能判定",
    "not_current": "事项不在有效期",
    "barred": "命中排除情形",
    "bar_unknown": "排除情形未核实，不得兑付",
    "not_pilot_region": "不在试点区域",
    "window_closed": "不在申报期",
    "feed_unfit": "依据的数据未通过放行条件",
    "rule_too_wide": "符合的企业多得不像是本意",
    "series_gap": "所比的上期缺一个月的数",
    "row_rejected": "最近一行数据被退回，待更正",
    "standing_disputed": "部门间登记状态不一致",
    "already_paid": "本周期已兑付",
    "already_applied": "本周期已申报",
    "cooling_off": "不通过后的冷静期",
    "already_listed": "已在待办名单中",
    "opted_out": "已退订或放弃",
    "no_contact": "没有联系方式",
    "not_money": "事项不发资金",
    "amount_unknown": "金额算不出",
    "unit_unknown": "兑现单元不明",
    "unit_claimed": "兑现单元已兑现",
    "exclusion_group": "就高不重复",
    "budget_exhausted": "预算已用完",
    "pool_exhausted": "资金池余额不足",
    "outranked": "尚待判定，排名靠后",
    "holdout": "对照组，暂不提醒",
    "cap": "超过提醒次数上限，并入合并提醒",
    "quiet_hours": "可发送时段晚于截止",
    "shared_phone": "同一电话对应多家企业，并入合并提醒",
}
