"""Hostile contents behind a well-formed envelope: quotes that swallow rows, headers that lie about counts, archives that say two things, text that is not what it shows."""

import gzip
import importlib.util
import io
import json
import re
import sqlite3
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import xlsxwriter

from data import contract


def _hostile() -> ModuleType:
    if "hostile" not in sys.modules:
        spec = importlib.util.spec_from_file_location("hostile", Path(__file__).with_name("hostile.py"))
        assert spec and spec.loader
        sys.modules["hostile"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["hostile"])
    return sys.modules["hostile"]


h = _hostile()
Case = h.Case
HEAD = [c.header for c in h.GRADIENT]


def lines_of(rows: list[dict[str, str]], names: list[str] | None = None) -> list[str]:
    """Records without quotes, header first."""
    names = names or h.HEADERS
    return [",".join(names), *[",".join(r.get(n, "") for n in names) for r in rows]]


def market(number: int) -> str:
    return f"SCJG_E_BASEINFO_{20230101 + number % 28 + number // 28 * 100}_I_67.csv"


def csv_cases() -> Iterator[Case]:
    plain = lines_of(h.ROWS)
    swallowed = list(plain)
    # The quote opened in record 4 closes in record 8, both at a cell's edge: one record of the right width swallows three others.
    swallowed[4] = swallowed[4].replace("海南甲有限公司", '"海南甲有限公司')
    swallowed[8] = swallowed[8].replace("海南甲有限公司", '海南甲有限公司"')
    turned = [*plain, ",".join(reversed(h.HEADERS)), *[",".join(reversed(line.split(","))) for line in plain[1:4]]]
    shifted = [plain[0], *["," + line.rsplit(",", 1)[0] for line in plain[1:]]]
    wide = [plain[0] + "".join(f",附{i}" for i in range(4000)), *[line + "," * 4000 for line in plain[1:4]]]
    many: list[tuple[str, str, dict[str, Any]]] = [
        ("\r\n".join(swallowed), "引号", {"rows": True}),
        ("\r\n".join(turned), "表头", {}),
        ("\r\n".join(shifted), "必填|不合格", {}),
        ("\r\n".join(plain) + "\r\n\x1a", "", {"loads": True}),
        ("\r\n".join(plain) + "\r\n" + "垃圾\x1b[2J", "应有", {"rows": True}),
        (h.csv_text([*h.ROWS, h.base(PRIPID="m1", ENTNAME="海南锟斤拷锟斤拷有限公司")]), "乱码", {"rows": True}),
        (h.csv_text([*h.ROWS, h.base(PRIPID="m2", ENTNAME="海南\ufffd\ufffd有限公司")]), "乱码", {"rows": True}),
        (h.csv_text([*h.ROWS, h.base(PRIPID="m3", ENTNAME="海南\x1b[31m红\x1b[0m有限公司")]), "控制字符", {"rows": True}),
        (h.csv_text([*h.ROWS, h.base(PRIPID="m4", ENTNAME="海南\u202e司公限有甲")]), "控制字符", {"rows": True}),
        (h.csv_text([*h.ROWS, h.base(PRIPID="m5", EMPNUM="٣٤")]), "不是整数", {"rows": True}),
        (h.csv_text([*h.ROWS, h.base(PRIPID="m6", APPRDATE="٢٠٢٤-٠١-٠٢")]), "日期", {"rows": True}),
        (h.csv_text([*h.ROWS, h.base(PRIPID="m7", REGCAP="1" + ",000" * 9)]), "不是数", {"rows": True}),
        (h.csv_text([*h.ROWS, h.base(PRIPID="m8", APPRDATE="2031-01-01")]), "日子", {"rows": True}),
        ("\r\n".join(wide), "", {"loads": True}),
        ("\n" * 400_000 + "\r\n".join(plain), "表头", {}),
        ("<html><body><table><tr><td>PRIPID</td></tr></table></body></html>", "网页", {}),
        ('{"PRIPID": "p1", "ENTNAME": "甲"}\r\n' * 20, "表头|JSON", {}),
        ("\r\n".join(line + "," for line in plain), "", {"loads": True}),
        ("\r\n".join(line.replace(",", "，") for line in plain), "表头|分隔符", {}),
        ("\r\n".join([plain[0], *["'" + line for line in plain[1:4]]]), "", {"loads": True}),
        ("\r\n".join([plain[0], plain[1][:300] + '"x"' + plain[1][300:], *plain[2:]]), "引号|必填|应有", {"rows": True}),
        ("sep=,\r\n" + "\r\n".join(plain), "", {"loads": True}),
        ("\u2028".join(plain), "没有一行|只有表头|行结束符|表头|应有|缺少列", {}),
    ]  # fmt: skip
    for i, (text, why, more) in enumerate(many):
        yield Case(market(i), text.encode("gb18030"), why, **more)
    good = h.GOOD
    raws: list[tuple[bytes, str, dict[str, Any]]] = [
        (b"PAR1" + bytes(range(1, 200)) + b"PAR1", "Parquet", {}),
        (b"Rar!\x1a\x07\x01\x00" + b"x" * 100, "RAR", {}),
        (b"7z\xbc\xaf\x27\x1c" + b"x" * 100, "7z", {}),
        (good[:200] + b"\xff\xff" + good[200:], "不是合法的 GB18030", {}),
        (good.replace(b"\r\n", b"\r\r\n"), "", {"loads": True}),
        (good + b"\x00" * 4096, "NUL", {}),
        ("\ufeff".encode() + h.TEXT.encode("utf-8"), "UTF-8", {}),
        (h.TEXT.encode("big5", "ignore"), "合法的|乱码|表头|代码表|应有|不合格|别的编码", {}),
    ]  # fmt: skip
    for i, (raw, why, more) in enumerate(raws, 60):
        yield Case(market(i), raw, why, **more)


def lying_zip(book: bytes, member: str, raw: bytes, said: bytes) -> bytes:
    """`raw` stored under `member`, while the central directory gives the size and CRC of the shorter `said`."""
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        members = {n: archive.read(n) for n in archive.namelist()} | {member: raw}
    out = h.zipped(members)
    truth = struct.pack("<III", zlib.crc32(raw), 0, len(raw))
    at = out.rindex(b"PK\x01\x02", 0, out.rindex(member.encode()))
    crc, size = out[at + 16 : at + 20], out[at + 24 : at + 28]
    assert (crc, size) == (truth[:4], truth[8:])
    return out[: at + 16] + struct.pack("<I", zlib.crc32(said)) + out[at + 20 : at + 24] + struct.pack("<I", len(said)) + out[at + 28 :]  # fmt: skip


def doubled(book: bytes, member: str, second: bytes) -> bytes:
    """One member twice: two readers may each take another."""
    out = io.BytesIO(book)
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            archive.writestr(member, second)
    return out.getvalue()


def workbook_cases() -> Iterator[Case]:
    name = "GXT_ZJTX_{}_F_67.xlsx"
    good = h.workbook([HEAD, *[h.gradient() for _ in range(3)]])
    sheet, strings = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        xml, shared = archive.read(sheet), archive.read(strings)
    first = re.search(rb"<row r=\"2\".*?</row>", xml, re.DOTALL)
    assert first
    row = first.group(0)
    pages = io.BytesIO()
    book = xlsxwriter.Workbook(pages, {"in_memory": True})
    for title in ("二月", "三月"):
        page = book.add_worksheet(title)
        page.write_row(0, 0, HEAD)
        page.write_row(1, 0, h.gradient())
    book.add_worksheet("隐藏").very_hidden()
    book.close()
    cell = re.search(rb"<c r=\"B2\".*?</c>", xml, re.DOTALL)
    assert cell
    odd: list[tuple[bytes, str, dict[str, Any]]] = [
        (rezip(good, sheet, xml.replace(b"<dimension ref=\"", b"<dimension ref=\"ZZZ9:A", 1)), "读不出", {}),
        (rezip(good, sheet, re.sub(rb"<dimension[^>]*>", b'<dimension ref="A1:XFD1048576"/>', xml)), "", {"loads": True}),
        (rezip(good, sheet, xml.replace(b"<v>0</v>", b"<v>99999999</v>", 1)), "损坏|读不出|表头", {}),
        (rezip(good, strings, shared[: len(shared) // 2]), "损坏|读不出|表头|缺少", {}),
        (rezip(good, strings, b""), "损坏|读不出|表头|缺少", {}),
        (doubled(good, sheet, xml.replace(b"<v>1</v>", b"<v>2</v>")), "两次|重名", {}),
        (lying_zip(good, sheet, xml.replace(b"</sheetData>", row * 400_000 + b"</sheetData>"), xml), "损坏|不符|炸弹", {}),
        (rezip(good, sheet, xml.replace(cell.group(0), b'<c r="B2" t="str"><f>A2&amp;"x"</f></c>')), "公式", {"rows": True}),
        (rezip(good, sheet, xml.replace(cell.group(0), b'<c r="B2" t="e"><v>#REF!</v></c>')), "错误值", {"rows": True}),
        (rezip(good, sheet, xml.replace(row, row + row)), "行号|损坏|不合格|退回|两次", {}),
        (rezip(good, sheet, xml.replace(b'<c r="A2"', b'<c r="ZZZZZZZ2"', 1)), "损坏|读不出|上限", {}),
        (rezip(good, "xl/externalLinks/externalLink1.xml", b"<externalLink/>"), "", {"loads": True}),
        (rezip(good, "xl/connections.xml", b"<connections/>"), "", {"loads": True}),
        (pages.getvalue(), "", {"loads": True}),
        (b"<html><table><tr><td>" + HEAD[0].encode() + b"</td></tr></table></html>", "网页", {}),
        (h.zipped({"content.xml": b"<office/>", "mimetype": b"application/vnd.oasis.opendocument.spreadsheet"}), "OpenDocument", {}),
        (h.zipped({"word/document.xml": b"<w/>", "[Content_Types].xml": b"<Types/>"}), "Word", {}),
        (good + b"trailing garbage" * 10_000, "损坏|截断", {}),
        (h.workbook([HEAD, h.gradient(), h.gradient(统一社会信用代码="91460100MA5T00002X"), [*["合计"] * 2]]), "", {"loads": True}),
    ]  # fmt: skip
    for i, (raw, why, more) in enumerate(odd):
        yield Case(name.format(1960 + i), raw, why, **more)
    yield Case(
        "NYT_LTQY_1960_F_67.xls", "<html><meta charset=utf-8><table><tr><td>名称</td></tr></table>".encode(), "网页"
    )
    yield Case("NYT_LTQY_1961_F_67.xls", good, "xlsx")
    yield Case("NYT_LTQY_1962_F_67.xls", "名称,级别\r\n甲,国家级\r\n".encode("gb18030"), "开头不是|文本")


def rezip(book: bytes, member: str, raw: bytes) -> bytes:
    return h.rezipped(book, {member: raw})


UNIT = [c.header for c in contract.table("labor", "unit").columns.values()]


def dbf(count: int, rows: list[list[str]], kind: bytes = b"C", flag: bytes = b" ", encrypted: int = 0) -> bytes:
    """A dBASE III table of labor.unit whose header says `count` records."""
    width = 20
    fields = b"".join(struct.pack("<11sc4xBB14x", n.encode(), kind, width, 0) for n in UNIT)
    start, length = 32 + len(fields) + 1, 1 + width * len(UNIT)
    head = struct.pack("<B3xIHH3xB16x", 3, count, start, length, encrypted)
    body = b"".join(flag + b"".join(c.encode("gb18030").ljust(width)[:width] for c in r) for r in rows)
    return head + fields + b"\r" + body + b"\x1a"


def dbf_cases() -> Iterator[Case]:
    rows = [[f"46{i:06d}", "91460100MA5T00001X", "MA5T00001", f"海南甲{i}公司", "张三", "1", "460100", "13800000000"] for i in range(6)]  # fmt: skip
    yield Case("RSJ_AB01_202301_F_67.dbf", dbf(2, rows), "声明 2 条")
    yield Case("RSJ_AB01_202302_F_67.dbf", dbf(0xFFFFFFFF, rows), "截断")
    yield Case("RSJ_AB01_202303_F_67.dbf", dbf(6, rows, kind=b"M"), "类型")
    yield Case("RSJ_AB01_202304_F_67.dbf", dbf(6, rows, encrypted=1), "加密")
    yield Case("RSJ_AB01_202305_F_67.dbf", dbf(6, rows, flag=b"\x07"), "错位")
    odd = [[*r[:3], "海南\x00甲", *r[4:]] if i == 3 else r for i, r in enumerate(rows)]
    yield Case("RSJ_AB01_202306_F_67.dbf", dbf(6, odd), "控制字符", rows=True)
    yield Case("RSJ_AB01_202307_F_67.dbf", dbf(6, rows) + b"more" * 500, "声明 6 条")


def patent_xml(body: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?><root>{body}</root>'.encode()


def xml_cases() -> Iterator[Case]:
    table = contract.table("ip", "patent")
    tag = next(iter(table.forms.values())).row or "patent"
    leaf = "".join(f"<{c.header}>1</{c.header}>" for c in table.columns.values() if "/" not in c.header)
    yield Case(
        "ZSCQ_PATENT_20230101_F_67.xml", patent_xml(f'<{tag} a="{"x" * 11_000_000}">{leaf}</{tag}>'), "语法|超过"
    )
    yield Case("ZSCQ_PATENT_20230102_F_67.xml", patent_xml("<d>" * 5000 + "</d>" * 5000), "语法|太深|缺少|表头")
    yield Case("ZSCQ_PATENT_20230103_F_67.xml", patent_xml(f"<{tag}>{leaf}</{tag}>") + b"<more/>", "语法")
    yield Case(
        "ZSCQ_PATENT_20230104_F_67.xml",
        '<?xml version="1.0" encoding="UTF-8"?><root><甲>'.encode("gb18030"),
        "合法|语法",
    )
    pi = '<?xml version="1.0"?><?xml-stylesheet href="file:///etc/passwd"?><root xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd" parse="text"/></root>'
    yield Case("ZSCQ_PATENT_20230105_F_67.xml", pi.encode(), "缺少|表头|没有一")
    yield Case(
        "ZSCQ_PATENT_20230106_F_67.xml",
        patent_xml(f"<{tag}>{leaf.replace('>1<', '>甲<b/>乙<', 1)}</{tag}>" * 3),
        "混排|缺少|不合格|元素",
    )


def database_cases() -> Iterator[Case]:
    columns = ", ".join(c.header for c in contract.table("housing", "qualification").columns.values())
    fields = len(contract.table("housing", "qualification").columns)
    some = ", ".join(["'2024-01-01'"] * fields)
    name = "ZJT_SNAPSHOT_202301{:02d}_F_67.db"
    insert = f"INSERT INTO t_zz VALUES ({some});"
    first, *rest = columns.split(", ")
    generated = f"CREATE TABLE t_zz({first} AS (hex(zeroblob(200000000))), {', '.join(rest)}); INSERT INTO t_zz({', '.join(rest)}) VALUES ({', '.join(['1'] * len(rest))});"  # fmt: skip
    yield Case(name.format(1), h.database(generated), "缺少列")
    yield Case(
        name.format(2),
        h.database(f"CREATE TABLE t_zz({columns}); {insert} UPDATE t_zz SET {first} = x'ff00fe';"),
        "二进制",
    )
    yield Case(
        name.format(3),
        h.database(f"CREATE TABLE t_zz({columns}); {insert} UPDATE t_zz SET {first} = CAST(x'b0a1b0a1' AS TEXT);"),
        "UTF-8",
    )
    whole = h.database(f"CREATE TABLE t_zz({columns}); {insert * 400}")
    yield Case(name.format(5), h.database(f"CREATE VIRTUAL TABLE t_zz USING fts5({columns}); {insert}"), "虚拟表")
    keyed = f"CREATE TABLE t_zz({columns}, PRIMARY KEY({first})) WITHOUT ROWID; {insert}"
    yield Case(name.format(6), h.database(keyed), "", loads=True)
    yield Case(name.format(4), whole[: len(whole) // 2], "SQLite|损坏|截断")


def lines_cases() -> Iterator[Case]:
    names = [c.header for c in contract.table("apply", "feedback").columns.values()]
    row: dict[str, Any] = dict.fromkeys(names, "1")
    name = "SBXT_FEEDBACK_202301{:02d}_I_67.jsonl"

    def text(*rows: str) -> bytes:
        return ("\n".join(rows) + "\n").encode()

    one = json.dumps(row, ensure_ascii=False)
    yield Case(name.format(1), text(one, one[:-1] + ', "x": "\\ud800"}'), "JSON|代理|不合格|必填|日期|代码表|时间")
    yield Case(name.format(2), text("[" * 200_000, one[:-1] + "}"), "JSON|不合格|嵌套")
    yield Case(name.format(3), text(json.dumps([row] * 3)), "JSON")
    yield Case(name.format(4), text(json.dumps(row, indent=1)), "JSON")
    yield Case(name.format(5), text(*[json.dumps(row | {f"k{i}{j}": 1 for j in range(2000)}) for i in range(20)]), "")
    nested = json.dumps(row | {names[0]: {"a": {"b": [1, 2, {"c": None}]}}}, ensure_ascii=False)
    yield Case(name.format(6), text(nested), "对象|不合格|日期|代码表|时间")
    yield Case(name.format(7), text(one.replace('"1"', "NaN", 1)), "JSON|不是数")


def dump_cases() -> Iterator[Case]:
    name = "SCJG_E_BASEINFO_2023Q{}_F_67.sql.gz"
    cells = ["p", *["\\N"] * (len(h.HEADERS) - 1)]
    block = f"COPY public.e_baseinfo ({', '.join(h.HEADERS)}) FROM stdin;\n" + "\t".join(cells) + "\n\\.\n"
    yield Case(name.format(1), gzip.compress((block + block).encode(), mtime=0), "两段")
    yield Case(
        name.format(2), gzip.compress(block.replace("stdin;", "stdin WITH (FORMAT csv);").encode(), mtime=0), "COPY"
    )
    yield Case(name.format(3), gzip.compress(block.encode(), mtime=0) + b"garbage" * 9, "gzip")
    yield Case(name.format(4), gzip.compress(block.replace("\\.\n", "").encode(), mtime=0), "截断|结束标记")


def cases() -> list[Case]:
    """Every case, each under a name of its own."""
    return [
        *csv_cases(),
        *workbook_cases(),
        *dbf_cases(),
        *xml_cases(),
        *database_cases(),
        *lines_cases(),
        *dump_cases(),
    ]


assert sqlite3.sqlite_version
