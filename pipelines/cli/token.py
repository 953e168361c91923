"""`huiqi token add list remove`: who may call the decision service under /v1."""

from typing import Annotated

import typer

from pipelines import tokens
from pipelines.cli import output
from pipelines.cli.output import Home, Json, Stop

NAME = typer.Argument(help="调用方名称，如 hainan-portal")


def register(app: typer.Typer) -> None:
    group = typer.Typer(help="决策服务的调用令牌。示例：huiqi token add hainan-portal --rate 200", no_args_is_help=True)
    group.command("add", help="发放令牌，只显示这一次。示例：huiqi token add hainan-portal --rate 200")(add)
    group.command("list", help="已发放的令牌（不含令牌本身）。示例：huiqi token list")(listed)
    group.command("remove", help="收回令牌，立即生效。示例：huiqi token remove hainan-portal")(remove)
    app.add_typer(group, name="token")


def add(
    name: Annotated[str, NAME],
    rate: Annotated[int, typer.Option("--rate", min=1, max=1_000_000, help="每秒请求数上限")] = tokens.RATE,
    home: Home = None,
    json: Json = False,
) -> None:
    try:
        token = tokens.add(output.home_of(home), name, rate)
    except tokens.TokenError as error:
        raise Stop(str(error)) from None
    if json:
        output.print_json({"name": name, "rate": rate, "token": token})
        return
    typer.echo(token)
    output.messages.print("请立即保存：这里只留下散列，以后不能再看。用法 Authorization: Bearer <令牌>", markup=False)


def listed(home: Home = None, json: Json = False) -> None:
    try:
        rows = [{"name": c.name, "rate": c.rate} for c in tokens.callers(output.home_of(home))]
    except tokens.TokenError as error:
        raise Stop(str(error)) from None
    if json:
        output.print_json(rows)
    else:
        output.print_table(rows, {"name": "调用方", "rate": "每秒请求数"})


def remove(name: Annotated[str, NAME], home: Home = None) -> None:
    try:
        tokens.remove(output.home_of(home), name)
    except tokens.TokenError as error:
        raise Stop(str(error)) from None
    output.messages.print(f"已收回“{name}”的令牌", markup=False)
