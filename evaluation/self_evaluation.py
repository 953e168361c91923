"""绩效自评表: the yearly form of the finance bureau, filled from the metrics and written as a workbook."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

import xlsxwriter
import yaml

from evaluation.metrics import Metric, catalogue

FORM: Final = Path(__file__).with_name("self_evaluation.yml")
FEWEST: Final = 5
HIDDEN: Final = "<5"
TO_FILL: Final = "由主管部门填写"


@dataclass(frozen=True)
class Indicator:
    """One line of the form as laid down: where it stands, what it measures, its target (None: the department's) and its points."""

    first: str
    second: str
    metric: Metric
    target: Decimal | None
    weight: int


@dataclass(frozen=True)
class Figure:
    """What a metric came to: `value` None with a `reason`, `n` the enterprises or pairs behind it."""

    value: Decimal | None
    n: int
    reason: str | None = None


@dataclass(frozen=True)
class Line:
    """One line filled: `shown` is what the cell says, `score` None where it cannot be scored."""

    indicator: Indicator
    figure: Figure
    shown: str
    score: Decimal | None
    note: str


@dataclass(frozen=True)
class Form:
    """The whole form. `title` names the item or all items; money in 元; `until` is the day the figures are about."""

    title: str
    department: str
    year: int
    until: dt.date
    build_id: str
    budget_yuan: Decimal | None
    paid_yuan: Decimal
    lines: tuple[Line, ...]

    @property
    def scored(self) -> tuple[Decimal, int]:
        """(points, points that could be had) over the lines that have a score."""
        found = [line for line in self.lines if line.score is not None]
        return sum((line.score or Decimal(0) for line in found), Decimal(0)), sum(one.indicator.weight for one in found)


@cache
def indicators(path: Path = FORM) -> tuple[Indicator, ...]:
    """The lines of the form in order. Raises ValueError when the points are not 100 or a metric is unknown."""
    known = {metric.id: metric for metric in catalogue()}
    raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = tuple(_indicators(raw, known, path.name))
    if (total := sum(one.weight for one in found)) != 100:
        raise ValueError(f"{path.name}：分值合计 {total}，应为 100")
    return found


def _indicators(raw: Mapping[str, Any], known: Mapping[str, Metric], file: str) -> Iterator[Indicator]:
    for first, seconds in raw.items():
        for second, entries in seconds.items():
            for name, entry in entries.items():
                if name not in known:
                    raise ValueError(f"{file}：「{first}·{second}」的指标 {name} 不在指标目录中")
                target = None if entry["target"] is None else Decimal(str(entry["target"]))
                yield Indicator(first, second, known[name], target, int(entry["weight"]))


def filled(figures: Mapping[str, Figure]) -> tuple[Line, ...]:
    """Every line of the form with its figure; a metric that is not there says so."""
    return tuple(_line(one, figures.get(one.metric.id, Figure(None, 0, "尚未计算"))) for one in indicators())


def score(indicator: Indicator, value: Decimal) -> Decimal | None:
    """Points by the bureau's rule: all at the target, else in proportion to what was reached; None without a target.

    Where less is better and the target is zero the points fall with a share (a rate of 20 % keeps 80 % of them) and are lost by a count.
    """
    target, weight = indicator.target, Decimal(indicator.weight)
    if target is None:
        return None
    if indicator.metric.better == "lower":
        if value <= target:
            part = Decimal(1)
        elif target > 0:
            part = target / value
        else:
            part = max(Decimal(0), 1 - value) if indicator.metric.unit == "%" else Decimal(0)
    else:
        part = min(Decimal(1), max(Decimal(0), value) / target)
    return (weight * part).quantize(Decimal("0.01"), ROUND_HALF_UP)


def _line(one: Indicator, figure: Figure) -> Line:
    if figure.value is None:
        return Line(one, figure, "未能计算", None, figure.reason or one.metric.empty)
    few = one.metric.base == "enterprise" and 0 < figure.n < FEWEST
    few = few or (one.metric.unit in ("户", "户次", "件") and 0 < figure.value < FEWEST)
    if few:
        return Line(one, figure, HIDDEN, None, "所依据的企业不足 5 户，不列出")
    points = score(one, figure.value)
    note = TO_FILL if one.target is None else ("" if points == one.weight else "未达目标：请填偏差原因与改进措施")
    return Line(one, figure, written(figure.value, one.metric.unit), points, note)


def written(value: Decimal, unit: str) -> str:
    """A figure as the form says it."""
    if unit == "%":
        return f"{value * 100:.2f}%"
    return f"{value:,.2f} {unit}" if unit in ("元", "倍", "指数") else f"{value:,.0f} {unit}"


HEADINGS: Final = (
    "一级指标",
    "二级指标",
    "三级指标",
    "年度指标值",
    "实际完成值",
    "分值",
    "得分",
    "偏差原因分析及改进措施",
)
WIDTHS: Final = (12, 20, 24, 14, 20, 8, 8, 44)


def workbook(forms: Sequence[Form]) -> bytes:
    """One sheet per form, ready for A4 landscape, and a last sheet with the definitions. The same forms give the same bytes."""
    held = io.BytesIO()
    book = xlsxwriter.Workbook(held, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": "绩效自评表", "created": dt.datetime.combine(forms[0].until, dt.time())})
    framed = {"border": 1, "valign": "vcenter", "text_wrap": True, "font_size": 10}
    styles = {
        "title": book.add_format({"bold": True, "font_size": 16, "align": "center", "valign": "vcenter"}),
        "quiet": book.add_format({"font_size": 9, "font_color": "#555555"}),
        "head": book.add_format({**framed, "bold": True, "align": "center", "bg_color": "#EEF2F6"}),
        "cell": book.add_format(framed),
        "centre": book.add_format({**framed, "align": "center"}),
        "money": book.add_format({**framed, "num_format": "#,##0.00", "align": "right"}),
        "points": book.add_format({**framed, "num_format": "0.00", "align": "right"}),
        "share": book.add_format({**framed, "num_format": "0.00%", "align": "right"}),
    }
    names: set[str] = set()
    for form in forms:
        _sheet(book.add_worksheet(_sheet_name(form.title, names)), form, styles)
    sheet = book.add_worksheet("指标定义")
    widths = (24, 10, 70, 30)
    for column, width in enumerate(widths):
        sheet.set_column(column, column, width)
    _on_paper(sheet)
    sheet.write_row(0, 0, ("指标", "单位", "定义", "成熟条件"), styles["head"])
    for row, one in enumerate(indicators(), 1):
        metric = one.metric
        told = (metric.label, metric.unit, metric.definition, metric.maturity)
        sheet.write_row(row, 0, told, styles["cell"])
        sheet.set_row(row, _height(told, widths))
    book.close()
    return held.getvalue()


def _on_paper(sheet: Any) -> None:
    """A4 landscape, one page wide."""
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)


def _height(texts: Sequence[str], widths: Sequence[int]) -> float:
    """Points that the tallest cell needs: not every program makes a row of wrapped text high enough by itself."""
    wide = [sum(1 if letter.isascii() else 2 for letter in text) for text in texts]
    # a column's width counts digits, and a Chinese character is a little wider than two
    return 15.0 * max(-(-int(length * 1.1) // width) or 1 for length, width in zip(wide, widths, strict=True))


def _sheet_name(title: str, taken: set[str]) -> str:
    """A name that a spreadsheet allows: no []:*?/\\, at most 31 characters, not used twice."""
    clean = "".join(letter for letter in title if letter not in "[]:*?/\\'")[:28] or "自评表"
    name, n = clean, 1
    while name in taken:
        n += 1
        name = f"{clean[:27]}{n}"
    taken.add(name)
    return name


def _sheet(sheet: Any, form: Form, styles: Mapping[str, Any]) -> None:
    for column, width in enumerate(WIDTHS):
        sheet.set_column(column, column, width)
    _on_paper(sheet)
    sheet.repeat_rows(6, 6)
    sheet.merge_range(0, 0, 0, 7, f"项目支出绩效自评表（{form.year} 年度）", styles["title"])
    sheet.set_row(0, 30)
    sheet.merge_range(1, 0, 1, 7, f"数据截至 {form.until}；构建 {form.build_id}；由惠企评价集市自动填写，目标值与原因由主管部门审定", styles["quiet"])  # fmt: skip
    sheet.write_row(2, 0, ("项目名称",), styles["head"])
    sheet.merge_range(2, 1, 2, 3, form.title, styles["cell"])
    sheet.write(2, 4, "主管部门", styles["head"])
    sheet.merge_range(2, 5, 2, 7, form.department, styles["cell"])
    sheet.write_row(3, 0, ("项目资金（元）",), styles["head"])
    sheet.write(3, 1, "年度预算数", styles["head"])
    if form.budget_yuan is None:
        sheet.merge_range(3, 2, 3, 3, "没有写明", styles["cell"])
    else:
        sheet.merge_range(3, 2, 3, 3, "", styles["money"])
        sheet.write_number(3, 2, float(form.budget_yuan), styles["money"])
    sheet.write(3, 4, "全年执行数", styles["head"])
    sheet.merge_range(3, 5, 3, 6, "", styles["money"])
    sheet.write_number(3, 5, float(form.paid_yuan), styles["money"])
    rate = f"执行率 {form.paid_yuan / form.budget_yuan * 100:.2f}%" if form.budget_yuan else "执行率无从计算"
    sheet.write(3, 7, rate, styles["cell"])
    sheet.write(4, 0, "年度总体目标", styles["head"])
    sheet.merge_range(4, 1, 4, 7, TO_FILL, styles["cell"])
    sheet.write_row(6, 0, HEADINGS, styles["head"])
    for row, line in enumerate(form.lines, 7):
        one = line.indicator
        sheet.write_row(row, 0, (one.first, one.second, one.metric.label), styles["cell"])
        sheet.write(row, 3, TO_FILL if one.target is None else written(one.target, one.metric.unit), styles["centre"])
        # A share goes in as a number, so that other software can go on calculating with it.
        if line.figure.value is not None and line.shown != HIDDEN and one.metric.unit == "%":
            sheet.write_number(row, 4, float(line.figure.value), styles["share"])
        else:
            sheet.write(row, 4, line.shown, styles["centre"])
        sheet.write_number(row, 5, one.weight, styles["centre"])
        if line.score is None:
            sheet.write(row, 6, "不评", styles["centre"])
        else:
            sheet.write_number(row, 6, float(line.score), styles["points"])
        sheet.write(row, 7, line.note, styles["cell"])
        sheet.set_row(row, _height((one.first, one.second, one.metric.label, line.note), (*WIDTHS[:3], WIDTHS[7])))
    last = 7 + len(form.lines)
    points, possible = form.scored
    sheet.merge_range(last, 0, last, 4, f"合计（可评 {possible} 分，其余由主管部门评）", styles["head"])
    sheet.write_number(last, 5, 100, styles["centre"])
    sheet.write_number(last, 6, float(points), styles["points"])
    sheet.write(last, 7, "", styles["cell"])
