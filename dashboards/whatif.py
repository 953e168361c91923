"""推演: one item under another threshold: reach, cost, who gains and who loses, and the curve; computed from the published profiles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

import polars as pl
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dashboards.charts import BLUE, CLAY, QUIET, TEAL, Chart, Column, Drawn, Option, as_csv, drawn_rows
from dashboards.formats import FEWEST
from dashboards.mart import Mart, Row
from dashboards.overview import strict
from dashboards.pages import Pages
from evaluation.scenarios import COMPARISONS, Threshold, thresholds
from matching.rules import Program, RuleError
from matching.rules.program import Item
from matching.rules.simulate import Simulation, changed_item, simulate
from matching.rules.tokens import tokens
from pipelines.decisions import Rules, rules_on

GROUPS = {"region": "注册地", "industry": "行业门类", "size": "规模"}
FACTORS = (Decimal("0.5"), Decimal("0.8"), Decimal("0.9"), Decimal("1.1"), Decimal("1.2"), Decimal("2"))


@dataclass(frozen=True)
class Asked:
    """A change as the address says it: an item, one of its conditions, the expression in its place."""

    item: Item
    thresholds: list[Threshold]
    condition: str
    expr: str
    value: str

    @property
    def threshold(self) -> Threshold | None:
        return next((t for t in self.thresholds if t.condition == self.condition), None)

    @property
    def query(self) -> dict[str, str]:
        return {"item": self.item.text.id, "condition": self.condition, "expr": self.expr}


def whatif_page(pages: Pages, request: Request) -> Response:
    with pages.opened() as mart:
        rules = rules_on(date.fromisoformat(mart.publication.rules_as_of))
        choices = sorted(
            ((item.text.id, item.text.title) for item in rules.program.items if any(thresholds(item, rules.catalogue))),
            key=lambda choice: (choice[1], choice[0]),
        )
        shown: dict[str, Any] = {"asked": None, "found": None, "problem": None, "by": {}, "steps": []}
        if request.query_params.get("item"):
            asked = _asked(request, rules)
            shown["asked"] = asked
            try:
                found = simulation(mart, rules, asked)
            except RuleError as error:
                shown["problem"] = str(error)
            else:
                shown |= {
                    "found": found,
                    "by": {label: _group_rows(found.by[name]) for name, label in GROUPS.items()},
                    "hidden": max(found.curve["n"], default=0) < FEWEST,
                    "reach": _curve(found, asked, "n"),
                    "cost": _curve(found, asked, "yuan"),
                    "steps": _nearby(asked),
                }
        suggested = [] if shown["asked"] else strict(mart)
        return pages.render(request, "whatif.html", mart, choices=choices, suggested=suggested, **shown)


def whatif_csv(pages: Pages, request: Request) -> Response:
    """The rows of one of the page's charts."""
    part = request.path_params["part"]
    if part not in ("n", "yuan"):
        raise HTTPException(404, f"没有叫 {part} 的推演图")
    with pages.opened() as mart:
        rules = rules_on(date.fromisoformat(mart.publication.rules_as_of))
        asked = _asked(request, rules)
        try:
            found = _curve(simulation(mart, rules, asked), asked, part)
        except RuleError as error:
            raise HTTPException(400, str(error)) from error
    return Response(
        as_csv(found),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="whatif_{part}.csv"'},
    )


def _asked(request: Request, rules: Rules) -> Asked:
    """Reads the address; a missing part is the rule in force. Raises HTTPException for an item or condition that is not there."""
    wanted = request.query_params.get("item", "")
    if wanted not in rules.program.by_id:
        raise HTTPException(404, f"没有现行的企业事项 {wanted}")
    item = rules.program.by_id[wanted]
    found = list(thresholds(item, rules.catalogue))
    expressions = {c.id: c.expr for c in item.text.conditions if c.expr and c.id in item.terms}
    condition = request.query_params.get("condition") or (found[0].condition if found else next(iter(expressions), ""))
    if condition not in expressions:
        raise HTTPException(404, f"事项 {wanted} 没有可推演的条件 {condition}")
    threshold = next((t for t in found if t.condition == condition), None)
    written = request.query_params.get("expr", "").strip()
    value = request.query_params.get("threshold", "").replace(",", "").strip()
    if value and threshold:
        expr = threshold.moved(value)
    else:
        expr = written or expressions[condition] or ""
        value = _number_of(expr) or (threshold.value if threshold else "")
    return Asked(item, found, condition, expr, value)


def _number_of(expr: str) -> str | None:
    try:
        words = tokens(expr)
    except RuleError:
        return None
    found = (
        number.source for sign, number in pairwise(words) if sign.source in COMPARISONS and number.kind == "number"
    )
    return next(found, None)


def simulation(mart: Mart, rules: Rules, asked: Asked) -> Simulation:
    """Everybody in the publication under the item as it is and as asked. Raises RuleError for an expression that does not hold."""
    program = Program((asked.item,), rules.program.vocabulary, rules.program.indicators)
    changed = changed_item(program, asked.item, {asked.condition: asked.expr})
    held = {
        row["column_name"]
        for row in mart.rows(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'profile' AND table_name = 'enterprise'"
        )
    }
    read = dict.fromkeys(column.name for column in (*asked.item.columns, *changed.columns) if column.name in held)
    chosen = "".join(f', p."{name}"' for name in read)
    people: pl.DataFrame = mart.connection.sql(
        f"""SELECT p.enterprise_id, e.area_name AS "_region", e.section_name AS "_industry", e.size AS "_size"{chosen}
            FROM profile.enterprise AS p JOIN mart.dim_enterprise AS e USING (enterprise_id) ORDER BY p.enterprise_id"""
    ).pl()
    return simulate(
        program,
        people.drop("_region", "_industry", "_size"),
        asked.item.text.id,
        {asked.condition: asked.expr},
        date.fromisoformat(mart.publication.as_of),
        people.select(region="_region", industry="_industry", size="_size"),
    )


def _group_rows(frame: pl.DataFrame) -> list[Row]:
    rows = [{**row, "key": row["key"] or "未知"} for row in frame.to_dicts()]
    return sorted(rows, key=lambda row: (-(row["gained"] + row["lost"]), -row["after"], row["key"]))


def _nearby(asked: Asked) -> list[tuple[str, str]]:
    """(what it says, address) of thresholds around the one in force."""
    if asked.threshold is None:
        return []
    base = Decimal(asked.threshold.value)
    found = []
    for factor in FACTORS:
        value = f"{(base * factor).normalize():f}"
        address = urlencode({"item": asked.item.text.id, "condition": asked.condition, "threshold": value})
        found.append((f"{(factor - 1) * 100:+.0f}%", f"/whatif?{address}"))
    return found if base else []


def _curve(found: Simulation, asked: Asked, value: str) -> Drawn:
    label = asked.threshold.label if asked.threshold else "门槛"
    unit = asked.threshold.unit if asked.threshold else ""
    title, colour, measure = {"n": ("门槛与户数", BLUE, "户"), "yuan": ("门槛与所需资金", TEAL, "元")}[value]
    rows: list[Row] = [
        {"threshold": _said(row["threshold"]), "n": row["n"], "yuan": row["yuan"]} for row in found.curve.to_dicts()
    ]
    chart = Chart(
        f"whatif_{value}",
        title,
        "",
        (
            Column("threshold", f"{label}{f'（{unit}）' if unit else ''}"),
            Column("n", "符合或承诺后符合", "户", hides=True),
            Column("yuan", "测算金额", "元", hides=True),
        ),
        lambda shown: _line(shown, value, measure, colour, asked),
        n="n",
        note=f"横轴：{label}{f'（{unit}）' if unit else ''}，取企业现有数值的第 2 至第 98 百分位；其余条件不变。",
    )
    return drawn_rows(chart, rows, urlencode(asked.query))


def _line(rows: list[Row], value: str, unit: str, colour: str, asked: Asked) -> Option:
    names = [row["threshold"] for row in rows]
    marks = []
    for what, number, shade in (
        ("现行", asked.threshold.value if asked.threshold else "", QUIET),
        ("改后", asked.value, CLAY),
    ):
        if (
            number
            and (said := _said(Decimal(number))) in names
            and not (what == "改后" and marks and marks[0]["xAxis"] == said)
        ):
            marks.append({"xAxis": said, "lineStyle": {"color": shade}, "label": {"formatter": what, "color": shade}})
    return {
        "unit": unit,
        "grid": {"left": 24, "right": 30, "top": 26, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": "axis"},
        "xAxis": {"type": "category", "data": names, "boundaryGap": False, "axisLabel": {"color": QUIET, "hideOverlap": True}},
        "yAxis": {"type": "value", "min": 0, "axisLabel": {"color": QUIET}, "splitLine": {"lineStyle": {"color": "#e4e8ed"}}},
        "series": [
            {
                "type": "line",
                "data": [row[value] for row in rows],
                "symbolSize": 5,
                "itemStyle": {"color": colour},
                "lineStyle": {"width": 2, "color": colour},
                "markLine": {"symbol": "none", "silent": True, "data": marks, "lineStyle": {"type": "dashed"}},
            }
        ],
    }  # fmt: skip


def _said(value: Decimal) -> str:
    """A threshold as a reader says it, without trailing zeros."""
    size = abs(value)
    for step, name in ((Decimal(10**8), "亿"), (Decimal(10**4), "万")):
        if size >= step:
            return f"{(value / step).normalize():,f}{name}"
    return f"{value.normalize():,f}"
