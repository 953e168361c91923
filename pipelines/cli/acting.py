"""Who acts on the command line, when, at whose desk, and how a refusal is told."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli import output
from pipelines.cli.output import Stop
from pipelines.docket import RefusedError
from pipelines.export import ExportError
from pipelines.moment import VARIABLE, ClockError, moment
from pipelines.officers import OfficerError
from pipelines.steps import UnknownListError
from pipelines.steps import desk_of as desk_of

PASSPHRASE = "HUIQI_PASSPHRASE"
As = Annotated[str, typer.Option("--as", help=f"办理人姓名（须先登记，口令取自环境变量 {PASSPHRASE} 或当场输入）")]
Note = Annotated[str, typer.Option("--note", help="意见", show_default=False)]


def moment_of(home: Path) -> datetime:
    try:
        now = moment(home)
    except ClockError as error:
        raise Stop(str(error), output.REFUSED) from error
    if VARIABLE not in os.environ and (home / "world.json").exists():
        output.messages.print(
            f"提示 这是模拟数据目录，现在按真实时钟 {now:%Y-%m-%d} 办理；要按模拟世界的日期办理，"
            f"设 {VARIABLE}，如 {VARIABLE}=2025-01-26T09:00:00",
            markup=False,
            soft_wrap=True,
        )
    return now


def phrase_of(name: str) -> str:
    """The pass phrase of `name`: from HUIQI_PASSPHRASE, else typed. Without either, nobody could have proven anything: wrong use."""
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise Stop(f"没有终端可输入 {name} 的口令；请把口令放入环境变量 {PASSPHRASE} 后再运行")
    return str(typer.prompt(f"{name} 的口令", hide_input=True, err=True))


@contextmanager
def refusals() -> Iterator[None]:
    try:
        yield
    except UnknownListError as error:
        raise Stop(str(error)) from error
    except (RefusedError, OfficerError, ExportError) as error:
        raise Stop(f"不予办理：{error}", output.REFUSED) from error


def tell(json: bool, document: Mapping[str, Any], said: str | None) -> None:
    if json:
        output.print_json(document)
    elif said:
        output.console.print(said, soft_wrap=True)
