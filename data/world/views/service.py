"""The bureau's own sources beside CASE and PAYEE: declarations, ratings, gateway receipts, 12345 calls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl

from data.world import calendar, defects, formats, programs, writers
from data.world.parcel import Parcel, World, positions
from data.world.population import Population
from data.world.streams import Ints
from data.world.views.finance import applicants
from data.world.views.frames import choose, table, texts
from data.world.views.register import current_name

_DECLARED = (
    ("sound_finance", "是", "财务制度承诺"),
    ("commitment_stay_years", "5", "不迁出承诺"),
    ("main_business_ratio", "0.8", "专项审计报告"),
    ("duplicate_funding", "否", "承诺书"),
)
_COMPLAINTS = (
    ("政策咨询", "咨询申报条件和所需材料"),
    ("兑现进度", "询问奖补资金到账时间"),
    ("审批时限", "反映审批超过承诺时限"),
    ("材料繁琐", "反映重复提交证明材料"),
)


def declarations(people: Population) -> pl.DataFrame:
    """DECLARATION: what applicants declared about themselves, mostly true."""
    parts = []
    for number, programme in enumerate(programs.PROGRAMMES):
        keep, day, _ = applicants(people, programme)
        for place, (indicator, value, proof) in enumerate(_DECLARED):
            said = people.streams.chance(0.5, f"declared.{programme.id}.{indicator}", people.ids[keep])
            sub = people.take(keep[said])
            parts.append(
                table(
                    sub,
                    {
                        "办件编号": pl.select(
                            pl.concat_str(pl.lit(f"BJ{number + 1}"), pl.Series(sub.ids).cast(pl.String).str.zfill(9))
                        ).to_series(),
                        "主体码": sub.uscc,
                        "指标名": indicator,
                        "值": value,
                        "证明材料": proof,
                        "提交时间": formats.stamps(day[said], np.full(len(sub), 35_000 + place * 60)),
                        "承诺书编号": pl.select(
                            pl.concat_str(pl.lit(f"CN{number + 1}"), pl.Series(sub.ids).cast(pl.String).str.zfill(9))
                        ).to_series(),
                    },
                    day[said],
                )
            )
    return pl.concat(parts)


def feedback(people: Population) -> pl.DataFrame:
    """FEEDBACK: one applicant in five rates; the refused rate worse."""
    parts = []
    for number, programme in enumerate(programs.PROGRAMMES):
        keep, day, approved = applicants(people, programme)
        rates = people.streams.chance(0.2, f"feedback.{programme.id}", people.ids[keep])
        sub, day, approved = people.take(keep[rates]), day[rates], approved[rates]
        bad = sub.streams.chance(np.where(approved, 0.05, 0.5), f"feedback.{programme.id}.bad", sub.ids)
        parts.append(
            table(
                sub,
                {
                    "办件编号": pl.select(
                        pl.concat_str(pl.lit(f"BJ{number + 1}"), pl.Series(sub.ids).cast(pl.String).str.zfill(9))
                    ).to_series(),
                    "评价": choose(bad, "不满意", "满意"),
                    "原因": choose(bad, "办理时间长", ""),
                    "时间": formats.stamps(day + 35, np.full(len(sub), 50_000)),
                },
                day + 35,
            )
        )
    return pl.concat(parts)


def receipts(people: Population) -> pl.DataFrame:
    """RECEIPT: what the gateway said of the messages that led to pushed applications, and of as many that led to none."""
    parts = []
    for programme in programs.PROGRAMMES:
        keep, day, _ = applicants(people, programme)
        pushed = people.streams.chance(0.35, f"apply.{programme.id}.pushed", people.ids[keep])
        sub, day = people.take(keep[pushed]), day[pushed] - 9
        status = np.array(["送达", "点击", "失败", "退订"])[
            sub.streams.pick((0.55, 0.38, 0.05, 0.02), f"receipt.{programme.id}", sub.ids)
        ]
        month = pl.Series([calendar.month_text(int(m)) for m in calendar.month_of_day(day)], dtype=pl.String)
        parts.append(
            table(
                sub,
                {
                    "list_id": pl.DataFrame({"m": month}).select(
                        pl.concat_str(pl.lit(f"H-{programme.id}-"), "m").alias("l")
                    )["l"],
                    "line_key": pl.select(
                        pl.concat_str(pl.lit("L"), pl.Series(sub.ids).cast(pl.String).str.zfill(9))
                    ).to_series(),
                    "通道": "短信",
                    "状态": texts(status),
                    "时间": formats.stamps(day, 36_000 + sub.ids % 20_000),
                },
                day,
            )
        )
    return pl.concat(parts)


def _complaint_day(people: Population, year: int) -> Ints:
    return calendar.day_number(
        calendar.month_index(year, 1) + people.streams.below(12, "call.month", people.ids, year), people.ids % 27
    )


def calls(people: Population, years: range) -> pl.DataFrame:
    """CALL: one firm in twenty-five calls in a year; half give their code, the rest a name."""
    parts = []
    for year in years:
        rate = np.where(people.is_firm, 0.04, 0.004)
        sub = people.take(
            positions(
                people.lives_at(calendar.month_index(year, 1)) & people.streams.chance(rate, "call", people.ids, year)
            )
        )
        day = _complaint_day(sub, year)
        kind = sub.streams.below(4, "call.kind", sub.ids, year)
        coded = sub.streams.chance(0.5, "call.coded", sub.ids, year)
        stamp = 30_000 + sub.ids % 30_000
        frame = table(
            sub,
            {
                "工单号": pl.select(
                    pl.concat_str(pl.lit(f"RX{year}"), pl.Series(sub.ids).cast(pl.String).str.zfill(8))
                ).to_series(),
                "主体码": choose(coded, sub.uscc, ""),
                "名称": current_name(sub, calendar.month_index(year, 6)),
                "事项": pl.Series([p.policy for p in programs.PROGRAMMES]).gather(sub.ids % len(programs.PROGRAMMES)),
                "类别": pl.Series([c for c, _ in _COMPLAINTS]).gather(kind),
                "诉求": pl.Series([w for _, w in _COMPLAINTS]).gather(kind),
                "受理": formats.stamps(day, stamp),
                "转办": formats.stamps(day + 1, stamp),
                "办结": formats.stamps(day + 3 + sub.ids % 9, stamp),
                "满意度": pl.Series(["满意", "基本满意", "不满意"]).gather(
                    sub.streams.pick((0.7, 0.2, 0.1), "call.rating", sub.ids, year)
                ),
            },
            day + 12,
        )
        parts.append(defects.dirty_names(frame, "名称", sub.streams, "hotline.name", year, 0.8))
    return pl.concat(parts)


def parcels(world: World) -> Iterator[Parcel]:
    """A run of each table every four weeks, so that files stay few."""
    start, closing = calendar.number_of(world.opening_day), calendar.number_of(world.closing_day)
    start -= 0 if world.after is None else 7
    for department, name, extension, view in (
        ("apply", "DECLARATION", "jsonl", declarations),
        ("apply", "FEEDBACK", "jsonl", feedback),
        ("sms", "RECEIPT", "jsonl", receipts),
        ("hotline", "CALL", "csv", lambda people: calls(people, world.years)),
    ):
        frame = (
            world.gather(view)
            .filter((pl.col("_day") >= start) & (pl.col("_day") < closing - 7))
            .sort("_day", "_eid", maintain_order=True)
        )
        run = pl.Series("_run", (frame["_day"].to_numpy() + 3) // 28 * 28 + 24, dtype=pl.Int64)
        for (key,), part in frame.group_by(run, maintain_order=True):
            day = calendar.working_day(calendar.date_of(min(int(str(key)), closing - 2)))

            def write(path, part=part, extension=extension):  # type: ignore[no-untyped-def]
                return (
                    writers.json_lines(path, part)
                    if extension == "jsonl"
                    else writers.csv(path, [part], encoding="utf-8")
                )

            yield Parcel(department, name, f"{day:%Y%m%d}", "I", "01", extension, day, write)
