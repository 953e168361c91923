"""The gates every candidate passes in order; the first that stops it names the reason on its suppression row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import polars as pl

from matching.push import kinds
from matching.push.breadth import too_wide
from matching.push.budget import beyond_budget
from matching.push.candidates import grouped_awards
from matching.push.doubts import doubted
from matching.push.groups import lower_awards
from matching.push.inputs import (
    AWARDS,
    CASES,
    GAPS,
    ITEMS,
    LISTED,
    OPT_OUTS,
    SENT,
    UNFIT,
    Dates,
    Inputs,
    Limits,
    shaped,
)
from matching.push.pilot import outside_pilot
from matching.push.pools import beyond_pool
from matching.push.quiet import next_send
from matching.push.units import claimed_units, unknown_units

Find = Callable[[pl.DataFrame, Inputs, Dates, Limits], pl.DataFrame]


@dataclass(frozen=True)
class Gate:
    """`find` returns (row, detail) of the candidates it stops, among those of `kinds`; `reason` is a key of `kinds.REASONS`."""

    reason: str
    kinds: frozenset[str]
    find: Find


def _hits(frame: pl.DataFrame, detail: pl.Expr) -> pl.DataFrame:
    return frame.select("row", detail.alias("detail"))


def _texts(column: str) -> pl.Expr:
    return pl.col(column).list.join("、").fill_null("")


def _bars(inputs: Inputs) -> pl.Expr:
    named = pl.element().replace(inputs.bar_labels) if inputs.bar_labels else pl.element()
    return pl.col("bars").list.eval(named).list.join("、").fill_null("")


def verdict_unknown(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """缺数据的条件规定“缺则不予”，不能邀请。"""
    denied = frame.filter((pl.col("verdict") == "unknown") & pl.col("_deny").fill_null(False))
    return _hits(denied, pl.format("条件 {} 缺数据且不允许自行申明", _texts("unknown")))


def not_current(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """事项在事实日期（即申即享办件为申报日）尚未生效、已经失效，或已有更新的版本生效。"""
    early = (pl.col("valid_from") > pl.col("day")).fill_null(False)
    late = (pl.col("valid_to") < pl.col("day")).fill_null(False)
    newest = (
        shaped(inputs.items, ITEMS, "policy.item")
        .with_columns(pl.lit(dates.as_of).alias("day"))
        .filter(~(early | late))
        .group_by("item_id")
        .agg(pl.col("version").max().alias("_newest"))
    )
    # Two versions in force at once would be two rows of one award.
    superseded = (pl.col("version") < pl.col("_newest")).fill_null(False)
    detail = (
        pl.when(early)
        .then(pl.format("{} 起生效", pl.col("valid_from")))
        .when(late)
        .then(pl.format("{} 已失效", pl.col("valid_to")))
        .otherwise(pl.format("第 {} 版已生效", pl.col("_newest")))
    )
    dated = frame.join(newest, on="item_id", how="left", maintain_order="left")
    return _hits(dated.filter(early | late | superseded), detail)


def barred(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """命中失信、严重违法、吊销注销等排除情形。"""
    return _hits(frame.filter(pl.col("bar") == "barred"), pl.format("排除情形：{}", _bars(inputs)))


def bar_unknown(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """排除情形查不清时不付钱，但可以邀请。"""
    doubtful = frame.filter(pl.col("bar").fill_null("unknown") != "clear")
    return _hits(doubtful, pl.format("未核实的排除情形：{}", _bars(inputs)))


def not_pilot_region(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """事项只在部分市县试点，企业登记地不在其中。"""
    return outside_pilot(frame)


def window_closed(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """事实日期（即申即享办件为申报日）不在申报窗口内。"""
    early = (pl.col("window_from") > pl.col("day")).fill_null(False)
    late = (pl.col("window_to") < pl.col("day")).fill_null(False)
    detail = (
        pl.when(early)
        .then(pl.format("申报期 {} 开始", pl.col("window_from")))
        .otherwise(pl.format("申报期 {} 已结束", pl.col("window_to")))
    )
    return _hits(frame.filter(early | late), detail)


def feed_unfit(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """条件依据的部门交付被拦截、过期、退回过多或没有对账文件，不得据以付钱。"""
    unfit = shaped(inputs.unfit, UNFIT, "交付状态").unique(
        subset=["item_id", "version"], keep="first", maintain_order=True
    )
    return frame.join(unfit, on=["item_id", "version"], how="inner").select("row", "detail")


def rule_too_wide(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """符合条件的企业占全部企业的份额超过上限：规则更可能写宽了，改正或收窄之前不付钱。"""
    return frame.join(too_wide(inputs, limits), on=["item_id", "version"], how="inner").select("row", "detail")


def series_gap(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """增速的上期里，企业有一个月没有数而前后两月都有，当月文件里又有认不出是谁的行：先查清，不付钱。"""
    gaps = shaped(inputs.gaps, GAPS, "缺月").unique(
        subset=["enterprise_id", "item_id", "version"], keep="first", maintain_order=True
    )
    return frame.join(gaps, on=["enterprise_id", "item_id", "version"], how="inner").select("row", "detail")


def row_rejected(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """条件或排除情形依据的表里，部门最近说到这家企业的一行读不出来：旧值可能已经不对，更正之前不付钱。"""
    return doubted(frame, inputs, "row_rejected")


def standing_disputed(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """税务登记已经注销而登记机关仍是存续：企业多半正在退出，先核实，不付钱也不提醒。"""
    return doubted(frame, inputs, "standing_disputed")


LEDGER_OF_FINANCE: Final = "兑现台账"


def already_paid(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """本周期已经兑付过同一事项。"""
    paid = (
        shaped(inputs.awards, AWARDS, "已兑付")
        .sort("paid_on", "source")
        .group_by("enterprise_id", "item_id", "cycle", maintain_order=True)
        .agg(pl.col("amount_yuan").sum().alias("_paid"), pl.col("source").first().alias("_source"))
    )
    found = frame.filter(pl.col("unit") == "").join(paid, on=["enterprise_id", "item_id", "cycle"], how="inner")
    return pl.concat(
        [
            _hits(found, pl.format("{} 周期已兑付 {} 元（{}）", "cycle", "_paid", "_source")),
            _unexplained(frame.filter(pl.col("unit") != ""), inputs),
        ]
    )


def _unexplained(units: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """Awards per unit of firms to which finance paid more than our own ledger knows: nobody can say which units that was for."""
    finance = pl.col("source") == LEDGER_OF_FINANCE
    sums = (
        shaped(inputs.awards, AWARDS, "已兑付")
        .group_by("enterprise_id", "item_id", "cycle")
        .agg(
            pl.col("amount_yuan").filter(finance).sum().alias("_finance"),
            pl.col("amount_yuan").filter(~finance).sum().alias("_ours"),
        )
        .filter(pl.col("_finance") > pl.col("_ours"))
    )
    found = units.join(sums, on=["enterprise_id", "item_id", "cycle"], how="inner")
    return _hits(found, pl.format("财政已付 {} 元，其中 {} 元对得上单元", "_finance", "_ours"))


def _in_cycle() -> pl.Expr:
    """Whether a case applied for belongs to the candidate's cycle."""
    applied, opening = pl.col("_applied"), pl.col("opening")
    kind = pl.col("cycle_kind")
    return (
        pl.when(kind == "once")
        .then(pl.lit(True))
        .when(kind == "year")
        .then(applied.dt.year() == opening.dt.year())
        .when(kind == "month")
        .then(applied.dt.strftime("%Y-%m") == opening.dt.strftime("%Y-%m"))
        .otherwise(applied >= opening)
    )


def _own_cases(frame: pl.DataFrame, inputs: Inputs, dates: Dates) -> pl.DataFrame:
    cases = (
        shaped(inputs.cases, CASES, "办件")
        .filter(pl.col("applied_on") <= dates.as_of)
        .rename({"reason": "_refusal", "case_no": "_case", "applied_on": "_applied"})
    )
    return frame.join(cases, on=["enterprise_id", "item_id"], how="inner").filter(_in_cycle())


PASSED: Final = "通过"
REFUSED: Final = "不通过"
WITHDRAWN: Final = "撤回"


def already_applied(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """本周期已经申报，正在办理或已通过；一份办件让位于本周期另一份已通过或先申报的。"""
    # Of two open applications the first filed is answered; one that was granted stands before both.
    earlier = (pl.col("_applied") < pl.col("applied_on")) | (
        (pl.col("_applied") == pl.col("applied_on")) & (pl.col("_case") < pl.col("case_no"))
    )
    before = pl.col("decision").is_not_null() | earlier
    other = pl.col("case_no").is_null() | ((pl.col("_case") != pl.col("case_no")) & before)
    open_cases = (
        _own_cases(frame, inputs, dates)
        .filter(~pl.col("decision").is_in([REFUSED, WITHDRAWN]).fill_null(False) & other)
        .sort("row", "_applied", "_case")
        .unique(subset="row", keep="first", maintain_order=True)
    )
    return _hits(open_cases, pl.format("{} 已申报（{}）", pl.col("_applied"), pl.col("decision").fill_null("办理中")))


def cooling_off(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """刚被退回的企业，冷静期内不再提醒同一事项。"""
    since = dates.as_of - dt.timedelta(days=limits.cooling_days)
    refused = (
        _own_cases(frame, inputs, dates)
        .filter((pl.col("decision") == REFUSED) & (pl.col("decided_on") > since))
        .sort("row", "decided_on", descending=[False, True])
        .unique(subset="row", keep="first", maintain_order=True)
    )
    return _hits(
        refused,
        pl.format(
            "{} 不通过（{}），冷静期 {} 天",
            "decided_on",
            pl.col("_refusal").fill_null("原因未填"),
            pl.lit(limits.cooling_days),
        ),
    )


def already_listed(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """同一企业同一事项本周期已在尚未办结的名单里。"""
    listed = shaped(inputs.listed, LISTED, "在办名单").unique(
        subset=["enterprise_id", "item_id", "cycle", "kind", "unit"], keep="first", maintain_order=True
    )
    found = frame.join(
        listed.with_columns(pl.col("unit").fill_null("")),
        on=["enterprise_id", "item_id", "cycle", "kind", "unit"],
        how="inner",
    )
    return _hits(found, pl.format("已在名单 {}", "list_id"))


def not_money(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """税费减免等不发资金的事项，由主管部门直接办理，不进付款名单。"""
    return _hits(frame.filter(pl.col("award_expr").is_null()), pl.lit("减免等由主管部门直接办理，没有付款"))


def amount_unknown(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """金额算不出或不是正数，不能兑付。"""
    zero = pl.lit(Decimal(0), dtype=pl.Decimal(18, 2))
    bad = frame.filter(pl.col("amount_yuan").is_null() | (pl.col("amount_yuan") <= zero))
    return _hits(bad, pl.format("金额为 {}", pl.col("amount_yuan").cast(pl.String).fill_null("空")))


def unit_unknown(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """按件（专利、项目等）兑现而不知是哪几件，或件数与奖励计算的不一致。"""
    return unknown_units(frame)


def unit_claimed(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """这一件已经兑现过，不论当时由谁申领、在哪个周期。"""
    return claimed_units(frame, inputs)


def outranked(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """缺数据、尚不能判定的事项，每家企业一次只提醒匹配分最高的几项（符合条件或仅差承诺的不受此限）。"""
    sent = shaped(inputs.sent, SENT, "已发送").group_by("enterprise_id", "item_id", "cycle").len("_waves")
    # What has had all its reminders no longer holds a place, so that the next best gets its turn.
    waiting = (
        frame.filter(pl.col("verdict") == "unknown")
        .join(sent, on=["enterprise_id", "item_id", "cycle"], how="left")
        .filter(pl.col("_waves").fill_null(0) < limits.messages_per_cycle)
        .sort("enterprise_id", "score", "item_id", "row", descending=[False, True, False, False], nulls_last=True)
        .with_columns((pl.int_range(pl.len()).over("enterprise_id") + 1).alias("_place"))
    )
    return _hits(
        waiting.filter(pl.col("_place") > limits.undecided_at_once),
        pl.format("待判定事项中匹配分排第 {}，一次提醒前 {} 项", "_place", pl.lit(limits.undecided_at_once)),
    )


def exclusion_group(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """就高不重复：同组事项只留金额较高的一项。"""
    return lower_awards(
        frame, grouped_awards(inputs.awards, inputs.items, dates.as_of), inputs.sent, dates.as_of, limits
    )


def budget_exhausted(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """预算排不到。兑付类按排序截止；提醒类在预算用完后不再发出。"""
    budgets = {
        (row["item_id"], row["cycle"]): row["budget_yuan"]
        - inputs.spent.get((row["item_id"], row["cycle"]), Decimal(0))
        for row in frame.filter(pl.col("budget_yuan").is_not_null())
        .select("item_id", "cycle", "budget_yuan")
        .unique(maintain_order=True)
        .iter_rows(named=True)
    }
    money = frame.filter(pl.col("kind").is_in(sorted(kinds.MONEY)))
    gone = [{"item_id": item, "cycle": cycle} for (item, cycle), free in sorted(budgets.items()) if free <= 0]
    spent_up = (
        frame.filter(~pl.col("kind").is_in(sorted(kinds.MONEY)))
        .join(
            pl.DataFrame(gone, schema={"item_id": pl.String, "cycle": pl.String}), on=["item_id", "cycle"], how="inner"
        )
        .select("row", pl.lit("剩余预算为零").alias("detail"))
    )
    return pl.concat([beyond_budget(money, budgets), spent_up])


def pool_exhausted(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """事项所属资金池的可用余额排不到。"""
    return beyond_pool(frame, inputs.funds)


def opted_out(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """企业退订了提醒，或声明放弃免申即享。"""
    wishes = (
        shaped(inputs.opt_outs, OPT_OUTS, "退订")
        .filter(pl.col("since") <= dates.as_of)
        .sort("enterprise_id", "since", "scope")
        .unique(subset=["enterprise_id", "scope"], keep="first", maintain_order=True)
    )
    scope = pl.when(pl.col("kind").is_in(sorted(kinds.UNASKED))).then(pl.lit("award")).otherwise(pl.lit("message"))
    found = (
        frame.with_columns(scope.alias("_own"))
        .join(wishes, on="enterprise_id", how="inner")
        .filter((pl.col("scope") == "all") | (pl.col("scope") == pl.col("_own")))
        .sort("row", "since")
        .unique(subset="row", keep="first", maintain_order=True)
    )
    return _hits(found, pl.format("{} 起，范围 {}", "since", "scope"))


def no_contact(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """没有可用的联系电话。"""
    return _hits(frame.filter(pl.col("contact_hash").is_null()), pl.lit("各部门交付中都没有联系电话"))


def quiet_hours(frame: pl.DataFrame, inputs: Inputs, dates: Dates, limits: Limits) -> pl.DataFrame:
    """20:00 至次日 08:00 和非工作日不发送；顺延后已过截止日的，不再发送。"""
    planned = next_send(dt.datetime.combine(dates.as_of, dt.time(8)), inputs.calendar).date()
    late = frame.filter((pl.col("deadline") < planned).fill_null(False))
    return _hits(late, pl.format("最早可于 {} 发送，截止 {}", pl.lit(planned.isoformat()), "deadline"))


REMINDED: Final = kinds.MESSAGE
GATES: Final[tuple[Gate, ...]] = (
    Gate("not_current", kinds.EVERY, not_current),
    Gate("window_closed", kinds.EVERY, window_closed),
    Gate("not_pilot_region", kinds.EVERY, not_pilot_region),
    Gate("barred", kinds.EVERY, barred),
    Gate("bar_unknown", kinds.MONEY, bar_unknown),
    Gate("verdict_unknown", kinds.MESSAGE, verdict_unknown),
    Gate("already_paid", kinds.EVERY, already_paid),
    Gate("already_applied", kinds.EVERY, already_applied),
    Gate("cooling_off", kinds.EVERY - {kinds.DECISION}, cooling_off),
    # A message may be repeated within its caps; an award, a check and an advice may not be on two open lists.
    Gate("already_listed", kinds.MONEY | {kinds.WORK, kinds.NEAR_MISS}, already_listed),
    Gate("not_money", kinds.MONEY, not_money),
    Gate("feed_unfit", kinds.MONEY, feed_unfit),
    Gate("rule_too_wide", kinds.MONEY, rule_too_wide),
    Gate("series_gap", kinds.MONEY, series_gap),
    Gate("row_rejected", kinds.MONEY, row_rejected),
    Gate("standing_disputed", kinds.MONEY | kinds.ADDRESSED, standing_disputed),
    Gate("unit_unknown", kinds.MONEY, unit_unknown),
    Gate("unit_claimed", kinds.MONEY, unit_claimed),
    Gate("amount_unknown", kinds.MONEY, amount_unknown),
    Gate("opted_out", kinds.UNASKED | kinds.ADDRESSED, opted_out),
    Gate("outranked", kinds.MESSAGE, outranked),
    Gate("exclusion_group", kinds.EVERY, exclusion_group),
    Gate("budget_exhausted", kinds.MONEY | kinds.MESSAGE, budget_exhausted),
    Gate("pool_exhausted", kinds.MONEY, pool_exhausted),
    Gate("no_contact", kinds.MESSAGE, no_contact),
    Gate("quiet_hours", kinds.MESSAGE, quiet_hours),
)
