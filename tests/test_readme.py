"""What the README says can be typed: its make targets and huiqi commands exist, and both languages name the same ones."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.zh.md")


def _text(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def _targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", _text("Makefile"), flags=re.M))


def _make_commands(name: str) -> list[str]:
    return re.findall(r"\bmake ([a-z][a-z-]*)", _text(name).replace("Python 3.11, 3.12 or 3.13 and make:", ""))


def _huiqi_commands(name: str) -> list[str]:
    return re.findall(r"huiqi ([a-z]+)(?=[ `)])", re.sub(r"^#.*$", "", _text(name), flags=re.M))


@pytest.mark.parametrize("name", READMES)
def test_every_make_command_is_a_target(name: str) -> None:
    commands = _make_commands(name)
    assert {"run", "test", "check", "ui", "dashboard", "bench", "bench-kernel", "clean", "test-ui"} <= set(commands)
    assert set(commands) <= _targets()


@pytest.mark.parametrize("name", READMES)
def test_every_huiqi_command_exists(name: str) -> None:
    import typer.main

    from pipelines.cli import build

    known = set(typer.main.get_command(build()).commands)  # type: ignore[attr-defined]
    commands = set(_huiqi_commands(name)) - {"is", "runs"}
    assert {"explain", "match", "feeds", "run", "lint"} <= commands
    assert commands <= known


def test_both_languages_name_the_same_commands() -> None:
    for found in (_make_commands, _huiqi_commands):
        english, chinese = (set(found(name)) - {"is", "runs"} for name in READMES)
        assert english == chinese


def test_targets_of_the_interfaces_are_there() -> None:
    assert {
        "install",
        "run",
        "test",
        "test-ui",
        "check",
        "ui",
        "dashboard",
        "bench",
        "bench-kernel",
        "clean",
    } <= _targets()


def test_every_target_tells_what_it_does() -> None:
    rules = re.findall(r"^([a-z-]+):(.*)$", _text("Makefile"), flags=re.M)
    assert [name for name, rest in rules if "##" not in rest] == []
