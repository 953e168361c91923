"""Delimited text: what the strict door lets through, what it refuses, and what it says."""

import gzip
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import contract
from data.contract import Form, Table, parse_feed
from data.readers import Reading, RefusedFile, read, source, strange
from data.readers import text as delimited

HEADER = "企业名称,信用代码,注册资本(万元)"
ROWS = ["海南甲公司,91460100MA5T000001,100.5", "海南乙公司,91460100MA5T000002,200"]


def table(**form: object) -> Table:
    text = """
department: probe
name: 探测厅
prefix: TC
contact: 信息科
forms: {daily: {pattern: 'x', format: csv, encoding: gb18030}}
tables:
  firm:
    native: T
    label: 企业
    primary: [uscc]
    valid_at: null
    cadence: day
    columns:
      name: {label: 企业名称, header: 企业名称, required: true}
      uscc: {label: 信用代码, header: 信用代码, type: code, key: uscc}
      capital_yuan: {label: 注册资本, header: 注册资本, type: money, unit: 万元}
"""
    found = parse_feed(text, "probe.yml").tables["firm"]
    changed = Form.model_validate({**found.forms["daily"].model_dump(), **form})
    return found.model_copy(update={"forms": {"daily": changed}})


def reading(folder: Path, raw: bytes, **form: object) -> Reading:
    path = folder / "delivery"
    path.write_bytes(raw)
    probe = table(**form)
    return read(path, probe.forms["daily"], probe)


def refusal(folder: Path, raw: bytes, **form: object) -> str:
    with pytest.raises(RefusedFile) as caught:
        reading(folder, raw, **form)
    return str(caught.value)


def text(*rows: str, end: str = "\r\n") -> str:
    return end.join([HEADER, *rows]) + end


def test_gb18030_with_rare_characters(tmp_path: Path) -> None:
    raw = text("海南䶮达㛃𬭊公司,91460100MA5T000001,1").encode("gb18030")
    found = reading(tmp_path, raw).frame
    assert found["name"].to_list() == ["海南䶮达㛃𬭊公司"]
    assert found["_row_no"].to_list() == [2]


def test_reordered_and_extra_columns_are_mapped_by_name(tmp_path: Path) -> None:
    raw = "备用,注册资本（万元）,信用代码,企业名称\r\nx,100.5,91460100MA5T000001,海南甲公司\r\n".encode("gb18030")
    found = reading(tmp_path, raw)
    straight = reading(tmp_path, text(ROWS[0]).encode("gb18030"))
    assert found.frame.select("name", "uscc", "capital_yuan").equals(
        straight.frame.select("name", "uscc", "capital_yuan")
    )
    assert any("备用" in note for note in found.notes)


def test_a_renamed_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    raw = text(*ROWS).replace("注册资本", "注册资金").encode("gb18030")
    said = refusal(tmp_path, raw)
    assert "缺少列「注册资本」" in said
    assert "注册资金" in said


def test_a_unit_in_the_header_that_contradicts_the_contract(tmp_path: Path) -> None:
    assert "单位是元，合同约定万元" in refusal(tmp_path, text(*ROWS).replace("万元", "元").encode("gb18030"))


def test_no_header_and_duplicated_header(tmp_path: Path) -> None:
    assert "没有找到表头" in refusal(tmp_path, ("\r\n".join(ROWS) + "\r\n").encode("gb18030"))
    assert "表头重复" in refusal(tmp_path, text(HEADER, *ROWS).encode("gb18030"))
    assert "出现两次" in refusal(tmp_path, text(*ROWS).replace("信用代码", "企业名称").encode("gb18030"))


def test_utf8_where_gb18030_is_promised(tmp_path: Path) -> None:
    assert "实际是 UTF-8" in refusal(tmp_path, text(*ROWS).encode("utf-8"))


def test_gb18030_where_utf8_is_promised(tmp_path: Path) -> None:
    said = refusal(tmp_path, text(*ROWS).encode("gb18030"), encoding="utf-8")
    assert "第 1 行不是合法的 UTF-8" in said
    assert "整个文件符合 GB18030" in said


def test_mixed_encodings_are_counted(tmp_path: Path) -> None:
    raw = (
        (HEADER + "\r\n").encode("gb18030") + (ROWS[0] + "\r\n").encode("utf-8") + (ROWS[1] + "\r\n").encode("gb18030")
    )
    assert "混有两种编码：1 行像 UTF-8" in refusal(tmp_path, raw)


def test_bom_at_the_start_is_dropped_and_in_the_middle_refused(tmp_path: Path) -> None:
    once = text(*ROWS).encode("utf-8-sig")
    assert reading(tmp_path, once, encoding="utf-8-sig").frame.height == 2
    assert "BOM" in refusal(tmp_path, once + once, encoding="utf-8-sig")


def test_utf16_tab_text(tmp_path: Path) -> None:
    raw = b"\xff\xfe" + text(*ROWS).replace(",", "\t").encode("utf-16-le")
    assert reading(tmp_path, raw, encoding="utf-16", delimiter="\t").frame["capital_yuan"].to_list() == ["100.5", "200"]
    assert "没有 BOM" in refusal(tmp_path, raw[2:], encoding="utf-16", delimiter="\t")
    assert "截断" in refusal(tmp_path, raw[:-1], encoding="utf-16", delimiter="\t")


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "0 字节"),
        (b"a,b\r\n\x00\x00\r\n", "第 2 行有 NUL"),
        (b"PK\x03\x04abcd", "实际是ZIP"),
        (b"\x1f\x8babcd", "实际是gzip"),
    ],
)
def test_what_is_no_text_at_all(tmp_path: Path, raw: bytes, said: str) -> None:
    assert said in refusal(tmp_path, raw)


def test_wrong_separator(tmp_path: Path) -> None:
    assert "分隔符不对：合同约定 逗号，表头里是 分号" in refusal(
        tmp_path, text(*ROWS).replace(",", ";").encode("gb18030")
    )


@pytest.mark.parametrize("end", ["\r", "\n"])
def test_line_ends_are_unified(tmp_path: Path, end: str) -> None:
    assert reading(tmp_path, text(*ROWS, end=end).encode("gb18030")).frame.height == 2


def test_mixed_line_ends_are_noted(tmp_path: Path) -> None:
    raw = f"{HEADER}\r\n{ROWS[0]}\n{ROWS[1]}\n".encode("gb18030")
    found = reading(tmp_path, raw)
    assert found.frame.height == 2
    assert "行结束符混用，已统一" in found.notes


def test_a_cut_inside_a_row_is_one_unreadable_row(tmp_path: Path) -> None:
    raw = text(*ROWS).encode("gb18030")[:-24]
    found = reading(tmp_path, raw)
    assert found.frame.height == 1
    assert [(u.row_no, u.rule) for u in found.unreadable] == [(3, "columns")]
    assert "截断" in found.unreadable[0].reason
    assert found.rows_in == 2


def test_line_breaks_and_doubled_quotes_inside_cells(tmp_path: Path) -> None:
    raw = text('"海南""甲""\r\n公司",91460100MA5T000001,1', ROWS[1]).encode("gb18030")
    found = reading(tmp_path, raw).frame
    assert found["name"].to_list() == ['海南"甲"\n公司', "海南乙公司"]
    assert found["_row_no"].to_list() == [2, 3]


def test_a_stray_quote_costs_its_own_line_only(tmp_path: Path) -> None:
    found = reading(tmp_path, text('"海南丙公司,x,1', *ROWS).encode("gb18030"))
    assert found.frame.height == 2
    assert [u.rule for u in found.unreadable] == ["quote"]


def test_an_unquoted_comma_is_said(tmp_path: Path) -> None:
    found = reading(tmp_path, text("海南,丙公司,x,1", *ROWS).encode("gb18030"))
    assert found.frame.height == 2
    assert "应有 3 列，实际 4 列" in found.unreadable[0].reason


def test_totals_notes_and_blanks_are_counted_not_loaded(tmp_path: Path) -> None:
    raw = text(ROWS[0], "小计,,100.5", "", ",,", ROWS[1], "合 计：,,300.5", "注：单位口径,,").encode("gb18030")
    found = reading(tmp_path, raw)
    assert found.frame["name"].to_list() == ["海南甲公司", "海南乙公司"]
    assert found.set_aside == {"total": 2, "blank": 2, "footnote": 1}
    assert found.rows_in == 7


def test_an_enterprise_whose_name_begins_like_a_total_is_a_fact(tmp_path: Path) -> None:
    assert reading(tmp_path, text("合计划算商贸公司,x,1").encode("gb18030")).frame.height == 1


def test_a_cell_of_ten_megabytes(tmp_path: Path) -> None:
    assert "第 2 行超过" in refusal(tmp_path, text("甲" * 5_000_000 + ",x,1").encode("gb18030"))


def test_hive_text_without_header(tmp_path: Path) -> None:
    raw = gzip.compress("海南甲\x01\\N\x01100\n海南乙\x01\x01\\N\n".encode("gb18030"))
    found = reading(
        tmp_path, raw, format="text", delimiter="\x01", quote=None, null="\\N", header=False, archive="gz"
    ).frame
    assert found["uscc"].to_list() == [None, None]
    assert found["capital_yuan"].to_list() == ["100", None]


def test_gzip_cut_and_gzip_bomb(tmp_path: Path) -> None:
    whole = gzip.compress(text(*ROWS).encode("gb18030"))
    assert "截断" in refusal(tmp_path, whole[: len(whole) // 2], archive="gz")
    assert "像压缩炸弹" in refusal(tmp_path, gzip.compress(b"0" * 50_000_000), archive="gz")
    assert "不是 gzip" in refusal(tmp_path, text(*ROWS).encode("gb18030"), archive="gz")


def test_a_word_that_fits_both_encodings_is_not_read_by_the_wrong_one(tmp_path: Path) -> None:
    ascii_headers = "name,uscc,capital\r\n"
    assert "按 GB18030 读是「失效」" in refusal(
        tmp_path, (ascii_headers + "失效,9146,1\r\n").encode("gb18030"), encoding="utf-8"
    )
    assert "应为「失效」" in refusal(tmp_path, (ascii_headers + "失效,9146,1\r\n").encode(), encoding="gb18030")


def test_another_encoding_far_behind_the_beginning_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "CHUNK", 20_000)
    monkeypatch.setattr(strange, "SAMPLE", 5_000)
    raw = text(*ROWS * 900).encode("gb18030") + "海口龍華區進出口貿易發展,9146,1\r\n".encode("big5") * 900
    assert "像是别的编码" in refusal(tmp_path, raw)


def test_a_second_declared_encoding_is_told_by_strict_decoding_and_noted(tmp_path: Path) -> None:
    table = contract.table("finance", "payment")
    form = table.forms["daily"]
    names = [c.header for c in table.columns.values()]
    text = (
        ",".join(names)
        + "\r\n"
        + ",".join(["P1", "2024-08-01", "", "海南省工业和信息化厅", *["甲"] * (len(names) - 4)])
    )
    seen = []
    for i, raw in enumerate((text.encode("gb18030"), text.encode(), ("\ufeff" + text).encode())):
        path = tmp_path / f"{i}.csv"
        path.write_bytes(raw)
        found = read(path, form, table)
        seen.append(found.frame.row(0))
        assert any("文件实际是 UTF-8" in note for note in found.notes) == (i > 0)
    assert len(set(seen)) == 1
    mixed = tmp_path / "mixed.csv"
    mixed.write_bytes(text.encode() + b"\r\n" + text.encode("gb18030"))
    with pytest.raises(RefusedFile, match="两种编码"):
        read(mixed, form, table)


@given(
    lines=st.lists(st.text('a,"\n 合计;', max_size=14), max_size=12),
    end=st.sampled_from(["\n", "\r\n", "\r\r\n"]),
    quoted=st.booleans(),
    block=st.sampled_from([1, 5, 40]),
)
@settings(max_examples=120, deadline=None)
def test_pieces_and_the_whole_tell_the_same(lines: list[str], end: str, quoted: bool, block: int) -> None:
    probe = table(min_rows=0)
    form = probe.forms["daily"]
    cells = [[f'"{c}"' if quoted else c for c in line.split(",")] for line in [*lines, *ROWS]]
    body = end.join([HEADER, *[",".join(c) for c in cells]]).encode(form.encoding)

    def told() -> object:
        try:
            found = read(path, form, probe)
        except RefusedFile as error:
            return str(error)
        return found.frame.to_dicts(), found.set_aside, found.unreadable, found.notes

    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "d.csv"
        path.write_bytes(body)
        whole = told()
        for where, name in ((source, "CHUNK"), (delimited, "BLOCK_BYTES")):
            patch.setattr(where, name, block)
        assert told() == whole
        patch.setattr(source, "KEEP", 0)
        assert told() == whole
