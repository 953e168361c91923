"""Commands of the mock world: arguments, messages in Chinese, exit codes."""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

_DATA = Path(__file__).parent.parent


# argparse's own sentences; it has no door for a translation but gettext's catalogue files.
_SENTENCES = (
    (r"the following arguments are required: 命令", "缺少命令：make、serve、truth、advance 或 report"),
    (r"the following arguments are required: (.+)", r"缺少 \1"),
    (
        r"argument 命令: invalid choice: '?(.+?)'? \(choose from .+\)",
        r"没有命令 \1，可选 make、serve、truth、advance、report",
    ),
    (r"argument (\S+?): invalid choice: '?(.+?)'? \(choose from (.+)\)", r"\1 不能是 \2，可选 \3"),
    (r"argument (\S+?): invalid int value: '(.*)'", r"\1 应为整数，实际为 \2"),
    (r"argument (\S+?): invalid fromisoformat value: '(.*)'", r"\1 应写作 2024-12-31，实际为 \2"),
    (r"argument (\S+?): expected one argument", r"\1 后面要有值"),
    (r"unrecognized arguments: (.+)", r"不认识 \1"),
)


class _Page(argparse.RawDescriptionHelpFormatter):
    def add_usage(self, usage: Any, actions: Any, groups: Any, prefix: str | None = None) -> None:
        super().add_usage(usage, actions, groups, "用法：" if prefix is None else prefix)


class _Parser(argparse.ArgumentParser):
    """An argument parser that speaks Chinese and ends wrong use with code 2 and an example."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(add_help=False, formatter_class=_Page, **settings)
        self._positionals.title, self._optionals.title = "命令", "选项"
        self.add_argument("-h", "--help", action="help", help="显示本页")

    def error(self, message: str) -> NoReturn:
        for pattern, chinese in _SENTENCES:
            if found := re.fullmatch(pattern, message):
                message = found.expand(chinese).replace("'", "")
                break
        self.exit(2, f"用法错误：{message}。用 {self.prog} --help 查看用法；{self.epilog}\n")


def _parser() -> argparse.ArgumentParser:
    name = os.environ.get("HUIQI_WORLD_COMMAND", "python -m data.world")
    home: dict[str, Any] = (
        {"default": Path(os.environ["HUIQI_HOME"])} if "HUIQI_HOME" in os.environ else {"required": True}
    )
    parser = _Parser(
        prog=name,
        description="模拟世界：十二个部门按真实格式交数，真值另存。全部为模拟数据。",
        epilog=f"例：{name} make --size tiny --seed 7 --months 24 --out warehouse",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="命令", parser_class=_Parser)
    make = commands.add_parser(
        "make", help="生成一个世界", epilog=f"例：{name} make --size tiny --seed 7 --out warehouse"
    )
    make.add_argument(
        "--size",
        choices=("tiny", "small", "full", "province"),
        default="tiny",
        help="规模：2 千、5 万、30 万、300 万家",
    )
    make.add_argument("--seed", type=int, default=7, help="种子，同一种子得到同样的字节")
    make.add_argument("--months", type=int, help="月数，止于 2024-12；不写则按规模（24、36、60、60）")
    make.add_argument(
        "--out", "--home", dest="out", type=Path, **home, help="世界写到的目录（可即为 HUIQI_HOME）（默认 HUIQI_HOME）"
    )
    make.add_argument("--json", action="store_true", help="在标准输出打印一个 JSON")
    serve = commands.add_parser(
        "serve",
        help="启动发改委的模拟接口",
        epilog=f"例：HUIQI_REFORM_TOKEN=… {name} serve --out warehouse/api --port 8807",
    )
    serve.add_argument("--out", "--home", dest="out", type=Path, required=True, help="世界的 api 目录")
    serve.add_argument("--port", type=int, default=0, help="端口，0 为任选一个空闲端口")
    truth = commands.add_parser(
        "truth",
        help="按真实状态逐项判定资格，写入 truth/truth_eligibility.parquet 和 truth_indicator.parquet",
        epilog=f"例：{name} truth --out warehouse --as-of 2024-12-31",
    )
    truth.add_argument("--out", "--home", dest="out", type=Path, **home, help="世界的目录（默认 HUIQI_HOME）")
    truth.add_argument(
        "--as-of",
        type=dt.date.fromisoformat,
        default=dt.date(2024, 12, 31),
        help="判定日，不晚于世界的截止日（未推进的是 2025-01-25）",
    )
    truth.add_argument("--policies", type=Path, default=_DATA / "policies", help="政策文件目录")
    truth.add_argument("--indicators", type=Path, default=_DATA / "indicators.yml", help="指标目录")
    truth.add_argument("--json", action="store_true", help="在标准输出打印一个 JSON")
    advance = commands.add_parser(
        "advance",
        help="世界向前走：十二部门下一个月的交付，和企业对已导出名单的反应",
        epilog=f"例：{name} advance --out warehouse",
    )
    advance.add_argument(
        "--out", "--home", dest="out", type=Path, **home, help="世界的目录（含 lists/）（默认 HUIQI_HOME）"
    )
    advance.add_argument("--months", type=int, default=1, help="推进几个月，默认 1；最多推进到第 24 个月")
    advance.add_argument("--json", action="store_true", help="在标准输出打印一个 JSON")
    report = commands.add_parser("report", help="校准表：目标、生成值、差距", epilog=f"例：{name} report --seed 7")
    report.add_argument("--seed", type=int, default=7)
    report.add_argument("--out", "--home", dest="out", type=Path, help="世界的目录；写了就用它的种子，并附缺陷清点")
    report.add_argument("--json", action="store_true", help="在标准输出打印一个 JSON")
    return parser


def main(arguments: Sequence[str]) -> int:
    """Run one command; 0 done, 2 wrong use or unreadable input, 3 refused, 4 internal failure."""
    options = _parser().parse_args(arguments)
    commands: dict[str, Callable[[argparse.Namespace], int]] = {
        "make": _make,
        "serve": _serve,
        "truth": _truth,
        "report": _report,
        "advance": _advance,
    }
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


def _manifest(out: Path) -> dict[str, Any]:
    path = out / "world.json"
    if not path.exists():
        raise FileNotFoundError(f"{out} 里没有模拟世界（缺 world.json）；请先 make")
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def _truth(options: argparse.Namespace) -> int:
    from data.world import eligibility
    from data.world.parcel import World

    manifest = _manifest(options.out)
    world = World.of(manifest)
    if not dt.date(2023, 12, 31) <= options.as_of <= world.closing_day:
        raise ValueError(f"--as-of 应在 2023-12-31 到 {world.closing_day} 之间，现在是 {options.as_of}")
    frame = eligibility.evaluate(world, options.policies, options.indicators, options.as_of)
    path = options.out / "truth" / "truth_eligibility.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    frame.write_parquet(path)
    eligibility.indicators(world, options.as_of).write_parquet(path.with_name("truth_indicator.parquet"))
    eligible = int((frame["eligible"].fill_null(False)).sum())
    sys.stderr.write(f"{frame['item_id'].n_unique()} 个事项，{len(frame):,} 对，合格 {eligible:,} 对，写入 {path}\n")
    if options.json:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        _print({"size": manifest["size"], "seed": manifest["seed"], "files": 1, "rows": len(frame), "sha256": digest})
    return 0


def _advance(options: argparse.Namespace) -> int:
    from data.world.advance import advance

    if options.months < 1:
        raise ValueError(f"--months 应不小于 1，现在是 {options.months}")
    manifest = _manifest(options.out)
    for _ in range(options.months):
        manifest = advance(options.out, manifest)
        path = options.out / "world.json"
        path.write_text(json.dumps(manifest, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        sys.stderr.write(
            f"{manifest['last_month']}（第 {manifest['advanced']} 个月，交付至 {manifest['closing_day']}）："
            f"累计 {manifest['files']:,} 个文件，{manifest['rows']:,} 行\n"
        )
    if options.json:
        _print({key: manifest[key] for key in ("size", "seed", "files", "rows", "sha256")})
    return 0


def _report(options: argparse.Namespace) -> int:
    from data.world import figures, report

    seed = _manifest(options.out)["seed"] if options.out else options.seed
    lines = report.lines(seed)
    census = report.census(options.out) if options.out else {}
    if options.json:
        known = [figure._asdict() for figure in figures.figures(seed)]
        _print({"seed": seed, "lines": [line._asdict() for line in lines], "figures": known, "defects": census})
    else:
        sys.stdout.write("指标\t组\t目标\t生成\t差距\t允许\t结论\t依据\n")
        for x in lines:
            verdict, ground = ("符合" if x.within else "超出"), ("公开数字" if x.kind == "public" else "推测")
            sys.stdout.write(
                f"{x.metric}\t{x.group}\t{x.target:g}\t{x.generated:g}\t{x.distance:g}\t{x.tolerance:g}\t{verdict}\t{ground}\n"
            )
        sys.stdout.write("公开数字\t时点\t公开\t生成（三百万户）\t单位\t用处\n")
        for figure in figures.figures(seed):
            public, generated = (_shown(v) for v in (figure.value, figure.generated))
            sys.stdout.write(f"{figure.label}\t{figure.as_of}\t{public}\t{generated}\t{figure.unit}\t{figure.use}\n")
        for label, part in (("缺陷行数", "rows"), ("交付异常文件数", "files")):
            for kind, number in census.get(part, {}).items():
                sys.stdout.write(f"{label}\t{kind}\t{number}\n")
    return 0 if all(x.within for x in lines) else 1


def _shown(value: float | None) -> str:
    """Counts in full, shares and means with their digits."""
    return "" if value is None else f"{value:,.0f}" if value >= 1_000 else f"{value:g}"


def _serve(options: argparse.Namespace) -> int:
    from data.world import server

    return server.serve(options.out, options.port)
