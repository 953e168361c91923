"""What was wrong with a command line, said in Chinese, with the command's own example."""

import re

from typer.exceptions import TyperException

# Typer's own sentences; its classes for them are private.
_SENTENCES = (
    (r"Missing (?:argument|option|parameter):? '?\{?(.+?)\}?'?\.?", r"缺少参数 \1"),
    (r"No such option: (\S+).*", r"没有选项 \1"),
    (r"No such command '(.*)'\..*", r"没有命令 \1"),
    (r"Got unexpected extra argument\(s\) \((.+)\)", r"多出参数 \1"),
    (r"Option '(.+)' requires an argument\.?", r"选项 \1 后面要有值"),
    (r"Invalid value for '(.+?)': Input should be greater than or equal to (\S+)", r"\1 不能小于 \2"),
    (r"Invalid value for '(.+?)': Input should be less than or equal to (\S+)", r"\1 不能大于 \2"),
    (
        r"Invalid value for '(.+?)': (?:Input should be a valid integer.*|'?(.*?)'? is not a valid int.*)",
        r"\1 应为整数",
    ),
    (r"Invalid value for '(.+?)': (.+)", r"\1 的值不能用：\2"),
)


def asks_for_help(error: TyperException) -> bool:
    """Nothing was typed where a command was expected: the message is the help text itself."""
    return type(error).__name__ == "NoArgsIsHelpError"


def sentence(error: TyperException) -> str:
    """What was wrong and what to type instead; Typer's own words where they have no translation here."""
    said = " ".join(error.format_message().split())
    for pattern, chinese in _SENTENCES:
        if found := re.fullmatch(pattern, said):
            said = found.expand(chinese)
            break
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "huiqi"
    _, _, example = ((context.command.help if context else "") or "").partition("示例：")
    return f"用法错误：{said}。用 {path} --help 查看用法" + (f"，示例：{example.strip()}" if example else "")
