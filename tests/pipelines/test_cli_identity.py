"""`huiqi who` and `huiqi review` as a clerk uses them, over a small published register: what is told, what is refused, what is recorded."""

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
import typer
from typer.testing import CliRunner

from pipelines.cli import identity
from pipelines.cli.output import Stop
from pipelines.control import ControlStore
from tests.assets.registry_world import BASE, HAIDE, RUIDA, SUBJECT, base, built, registry_world, said, table, uscc

SITE = uscc("MA5T71TE")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose published copy holds the registry that the assets build of small raw tables."""
    where = tmp_path_factory.mktemp("home")
    world = registry_world(where)
    with world.warehouse.write() as w:
        w.append(
            "raw.market_baseinfo",
            table(BASE, base("P4", SITE, "海南宏图科技有限公司儋州分公司", "2024-03-01", _row_no=4)),
        )
        w.append(
            "raw.subject", table(SUBJECT, said("doubt", name="海南宏图科技有限公司陵水分公司", legal_person="王甲"))
        )
    warehouse = built(world)
    tables = warehouse.frame("SELECT table_name AS t FROM duckdb_tables() WHERE schema_name = 'registry' ORDER BY 1")[
        "t"
    ].to_list()
    frames = {t: warehouse.frame(f"SELECT * FROM registry.{t}").to_arrow() for t in tables}
    with duckdb.connect(str(where / "mart-b.duckdb")) as mart:
        mart.execute("CREATE SCHEMA registry")
        for name, frame in frames.items():
            mart.register("frame", frame)
            mart.execute(f"CREATE TABLE registry.{name} AS FROM frame")
            mart.unregister("frame")
    pointer = {"file": "mart-b.duckdb", "build_id": "b", "bytes": (where / "mart-b.duckdb").stat().st_size}
    (where / "CURRENT").write_text(
        json.dumps(pointer | dict.fromkeys(("as_of", "known_at", "rules_as_of"), "2024-12-31"))
    )
    return where


def huiqi(home: Path, *words: str) -> tuple[int, str]:
    app = typer.Typer()
    identity.register(app)
    told = CliRunner().invoke(app, [*words, "--home", str(home)], env={"COLUMNS": "200"})
    if isinstance(told.exception, Stop):
        return told.exception.code, str(told.exception)
    assert told.exception is None or isinstance(told.exception, SystemExit), told.exception
    return told.exit_code, told.output


def card(home: Path, key: str) -> dict[str, Any]:
    code, told = huiqi(home, "who", key, "--json")
    assert code == 0, told
    return dict(json.loads(told))


@pytest.mark.parametrize(
    "written",
    [
        RUIDA,
        RUIDA.lower(),
        f"统一社会信用代码：{RUIDA}",
        RUIDA[8:17],
        f"{RUIDA[8:16]}-{RUIDA[16]}",
        f"460100{RUIDA[8:17]}",
        "D1",
        "海南宏图科技有限公司",
        "海南宏圖科技有限責任公司",
        "宏图科技（海南）有限公司",
        "海南宏图科技有限公司（自然人独资）",
        "海南瑞达科技有限公司",
        "宏图科技有限公司",
    ],
)
def test_every_way_of_asking_finds_the_enterprise(home: Path, written: str) -> None:
    if written == "宏图科技有限公司":
        # A part of names: the parent's and its branches'.
        assert huiqi(home, "who", written)[0] == 1
        return
    told = card(home, written)
    assert (told["uscc"], told["name"]) == (RUIDA, "海南宏图科技有限公司")
    assert "note" not in told


def test_a_branch_is_itself_or_said_to_be_none_of_the_register(home: Path) -> None:
    assert card(home, "海南宏图科技有限公司儋州分公司")["uscc"] == SITE
    assert card(home, "海南宏图科技有限责任公司（儋州分公司）")["uscc"] == SITE
    unlisted = card(home, "海南宏图科技有限公司陵水分公司")
    assert unlisted["uscc"] == RUIDA and "没有列出此分支" in unlisted["note"]


@pytest.mark.parametrize(
    ("written", "word"),
    [
        ("", "没有找到"),
        ("不存在的公司", "没有找到"),
        ("11010519491231002X", "身份证件号码"),
        (RUIDA[:17] + ("1" if RUIDA[17] != "1" else "2"), "校验位不符"),
        ("9.146E+17", "末几位已丢失"),
        ("' OR 1=1", "没有找到"),
    ],
)
def test_what_is_not_found_is_told_with_the_reason(home: Path, written: str, word: str) -> None:
    code, told = huiqi(home, "who", written)
    assert code == 2 and word in told


def test_the_queue_its_candidates_and_a_judgement(home: Path) -> None:
    code, told = huiqi(home, "review", "--json")
    queue = {r["subject_id"]: r for r in json.loads(told)}
    assert code == 1 and set(queue) >= {"clash"}
    code, told = huiqi(home, "review", "clash")
    assert code == 0 and "编码与名称指向不同主体" in told and "1." in told and "2." in told
    for words, word in [
        (("clash", "--same", "1"), "--why"),
        (("clash", "--same", "9", "--why", "核对"), "不是已知的企业"),
        (("clash", "--same", "1", "--different", "2"), "只能给一个"),
        (("--same", "1", "--why", "核对"), "称呼编号"),
        (("zzz", "--same", RUIDA, "--why", "核对"), "不是已知的称呼编号"),
        (("c", "--same", RUIDA, "--why", "核对"), "不止一个称呼"),
        (("clash", "--same", "海南宏图科技有限公司陵水分公司", "--why", "核对"), "分支机构名称"),
        (("--department", "nobody"), "没有部门"),
    ]:
        code, told = huiqi(home, "review", *words)
        assert code == 2 and word in told, (words, code, told)
    judged = ControlStore(home / "control.sqlite")
    assert not judged.rows("SELECT name FROM sqlite_master WHERE name = 'judgement'") or not judged.rows(
        "SELECT * FROM judgement"
    )
    assert huiqi(home, "review", "clash", "--same", HAIDE, "--by", "张三", "--why", "核对营业执照")[0] == 0
    assert huiqi(home, "review", "clash", "--different", RUIDA, "--by", "李四", "--why", "核对营业执照")[0] == 0
    rows = judged.rows("SELECT subject_id, same, who, why FROM judgement ORDER BY judgement_id")
    assert [tuple(dict(r).values()) for r in rows] == [
        ("clash", 1, "张三", "核对营业执照"),
        ("clash", 0, "李四", "核对营业执照"),
    ]
