"""`huiqi`: the command line. One module per topic, each with a `register(app)`; see interfaces in docs/."""

import importlib
import sys
import traceback

import typer
from typer.exceptions import TyperException

from pipelines.cli import pages
from pipelines.cli.output import FAILED, WRONG_USE, Stop, messages
from pipelines.cli.usage import asks_for_help, sentence

# Order is the order of `huiqi --help`.
TOPICS = (
    "world",
    "run",
    "feeds",
    "release",
    "dispute",
    "identity",
    "profile",
    "match",
    "item",
    "policy",
    "reading",
    "work",
    "lists",
    "serve",
    "report",
    "token",
)

app = typer.Typer(
    name="huiqi",
    help="惠企：政策找企业。从十二部门交付到可解释的判定、推送清单和评价数据集市。",
    epilog="示例：huiqi run && huiqi match 91460100MA5T000001",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def build() -> typer.Typer:
    """The app with every topic registered."""
    if not app.registered_commands and not app.registered_groups:
        for topic in TOPICS:
            importlib.import_module(f"pipelines.cli.{topic}").register(app)
        pages.install(app)
    return app


def main() -> None:
    """Runs the command line; exit codes: 0 done, 1 needs attention, 2 wrong use or unreadable input, 3 refused, 4 internal failure."""
    try:
        code = build()(prog_name="huiqi", standalone_mode=False)
    except Stop as stop:
        messages.print(f"[red]错误[/red] {stop}", markup=True)
        sys.exit(stop.code)
    except TyperException as error:
        if asks_for_help(error):
            messages.print(error.format_message(), markup=False)
            sys.exit(0)
        messages.print(sentence(error), markup=False)
        sys.exit(WRONG_USE)
    except (typer.Abort, KeyboardInterrupt):
        messages.print("已中断", markup=False)
        sys.exit(FAILED)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except Exception as error:
        from pipelines.published import NotPublishedError
        from pipelines.scope import NothingReceivedError
        from pipelines.warehouse import WarehouseBusyError

        if isinstance(error, NotPublishedError | NothingReceivedError):
            messages.print(f"错误 {error}", markup=False)
            sys.exit(WRONG_USE)
        if isinstance(error, WarehouseBusyError):
            messages.print(f"错误 {error}", markup=False)
            sys.exit(3)
        messages.print(f"内部错误 {type(error).__name__}: {error}", markup=False)
        if "--debug" in sys.argv or sys.flags.dev_mode:
            traceback.print_exc()
        sys.exit(FAILED)
    sys.exit(code or 0)
