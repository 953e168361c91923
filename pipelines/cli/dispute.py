"""`huiqi dispute`: an enterprise disputes a value; the list says which of them the department has answered."""

import re
import unicodedata
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from assets.raw.receipt import printable
from data import indicators
from data.indicators import Indicator
from pipelines.audit import trail
from pipelines.cli import output
from pipelines.cli.acting import moment_of
from pipelines.cli.output import Home, Json, Stop
from pipelines.control import ControlStore
from pipelines.dispute import STANDINGS, DisputeError, record, spoken, standing, withdraw

LONGEST = 500
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,6})?", re.ASCII)


def register(app: typer.Typer) -> None:
    app.command(
        "dispute",
        help="疑义核校：企业对一企一档里的某个值有异议，记下并标在该值上，部门更正即结；不带参数则列出全部。"
        "示例：huiqi dispute 91460100MA5T000001 revenue_last_year --claims 5200000 --by 张三 --why 漏报一笔收入",
    )(dispute)


def dispute(
    key: Annotated[str | None, typer.Argument(help="统一社会信用代码，或其他能认出企业的代码、全称")] = None,
    indicator: Annotated[str | None, typer.Argument(help="指标名，见 huiqi profile --json")] = None,
    claims: Annotated[str | None, typer.Option("--claims", help="企业主张的值", show_default=False)] = None,
    by: Annotated[str, typer.Option("--by", help="记录人姓名", show_default=False)] = "",
    why: Annotated[str, typer.Option("--why", help="理由", show_default=False)] = "",
    withdrawn: Annotated[int | None, typer.Option("--withdraw", help="撤回第几号疑义", show_default=False)] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    folder = output.home_of(home)
    control = ControlStore(folder / "control.sqlite")
    if withdrawn is None and key is None:
        _listed(folder, control, json)
        return
    if not by.strip() or not why.strip():
        raise Stop("须写明 --by 记录人 和 --why 理由")
    by, why = _written("--by", by), _written("--why", why)
    try:
        if withdrawn is not None:
            withdraw(control, trail(folder), withdrawn, by, why, moment_of(folder))
            said: dict[str, Any] = {"dispute_id": withdrawn, "standing": "withdrawn"}
        else:
            said = _recorded(folder, control, key or "", indicator, claims, by, why)
    except DisputeError as error:
        raise Stop(str(error), output.REFUSED) from error
    trail(folder).anchor(control)
    if json:
        output.print_json(said)
    else:
        output.console.print(f"第 {said['dispute_id']} 号疑义：{STANDINGS[said['standing']]}", markup=False)


def _recorded(
    folder: Path, control: ControlStore, key: str, indicator: str | None, claims: str | None, by: str, why: str
) -> dict[str, Any]:
    from pipelines.decisions import Desk, NotFoundError

    known = {i.name: i for i in indicators.load().values() if i.entity == "enterprise"}
    if indicator is None or indicator not in known:
        raise Stop(f"没有指标 {indicator or '（未写）'}；指标名见 `huiqi profile {key} --all --json`")
    claimed = _claimed(known[indicator], claims)
    try:
        with Desk(folder) as desk:
            firm = desk.enterprise(key)
            asked = {"e": firm.enterprise_id}
            values = desk.frame("SELECT * FROM profile.enterprise WHERE enterprise_id = $e", asked).row(0, named=True)
            found = desk.frame("SELECT * FROM profile.evidence WHERE enterprise_id = $e", asked)
    except NotFoundError as error:
        raise Stop(str(error)) from None
    evidence = next((e for e in found.iter_rows(named=True) if e["indicator"] == indicator), None) or {}
    said = {
        "enterprise_id": firm.enterprise_id,
        "uscc": firm.uscc,
        "indicator": indicator,
        "value": spoken(values.get(indicator)),
        "department": evidence.get("department") or known[indicator].department,
        "table_name": evidence.get("table_name") or known[indicator].table,
        "file_id": evidence.get("file_id"),
        "row_no": evidence.get("row_no"),
        "claimed": claimed,
        "actor": by,
        "why": why,
    }
    number = record(control, trail(folder), said, moment_of(folder))
    return {"dispute_id": number, **said, "standing": "open"}


def _claimed(indicator: Indicator, claims: str | None) -> str | None:
    """What the enterprise says instead, in the way the indicator is written; the department is not asked about `abc` yuan."""
    if claims is None or indicator.type not in ("money", "ratio", "integer", "date"):
        return None if claims is None else _written("--claims", claims)
    text = unicodedata.normalize("NFKC", claims).strip()
    try:
        if indicator.type == "date":
            return date.fromisoformat(text).isoformat()
    except ValueError:
        text = ""
    text = text.replace(",", "")
    if not _NUMBER.fullmatch(text):
        unit = f"，单位{indicator.unit}" if indicator.unit else ""
        wanted = "日期，如 2025-03-01" if indicator.type == "date" else f"数，如 5200000{unit}"
        raise Stop(f"--claims 写的「{claims}」读不出：{indicator.label}（{indicator.name}）应是{wanted}")
    return str(Decimal(text))


def _written(option: str, text: str) -> str:
    """What somebody wrote for others to read: short enough for a line of a list, and nothing that a terminal or a page would obey."""
    bare = text.strip()
    if len(bare) > LONGEST or printable(bare) != bare:
        raise Stop(f"{option} 写的超过 {LONGEST} 个字，或含控制字符、换行、改变书写方向的字符")
    return bare


def _listed(folder: Path, control: ControlStore, json: bool) -> None:
    """Every dispute with where it stands today; attention while one is open."""
    from pipelines.published import open_published

    rows = control.rows("SELECT * FROM dispute ORDER BY dispute_id")
    with closing(open_published(folder)) as con:
        for row in rows:
            asked = {"e": row["enterprise_id"], "i": row["indicator"]}
            column = '"' + row["indicator"].replace('"', '""') + '"'
            value = con.execute(f"SELECT {column} FROM profile.enterprise WHERE enterprise_id = $e", {"e": asked["e"]})
            now = value.fetchall()
            evidence = (
                con.sql("SELECT * FROM profile.evidence WHERE enterprise_id = $e AND indicator = $i", params=asked)
                .pl()
                .to_dicts()
            )
            row["now"] = spoken(now[0][0] if now else None)
            row["standing"] = standing(row, now[0][0] if now else None, evidence[0] if evidence else None)
    if json:
        output.print_json(rows)
    else:
        columns = {"dispute_id": "号", "uscc": "统一社会信用代码", "indicator": "指标", "value": "有异议的值", "claimed": "企业主张", "now": "现在的值", "department": "部门", "at": "记录于", "stand": "进展", "why": "理由"}  # fmt: skip
        output.print_table([{**row, "stand": STANDINGS[row["standing"]]} for row in rows], columns, title="疑义核校")
    raise typer.Exit(output.ATTENTION if any(row["standing"] == "open" for row in rows) else output.DONE)
