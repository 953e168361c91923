"""DBF, XML, SQLite, JSON Lines and COPY dumps, written by hand or by independent writers; and the child processes that read them."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import dbf as dbf_writer
import pytest

from data.contract import Form, Table, parse_feed
from data.readers import Reading, RefusedFile, read
from data.readers.pool import Limits, Pool

ROW = "海南甲公司"


def table(form: str, **changed: object) -> Table:
    text = f"""
department: probe
name: 探测厅
prefix: TC
contact: 信息科
forms: {{one: {{pattern: 'x', format: {form}}}}}
tables:
  firm:
    native: T_FIRM
    label: 企业
    primary: [uscc]
    valid_at: null
    cadence: day
    columns:
      uscc: {{label: 信用代码, header: XYDM, type: code, key: uscc}}
      name: {{label: 名称, header: QYMC, aliases: [ap], required: true}}
      scope: {{label: 范围, header: FW, optional: true}}
"""
    found = parse_feed(text, "probe.yml").tables["firm"]
    return found.model_copy(
        update={"forms": {"one": Form.model_validate({**found.forms["one"].model_dump(), **changed})}}
    )


def reading(path: Path, form: str, **changed: object) -> Reading:
    probe = table(form, **changed)
    return read(path, probe.forms["one"], probe)


def refusal(path: Path, raw: bytes, form: str, **changed: object) -> str:
    path.write_bytes(raw)
    with pytest.raises(RefusedFile) as caught:
        reading(path, form, **changed)
    return str(caught.value)


def dbf_file(path: Path) -> bytes:
    made = dbf_writer.Table(str(path), "XYDM C(18); QYMC C(9)", codepage="cp936", dbf_type="db3")
    made.open(mode=dbf_writer.READ_WRITE)
    made.append(("91460100MA5T000001", "海南甲"))
    made.append(("", "海南乙公"))
    with made[1] as record:
        dbf_writer.delete(record)
    made.append(("91460100MA5T000003", "x"))
    made.close()
    raw = path.read_bytes()
    # A system that knows no characters cuts at nine bytes: four and a half of them.
    return raw.replace(b"x        ", "海南丙公司".encode("gbk")[:9])


def test_dbf_deleted_records_and_characters_cut_in_two(tmp_path: Path) -> None:
    path = tmp_path / "a.dbf"
    path.write_bytes(dbf_file(path))
    found = reading(path, "dbf", encoding="gb18030")
    assert found.frame["name"].to_list() == ["海南甲", "海南丙公"]
    assert found.frame["_row_no"].to_list() == [1, 3]
    assert found.set_aside == {"deleted": 1}
    assert "1 格在汉字中间被字段宽度截断" in found.notes[0]


def test_dbf_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "a.dbf"
    raw = dbf_file(path)
    assert "声明 3 条记录，实际只有 2 条" in refusal(path, raw[:-20], "dbf", encoding="gb18030")


XML = '<?xml version="1.0" encoding="{}"?><rows><row><XYDM>91</XYDM><ap>海南䶮公司</ap><ap>海南大学</ap></row></rows>'


SHORT = '<?xml version="1.0" encoding="{}"?><rows><row><XYDM>91</XYDM><ap>失效</ap></row></rows>'


@pytest.mark.parametrize("written", ["gb18030", "utf-8"])
def test_two_characters_that_fit_both_encodings_are_read_by_the_one_that_makes_chinese(
    tmp_path: Path, written: str
) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(SHORT.format("gb2312").encode(written))
    assert reading(path, "xml", row="row").frame["name"].to_list() == ["失效"]


def test_a_code_told_twice_is_no_code(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(XML.format("UTF-8").replace("<XYDM>91</XYDM>", "<XYDM>91</XYDM><XYDM>92</XYDM>").encode())
    assert [u.reason for u in reading(path, "xml", row="row").unreadable] == [
        "元素 XYDM 在一条记录里出现两次，不知道哪个是它的代码"
    ]


def test_text_beside_elements_is_not_dropped_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(XML.format("UTF-8").replace("海南䶮公司", "海南<b>䶮</b>公司").encode())
    found = reading(path, "xml", row="row")
    assert found.frame.height == 0
    assert [u.reason for u in found.unreadable] == ["元素 ap 里文字和子元素混在一起，不知道哪个是值"]


@pytest.mark.parametrize(("declared", "written"), [("UTF-8", "utf-8"), ("gb2312", "gb18030"), ("gb2312", "utf-8")])
def test_xml_that_lies_about_its_encoding(tmp_path: Path, declared: str, written: str) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(XML.format(declared).encode(written))
    found = reading(path, "xml", row="row")
    assert found.frame.select("uscc", "name").rows() == [("91", "海南䶮公司;海南大学")]
    assert reading(path, "xml").frame.height == 1


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (
            b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r><row><XYDM>&x;</XYDM></row></r>',
            "DOCTYPE",
        ),
        (b'<!DOCTYPE lolz [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><r>&b;</r>', "DOCTYPE"),
        (XML.format("UTF-8")[:-20].encode(), "不合语法"),
        (XML.format("UTF-8").encode("gb18030"), "不是合法的 utf-8"),
        (SHORT.format("UTF-8").encode("gb18030"), "「ʧЧ」，按 GB18030 读是「失效」"),
        (b"", "0 字节"),
    ],
)
def test_xml_that_is_refused(tmp_path: Path, raw: bytes, said: str) -> None:
    assert said in refusal(tmp_path / "a.xml", raw, "xml")


def sqlite_file(path: Path) -> None:
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE t_firm (qymc TEXT, xydm, more TEXT)")
    base.execute("CREATE VIEW other AS SELECT * FROM t_firm")
    base.executemany(
        "INSERT INTO t_firm VALUES (?, ?, ?)", [(ROW, "91460100MA5T000001", "x"), ("乙", 914601001234567890, None)]
    )
    base.commit()
    base.close()


def test_sqlite_snapshot(tmp_path: Path) -> None:
    path = tmp_path / "a b.db"
    sqlite_file(path)
    found = reading(path, "sqlite").frame
    assert found.select("uscc", "name", "_sheet", "_row_no", "_numeric").rows() == [
        ("91460100MA5T000001", ROW, "t_firm", 1, None),
        ("914601001234567890", "乙", "t_firm", 2, "uscc"),
    ]


def test_sqlite_cut_or_foreign(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    sqlite_file(path)
    raw = path.read_bytes()
    assert "损坏" in refusal(path, raw[: len(raw) // 2], "sqlite")
    assert "不是 SQLite" in refusal(path, b"x" * 4096, "sqlite")
    path.unlink()
    empty = sqlite3.connect(path)
    empty.execute("CREATE TABLE elsewhere (a)")
    empty.commit()
    empty.close()
    assert "没有表 T_FIRM，只有 elsewhere" in refusal(path, path.read_bytes(), "sqlite")


def test_json_lines_keep_numbers_as_written(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '{"XYDM": "91460100MA5T000001", "QYMC": "甲", "FW": 0.10}\n\n{"XYDM": 914601001234567890, "QYMC": "乙"}\n'
        '{"QYMC": NaN}\n[1]\n{"QYMC": "丙", "QYMC": "丁"}\n{"QYMC": "戊"',
        encoding="utf-8",
    )
    found = reading(path, "jsonl")
    assert found.frame.select("uscc", "name", "scope", "_row_no", "_numeric").rows() == [
        ("91460100MA5T000001", "甲", "0.10", 1, None),
        ("914601001234567890", "乙", None, 3, "uscc"),
    ]
    assert [u.row_no for u in found.unreadable] == [4, 5, 6, 7]
    assert "截断" in found.unreadable[-1].reason
    assert found.rows_in == 7


def test_json_with_a_renamed_key(tmp_path: Path) -> None:
    raw = '{"XYDM": "91", "QYMC1": "甲"}\n'.encode()
    assert "缺少列「QYMC」" in refusal(tmp_path / "a.jsonl", raw, "jsonl")


DUMP = "SET x;\nCOPY public.t_firm (xydm, qymc, fw) FROM stdin;\n91\t海南甲\t一行\\n二行\\\\\n\\N\t乙\t\\N\nshort\n\\.\nDROP TABLE x;\n"


def test_an_end_mark_among_the_rows_does_not_cut_the_table_in_silence(tmp_path: Path) -> None:
    early = DUMP.replace("\\N\t乙", "\\.\n\\N\t乙")
    assert "数据里混进了结束标记" in refusal(tmp_path / "a.sql", early.encode(), "dump")
    other = DUMP.replace("SET x;\n", "COPY public.other (a) FROM stdin;\n1\n\\.\n")
    (tmp_path / "b.sql").write_bytes(other.encode())
    assert reading(tmp_path / "b.sql", "dump").frame.height == 2


def test_copy_dump(tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_text(DUMP, encoding="utf-8")
    found = reading(path, "dump")
    assert found.frame.select("uscc", "name", "scope", "_row_no").rows() == [
        ("91", "海南甲", "一行\n二行\\", 3),
        (None, "乙", None, 4),
    ]
    assert [(u.row_no, u.reason) for u in found.unreadable] == [(5, "应有 3 列，实际 1 列")]


def test_copy_dump_with_an_escape_that_could_be_half_a_character(tmp_path: Path) -> None:
    path = tmp_path / "a.sql"
    path.write_text(DUMP.replace("海南甲", "\\xE6\\265").replace("乙", "乙\\tb"), encoding="utf-8")
    found = reading(path, "dump")
    assert found.frame["name"].to_list() == ["乙\tb"]
    assert [(u.row_no, u.rule) for u in found.unreadable] == [(5, "columns"), (3, "escape")]


def test_copy_dump_cut_before_its_end(tmp_path: Path) -> None:
    assert "文件被截断" in refusal(tmp_path / "a.sql", DUMP.split("\\.")[0].encode(), "dump")
    assert "没有表 T_FIRM" in refusal(tmp_path / "a.sql", DUMP.replace("t_firm", "other").encode(), "dump")


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(children=1, limits=Limits(cpu_seconds=20, wall_seconds=20))
    yield made
    made.close()


def test_children_answer_for_many_files_and_a_refusal_is_one_of_them(tmp_path: Path, pool: Pool) -> None:
    good, bad = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    good.write_text('{"XYDM": "91", "QYMC": "甲"}\n', encoding="utf-8")
    bad.write_bytes(b"")
    probe = table("jsonl")
    results = list(pool.read([good, bad, good], probe.forms["one"], probe))
    assert [isinstance(r, RefusedFile) for r in results] == [False, True, False]
    assert isinstance(results[0], Reading)
    assert results[0].frame["name"].to_list() == ["甲"]


def test_a_child_that_died_between_files_costs_nothing(tmp_path: Path, pool: Pool) -> None:
    good = tmp_path / "a.jsonl"
    good.write_text('{"XYDM": "91", "QYMC": "甲"}\n', encoding="utf-8")
    probe = table("jsonl")
    assert isinstance(next(pool.read([good], probe.forms["one"], probe)), Reading)
    child = pool._idle.get()
    assert child is not None
    os.kill(child._process.pid, signal.SIGKILL)
    child._process.wait()
    pool._idle.put(child)
    assert isinstance(next(pool.read([good], probe.forms["one"], probe)), Reading)


def test_a_child_that_dies_refuses_only_its_file(tmp_path: Path) -> None:
    good, endless = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    good.write_text('{"XYDM": "91", "QYMC": "甲"}\n', encoding="utf-8")
    endless.write_text('{"XYDM": "91", "QYMC": "甲"}\n' * 900_000, encoding="utf-8")
    hasty = Pool(children=1, limits=Limits(cpu_seconds=1))
    probe = table("jsonl")
    try:
        results = list(hasty.read([good, endless, good], probe.forms["one"], probe))
    finally:
        hasty.close()
    assert [isinstance(r, Reading) for r in results] == [True, False, True]
    assert "解析进程被中止" in str(results[1])


def test_memory_is_limited(tmp_path: Path) -> None:
    # XML is read whole; text in parts would need no more memory than there is.
    path = tmp_path / "a.xml"
    with path.open("w", encoding="utf-8") as out:
        out.write("<rows>")
        for _ in range(40_000):
            out.write("<row><XYDM>91</XYDM><QYMC>" + "甲" * 2000 + "</QYMC></row>")
        out.write("</rows>")
    small = Pool(children=1, limits=Limits(memory_bytes=700 << 20))
    probe = table("xml", row="row")
    try:
        result = next(small.read([path], probe.forms["one"], probe))
    finally:
        small.close()
    assert isinstance(result, RefusedFile)
    assert "内存" in str(result)
