"""`huiqi profile`: everything known about one enterprise on a day, and where each value came from."""

from datetime import date, datetime, time
from typing import Annotated, Any

import typer

from data import contract, indicators
from pipelines.cli import output
from pipelines.cli.output import AsOf, Home, Json, KnownAt, Stop
from pipelines.control import ControlStore
from pipelines.dispute import of_enterprise

STATES = {"known": "已知", "not_applicable": "不适用", "unknown": "未知", "declared": "仅企业申报"}


_SAID = "SELECT * FROM profile.declaration WHERE state = 'declared'"


def register(app: typer.Typer) -> None:
    app.command(
        "profile",
        help="一企一档：一家企业的全部指标，每个值来自哪个部门、哪个文件哪一行；可问过去任意一天。"
        "示例：huiqi profile 91460100MA5T000001 --as-of 2024-06-30 --known-at 2024-07-15",
    )(profile)


def profile(
    key: Annotated[str, typer.Argument(help="统一社会信用代码，或其他能认出企业的代码、全称")],
    home: Home = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    everything: Annotated[bool, typer.Option("--all", help="也列出未知和不适用的指标")] = False,
    json: Json = False,
) -> None:
    from pipelines.decisions import Desk, NotFoundError

    folder = output.home_of(home)
    try:
        with Desk(folder) as desk:
            firm = desk.enterprise(key)
            day, known = _dates(as_of, known_at, desk.as_of, desk.known_at)
            if (day, known) == (desk.as_of, desk.known_at):
                row = desk.frame("SELECT * FROM profile.enterprise WHERE enterprise_id = $e", {"e": firm.enterprise_id})
                rows = desk.frame("SELECT * FROM profile.evidence WHERE enterprise_id = $e", {"e": firm.enterprise_id})
                has_said = desk.has("profile", "declaration")
                said = (
                    desk.frame(_SAID + " AND enterprise_id = $e", {"e": firm.enterprise_id})
                    if has_said
                    else row.clear()
                )
            else:
                from pipelines.replay import replayed

                past = replayed(folder, [firm.enterprise_id], day, known)
                row, rows = past.frame("SELECT * FROM profile.enterprise"), past.frame("SELECT * FROM profile.evidence")
                said = past.frame(_SAID)
    except NotFoundError as error:
        raise Stop(str(error)) from None
    values = row.row(0, named=True)
    evidence = {found["indicator"]: found for found in rows.iter_rows(named=True)}
    told = {
        indicator.name: _told(indicator, values.get(indicator.name), evidence.get(indicator.name), day)
        for indicator in indicators.load().values()
        if indicator.entity == "enterprise"
    }
    for one in said.iter_rows(named=True):
        if one["indicator"] in told:
            told[one["indicator"]] |= {
                "state": "declared",
                "declared": one["value"],
                "case": one["case_no"],
                **_placed(one),
            }
    control = ControlStore(folder / "control.sqlite")
    for indicator, dispute in of_enterprise(control, firm.enterprise_id, values, evidence).items():
        if indicator in told:
            told[indicator]["disputed"] = dispute
    if json:
        output.print_json({"uscc": firm.uscc, "name": firm.name, "as_of": day, "known_at": known, "indicators": told})
        return
    shown = [entry for entry in told.values() if everything or entry["state"] in ("known", "declared")]
    columns = {"label": "指标", "shown": "值", "unit": "单位", "source": "出处", "valid_at": "事实日期", "note": "说明"}
    title = f"{firm.name or ''} {firm.uscc or ''}（事实截至 {day}，已收到截至 {known:%Y-%m-%d %H:%M}）"
    output.print_table([_line(entry) for entry in shown], columns, title=title)
    missing = sum(entry["state"] == "unknown" for entry in told.values())
    if missing and not everything:
        output.messages.print(f"另有 {missing} 个指标未知；--all 全部列出", markup=False)


def _dates(as_of: str | None, known_at: str | None, day: date, known: datetime) -> tuple[date, datetime]:
    """The day asked about and what was known: as published when neither is given; the end of the day when only the day is."""
    try:
        asked = date.fromisoformat(as_of) if as_of else day
        if known_at:
            knew = datetime.fromisoformat(known_at)
            if len(known_at) == len("2024-07-15"):
                knew = datetime.combine(knew.date(), time(23, 59, 59))
        else:
            knew = known if asked == day else datetime.combine(asked, time(23, 59, 59))
    except ValueError:
        said = " ".join(f"{name} {value}" for name, value in (("--as-of", as_of), ("--known-at", known_at)) if value)
        raise Stop(f"日期应写作 2024-06-30（--known-at 可带时刻 2024-07-15T12:00:00），实际为 {said}") from None
    return asked, knew


def _told(indicator: indicators.Indicator, value: Any, evidence: dict[str, Any] | None, day: date) -> dict[str, Any]:
    """One indicator as `--json` prints it; the keys are those of the command's contract."""
    found = evidence or {}
    valid_at = found.get("valid_at")
    age = (day - valid_at).days if valid_at else None
    limit = indicator.stale_after_days
    return {
        "label": indicator.label,
        "value": value,
        "unit": indicator.unit,
        "state": found.get("state", "unknown"),
        "department": found.get("department") or indicator.department,
        "table": found.get("table_name") or indicator.table,
        "file": found.get("file_id"),
        "row": found.get("row_no"),
        # no row: what is said rests on every list that was searched, not on the one named
        "searched": list(indicator.feeds) if found and found.get("row_no") is None and len(indicator.feeds) > 1 else [],
        "valid_at": valid_at,
        "received_at": found.get("received_at"),
        # a register's old row still holds while the register reports; a period's figure grows old
        "is_stale": None if age is None or limit is None or indicator.grain in ("day", "week") else age > limit,
    }


def _placed(declaration: dict[str, Any]) -> dict[str, Any]:
    found = declaration["declaration_evidence"]
    return {
        "department": found["department"],
        "table": found["table_name"],
        "file": found["file_id"],
        "row": found["row_no"],
        "valid_at": found["valid_at"],
        "received_at": found["received_at"],
    }


def _line(entry: dict[str, Any]) -> dict[str, Any]:
    where = None
    if entry["file"]:
        row = "无记录" if entry["row"] is None else f"第 {entry['row']} 行"
        table = contract.table(entry["department"], entry["table"])
        where = f"{table.label} {entry['file'][:8]} {row}"
    if entry.get("searched"):
        searched = (contract.table(*feed.split(".", 1)).label for feed in entry["searched"])
        where = f"{'、'.join(searched)} 均无记录"
    value = entry.get("declared") or entry["value"]
    if isinstance(value, list):
        value = "、".join(f"{e['name']}" + (f"（{e['level']}）" if e["level"] else "") for e in value) or "无"
    if entry["unit"] == "年" and isinstance(value, int):
        value = str(value)  # a year is no amount: 2021, not 2,021
    note = "" if entry["state"] == "known" else STATES[entry["state"]]
    note = "已过时效" if entry["is_stale"] and not note else note
    if disputed := entry.get("disputed"):
        claim = f"，企业主张 {disputed['claimed']}" if disputed["claimed"] else ""
        note = f"{note} 有疑义（{disputed['since'][:10]} 起{claim}）".strip()
    return {**entry, "shown": value, "source": where, "note": note}
