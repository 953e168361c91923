"""`huiqi funds`, `unlisted`, `payouts`, `payout`, `differences`: what every pool holds, which item a payment was for, and what should come back."""

from contextlib import closing
from datetime import date
from typing import Annotated, Any

import typer

from matching.push.clawback import PROPOSALS
from matching.push.payout import STATES as PAYOUT_STATES
from matching.push.pools import KINDS, STATES
from pipelines.approval import Desk
from pipelines.clawback import reviewed
from pipelines.cli import output
from pipelines.cli.acting import As, Note, desk_of, moment_of, phrase_of, refusals, tell
from pipelines.cli.output import Home, Json, Stop
from pipelines.published import open_published

_TABLES = {"fund": "资金池", "unlisted": "名单外支付"}
_LOW = ("alarm", "exhausted", "overdrawn")


def register(app: typer.Typer) -> None:
    app.command("funds", help="资金池：期初、补充、已付、余额、告警。示例：huiqi funds --pool jobs")(funds)
    app.command(
        "differences",
        help="差异清单：已兑付的按现在的资料重判，该追回、补发、核实的。示例：huiqi differences --since 2025-01-01",
    )(differences)
    app.command(
        "unlisted",
        help="名单外支付：财政付了而没有名单也没有批准申报的；写明依据后不再提示。示例：huiqi unlisted 91460100MA5T000001 hn-jobs-added 2025-02-20 --note 会议纪要 --as 李审批",
    )(outside_lists)
    app.command("payouts", help="国库支付归到哪个事项，哪些待人认定。示例：huiqi payouts --state unsure")(payouts)
    app.command(
        "payout", help="认定一笔国库支付属于哪个事项。示例：huiqi payout ZF10000000453 hn-jobs-added --as 王经办"
    )(judge)


def outside_lists(
    key: Annotated[str, typer.Argument(metavar="[USCC]", help="企业", show_default=False)] = "",
    item: Annotated[str, typer.Argument(metavar="[ITEM]", help="事项编号", show_default=False)] = "",
    day: Annotated[str, typer.Argument(metavar="[DAY]", help="支付日 YYYY-MM-DD", show_default=False)] = "",
    by: Annotated[str, typer.Option("--as", help="说明人（审批人）", show_default=False)] = "",
    note: Note = "",
    home: Home = None,
    json: Json = False,
) -> None:
    where = output.home_of(home)
    desk = desk_of(where)
    found = _unexplained(home, desk)
    if key:
        row = _meant(found, key, item, day)
        with refusals():
            desk.explain_payment(row["enterprise_id"], item, row["paid_on"], note, by, phrase_of(by), moment_of(where))
        said = {"uscc": row["uscc"], "item_id": item, "paid_on": row["paid_on"], "note": note}
        tell(json, said, f"已记下 {key} 这笔支付的依据")
        return
    columns = {"uscc": "信用代码", "name": "名称", "item_id": "事项", "paid_on": "支付日", "paid_yuan": "金额（元）"}
    if json:
        output.print_json(found)
    elif found:
        output.print_table(found, columns, title=f"财政付了而名单上没有的 {len(found)} 笔")
    else:
        output.console.print("财政的支付都有名单或批准的申报")
    raise typer.Exit(output.ATTENTION if found else output.DONE)


def _unexplained(home: Home, desk: Desk) -> list[dict[str, Any]]:
    """The payments outside every list of which no approver has said what they rest on."""
    told = {
        (row["enterprise_id"], row["item_id"], row["paid_on"])
        for row in desk.control.rows("SELECT enterprise_id, item_id, paid_on FROM payment_note")
    }
    stray = _rows(
        home,
        "SELECT u.*, e.uscc, e.name FROM push.unlisted AS u LEFT JOIN profile.enterprise AS e USING (enterprise_id)"
        " ORDER BY u.paid_on, u.enterprise_id, u.item_id",
        {},
        "unlisted",
    )
    return [row for row in stray if (row["enterprise_id"], row["item_id"], row["paid_on"].isoformat()) not in told]


def _meant(found: list[dict[str, Any]], key: str, item: str, day: str) -> dict[str, Any]:
    meant = (key.upper(), item, day)
    for row in found:
        if (row["uscc"] or row["enterprise_id"].upper(), row["item_id"], row["paid_on"].isoformat()) == meant:
            return row
    raise Stop(f"没有待说明的名单外支付 {' '.join(meant)}；用 huiqi unlisted 查看")


def differences(
    home: Home = None,
    since: Annotated[
        str, typer.Option("--since", help="只看这一天及以后的名单 YYYY-MM-DD", show_default=False)
    ] = "2000-01-01",
    json: Json = False,
) -> None:
    try:
        first = date.fromisoformat(since)
    except ValueError as error:
        raise Stop(f"日期应为 YYYY-MM-DD：{error}") from error
    found = reviewed(output.home_of(home), first, lambda text: output.messages.print(text, markup=False)).to_dicts()
    if json:
        output.print_json(found)
    elif found:
        columns = {
            "list_id": "清单", "uscc": "信用代码", "item_id": "事项", "granted_yuan": "已批（元）", "proposal": "建议",
            "difference_yuan": "差额（元）", "why": "依据",
        }  # fmt: skip
        output.print_table([{**row, "proposal": PROPOSALS[row["proposal"]]} for row in found], columns)
    else:
        output.console.print("已兑付的按现在的资料重判，没有差异")
    raise typer.Exit(output.ATTENTION if found else output.DONE)


def _rows(home: Any, sql: str, parameters: dict[str, Any], table: str = "fund") -> list[dict[str, Any]]:
    with closing(open_published(output.home_of(home))) as con:
        held = con.execute(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = 'push' AND table_name = $table",
            {"table": table},
        )
        if not held.fetchall():
            raise Stop(f"最新发布里没有{_TABLES[table]}；先运行 huiqi run")
        return con.sql(sql, params=parameters).pl().to_dicts()


def funds(
    home: Home = None,
    pool: Annotated[str, typer.Option("--pool", help="只看一个资金池，并列出流水", show_default=False)] = "",
    json: Json = False,
) -> None:
    found = _rows(home, "SELECT * FROM push.fund WHERE $pool = '' OR pool = $pool ORDER BY pool", {"pool": pool})
    if not found:
        raise Stop(f"没有资金池 {pool}；用 huiqi funds 查看名称")
    book = []
    if pool:
        book = _rows(home, "SELECT * FROM push.fund_movement WHERE pool = $pool", {"pool": pool})
    if json:
        output.print_json([{**row, "movements": [m for m in book if m["pool"] == row["pool"]]} for row in found])
    else:
        columns = {
            "pool": "资金池", "label": "名称", "opening_yuan": "期初（元）", "replenished_yuan": "补充（元）", "paid_yuan": "已付（元）",
            "balance_yuan": "余额（元）", "outstanding_yuan": "已批未付（元）", "free_yuan": "可用（元）", "alarm_yuan": "告警线（元）",
            "state": "状态",
        }  # fmt: skip
        output.print_table([{**row, "state": STATES[row["state"]]} for row in found], columns)
        if pool:
            output.print_table(
                [{**row, "kind": KINDS[row["kind"]]} for row in book],
                {
                    "day": "日期",
                    "kind": "类别",
                    "item_id": "事项",
                    "amount_yuan": "金额（元）",
                    "balance_yuan": "余额（元）",
                },
                title="流水",
            )
    raise typer.Exit(output.ATTENTION if any(row["state"] in _LOW for row in found) else output.DONE)


def payouts(
    home: Home = None,
    state: Annotated[
        str, typer.Option("--state", help=f"只看一种：{'、'.join(f'{k} {v}' for k, v in PAYOUT_STATES.items())}")
    ] = "unsure",
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000, help="最多几笔")] = 50,
    json: Json = False,
) -> None:
    if state not in PAYOUT_STATES:
        raise Stop(f"没有状态 {state}；可选 {'、'.join(PAYOUT_STATES)}")
    found = _rows(
        home,
        "SELECT * FROM push.payout WHERE state = $state ORDER BY abs(paid_yuan) DESC, voucher_no LIMIT $limit",
        {"state": state, "limit": limit},
    )
    if json:
        output.print_json(found)
        return
    columns = {"voucher_no": "凭证号", "paid_on": "支付日", "paid_yuan": "金额（元）", "budget_unit": "预算单位", "purpose": "摘要",
               "item_id": "事项", "confidence": "把握", "because": "依据"}  # fmt: skip
    output.print_table(found, columns, title=f"{PAYOUT_STATES[state]} {len(found)} 笔")


def judge(
    voucher: Annotated[str, typer.Argument(help="支付凭证号，见 huiqi payouts")],
    item: Annotated[str, typer.Argument(help="事项编号；- 表示不属于任何事项")],
    by: As,
    home: Home = None,
    json: Json = False,
) -> None:
    where = output.home_of(home)
    if not _rows(home, "SELECT 1 FROM push.payout WHERE voucher_no = $voucher", {"voucher": voucher}):
        raise Stop(f"最新发布里没有支付凭证 {voucher}；用 huiqi payouts 查看")
    named = "" if item == "-" else item
    if named and not _rows(home, "SELECT 1 FROM policy.item WHERE item_id = $item", {"item": named}):
        raise Stop(f"没有事项 {item}；不属于任何事项时写 -")
    with refusals():
        desk_of(where).judge_payout(voucher, named, by, phrase_of(by), moment_of(where))
    tell(
        json,
        {"voucher_no": voucher, "item_id": named or None},
        f"{voucher} 已认定为 {named or '不属于任何事项'}；下次运行起计入",
    )
