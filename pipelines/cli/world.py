"""`huiqi world`: the mock world, run as a program of its own."""

import os
import subprocess
import sys

import typer

from pipelines.scope import PROJECT


def register(app: typer.Typer) -> None:
    app.command(
        "world",
        help="模拟世界：make 生成十二部门交付，advance 推进，truth 标准答案，report 校准表。示例：huiqi world make --size tiny --seed 7 --out warehouse",
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
        add_help_option=False,
    )(world)


def world(context: typer.Context) -> None:
    # The pipeline never imports the mock world: it could lean on what only the mock knows.
    done = subprocess.run(
        [sys.executable, "-m", "data.world", *context.args], cwd=None, env=_environment(), check=False
    )
    raise typer.Exit(done.returncode)


def _environment() -> dict[str, str]:
    return {
        **os.environ,
        "HUIQI_WORLD_COMMAND": "huiqi world",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")])),
    }
