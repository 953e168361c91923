"""财政厅 and 申报系统: the money of the planted programmes: cases, decisions, payments in instalments, returns, the monthly ledger."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from data.world import books, calendar, codes, defects, formats, pools, programs, rings, writers
from data.world.books import Sheet
from data.world.parcel import Parcel, World, positions
from data.world.population import Population
from data.world.streams import Bools, Ints, permuted
from data.world.value_defects import dirty_values
from data.world.views.frames import choose, everywhere, table, texts
from data.world.views.register import current_name
from data.world.writers import Written

_NEVER = 100_000


def awards(people: Population, programme: programs.Programme) -> tuple[Ints, Ints, Ints]:
    """(positions paid, day of the first payment, amount in 分)."""
    month = programs.pay_month(people, programme)
    keep = positions(month < _NEVER)
    day = calendar.day_number(month[keep], np.array([7, 14, 21])[people.ids[keep] % 3])
    amount = programme.amount_wan * 1_000_000 * (10 + people.ids[keep] % 5) // 10
    return keep, day, amount


def account(people: Population) -> pl.Series:
    """Sixteen digits, the middle masked; shells and members of a shared_account ring (and subsidiaries of a group treasury) share one."""
    full = codes.text(codes.digits(permuted(_account_owner(people), 10**12, 1_000_003, 7), 16))
    return pl.DataFrame({"a": full}).select(
        pl.concat_str(pl.col("a").str.slice(0, 4), pl.lit("********"), pl.col("a").str.slice(12)).alias("m")
    )["m"]


def _payments(people: Population, programme: programs.Programme, number: int) -> pl.DataFrame:
    keep, day, amount = awards(people, programme)
    sub = people.take(keep)
    parts = []
    shares = (
        (0, 1.0 - programme.county_share, "460001", programme.office, "省级财政资金", 0),
        (1, programme.county_share, "460101", "市县财政局", "市县财政资金", 12),
    )
    for turn, share, unit, office, source, wait in shares:
        if share == 0:
            continue
        part = np.floor(amount * share).astype(np.int64)
        paid = day + wait
        frame = table(
            sub,
            {
                "支付凭证号": pl.select(
                    pl.concat_str(pl.lit(f"ZF{number}{turn}"), pl.Series(sub.ids).cast(pl.String).str.zfill(9))
                ).to_series(),
                "支付日期": formats.dates(paid, "%Y-%m-%d"),
                "预算单位编码": unit,
                "预算单位": office,
                "资金来源": source,
                "收款人全称": current_name(sub, calendar.LAST_MONTH - 8),
                "收款人账号": account(sub),
                "开户行": pl.Series(pools.BANKS).gather(sub.ids % 7),
                "支付金额": pl.Series([formats.grouped(int(a)) for a in part], dtype=pl.String),
                "用途": f"{programme.title}",
                "功能分类": "2150805",
                "经济分类": "31205" if "贴息" in programme.title else "31204",
                "退回标志": "",
                "原凭证号": "",
            },
            paid,
        ).with_columns(pl.Series("_cents", part))
        parts.append(frame)
        sent_back = positions(sub.streams.chance(0.02, f"payment.returned.{programme.id}", sub.ids))
        back = frame[sent_back.tolist()]
        for label, suffix, sign, wait_days in (("returned", "T", "-", 6), ("paid_again", "C", "", 15)):
            when = back["_day"].to_numpy() + wait_days
            again = back.with_columns(
                pl.concat_str(pl.col("支付凭证号"), pl.lit(suffix)).alias("支付凭证号"),
                pl.Series("支付日期", formats.dates(when, "%Y-%m-%d")),
                pl.concat_str(pl.lit(sign), pl.col("支付金额")).alias("支付金额"),
                pl.lit("是" if sign else "").alias("退回标志"),
                (pl.col("支付凭证号") if sign else pl.lit("")).alias("原凭证号"),
                pl.Series("_day", when, dtype=pl.Int64),
                (pl.col("_cents") * (-1 if sign else 1)).alias("_cents"),
            )
            parts.append(everywhere(again, label))
    return pl.concat(parts)


def payments(people: Population) -> pl.DataFrame:
    """ZFMX of all programmes: payee names only; one in fifty paid to the parent."""
    frame = pl.concat([_payments(people, p, k + 1) for k, p in enumerate(programs.PROGRAMMES)])
    ids = frame["_eid"].to_numpy()
    parent = people.streams.chance(0.02, "payment.parent", ids)
    frame = defects.put(
        frame, "收款人全称", parent, "paid_to_parent", Population(people.streams, np.maximum(ids - 1, 0)).name
    )
    frame = dirty_values(
        frame,
        people.streams,
        "finance.payment",
        frame["_day"].to_numpy(),
        dates=("支付日期",),
        required=("收款人全称",),
    )
    return defects.dirty_names(frame, "收款人全称", people.streams, "finance.name", 0, 0.6)


def ledger(people: Population) -> pl.DataFrame:
    """DXTZ: what the bureau recorded as redeemed, in 万元, by bearing level."""
    parts = []
    for programme in programs.PROGRAMMES:
        keep, day, amount = awards(people, programme)
        sub = people.take(keep)
        for share, level in ((1.0 - programme.county_share, "省"), (programme.county_share, "市县")):
            if share == 0:
                continue
            part = np.floor(amount * share).astype(np.int64)
            parts.append(
                table(
                    sub,
                    {
                        "政策编号": programme.policy,
                        "政策名称": programme.title,
                        "批次": pl.Series(
                            [
                                f"{calendar.date_of(int(d)).year}年第{1 + int(calendar.month_of_day(np.array([d]))[0]) % 12 // 3}批"
                                for d in day
                            ],
                            dtype=pl.String,
                        ),
                        "企业名称": current_name(sub, calendar.LAST_MONTH - 8),
                        "信用代码": sub.uscc,
                        "核定金额": formats.wan(part, 4),
                        "拨付金额": formats.wan(part, 4),
                        "拨付日期": formats.dates(day, "%Y-%m-%d"),
                        "承担级次": level,
                    },
                    day,
                )
            )
    frame = pl.concat(parts)
    frame = defects.numeric_key(frame, "信用代码", people.streams, "finance.key", 0)
    frame = defects.put(
        frame, "信用代码", people.streams.chance(0.05, "finance.key.blank", frame["_eid"].to_numpy()), "key_blank", ""
    )
    frame = defects.change(
        frame,
        "批次",
        people.streams.chance(0.01, "finance.wrong_year", frame["_eid"].to_numpy()),
        "wrong_year",
        lambda b: f"{int(b[:4]) - 1}{b[4:]}",
    )
    frame = dirty_values(
        frame,
        people.streams,
        "finance.ledger",
        frame["_day"].to_numpy(),
        numbers=("拨付金额",),
        dates=("拨付日期",),
        sheet=True,
    )
    return defects.dirty_names(frame, "企业名称", people.streams, "finance.name", 0, 0.6)


def applicants(people: Population, programme: programs.Programme) -> tuple[Ints, Ints, Bools]:
    """(positions that applied, day of application, whether approved): the paid, and a third as many who were not."""
    month = programs.pay_month(people, programme)
    paid = month < _NEVER
    other = (
        ~paid
        & people.is_firm
        & people.streams.chance(0.03, f"apply.{programme.id}", people.ids)
        & (people.birth_month < programme.first)
    )
    when = np.where(
        paid, month, programme.first + people.streams.below(programme.spread, f"apply.{programme.id}.month", people.ids)
    )
    keep = positions((paid | other) & (people.death_month > when))
    day = calendar.day_number(when[keep], people.ids[keep] % 20) - 50 - people.ids[keep] % 30
    return keep, day, paid[keep]


def cases(people: Population) -> pl.DataFrame:
    """CASE: each application twice: when accepted, and again when decided."""
    parts = []
    for number, programme in enumerate(programs.PROGRAMMES):
        keep, day, approved = applicants(people, programme)
        sub = people.take(keep)
        amount = programme.amount_wan * 1_000_000 * (10 + sub.ids % 5) // 10
        decided = day + 18 + sub.ids % 12
        withdrawn = ~approved & (sub.ids % 4 == 0)
        verdict = np.where(approved, "通过", np.where(withdrawn, "撤回", "不通过"))
        pushed = sub.streams.chance(0.35, f"apply.{programme.id}.pushed", sub.ids)
        common: dict[str, pl.Series | str | None] = {
            "办件编号": pl.select(
                pl.concat_str(pl.lit(f"BJ{number + 1}"), pl.Series(sub.ids).cast(pl.String).str.zfill(9))
            ).to_series(),
            "事项编号": programme.policy,
            "申报主体码": sub.uscc,
            "名称": current_name(sub, calendar.LAST_MONTH),
            "申报日": formats.dates(day),
            "受理日": formats.dates(day + 2),
            "补正次数": formats.whole(sub.ids % 3 // 2),
        }
        later: dict[str, pl.Series | str | None] = {"承诺时限": "20", "来源": choose(pushed, "推送", "主动")}
        first = table(
            sub,
            {
                **common,
                "决定": None,
                "决定日": None,
                "不通过原因": None,
                "核定金额": None,
                **later,
                "更新时间": formats.stamps(day + 2, np.full(len(sub), 36_000)),
            },
            day + 2,
        )
        second = table(
            sub,
            {
                **common,
                "决定": texts(verdict),
                "决定日": formats.dates(decided),
                "不通过原因": choose(verdict == "不通过", "不符合申报条件", ""),
                "核定金额": choose(approved, formats.yuan(amount), "0.00"),
                **later,
                "更新时间": formats.stamps(decided, np.full(len(sub), 36_000)),
            },
            decided,
        )
        parts += [first, everywhere(second, "status_resent")]
    return pl.concat(parts)


def payees(people: Population) -> pl.DataFrame:
    """PAYEE: the account each applicant gave."""
    frames = []
    for programme in programs.PROGRAMMES:
        keep, day, _ = applicants(people, programme)
        sub = people.take(keep)
        frames.append(
            table(
                sub,
                {
                    "主体码": sub.uscc,
                    "户名": current_name(sub, calendar.LAST_MONTH),
                    "开户行": pl.Series(pools.BANKS).gather(sub.ids % 7),
                    "账号": codes.text(codes.digits(permuted(_account_owner(sub), 10**12, 1_000_003, 7), 16)),
                    "核验状态": "已核验",
                    "生效日": formats.dates(day),
                },
                day,
            )
        )
    return pl.concat(frames).sort("_day", maintain_order=True).unique("主体码", keep="first", maintain_order=True)


def _account_owner(people: Population) -> Ints:
    members = rings.membership(people)
    shared = (members.ring >= 0) & (members.kind == 6) | rings.is_shell(people)
    return np.where(shared, members.ring + 900_000_000, people.ids)


def _daily_csv(frame: pl.DataFrame, encoding: str, path: Path) -> Written:
    """Lines grouped by budget unit, a subtotal line after each group and a total at the end."""
    columns = [c for c in frame.columns if not c.startswith("_")]
    parts: list[pl.DataFrame] = []
    for (unit,), part in frame.group_by("预算单位", maintain_order=True):
        parts.append(part)
        parts.append(_sum_line(columns, "小计", str(unit), int(part["_cents"].sum())))
    parts.append(_sum_line(columns, "合计", "", int(frame["_cents"].sum())))
    everything = pl.concat([p.select([*columns, "_eid", "_defects"]) for p in parts])
    written = writers.csv(path, [everything], encoding=encoding)
    written.rows = len(frame)
    return written


def _sum_line(columns: list[str], word: str, unit: str, cents: int) -> pl.DataFrame:
    values: dict[str, list[str | int]] = {c: [""] for c in columns}
    values[columns[0]], values["预算单位"], values["支付金额"] = [word], [unit], [formats.grouped(cents)]
    return pl.DataFrame({**values, "_eid": [-1], "_defects": ["total_line"]})


def parcels(world: World) -> Iterator[Parcel]:
    """Daily payment files, a monthly ledger workbook, and the application system's daily lines."""
    start, closing = calendar.number_of(world.opening_day), calendar.number_of(world.closing_day)
    paid = (
        world.gather(payments)
        .filter((pl.col("_day") >= start) & (pl.col("_day") < closing))
        .sort("_day", "预算单位", "支付凭证号")
    )
    for (key,), part in paid.group_by(_working("_day", paid), maintain_order=True):
        day = _sent(world, calendar.date_of(int(str(key))) + dt.timedelta(days=1))
        drifted = world.age(int(calendar.month_of_day(np.array([int(str(key))]))[0])) >= 31
        yield Parcel(
            "finance",
            "ZFMX",
            f"{calendar.date_of(int(str(key))):%Y%m%d}",
            "I",
            world.batch(calendar.date_of(int(str(key)) - 6)),
            "csv",
            day,
            partial(_daily_csv, part, "utf-8" if drifted else "gb18030"),
            anomalies=["encoding_changed"] if drifted else [],
        )
    book = world.gather(ledger)
    months = calendar.month_of_day(book["_day"].to_numpy())
    book = book.with_columns(pl.Series("_month", months)).sort("_month", "政策编号", "_eid", maintain_order=True)
    for month in world.window:
        part = book.filter(pl.col("_month") == month)
        header = [[c for c in part.columns if not c.startswith("_")]]
        total = {0: "合计", 5: str(sum(Decimal(v) for v in part["核定金额"].to_list()))} if len(part) else {}
        sheet = Sheet(
            "台账",
            part,
            header,
            title=f"{calendar.year_of(month)}年{month % 12 + 1}月惠企政策资金兑现台账",
            unit="单位：万元",
            total=total,
            numbers=frozenset({"核定金额", "拨付金额"}),
        )
        due = calendar.working_day(calendar.first_day(month + 1) + dt.timedelta(days=9))
        yield Parcel(
            "finance",
            "DXTZ",
            calendar.month_text(month),
            "I",
            "01",
            "xlsx",
            due,
            partial(books.xlsx, sheets=[sheet]),
        )
    for name, view in (("CASE", cases), ("PAYEE", payees)):
        frame = world.gather(view).filter(pl.col("_day") < closing)
        # The stock opens a world; one that goes on has it.
        frame = frame.filter(world.after is None or pl.col("_day") >= start)
        frame = frame.with_columns(pl.Series("_day", np.maximum(frame["_day"].to_numpy(), start)))
        frame = frame.sort("_day", "_eid", maintain_order=True)
        before: dt.date | None = None
        for (key,), part in frame.group_by(_working("_day", frame), maintain_order=True):
            day = _sent(world, calendar.date_of(int(str(key))))
            # After a week of holidays two runs go out on one day.
            batch = "02" if day == before else world.batch(calendar.date_of(int(str(key)) - 6))
            before = day
            yield Parcel(
                "apply",
                name,
                f"{day:%Y%m%d}",
                "I",
                batch,
                "jsonl",
                day,
                partial(writers.json_lines, frame=part),
            )


def _sent(world: World, day: dt.date) -> dt.date:
    """The working day on which a run goes out; what a world that goes on has ready by its closing day does not wait beyond it."""
    due = calendar.working_day(day)
    return due if world.after is None else min(due, world.closing_day)


def _working(column: str, frame: pl.DataFrame) -> pl.Series:
    """The Sunday that ends the week: money and cases move in weekly runs, so files stay few."""
    day = frame[column].to_numpy()
    return pl.Series("_run", (day + 3) // 7 * 7 + 3, dtype=pl.Int64)
