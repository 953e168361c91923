"""push/list, line, suppression, doubt, settlement, unlisted, receipt: what a run proposes, beside the lists that are frozen and never change."""

import dagster as dg
import polars as pl

from assets.ports import Control, Scope, Warehouse
from assets.push_decision import decision
from assets.push_fund import FUND_LABELS, pooled
from assets.push_history import frozen, history, taken_up
from assets.push_inputs import collected
from assets.push_payout import payout
from assets.push_return import receipts, settlement, stray_receipts
from assets.push_unlisted import unlisted_payments
from assets.sql import table_metadata
from matching.push.kinds import KINDS, REASONS
from matching.push.lines import LINE
from matching.push.pools import STATES as FUND_STATES
from matching.push.receipts import STATES
from matching.push.select import HEADER, propose

_DESCRIPTIONS = {
    "list": "清单表头：每个事项 × 种类 × 周期一份，写明日期、数据水位、行数、金额、截止规则、对照组与 sha256；草稿不发送也不付款。",
    "line": "清单行：企业、金额、截止日、逐条理由（政策原文、取值、来源部门和日期）、还缺什么、短信内容、所属分组。",
    "suppression": "未列入的企业与原因：每个本可列入的（企业，事项）要么在清单行上，要么在这里，写明一个原因。",
    "unit": "兑现单元：按件兑现的事项，企业名下是哪几件（专利申请号等），与奖励所计件数并列；每一件只兑现一次。",
    "settlement": "兑付对账：每笔已导出的兑付，财政兑现台账付了多少、几笔、何时，是否付清，导出 48 小时后仍未付清的标为逾期。",
    "unlisted": "名单外支付：财政付给企业某事项的钱，而这家企业没有因它上过任何名单，也没有批准的申报；自首份导出的兑付名单之日起，已有人说明的不再列出。",
    "doubt": "存疑：部门最近说到这家企业的一行读不出来，或税务已注销而登记机关仍为存续；更正或核实之前不兑付，事项为空的涉及全部事项。",
    "fund": "资金池：期初、补充、财政已付、余额、已批未付、可用余额、告警线；一个事项只从一个池支付。",
    "fund_movement": "资金池流水：每次投入，每天每个事项的支付与退回，以及之后的余额。",
    "receipt": "短信回执：每条已导出的短信是否送达、点击、失败或退订；退订的企业此后不再提醒。",
}


LABELS = {
    "list_id": "清单编号",
    "sha256": "内容指纹，审批绑定于此",
    "kind": "种类",
    "item_id": "事项编号（* 为多个事项）",
    "version": "事项版本",
    "title": "事项名称",
    "department": "主管部门",
    "cycle": "周期",
    "as_of": "事实日期",
    "known_at": "截至何时已收到",
    "rules_as_of": "规则日期",
    "build_id": "构建",
    "row_count": "行数",
    "suppressed_count": "未列入数",
    "amount_yuan": "金额（元）",
    "budget_yuan": "预算（元）",
    "watermarks": "各部门最近一次交付",
    "valid_until": "清单有效期",
    "author": "生成者",
    "cut_rule": "预算截止规则",
    "holdout_share": "对照组比例",
    "holdout_count": "对照组户数",
    "smallest_visible_effect": "可识别的最小差异",
    "sample_ratio_p": "分组比例检验 p 值",
    "note": "说明",
    "corrects": "更正哪一份清单",
    "line_no": "序号",
    "line_key": "兑付或消息的唯一键",
    "enterprise_id": "企业编号",
    "uscc": "统一社会信用代码；人才为人员编号",
    "name": "企业名称",
    "claim_unit": "兑现单元编号",
    "case_no": "办件编号",
    "verdict": "判定",
    "deadline": "截止日（即申即享为承诺办结日）",
    "reasons": "理由：条件原文、取值、来源部门和日期（JSON）",
    "missing": "还缺什么（JSON）",
    "form": "预填表（JSON）",
    "score": "匹配分",
    "channel": "渠道",
    "template": "短信模板及版本",
    "message": "短信内容",
    "wave": "第几次提醒",
    "contact_hash": "联系方式的密钥散列",
    "contact_masked": "联系方式（遮盖）",
    "earliest_send": "最早发送",
    "latest_send": "最晚发送",
    "arm": "分组",
    "probability": "分到该组的概率",
    "exclusion_group": "就高不重复组",
    "group_cycle": "组内计次年度",
    "covers": "合并的企业与事项（JSON）",
    "risk": "风险提示（JSON）",
    "region": "注册地",
    "size": "规模",
    "reason": "未列入原因",
    "detail": "未列入说明",
    "granted_yuan": "应付（元）",
    "paid_yuan": "已付（元）",
    "payments": "支付笔数",
    "last_paid_on": "最近支付日",
    "state": "对账或回执状态",
    "exported_at": "付款文件导出时间",
    "overdue": "导出 48 小时后仍未付清",
    "paid_on": "支付日",
    "occurred_at": "回执时间",
    "unit": "兑现单元编号",
    "expected": "奖励所计件数",
}


def _warning(table: str, name: str, faults: pl.DataFrame, said: str, kept: str, shown: str = "") -> dg.AssetCheckResult:
    """A check that passes if there are no `faults`; `shown` is the column whose values its metadata list."""
    metadata: dict[str, object] = {"行数": faults.height}
    if shown:
        metadata[LABELS[shown]] = "、".join(sorted(set(faults[shown].drop_nulls()))[:20])
    return dg.AssetCheckResult(
        passed=faults.is_empty(),
        asset_key=["push", table],
        check_name=name,
        severity=dg.AssetCheckSeverity.WARN,
        description=kept if faults.is_empty() else said,
        metadata=metadata,
    )


def _in_time(states: pl.DataFrame) -> dg.AssetCheckResult:
    late = states.filter(pl.col("overdue"))
    said = f"{late.height} 笔兑付导出 48 小时后仍未付清"
    return _warning("settlement", "paid_in_time", late, said, "没有逾期", "list_id")


def _funded(rows: pl.DataFrame) -> dg.AssetCheckResult:
    low = rows.filter(pl.col("state").is_in(["alarm", "exhausted", "overdrawn"]))
    said = "；".join(
        f"{row['label']}可用 {row['free_yuan']} 元，告警线 {row['alarm_yuan']} 元" for row in low.iter_rows(named=True)
    )
    return _warning("fund", "pools_funded", low, said, "资金池都在告警线以上")


def _accounted(stray: pl.DataFrame) -> dg.AssetCheckResult:
    said = (
        f"{stray.height} 笔共 {stray['paid_yuan'].sum()} 元付给了没有上过名单、也没有批准申报的企业；见 huiqi unlisted"
    )
    return _warning("unlisted", "paid_by_list", stray, said, "财政的支付都有名单或批准的申报", "item_id")


def _ours(strange: pl.DataFrame) -> dg.AssetCheckResult:
    said = f"{strange.height} 条回执对不上任何发出的短信，未采用；请向短信网关核实"
    return _warning("receipt", "receipts_ours", strange, said, "回执都对得上发出的短信", "list_id")


def _answers(answers: pl.DataFrame) -> dict[str, object]:
    return {STATES[state]: n for state, n in answers.group_by("state").len().sort("state").iter_rows()}


@dg.multi_asset(
    name="push",
    group_name="push",
    specs=[
        dg.AssetSpec(
            ["push", name],
            description=description,
            kinds={"duckdb", "polars"},
            deps=[
                ["match", "pair"],
                ["match", "person_pair"],
                ["match", "score"],
                ["profile", "enterprise"],
                ["profile", "person"],
                ["profile", "evidence"],
                ["policy", "item"],
                ["policy", "condition"],
                ["registry", "subject"],
                ["raw", "apply_case"],
                ["raw", "ip_patent"],
                ["raw", "ip_patent_status"],
                ["push", "payout"],
                ["push", "decision"],
                ["raw", "finance_redemption"],
                ["raw", "sms_receipt"],
            ],
        )
        for name, description in _DESCRIPTIONS.items()
    ],
    check_specs=[
        dg.AssetCheckSpec(
            "paid_in_time", asset=["push", "settlement"], description="付款文件导出 48 小时内由财政付清。"
        ),
        dg.AssetCheckSpec(
            "paid_by_list", asset=["push", "unlisted"], description="财政的每笔支付都有名单或批准的申报。"
        ),
        dg.AssetCheckSpec("receipts_ours", asset=["push", "receipt"], description="短信回执都对得上发出的短信。"),
        dg.AssetCheckSpec("pools_funded", asset=["push", "fund"], description="资金池可用余额在告警线以上。"),
    ],
)
def push(warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope], control: dg.ResourceParam[Control]):  # type: ignore[no-untyped-def]
    """Proposes lists. Nothing is sent or paid here: two people and `huiqi freeze` do that."""
    inputs, dates = collected(warehouse, scope, control)
    proposal = propose(inputs, dates)
    if set(taken_up(control, scope.as_of).values()) - set(proposal.lists["list_id"]):
        # The day's facts changed after a list was taken up: it stays as it is, and what is new becomes a list that names it.
        proposal = propose(*collected(warehouse, scope, control, follow=True))
    kept_headers, kept_lines = frozen(control, HEADER, "header"), frozen(control, LINE, "body")
    headers = pl.concat(
        [proposal.lists, kept_headers.filter(~pl.col("list_id").is_in(proposal.lists["list_id"].implode()))]
    )
    lines = pl.concat(
        [proposal.lines, kept_lines.filter(~pl.col("list_id").is_in(proposal.lists["list_id"].implode()))]
    )
    states, answers = settlement(warehouse, control, scope), receipts(warehouse, control)
    stray = unlisted_payments(warehouse, control)
    awards = history(control, scope.as_of)["awards"]
    assert isinstance(awards, pl.DataFrame)
    fund_rows, book = pooled(warehouse, scope, awards, states)
    with warehouse.write() as transaction:
        written = {
            "list": transaction.replace("push.list", headers.sort("kind", "item_id", "version", "cycle", "list_id")),
            "line": transaction.replace("push.line", lines.sort("list_id", "line_no")),
            "suppression": transaction.replace("push.suppression", proposal.suppressions),
            "unit": transaction.replace("push.unit", inputs.units),
            "settlement": transaction.replace("push.settlement", states),
            "unlisted": transaction.replace("push.unlisted", stray),
            "doubt": transaction.replace("push.doubt", inputs.doubts.sort(inputs.doubts.columns)),
            "fund": transaction.replace("push.fund", fund_rows),
            "fund_movement": transaction.replace("push.fund_movement", book),
            "receipt": transaction.replace("push.receipt", answers),
        }
    counts = {
        KINDS[kind]: f"{n} 份 {rows} 行"
        for kind, n, rows in headers.group_by("kind").agg(pl.len(), pl.col("row_count").sum()).sort("kind").iter_rows()
    }
    reasons = {
        REASONS[reason]: n for reason, n in proposal.suppressions.group_by("reason").len().sort("reason").iter_rows()
    }
    extra: dict[str, dict[str, object]] = {
        "list": counts,
        "line": {},
        "suppression": reasons,
        "unit": {},
        "settlement": {},
        "unlisted": {},
        "doubt": {
            REASONS[reason]: n for reason, n in inputs.doubts.group_by("reason").len().sort("reason").iter_rows()
        },
        "fund": {FUND_STATES[state]: n for state, n in fund_rows.group_by("state").len().sort("state").iter_rows()},
        "fund_movement": {},
        "receipt": _answers(answers),
    }
    for name in _DESCRIPTIONS:
        yield dg.MaterializeResult(
            asset_key=["push", name],
            metadata={
                **table_metadata(written[name], {**LABELS, **(FUND_LABELS if name.startswith("fund") else {})}),
                **extra[name],
            },
        )
    yield _in_time(states)
    yield _accounted(stray)
    yield _funded(fund_rows)
    yield _ours(stray_receipts(warehouse, control))


PUSH_ASSETS: list[dg.AssetsDefinition] = [payout, push, decision]
