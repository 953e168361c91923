"""Charts: rows from the mart turned into ECharts options, a sentence that says them aloud, and a CSV of the same rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from dashboards.formats import HIDDEN, few, figure
from dashboards.mart import Mart, Row

Option = dict[str, Any]

INK = "#27323f"
QUIET = "#6b7785"
LINE = "#e4e8ed"
BLUE = "#2b6a99"
TEAL = "#1f8a7d"
SAND = "#c7a252"
CLAY = "#b9603f"
GREY = "#c9d0d8"
PALETTE = [BLUE, TEAL, SAND, CLAY, "#7d6aa8", "#5f9ea0", "#8a9a5b", "#a0a8b2"]
VERDICT_COLOURS = {"符合": TEAL, "承诺后符合": "#7fc2b8", "缺数据": "#dcc48a", "不符合": "#dde2e7"}

# Rough positions of Hainan's cities and counties on a grid: area code → (column, row). A tile grid is no map and needs no 审图号.
TILES = {
    "460400499": (1, 0, "洋浦"), "469024": (2, 0, "临高"), "469023": (3, 0, "澄迈"), "460100": (4, 0, "海口"), "469005": (5, 0, "文昌"),
    "460400": (1, 1, "儋州"), "469025": (2, 1, "白沙"), "469022": (3, 1, "屯昌"), "469021": (4, 1, "定安"), "469002": (5, 1, "琼海"),
    "469026": (1, 2, "昌江"), "469030": (3, 2, "琼中"), "469001": (2, 2, "五指山"), "469006": (4, 2, "万宁"),
    "469007": (0, 3, "东方"), "469027": (1, 3, "乐东"), "469029": (2, 3, "保亭"), "469028": (3, 3, "陵水"),
    "460200": (2, 4, "三亚"), "460300": (4, 5, "三沙"), "000000": (0, 5, "省外或未知"),
}  # fmt: skip


@dataclass(frozen=True)
class Column:
    """One column of the data behind a chart. `unit` formats it; `hides` marks what is not shown when the row's `n` is below five."""

    name: str
    label: str
    unit: str = ""
    hides: bool = False


@dataclass(frozen=True)
class Chart:
    """A chart's recipe. `sql` is one SELECT over the mart with `$name` parameters; `draw` makes the option of its rows;
    `words` gives a column's codes their Chinese words; `link` = (path, column) makes the first column a link."""

    id: str
    title: str
    sql: str
    columns: tuple[Column, ...]
    draw: Callable[[list[Row]], Option]
    n: str | None = None
    metric: str | None = None
    note: str = ""
    height: int = 260
    link: tuple[str, str] | None = None
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Drawn:
    """A chart with its rows, ready for a page: `option` goes to ECharts, `table` to readers, `spoken` to those who listen."""

    chart: Chart
    rows: list[Row]
    option: Option
    query: str

    @property
    def empty(self) -> bool:
        return not self.rows

    @property
    def table(self) -> list[list[tuple[str, str | None]]]:
        """Cells as (text, link)."""
        return [
            [(cell_text(row, column, self.chart), self._link(row, column)) for column in self.chart.columns]
            for row in self.rows
        ]

    def _link(self, row: Row, column: Column) -> str | None:
        if self.chart.link is None or column.name != self.chart.columns[0].name:
            return None
        path, key = self.chart.link
        return path + str(row[key]) if row.get(key) else None

    @property
    def spoken(self) -> str:
        """One sentence: the title, how many rows, and the first few of them."""
        if not self.rows:
            return f"{self.chart.title}：没有数据"
        told = "；".join("，".join(text for text, _ in cells[:3]) for cells in self.table[:5])
        more = f"；共 {len(self.rows)} 行" if len(self.rows) > 5 else ""
        return f"{self.chart.title}：{told}{more}"


def cell_text(row: Row, column: Column, chart: Chart) -> str:
    value = row[column.name]
    if column.hides and few(row[chart.n or column.name]):
        return HIDDEN
    if column.unit and isinstance(value, (int, float, Decimal)):
        return figure(value, column.unit, None)
    return "—" if value is None else str(value)


def drawn(mart: Mart, chart: Chart, parameters: Mapping[str, Any] | None = None) -> Drawn:
    """Runs the chart's query and draws it; hidden figures become null before they reach the option."""
    rows = [
        {name: chart.words[name].get(value, value) if name in chart.words else value for name, value in row.items()}
        for row in mart.rows(chart.sql, parameters)
    ]
    return drawn_rows(chart, rows, "&".join(f"{name}={value}" for name, value in sorted((parameters or {}).items())))


def drawn_rows(chart: Chart, rows: list[Row], query: str) -> Drawn:
    """Draws rows that are already there; `query` is how the same rows are asked for as CSV."""
    safe = [
        {
            name: None
            if any(c.name == name and c.hides for c in chart.columns) and few(row[chart.n or name])
            else plain(value)
            for name, value in row.items()
        }
        for row in rows
    ]
    option = {**BASE, **chart.draw(safe)} if rows else {}
    return Drawn(chart, rows, option, query)


def as_csv(found: Drawn) -> bytes:
    """The rows with Chinese headings, UTF-8 with BOM for spreadsheets; numbers unformatted, hidden ones as `<5`, formulas neutralised."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([column.label for column in found.chart.columns])
    for row in found.rows:
        writer.writerow([_csv_cell(row, column, found.chart) for column in found.chart.columns])
    return text.getvalue().encode("utf-8-sig")


def _csv_cell(row: Row, column: Column, chart: Chart) -> str:
    value = row[column.name]
    if column.hides and few(row[chart.n or column.name]):
        return HIDDEN
    if value is None:
        return ""
    written = str(value)
    return f"'{written}" if isinstance(value, str) and written[:1] in "=+-@\t\r" else written


def plain(value: Any) -> Any:
    """A value as JSON has it; money becomes a float only here, on its way to a picture."""
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if hasattr(value, "isoformat") else value


BASE: Option = {
    "color": PALETTE,
    "animation": False,
    "aria": {"enabled": True},
    "textStyle": {"color": INK, "fontSize": 12},
    "grid": {"left": 8, "right": 16, "top": 28, "bottom": 4, "containLabel": True},
}
_CATEGORY = {
    "type": "category",
    "axisTick": {"show": False},
    "axisLine": {"lineStyle": {"color": LINE}},
    "axisLabel": {"color": QUIET},
}
_VALUE = {
    "type": "value",
    "splitLine": {"lineStyle": {"color": LINE}},
    "axisLabel": {"color": QUIET},
    "axisLine": {"show": False},
}


def horizontal_bars(label: str, value: str, unit: str, colour: str = BLUE) -> Callable[[list[Row]], Option]:
    """Bars with the largest on top, each written at its end."""

    def draw(rows: list[Row]) -> Option:
        ordered = rows[::-1]
        return {
            "unit": unit,
            "grid": {"left": 8, "right": 72, "top": 4, "bottom": 4, "containLabel": True},
            "tooltip": {"trigger": "axis"},
            "xAxis": {**_VALUE, "show": False},
            "yAxis": {
                **_CATEGORY,
                "data": [row[label] for row in ordered],
                "axisLabel": {"color": INK, "width": 190, "overflow": "truncate"},
            },
            "series": [
                {
                    "type": "bar",
                    "data": [{"value": 0, "few": True} if row[value] is None else row[value] for row in ordered],
                    "barMaxWidth": 18,
                    "itemStyle": {"color": colour, "borderRadius": [0, 2, 2, 0]},
                    "label": {"show": True, "position": "right", "color": QUIET},
                }
            ],
        }

    return draw


def horizontal_stacks(
    label: str, total: str, series: tuple[tuple[str, str, str], ...], unit: str
) -> Callable[[list[Row]], Option]:
    """Bars in the rows' order, parts end to end, the `total` column written at the end; `series` = (column, name, colour)."""

    def draw(rows: list[Row]) -> Option:
        ordered = rows[::-1]
        return {
            "unit": unit,
            "grid": {"left": 8, "right": 56, "top": 34, "bottom": 4, "containLabel": True},
            "tooltip": {"trigger": "axis"},
            "legend": {
                "top": 0,
                "left": 0,
                "itemWidth": 10,
                "itemHeight": 10,
                "textStyle": {"color": QUIET},
                "data": [name for _, name, _ in series],
            },
            "xAxis": {**_VALUE, "show": False},
            "yAxis": {**_CATEGORY, "data": [row[label] for row in ordered], "axisLabel": {"color": INK}},
            "series": [
                {
                    "type": "bar",
                    "stack": "all",
                    "name": name,
                    "data": [row[column] for row in ordered],
                    "barMaxWidth": 18,
                    "itemStyle": {"color": colour},
                }
                for column, name, colour in series
            ]
            + [
                {
                    "type": "bar",
                    "stack": "all",
                    "name": "合计",
                    "data": [{"value": 0, "total": row[total], "few": row[total] is None} for row in ordered],
                    "barMaxWidth": 18,
                    "label": {"show": True, "position": "right", "color": QUIET},
                    "tooltip": {"show": False},
                }
            ],
        }

    return draw


def columns_over_time(
    label: str, series: tuple[tuple[str, str, str], ...], unit: str, stacked: bool = False
) -> Callable[[list[Row]], Option]:
    """Columns by period; `series` = (column, name, colour)."""

    def draw(rows: list[Row]) -> Option:
        return {
            "unit": unit,
            "grid": {"left": 8, "right": 12, "top": 34 if len(series) > 1 else 14, "bottom": 4, "containLabel": True},
            "tooltip": {"trigger": "axis"},
            "legend": {
                "show": len(series) > 1,
                "top": 0,
                "left": 0,
                "itemWidth": 10,
                "itemHeight": 10,
                "textStyle": {"color": QUIET},
            },
            "xAxis": {**_CATEGORY, "data": [row[label] for row in rows]},
            "yAxis": _VALUE,
            "series": [
                {
                    "type": "bar",
                    "name": name,
                    "data": [row[column] for row in rows],
                    "barMaxWidth": 22,
                    "itemStyle": {"color": colour},
                    **({"stack": "all"} if stacked else {}),
                }
                for column, name, colour in series
            ],
        }

    return draw


def stacked_shares(label: str, series: tuple[tuple[str, str, str], ...], unit: str) -> Callable[[list[Row]], Option]:
    """One bar per row, its parts side by side; `series` = (column, name, colour)."""

    def draw(rows: list[Row]) -> Option:
        ordered = rows[::-1]
        totals = [sum(row[column] or 0 for column, *_ in series) or 1 for row in ordered]
        return {
            "unit": "%",
            "grid": {"left": 8, "right": 16, "top": 34, "bottom": 4, "containLabel": True},
            "tooltip": {"trigger": "axis"},
            "legend": {"top": 0, "left": 0, "itemWidth": 10, "itemHeight": 10, "textStyle": {"color": QUIET}},
            "xAxis": {**_VALUE, "max": 1, "show": False},
            "yAxis": {**_CATEGORY, "data": [row[label] for row in ordered], "axisLabel": {"color": INK}},
            "series": [
                {
                    "type": "bar",
                    "stack": "all",
                    "name": name,
                    "data": [round((row[column] or 0) / total, 6) for row, total in zip(ordered, totals, strict=True)],
                    "barMaxWidth": 20,
                    "itemStyle": {"color": colour},
                }
                for column, name, colour in series
            ],
        }

    return draw


def tiles(area: str, value: str, unit: str) -> Callable[[list[Row]], Option]:
    """Cities and counties as squares, darker for more."""

    def draw(rows: list[Row]) -> Option:
        known = {row[area]: row[value] for row in rows if row[value] is not None}
        hidden = {row[area] for row in rows if row[value] is None}
        high = max([*known.values(), 1])
        cells = []
        for code, (column, line, name) in TILES.items():
            cell: Option = {"name": name, "value": [column, line, known.get(code, 0)]}
            if code in hidden:
                cell["few"] = True
            elif known.get(code, 0) > high * 0.75:
                cell["label"] = {"color": "#ffffff"}
            cells.append(cell)
        return {
            "unit": unit,
            "grid": {"left": 0, "right": 0, "top": 0, "bottom": 0},
            "tooltip": {"trigger": "item"},
            "xAxis": {"type": "category", "show": False, "data": [str(i) for i in range(6)]},
            "yAxis": {"type": "category", "show": False, "inverse": True, "data": [str(i) for i in range(6)]},
            "visualMap": {
                "show": False,
                "min": 0,
                "max": high,
                "dimension": 2,
                "inRange": {"color": ["#f1f4f7", "#c3d9e8", "#7aabcc", "#2b6a99"]},
            },
            "series": [
                {
                    "type": "heatmap",
                    "data": cells,
                    "label": {"show": True, "tile": True},
                    "itemStyle": {"borderColor": "#ffffff", "borderWidth": 3, "borderRadius": 4},
                    "emphasis": {"itemStyle": {"borderColor": INK}},
                }
            ],
        }

    return draw
