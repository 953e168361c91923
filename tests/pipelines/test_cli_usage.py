"""Wrong use of `huiqi`: exit code 2, one Chinese sentence that says what to type, nothing on stdout."""

import sys
from pathlib import Path

import pytest

from pipelines.cli import main


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["huiqi", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    return int(stop.value.code or 0)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["match"], "缺少参数 key。用 huiqi match --help 查看用法，示例：huiqi match"),
        (["approve", "ID"], "缺少参数 --as。"),
        (["nosuch"], "没有命令 nosuch。用 huiqi --help"),
        (["list", "nosuch"], "没有命令 nosuch。用 huiqi list --help"),
        (["match", "KEY", "--nosuch"], "没有选项 --nosuch"),
        (["match", "KEY", "MORE"], "多出参数 MORE"),
        (["search", "--limit", "0"], "--limit 不能小于 1"),
        (["search", "--limit", "501"], "--limit 不能大于 500"),
        (["eligible", "ITEM", "--limit", "-3"], "--limit 不能小于 0"),
        (["nearmiss", "ITEM", "--limit", "x"], "--limit 应为整数"),
        (["lists", "--kind", "nonsense"], "没有清单种类 nonsense；可选 auto_award"),
        (["lint", "nofile.md"], "打不开政策文件 nofile.md"),
        (["run", "--as-of", "2024-02-30"], "实际为 --as-of 2024-02-30"),
    ],
)
def test_wrong_use(
    arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("HUIQI_HOME", str(tmp_path))
    assert _run(monkeypatch, *arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "".join(said.split()) in "".join(err.split())


@pytest.mark.parametrize("arguments", [[], ["list"]])
def test_nothing_typed_is_the_help(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, *arguments) == 0
    assert "示例：" in capsys.readouterr().err


@pytest.mark.parametrize("group", ["list", "audit", "officers", "token"])
def test_a_group_of_commands_names_its_own_example(
    group: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(monkeypatch, group, "--help") == 0
    assert f"示例：huiqi {group} " in " ".join(capsys.readouterr().out.split("命令：")[0].split())
