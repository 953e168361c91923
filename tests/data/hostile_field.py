"""A third folder of hostile deliveries: what real systems and hurried people send. Other encodings, other archives, half-calculated workbooks."""

import bz2
import gzip
import io
import json
import lzma
import sqlite3
import struct
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xlsxwriter
import xlwt

from data import contract

h = sys.modules["hostile"]
Case = h.Case
BASE, ROWS, TEXT, GOOD = h.base, h.ROWS, h.TEXT, h.GOOD


def market(number: int) -> str:
    return f"SCJG_E_BASEINFO_{20220101 + number % 28 + number // 28 * 100}_I_68.csv"


def bad_row(**cells: str) -> bytes:
    return bytes(h.csv_text([*ROWS, BASE(PRIPID="bad", **cells)]).encode("gb18030"))


def named(name: str) -> list[dict[str, str]]:
    return [BASE(PRIPID=f"h{i}", ENTNAME=name) for i in range(20)]


def encoding_cases() -> Iterator[Case]:
    """Chinese that decodes strictly and still is none: no reader may load it as names."""
    name = "海口龍華區進出口貿易發展有限公司"
    yield Case(market(1), h.csv_text(named(name)).encode("big5", "ignore"), "别的编码|合法")
    yield Case(market(2), TEXT.encode("utf-32"), "UTF-16|UTF-32|NUL")
    yield Case(market(3), b"+/v8-" + TEXT.encode("utf-7"), "表头|缺少|分隔")
    yield Case(market(4), TEXT.encode("utf-16-be"), "NUL|合法")
    calls = contract.table("hotline", "call")
    head = [c.header for c in calls.columns.values()]
    row = ["海南省海口市龙华区企业服务咨询"] * len(head)
    garbled = "\n".join([",".join(head), *[",".join(row)] * 20]).replace(
        row[0], row[0].encode().decode("gb18030", "replace")
    )
    yield Case("RX_CALL_20220101_I_68.csv", (garbled + "\n").encode(), "转存|乱码|缺少|表头")
    yield Case(market(5), bad_row(ENTNAME="海南锟斤拷锟斤拷有限公司"), "乱码", rows=True)
    yield Case(market(6), bad_row(ENTNAME="海南\u202e司公限有"), "控制字符", rows=True)
    for number, mark in enumerate("\u200f\u0085\ufffe\U000e0041", 70):
        yield Case(market(number), bad_row(ENTNAME=f"海南{mark}甲有限公司"), "控制字符", rows=True)
    yield Case(market(74), TEXT.replace("ENTNAME", "企業名稱", 1).encode("gb18030"), "缺少列「ENTNAME」")
    for number, period in enumerate(("20991231", "18991231", "00010101")):
        yield Case(f"SCJG_E_BASEINFO_{period}_I_68.csv", GOOD + b"\r\n" * (3 + number), "期间")


def archive_cases() -> Iterator[Case]:
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as held:
        member = tarfile.TarInfo("../../etc/x.csv")
        member.size = len(GOOD)
        held.addfile(member, io.BytesIO(GOOD))
    yield Case(market(10), bz2.compress(GOOD), "bzip2")
    yield Case(market(11), lzma.compress(GOOD), "xz")
    yield Case(market(12), b"\x28\xb5\x2f\xfd" + bytes(range(1, 200)) * 20, "zstd")
    yield Case(market(13), gzip.compress(GOOD, mtime=0), "gzip")
    yield Case(market(14), tar.getvalue(), "NUL|tar")
    yield Case("SCJG_E_BASEINFO_20220115_I_68.CSV", GOOD + b"\r\n\r\n", "文件名")
    yield Case("SCJG_E_BASEINFO_20220116_I_68.csv.gz", gzip.compress(GOOD, mtime=0), "文件名")
    whole = h.vat(50)
    name = "SWJ_SB_ZZS_2022{:02d}_I_68.txt.gz"
    halves = gzip.compress(whole[:3000], mtime=0) + gzip.compress(whole[3000:], mtime=0) + bytes(512)
    yield Case(name.format(1), halves, "", loads=True, control=control(halves, 50, 1))
    spoilt = bytearray(gzip.compress(whole, mtime=0))
    spoilt[-6] ^= 0xFF
    yield Case(name.format(2), bytes(spoilt), "gzip 损坏", control=control(bytes(spoilt), 50, 2))
    packed = gzip.compress(whole, mtime=0)
    yield Case(name.format(3), packed, "控制文件", control=control(packed, 50, 3) * 2)
    yield Case(
        name.format(4),
        packed + b"\0",
        "不是数",
        control=control(packed + b"\0", 50, 4).replace(b"rows=50", b"rows=-50"),
    )
    yield Case(name.format(5), packed + b"\0\0", "不是数", control=control(packed + b"\0\0", 50, 5).replace(b"rows=50", "rows=５０".encode()))  # fmt: skip
    trade = h.zipped({"x.txt": "编码\t名称\r\n".encode("utf-16") * 400})
    for month, spoilt_zip in enumerate((trade[60:] + trade[:60], trade[:45] + b"\xff" * 20 + trade[65:]), 1):
        yield Case(f"HG_HG_JCK_2022{month:02d}_I_68.txt.zip", spoilt_zip, "ZIP")
    wide = gzip.compress(whole.replace(b"\n", b"\x01extra\n"), mtime=0)
    yield Case(name.format(6), wide, "列|不合格", control=control(wide, 50, 6))


def control(raw: bytes, rows: int, month: int) -> bytes:
    return bytes(h.control(raw, rows, period=f"2022{month:02d}"))


def value_cases() -> Iterator[Case]:
    spoilt = {
        "ESTDATE": (
            "24-03-05",
            "03/05/2024",
            "2024-13-01",
            "民国113年1月1日",
            "2024年2月30日",
            "1024-01-01",
            "20240100",
            "2024-01-0²",
        ),
        "REGCAP": (
            "1.234,56",
            "壹佰万元",
            "100.5.5",
            "--5",
            "约100",
            "100-200",
            "1,00,000",
            "5万8千",
            "Ⅷ",
            "10²",
            "①",
            "1₂",
        ),
        "S_EXT_TIME": ("2024-01-02 25:61:00", "昨天"),
    }
    number = 28
    for column, texts in spoilt.items():
        for text in texts:
            yield Case(market(number), bad_row(**{column: text}), "日期|不是数|代码表|时间|日子", rows=True)
            number += 1
    # a state that no list knows leaves the row standing, its state unknown (docs/decisions/0107)
    for text in ("状态未知", "1;2"):
        yield Case(market(number), bad_row(REGSTATE=text), "", loads=True)
        number += 1
    yield Case(market(60), bad_row(ENTNAME="#N/A"), "错误值", rows=True)
    yield Case(market(61), bad_row(REGCAP="#DIV/0!"), "错误值", rows=True)
    folded = [h.HEADERS[0].lower(), *h.HEADERS]
    yield Case(market(62), h.csv_text(ROWS, folded).encode("gb18030"), "两次")
    yield Case(market(63), h.csv_text(ROWS, comma="\t").encode("gb18030"), "制表符")
    trailing = "\r\n".join(line + "," if i else line for i, line in enumerate(TEXT.split("\r\n")))
    yield Case(market(64), trailing.encode("gb18030"), "应有|不合格")
    yield Case(market(65), TEXT.replace('"', "'").encode("gb18030"), "不合格|代码表|日期|退回")
    yield Case(market(66), TEXT.replace('"', "“").encode("gb18030"), "不合格|代码表|日期|退回")


HIDDEN = "GXT_ZJTX_1911_F_68.xlsx"
GRADIENT_HEAD = [c.header for c in h.GRADIENT]


def book(rows: list[list[Any]], change: Any = None) -> bytes:
    out = io.BytesIO()
    made = xlsxwriter.Workbook(out, {"in_memory": True})
    page = made.add_worksheet("表")
    for r, row in enumerate(rows):
        page.write_row(r, 0, row)
    if change:
        change(made, page)
    made.close()
    return out.getvalue()


def workbook_cases() -> Iterator[Case]:
    name = "GXT_ZJTX_{}_F_68.xlsx"
    rows = [GRADIENT_HEAD, *[h.gradient(企业名称=f"海南甲{i}公司") for i in range(8)]]
    dated = next(i for i, c in enumerate(h.GRADIENT) if c.type in ("date", "year"))

    def beside(made: Any, page: Any) -> None:
        for r, row in enumerate(rows):
            page.write_row(r, len(row) + 2, row)

    yield Case(name.format(1901), book(rows, beside), "两次")
    yield Case(name.format(1902), book(rows, lambda m, p: p.write(3, dated, -5)), "日期|年度|不是", rows=True)
    yield Case(name.format(1903), book(rows, lambda m, p: p.write_boolean(3, dated, True)), "日期|年度|不是", rows=True)
    yield Case(name.format(1904), book(rows, lambda m, p: p.write_formula(3, dated, "=1/0", None, "#DIV/0!")), "错误值|公式", rows=True)  # fmt: skip
    yield Case(name.format(1905), book([GRADIENT_HEAD]), "没有一行|只有表头")
    yield Case(name.format(1906), book([["", "", ""], [" "]]), "表头|没有可见|缺少")
    yield Case(HIDDEN, book(rows, lambda m, p: (p.set_row(2, None, None, {"hidden": True}), p.set_column(2, 3, None, None, {"hidden": True}))), "", loads=True)  # fmt: skip
    yield Case(name.format(1907), h.rezipped(book(rows), {"xl/workbook.bin": b"x"}), "", loads=True)
    yield Case(
        name.format(1908), h.zipped({"xl/workbook.bin": b"\x83\x01", "[Content_Types].xml": b"<Types/>"}), "xlsb"
    )
    gone = h.rezipped(book(rows), {"xl/_rels/workbook.xml.rels": b"<Relationships/>"})
    yield Case(name.format(1909), gone, "损坏|工作表|读不出|Excel")


LEADING = [c for c in contract.table("agri", "leading").columns.values() if not c.optional]


def old_book(change: Any = None) -> bytes:
    """An .xls of agri.leading with twelve sound rows."""
    plain = {"date": "2023-05-01", "year": "2023", "money": 1, "integer": 1, "month": "202305", "decimal": 1}
    codes = {"honor_level": "省级"}
    made = xlwt.Workbook()
    page = made.add_sheet("名单")
    for c, column in enumerate(LEADING):
        page.write(0, c, column.header)
        for r in range(1, 13):
            page.write(r, c, codes.get(column.codes or "", plain.get(column.type, f"甲{r}")))
    if change:
        change(page)
    out = io.BytesIO()
    made.save(out)
    return out.getvalue()


def old_workbook_cases() -> Iterator[Case]:
    name = "NYT_LTQY_{}_F_68.xls"
    name_at = next(i for i, c in enumerate(LEADING) if c.required and not c.codes)
    yield Case(name.format(1900), old_book(), "", loads=True)

    def over(cell: Any) -> Any:
        def change(page: Any) -> None:
            page._cell_overwrite_ok = True
            cell(page.row(3))

        return change

    yield Case(name.format(1901), old_book(over(lambda row: row.set_cell_error(name_at, 0x2A))), "错误值", rows=True)
    yield Case(name.format(1902), old_book(over(lambda row: row.set_cell_error(name_at, 0x17))), "错误值", rows=True)
    yield Case(
        name.format(1903), old_book(over(lambda row: row.write(name_at, xlwt.Formula('A1&"x"')))), "公式", rows=True
    )
    whole = old_book()
    yield Case(name.format(1904), whole[: len(whole) // 2], "损坏|不是 Excel|读不")
    looped = bytearray(whole)
    place = 512 * (1 + struct.unpack_from("<I", whole, 76)[0])
    looped[place : place + 512] = struct.pack("<128I", *range(128))
    yield Case(name.format(1905), bytes(looped), "损坏|不是 Excel|读不|表头")


def record_cases() -> Iterator[Case]:
    unit = sys.modules["hostile_inside"]
    rows = [[f"46{i:06d}", "91460100MA5T00001X", "MA5T00001", f"海南甲{i}公司", "张三", "1", "460100", "13800000000"] for i in range(6)]  # fmt: skip
    yield Case("RSJ_AB01_202201_F_68.dbf", unit.dbf(0, []), "没有一行|只有表头")
    yield Case("RSJ_AB01_202202_F_68.dbf", unit.dbf(6, rows)[:-60], "声明 6 条")
    yield Case("RSJ_AB01_202203_F_68.dbf", unit.dbf(6, rows).replace(b"\x03\0\0\0", b"\x30\0\0\0", 1), "FoxPro")
    tag = next(iter(contract.table("ip", "patent").forms.values())).row or "patent"
    for k, body in enumerate(
        (f"<{tag}><ap>甲&nbsp;乙</ap></{tag}>", f"<{tag}><ap>甲&#0;</ap></{tag}>", f"<{tag}><ap>甲\x0b</ap></{tag}>")
    ):
        yield Case(f"ZSCQ_PATENT_2022010{k + 1}_F_68.xml", h.patents(body), "语法")
    strange = h.patents("<a>1</a>", '<?xml version="1.0" encoding="UTF-7"?>')
    yield Case("ZSCQ_PATENT_20220105_F_68.xml", strange, "缺少|表头|没有一|合法|语法")
    wide = h.patents("<a>1</a>", '<?xml version="1.0" encoding="UTF-16"?>').decode().encode("utf-16")
    yield Case("ZSCQ_PATENT_20220106_F_68.xml", wide, "实际是 UTF-16")
    names = [c.header for c in contract.table("apply", "case").columns.values()]
    sound = dict.fromkeys(names) | {"办件编号": "B1", "事项编号": "hk-x", "申报日": "2022-01-01"}

    def text(*changed: str) -> bytes:
        many = [json.dumps(sound | {"办件编号": f"B{i}"}, ensure_ascii=False) for i in range(30)]
        return ("\n".join([*many, *changed]) + "\n").encode()

    one = json.dumps(sound, ensure_ascii=False)
    broken = (
        one[:-1] + ",}", one.replace('"', "'"), f"{one}{one}", "// 注释", one[:-1] + ', "办件编号": "B2"}', "{}",
        json.dumps(sound | {"办件编号": "B\x00"}), json.dumps(sound | {"核定金额": True}), one[:-1].replace('"核定金额": null', '"核定金额": 1e400') + "}",
        json.dumps(sound | {"申报日": 20220230}),
    )  # fmt: skip
    for k, line in enumerate(broken):
        yield Case(
            f"SBXT_CASE_202202{k + 1:02d}_I_68.jsonl", text(line), "JSON|必填|控制字符|不是数|日期|同一个键", rows=True
        )
    yield Case("SBXT_CASE_20220220_I_68.jsonl", text().decode().encode("utf-16"), "UTF-16")
    columns = ", ".join(c.header for c in contract.table("housing", "qualification").columns.values())
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "w.db"
        base = sqlite3.connect(place)
        base.execute("PRAGMA journal_mode = WAL")
        base.execute("PRAGMA wal_autocheckpoint = 0")
        base.execute(f"CREATE TABLE t_zz({columns})")
        base.commit()
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        base.execute(f"INSERT INTO t_zz({columns.split(', ')[0]}) VALUES ('in the log only')")
        base.commit()
        raw = place.read_bytes()
        base.close()
    yield Case("ZJT_SNAPSHOT_20220101_F_68.db", raw, "", loads=True)
    copy = f"COPY public.e_baseinfo ({', '.join(h.HEADERS)}) FROM stdin;\n"
    name = "SCJG_E_BASEINFO_2022Q{}_F_68.sql.gz"
    insert = f"INSERT INTO e_baseinfo VALUES ({', '.join(['1'] * len(h.HEADERS))});\n"
    yield Case(name.format(1), gzip.compress(insert.encode(), mtime=0), "COPY")
    cells = ["p1", *["\\N"] * (len(h.HEADERS) - 1)]
    yield Case(
        name.format(2),
        gzip.compress((copy + "\t".join(cells[:-1]) + "\n\\.\n").encode(), mtime=0),
        "列",
        rows=True,
    )
    lacking = copy.replace("ENTNAME, ", "")
    yield Case(
        name.format(3),
        gzip.compress((lacking + "\t".join(cells[:-1]) + "\n\\.\n").encode(), mtime=0),
        "缺少列「ENTNAME」",
    )
    octal = [BASE(PRIPID=f"d{i}") for i in range(20)]
    lines = ["\t".join(r.get(n, "\\N") or "\\N" for n in h.HEADERS) for r in octal]
    lines[7] = lines[7].replace("海南甲", "\\346\\265\\267")
    yield Case(
        name.format(4), gzip.compress((copy + "\n".join(lines) + "\n\\.\n").encode(), mtime=0), "转义", rows=True
    )


def cases() -> list[Case]:
    """Every case, each under a name of its own."""
    return [
        *encoding_cases(),
        *archive_cases(),
        *value_cases(),
        *workbook_cases(),
        *old_workbook_cases(),
        *record_cases(),
    ]
