"""How every command speaks: data as tables or one JSON document on stdout, everything else on stderr, and the exit codes."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

DONE, ATTENTION, WRONG_USE, REFUSED, FAILED = 0, 1, 2, 3, 4

console = Console(highlight=False)
messages = Console(stderr=True, highlight=False)

Home = Annotated[
    Path | None,
    typer.Option(
        "--home",
        envvar="HUIQI_HOME",
        help="数据目录（默认 ./warehouse，亦可用环境变量 HUIQI_HOME）",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="以一个 JSON 文档输出")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", help="事实所属日期 YYYY-MM-DD（默认最新交付日）", show_default=False)
]
KnownAt = Annotated[
    str | None, typer.Option("--known-at", help="截至何时已收到 YYYY-MM-DD[THH:MM:SS]", show_default=False)
]


class Stop(Exception):
    """Ends a command with one Chinese sentence and an exit code of interfaces.md."""

    def __init__(self, message: str, code: int = WRONG_USE) -> None:
        super().__init__(message)
        self.code = code


def home_of(home: Path | None) -> Path:
    """The home a command works on: the option, else HUIQI_HOME, else `warehouse/` in the current folder."""
    return (home or Path(os.environ.get("HUIQI_HOME", "warehouse"))).resolve()


def plain(value: Any) -> Any:
    """A value as JSON may hold it: dates ISO, DECIMAL as text, so that money keeps its 分."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return [plain(v) for v in value]
    return value


def print_json(document: Any) -> None:
    """One JSON document on stdout."""
    typer.echo(json.dumps(plain(document), ensure_ascii=False, indent=2))


def print_table(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], title: str | None = None) -> None:
    """Rows as a table; `columns` maps each key to its Chinese heading, in order."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for heading in columns.values():
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*(shown(row.get(key)) for key in columns))
    console.print(table)


def shown(value: Any) -> str:
    """A value as an analyst reads it."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, Decimal):
        return f"{value:,.2f}"
    if isinstance(value, list | tuple):
        return "、".join(shown(v) for v in value)
    return str(plain(value))
