"""Commands of the mock world: arguments, messages in Chinese, exit codes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m data.world",
        description="模拟世界：十二个部门按真实格式交数，真值另存。全部为模拟数据。",
        epilog="例：python -m data.world make --size tiny --seed 7 --months 24 --out warehouse",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="命令")
    make = commands.add_parser("make", help="生成一个世界", epilog="例：python -m data.world make --size tiny --seed 7 --out warehouse")
    make.add_argument("--size", choices=("tiny", "small", "full", "province"), default="tiny", help="规模：2 千、5 万、30 万、300 万家")
    make.add_argument("--seed", type=int, default=7, help="种子，同一种子得到同样的字节")
    make.add_argument("--months", type=int, help="月数，止于 2024-12；不写则按规模（24、36、60、60）")
    make.add_argument("--out", type=Path, required=True, help="世界写到的目录（可即为 HUIQI_HOME）")
    make.add_argument("--json", action="store_true", help="在标准输出打印一个 JSON")
    serve = commands.add_parser("serve", help="启动发改委的模拟接口", epilog='例：HUIQI_REFORM_TOKEN=… python -m data.world serve --out warehouse/api --port 8807')
    serve.add_argument("--out", type=Path, required=True, help="世界的 api 目录")
    serve.add_argument("--port", type=int, default=0, help="端口，0 为任选一个空闲端口")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run one command; 0 done, 2 wrong use or unreadable input, 3 refused, 4 internal failure."""
    options = _parser().parse_args(arguments)
    commands: dict[str, Callable[[argparse.Namespace], int]] = {"make": _make, "serve": _serve}
    try:
        return commands[options.command](options)
    except FileExistsError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    except (FileNotFoundError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 2


def _print(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")


def _make(options: argparse.Namespace) -> int:
    from data.world import build

    months = options.months or build.SIZES[options.size][1]
    if not 6 <= months <= 60:
        raise ValueError(f"--months 应在 6 到 60 之间，现在是 {months}")
    manifest = build.make(options.out, options.size, options.seed, months)
    if options.json:
        _print({key: manifest[key] for key in ("size", "seed", "files", "rows", "sha256")})
    return 0


def _serve(options: argparse.Namespace) -> int:
    from data.world import server

    return server.serve(options.out, options.port)
