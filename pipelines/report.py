"""The monthly report as files, and the job and schedule that write them."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import dagster as dg

from pipelines.pdf import NoPdfError, printed
from pipelines.schedules import TIMEZONE

FOLDER = ("reports", "monthly")
JOB = "monthly_report"


@dataclass(frozen=True)
class ReportFiles:
    """Where the report lies; `pdf` None with the reason in `lacking` when it could not be printed."""

    month: str
    html: Path
    pdf: Path | None
    lacking: str | None


def write_report(home: Path, month: str | None = None, out: Path | None = None) -> ReportFiles:
    """HTML and PDF of a month (None: the last whole one) from the newest publication, under `reports/monthly/` or `out`.

    A missing printer never fails the report: the HTML is the record, the PDF a picture of it. Raises NoSuchMonthError, NotPublishedError.
    """
    from dashboards.monthly import last_whole, report_html
    from dashboards.pages import Pages

    pages = Pages(home)
    with pages.opened() as mart:
        chosen = month or last_whole(date.fromisoformat(mart.publication.as_of))
        text = report_html(pages, mart, chosen)
    folder = out or home.joinpath(*FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    html, pdf = folder / f"{chosen}.html", folder / f"{chosen}.pdf"
    fresh = html.with_suffix(".html.partial")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(html)
    try:
        printed(html, pdf)
    except NoPdfError as error:
        return ReportFiles(chosen, html, None, str(error))
    return ReportFiles(chosen, html, pdf, None)


def monthly_report_job(home: Path) -> dg.JobDefinition:
    """One step: the report of the last whole month of the newest publication."""

    @dg.op(name="write_monthly_report", description="政策兑现月报：从已发布的评价集市写出上一个整月的 HTML 与 PDF。")
    def write(context: dg.OpExecutionContext) -> None:
        made = write_report(home)
        if made.lacking:
            context.log.warning(made.lacking)
        context.add_output_metadata({"月份": made.month, "HTML": str(made.html), "PDF": str(made.pdf or made.lacking)})

    @dg.job(name=JOB, description="政策兑现月报", executor_def=dg.in_process_executor)
    def job() -> None:
        write()

    return job


def monthly_schedule() -> dg.ScheduleDefinition:
    """On the 2nd at 06:00: by then the nightly run about the month's last day has been published for a day."""
    return dg.ScheduleDefinition(
        name="monthly_report",
        job_name=JOB,
        cron_schedule="0 6 2 * *",
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="每月 2 日 06:00（北京时间）写出上一个整月的政策兑现月报（HTML 与 PDF）。",
    )
