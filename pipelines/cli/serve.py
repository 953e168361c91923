"""`huiqi dashboard`, `huiqi db`, `huiqi repair`: opening what was published, and pointing back when it is damaged."""

import typer

from pipelines.cli import output
from pipelines.cli.output import Home, Json
from pipelines.publish import point_back
from pipelines.published import current


def register(app: typer.Typer) -> None:
    app.command("dashboard", help="打开看板（只绑定 127.0.0.1）。示例：huiqi dashboard --port 8710")(dashboard)
    app.command("db", help="已发布 DuckDB 文件的路径，供 BI 工具只读打开。示例：duckdb -readonly $(huiqi db)")(db)
    app.command("repair", help="当前发布损坏时指回最近一个完好的版本。示例：huiqi repair")(repair)


def dashboard(home: Home = None, port: int = typer.Option(8710, "--port", min=1, max=65535, help="端口")) -> None:
    import uvicorn

    from dashboards.app import create

    where = output.home_of(home)
    current(where)
    output.messages.print(f"看板 http://127.0.0.1:{port}  （Ctrl-C 结束）")
    uvicorn.run(create(where), host="127.0.0.1", port=port, log_level="warning", server_header=False)


def db(home: Home = None, json: Json = False) -> None:
    publication = current(output.home_of(home))
    if json:
        output.print_json({"path": publication.path, "build_id": publication.build_id, "as_of": publication.as_of})
    else:
        typer.echo(publication.path)


def repair(home: Home = None) -> None:
    publication = point_back(output.home_of(home))
    output.messages.print(
        f"已指向 {publication.path.name}（构建 {publication.build_id}，事实日期 {publication.as_of}）"
    )
