"""A world that goes on, and the loop closed: enterprises answer the lists a run has exported, and the answers arrive in the next month as deliveries.

What a firm would do if told and if not told comes from one draw, so the effect of telling is known exactly (truth_response.parquet).
The departments deliver the month as well: the same world runs on. Files are only added; the API's records are written anew, with more of them.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from data.world import applications, build, calendar, delivery, formats, pools, truth
from data.world.entity import NEWBORN_MONTHS
from data.world.parcel import Parcel, World
from data.world.population import Population
from data.world.streams import Bools, Floats, log
from data.world.views import finance
from data.world.views.frames import choose, everywhere, table, texts
from data.world.views.register import current_name
from data.world.writers import Written, json_lines

HOLDOUT_WORDS = ("holdout", "control", "对照", "保留")


@dataclass(frozen=True)
class Line:
    """One line of an exported list."""

    list_id: str
    uscc: str
    item_id: str
    told: bool
    line_key: str | None
    amount: Decimal | None
    lacks: str | None = None


def read_lists(home: Path) -> list[Line]:
    """Lines of every exported list under `lists/`; those that were handed to the gateway carry their key, in the same order."""
    lines = []
    for folder in sorted(p for p in (home / "lists").glob("*") if (p / "名单.csv").exists()):
        keys = iter(_gateway_keys(folder / "gateway.jsonl"))
        with (folder / "名单.csv").open(encoding="utf-8-sig", newline="") as handle:
            for row in csv.DictReader(handle):
                sent = row["渠道"] == "sms"
                key = next(keys, None) if sent else None
                held = any(word in row["分组"] for word in HOLDOUT_WORDS)
                amount = Decimal(row["金额（元）"]) if row["金额（元）"] else None
                told = key is not None and not held
                code, item = row["统一社会信用代码"], row["事项编号"]
                lines.append(Line(folder.name, code, item, told, key, amount, row.get("还缺什么") if told else None))
    return lines


def _gateway_keys(path: Path) -> Iterator[str]:
    if path.exists():
        for text in path.read_text(encoding="utf-8").splitlines():
            yield str(json.loads(text)["line_key"])


def effort(people: Population, item: str) -> float:
    """What applying for the item asks of a firm, in usual applications: 0.7 to 1.3."""
    return 0.7 + 0.6 * float(people.streams.uniform(f"effort.{item}", np.zeros(1, dtype=np.int64))[0])


def propensity(people: Population, told: bool, effort: float = 1.0) -> Floats:
    """Chance to apply within the month: larger firms apply unasked, smaller ones gain more from being told, and effort puts off both."""
    size = np.clip((people.log_revenue - log(5e5)) / 10, 0.0, 1.0)
    gain = 0.14 - 0.08 * size if told else 0.0
    return np.clip((0.04 + 0.14 * size + gain) / effort, 0.0, 1.0)


def answers(people: Population, item: str) -> tuple[Bools, Bools]:
    """(applies if told, applies if not told): the same draw against two chances."""
    draw = people.streams.uniform(f"answer.{item}", people.ids)
    asked = effort(people, item)
    return draw < propensity(people, True, asked), draw < propensity(people, False, asked)


def advance(home: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """One more month: the departments' deliveries of the month after the last one, and the answers to lists not yet answered.

    Returns the manifest with `advanced` one higher and the new last month. A home whose `truth/` lies elsewhere begins a
    new one, of what is new.
    """
    turn = int(manifest.get("advanced", 0)) + 1
    last = calendar.LAST_MONTH + turn
    if turn > NEWBORN_MONTHS:
        raise ValueError(
            f"世界最多推进 {NEWBORN_MONTHS} 个月，已到 {calendar.month_text(last - 1)}；请重新 make 一个世界"
        )
    world = World(manifest["seed"], manifest["entities"], manifest["months"], last, last - 1)
    arrivals = [*build.go_on(world, home), *_answer(home, world, turn)]
    delivery.write_receipts(arrivals, int(manifest["files"]))
    truth.write_deliveries(arrivals, home)
    came = [a for a in arrivals if a.received is not None]
    return manifest | {
        "advanced": turn,
        "last_month": calendar.month_text(last),
        "closing_day": world.closing_day.isoformat(),
        "files": manifest["files"] + len(came),
        "rows": manifest["rows"] + sum(a.rows for a in arrivals),
    }


def _answer(home: Path, world: World, turn: int) -> list[delivery.Arrival]:
    """The answers to lists, delivered the day before the month's closing day."""
    day = world.closing_day - dt.timedelta(days=1)
    place = {code: k for k, code in enumerate(world.everyone.uscc.to_list())}
    known = [line for line in read_lists(home) if line.uscc in place]
    answered = _answered(home)
    fresh = [line for line in known if (line.list_id, line.uscc, line.item_id) not in answered]
    responses = []
    book, offered = applications.Book.of(home), applications.offers()
    waiting = world.everyone.take(np.array([place[code] for code in book.open["uscc"]], dtype=np.int64))
    groups: dict[tuple[str, str], list[Line]] = {}
    for line in fresh:
        groups.setdefault((line.list_id, line.item_id), []).append(line)
    cases, receipts, payments, declarations = [], [], [], []
    cases += applications.ended(book, waiting, applications.paid(home), day, turn)
    for (list_id, item), lines in sorted(groups.items()):
        people = world.everyone.take(np.array([place[x.uscc] for x in lines], dtype=np.int64))
        told = np.array([x.told for x in lines])
        if_told, if_not = answers(people, item)
        applied = np.where(told, if_told, if_not)
        paid = np.array([x.amount is not None and (home / "lists" / list_id / "payment.csv").exists() for x in lines])
        responses.append(_response(people, list_id, item, told, applied, if_told, if_not, turn))
        receipts.append(_receipts(people, lines, day))
        if item in offered:
            keep = np.flatnonzero(applied & ~paid)
            lacks = [lines[k].lacks for k in keep.tolist()]
            fresh_ones = applications.Filed(item, people.take(keep), told[keep], lacks)
            filed, said = applications.filed(book, fresh_ones, offered[item], day, turn)
            cases += filed
            declarations += said
        else:
            cases.append(_cases(people, item, applied & ~paid, told, lines, day, turn))
        payments.append(_payments(people, paid, lines, day, turn))
    arrivals = []
    for department, name, extension, frames in (
        ("sms", "RECEIPT", "jsonl", receipts),
        ("apply", "CASE", "jsonl", cases),
        ("apply", "DECLARATION", "jsonl", declarations),
        ("finance", "ZFMX", "csv", payments),
    ):
        frame = pl.concat(frames) if frames else pl.DataFrame()
        if len(frame):
            arrivals.append(_deliver(home, department, name, extension, frame, day, turn))
    book.keep()
    if responses:
        path = home / "truth" / "truth_response.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        before = [pl.read_parquet(path)] if path.exists() else []
        pl.concat([*before, *responses], how="diagonal").write_parquet(path)
    return arrivals


def _answered(home: Path) -> set[tuple[str, str, str]]:
    path = home / "truth" / "truth_response.parquet"
    if not path.exists():
        return set()
    return set(pl.read_parquet(path, columns=["list_id", "uscc", "item_id"]).iter_rows())  # type: ignore[arg-type]


def _response(
    people: Population, list_id: str, item: str, told: Bools, applied: Bools, if_told: Bools, if_not: Bools, turn: int
) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "eid": people.ids,
            "uscc": people.uscc,
            "list_id": pl.Series([list_id] * len(people), dtype=pl.String),
            "item_id": pl.Series([item] * len(people), dtype=pl.String),
            "turn": np.full(len(people), turn),
            "told": told,
            "applied": applied,
            "applies_if_told": if_told,
            "applies_if_not_told": if_not,
            "effort": pl.Series([effort(people, item)] * len(people), dtype=pl.Float64),
        }
    )


def _receipts(people: Population, lines: list[Line], day: dt.date) -> pl.DataFrame:
    sent = np.flatnonzero([x.line_key is not None for x in lines])
    sub = people.take(sent)
    status = np.array(["送达", "点击", "失败", "退订"])[
        sub.streams.pick((0.6, 0.32, 0.06, 0.02), "answer.receipt", sub.ids)
    ]
    columns: Mapping[str, pl.Series | str | None] = {
        "list_id": pl.Series([lines[k].list_id for k in sent.tolist()], dtype=pl.String),
        "line_key": pl.Series([lines[k].line_key for k in sent.tolist()], dtype=pl.String),
        "通道": "短信",
        "状态": texts(status),
        "时间": formats.stamps(np.full(len(sub), calendar.number_of(day) - 25), 36_000 + sub.ids % 20_000),
    }
    return table(sub, dict(columns))


def _cases(
    people: Population, item: str, applied: Bools, told: Bools, lines: list[Line], day: dt.date, turn: int
) -> pl.DataFrame:
    keep = np.flatnonzero(applied)
    sub = people.take(keep)
    filed = np.full(len(sub), calendar.number_of(day) - 20) + sub.ids % 8
    granted = sub.streams.chance(0.85, f"answer.granted.{item}", sub.ids)
    amount = pl.Series([f"{lines[k].amount or 0:.2f}" for k in keep.tolist()], dtype=pl.String)
    return everywhere(
        table(
            sub,
            {
                "办件编号": pl.select(pl.concat_str(pl.lit(f"BJN{turn}"), pl.lit(item), pl.Series(sub.ids).cast(pl.String).str.zfill(9))).to_series(),
                "事项编号": item,
                "申报主体码": sub.uscc,
                "名称": current_name(sub, calendar.LAST_MONTH),
                "申报日": formats.dates(filed),
                "受理日": formats.dates(filed + 1),
                "补正次数": "0",
                "决定": choose(granted, "通过", "不通过"),
                "决定日": formats.dates(filed + 9),
                "不通过原因": choose(granted, "", "材料与申报内容不符"),
                "核定金额": choose(granted, amount, "0.00"),
                "承诺时限": "20",
                "来源": choose(told[keep], "推送", "主动"),
                "更新时间": formats.stamps(filed + 9, np.full(len(sub), 36_000)),
            },
        ),
        "answer",
    )  # fmt: skip


def _payments(people: Population, paid: Bools, lines: list[Line], day: dt.date, turn: int) -> pl.DataFrame:
    keep = np.flatnonzero(paid)
    sub = people.take(keep)
    cents = np.array([int((lines[k].amount or Decimal(0)) * 100) for k in keep.tolist()], dtype=np.int64)
    frame = table(
        sub,
        {
            "支付凭证号": pl.DataFrame(
                {"i": [f"ZFN{turn}{lines[k].item_id}{lines[k].uscc}" for k in keep.tolist()]}, schema={"i": pl.String}
            )["i"],
            "支付日期": day.isoformat(),
            "预算单位编码": "460001",
            "预算单位": "海南省财政厅",
            "资金来源": "省级财政资金",
            "收款人全称": current_name(sub, calendar.LAST_MONTH),
            "收款人账号": finance.account(sub),
            "开户行": pl.Series(pools.BANKS).gather(sub.ids % 7),
            "支付金额": pl.Series([formats.grouped(int(c)) for c in cents], dtype=pl.String),
            "用途": pl.Series([lines[k].item_id for k in keep.tolist()], dtype=pl.String),
            "功能分类": "2150805",
            "经济分类": "31204",
            "退回标志": "",
            "原凭证号": "",
        },
    )
    return frame.with_columns(pl.Series("_cents", cents))


def _deliver(
    home: Path, department: str, name: str, extension: str, frame: pl.DataFrame, day: dt.date, turn: int
) -> delivery.Arrival:
    def write(path: Path) -> Written:
        return finance._daily_csv(frame, "gb18030", path) if extension == "csv" else json_lines(path, frame)

    parcel = Parcel(department, name, f"{day:%Y%m%d}", "I", f"{90 + turn}", extension, day, write)
    received = dt.datetime.combine(day, dt.time(9, 30))
    path = home / "landing" / department / f"{day:%Y%m%d}" / parcel.name
    written = write(path)
    return delivery.Arrival(path, department, name, parcel.period, "I", day, received, written.rows, ["answer"])
