"""`huiqi report`, `huiqi self-evaluation`, `huiqi export-mart`: what leaves the mart as files."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import output
from pipelines.cli.output import Home, Json, Stop

Out = Annotated[Path | None, typer.Option("--out", help="写到哪里", show_default=False)]


def register(app: typer.Typer) -> None:
    app.command("report", help="政策兑现月报（HTML 与 PDF）。示例：huiqi report --month 2024-12")(report)
    app.command(
        "self-evaluation", help="绩效自评表（xlsx）。示例：huiqi self-evaluation --year 2024 --item hn-rd-increment"
    )(self_evaluation_form)
    app.command("export-mart", help="把已发布的评价集市导出为 Parquet。示例：huiqi export-mart --out /data/mart")(
        export
    )


def report(
    month: Annotated[
        str | None, typer.Option("--month", help="月份 YYYY-MM（默认最近一个整月）", show_default=False)
    ] = None,
    out: Out = None,
    home: Home = None,
    json: Json = False,
) -> int:
    from dashboards.monthly import NoSuchMonthError
    from pipelines.report import write_report

    try:
        made = write_report(output.home_of(home), month, out)
    except NoSuchMonthError as error:
        raise Stop(str(error)) from error
    if json:
        output.print_json({"month": made.month, "html": made.html, "pdf": made.pdf, "lacking": made.lacking})
    else:
        typer.echo(made.html)
        if made.pdf:
            typer.echo(made.pdf)
    if made.lacking:
        output.messages.print(made.lacking, markup=False)
        return output.ATTENTION
    return output.DONE


def self_evaluation_form(
    year: Annotated[int, typer.Option("--year", help="年度", min=2000, max=2100)],
    item: Annotated[
        list[str] | None, typer.Option("--item", help="事项编号，可多次；默认全部合并一张", show_default=False)
    ] = None,
    each: Annotated[bool, typer.Option("--each", help="当年有申报、拨付或承诺的每个事项各一张")] = False,
    out: Out = None,
    home: Home = None,
    json: Json = False,
) -> None:
    from dashboards.mart import opened
    from dashboards.self_evaluation import NoSuchYearError, items_of, self_evaluation
    from evaluation.self_evaluation import workbook

    where = output.home_of(home)
    with opened(where) as mart:
        try:
            wanted: list[str | None] = [*(items_of(mart, year) if each else item or [])] or [None]
            forms = [self_evaluation(mart, year, one) for one in wanted]
        except (NoSuchYearError, LookupError) as error:
            raise Stop(str(error)) from error
    named = f"绩效自评表-{year}.xlsx"
    target = out or where / "reports" / named
    # `huiqi report` takes a folder for --out: here a folder is where the file goes
    target = target / named if target.is_dir() else target
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(workbook(forms))
    if json:
        output.print_json(
            {
                "file": target,
                "forms": [
                    {
                        "title": form.title,
                        "year": form.year,
                        "until": form.until,
                        "budget_yuan": form.budget_yuan,
                        "paid_yuan": form.paid_yuan,
                        "score": form.scored[0],
                        "of": form.scored[1],
                        "lines": [
                            {
                                "metric": line.indicator.metric.id,
                                "value": line.shown,
                                "weight": line.indicator.weight,
                                "score": line.score,
                            }
                            for line in form.lines
                        ],
                    }
                    for form in forms
                ],
            }
        )
    else:
        typer.echo(target)


def export(
    out: Out = None,
    table: Annotated[list[str] | None, typer.Option("--table", help="只导出这些表，可多次", show_default=False)] = None,
    home: Home = None,
    json: Json = False,
) -> None:
    from pipelines.parquet import export_mart

    try:
        publication, folder, rows = export_mart(output.home_of(home), out, table or ())
    except ValueError as error:
        raise Stop(str(error)) from error
    if json:
        output.print_json(
            {"folder": folder, "build_id": publication.build_id, "as_of": publication.as_of, "tables": rows}
        )
    else:
        typer.echo(folder)
