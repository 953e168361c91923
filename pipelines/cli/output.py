"""How every command speaks: data as tables or one JSON document on stdout, everything else on stderr, and the exit codes."""

import json
import os
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.cli.pages import wrapped

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
    """Rows under the Chinese headings of `columns`, in order.

    Codes, numbers and dates are never broken. Where the terminal is too narrow for that, every row becomes a block of
    its own, as psql does with its expanded display; into a pipe or a file the table keeps its natural width.
    """
    if title:
        console.print(title, style="bold", markup=False, soft_wrap=True)
    if not rows:
        console.print("（没有）")
        return
    cells = [[shown(row.get(key)) for key in columns] for row in rows]
    natural = [max(map(cell_len, column)) for column in zip(list(columns.values()), *cells, strict=True)]
    free = [any(_folds(line[i]) for line in cells) for i in range(len(columns))]
    wide = sum(natural) + _GAP * (len(natural) - 1)
    room = console.width if console.is_terminal or "COLUMNS" in os.environ else max(wide, console.width)
    least = [min(width, _LEAST) if folds else width for width, folds in zip(natural, free, strict=True)]
    if sum(least) + _GAP * (len(least) - 1) > room:
        _print_blocks(cells, list(columns.values()), room)
        return
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, _GAP - 1, 0, 0), header_style="bold"
    )
    for i, (key, heading) in enumerate(columns.items()):
        side: Any = "right" if any(_is_number(row.get(key)) for row in rows) else "left"
        table.add_column(heading, overflow="fold", no_wrap=not free[i], min_width=least[i], justify=side)
    for line in cells:
        table.add_row(*(escape(cell) for cell in line))
    Console(file=console.file, width=room, highlight=False).print(table)


_GAP = 2  # cells between columns
_LEAST = 16  # cells below which a column of words is unreadable


def _folds(cell: str) -> bool:
    """Words may go over several lines; a code, a number or a date may not."""
    return not cell.isascii() or " " in cell


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)


def _print_blocks(cells: list[list[str]], headings: list[str], width: int) -> None:
    """Each row: its first three values, then the others by name; what is empty or simply not so is left out."""
    for line in cells:
        console.print("  ".join(line[:3]), style="bold", markup=False, overflow="fold")
        named = zip(headings[3:], line[3:], strict=True)
        text = ""
        for piece in (f"{heading} {cell}" for heading, cell in named if cell not in ("", "—", "否")):
            joined = f"{text} · {piece}" if text else f"  {piece}"
            if text and cell_len(joined) > width:
                console.print(text, markup=False)
                joined = f"  {piece}"
            text = joined
        if text:
            console.print(text, markup=False)


def print_text(text: str, indent: int = 0, style: str | None = None) -> None:
    """A sentence, its further lines under its first; in one line into a pipe or a file."""
    space = " " * indent
    lines = wrapped(text, console.width - indent) if console.is_terminal or "COLUMNS" in os.environ else [text]
    for line in lines:
        console.print(space + line, markup=False, style=style, soft_wrap=True)


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
