"""Help pages in Chinese: headings, marks and wrapping by display width, where Typer's formatter counts characters."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import typer
from rich.cells import cell_len, chop_cells

# Every context of Typer makes its pages with this class; the base is reached through it because Typer keeps its module private.
_CONTEXT = next(kind for kind in typer.Context.__mro__ if "formatter_class" in vars(kind))
_Formatter: type = _CONTEXT.formatter_class  # type: ignore[attr-defined]

_HEADINGS = {"Options": "选项", "Commands": "命令", "Arguments": "参数"}
_MARKS = (
    (r"^Show this message and exit\.$", "显示本页"),
    (r"^Install completion for the current shell\.$", "为当前命令行装上补全"),
    (r"^Show completion for the current shell, .*$", "显示补全脚本，可自行安装"),
    (r" *\[env var: HUIQI_HOME\]", ""),  # the option's own words say it
    (r"\[default: ([^\];]+); ([^\]]+)\]", r"［默认 \1，范围 \2］"),
    (r"\[default: ([^\];]+)\]", r"［默认 \1］"),
    (r"\[required\]", "［必填］"),
)
# A run of Latin letters or one Chinese character, with the closing marks no line may begin with and the opening ones none may end with.
_CLOSING, _OPENING = "，。、；：！？）］”》", "（［“《"
_WORD = re.compile(rf"[{_OPENING}]*(?:[^\s\u2e80-\uffef“”]+|[\u2e80-\uffef“”])[{_CLOSING}]*|\s+")
_NAMES = 30  # cells; a longer name gets a line of its own


def translated(text: str) -> str:
    """Typer's own marks in Chinese; everything else as it is."""
    for pattern, chinese in _MARKS:
        text = re.sub(pattern, chinese, text)
    return text


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` cells: broken at spaces between Latin words, anywhere between Chinese characters."""
    lines = [""]
    for word in _WORD.findall(text):
        for piece in chop_cells(word, width) if cell_len(word) > width else [word]:
            if cell_len(lines[-1] + piece.rstrip()) > width:
                lines.append("")
            lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


class ChineseFormatter(_Formatter):  # type: ignore[misc]
    """Typer's help formatter with Chinese headings and columns that stand straight in Chinese."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        said = args.replace("[OPTIONS]", "［选项］").replace("COMMAND [ARGS]...", "命令 …")
        super().write_usage(prog, said, "用法：" if prefix is None else prefix)

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        with super().section(_HEADINGS.get(name, name)):
            yield

    def write_heading(self, heading: str) -> None:
        self.write(f"{'':>{self.current_indent}}{heading}：\n")

    def write_text(self, text: str) -> None:
        for line in wrapped(" ".join(text.split()), self.width - self.current_indent):
            self.write(f"{'':>{self.current_indent}}{line}\n")

    def write_dl(self, rows: Sequence[tuple[str, str]], col_max: int = _NAMES, col_spacing: int = 2) -> None:
        column = min(max(cell_len(first) for first, _ in rows), col_max) + col_spacing
        for first, second in rows:
            lines = wrapped(translated(" ".join(second.split())), max(self.width - self.current_indent - column, 20))
            beside = cell_len(first) + col_spacing <= column
            self.write(f"{'':>{self.current_indent}}{first}")
            self.write(" " * (column - cell_len(first)) if beside else f"\n{'':>{self.current_indent + column}}")
            self.write(f"\n{'':>{self.current_indent + column}}".join(lines) + "\n")


def install(app: typer.Typer) -> None:
    """Makes every page of `app` a Chinese one; lists of commands leave the example to the command's own page."""
    _CONTEXT.formatter_class = ChineseFormatter  # type: ignore[attr-defined]
    for group in app.registered_groups:
        if group.typer_instance:
            install(group.typer_instance)
    for command in app.registered_commands:
        command.short_help = (command.help or "").partition("示例：")[0].rstrip("。；") or command.short_help
