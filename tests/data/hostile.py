"""A folder of hostile deliveries made by independent writers: bytes, names, receipts and control files that lie, break or attack."""

import gzip
import hashlib
import io
import json
import sqlite3
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import xlsxwriter
import xlwt

from data import contract

RECEIVED = "2024-12-20T09:00:00+08:00"


@dataclass(frozen=True)
class Case:
    """One delivery and what must be said of it: `why` is a regular expression the reason must match.

    `rows`: only rows are rejected, the file itself loads. `loads`: nothing is wrong, a note at most.
    `receipt`: None = none, True = a true one, a dict = changes to a true one, bytes = as it is.
    """

    name: str
    raw: bytes
    why: str = ""
    rows: bool = False
    loads: bool = False
    receipt: Any = True
    control: bytes | None = None


def base(**cells: str) -> dict[str, str]:
    """A row of market.baseinfo by native header."""
    row = {
        "PRIPID": "p1", "UNISCID": "91460100MA5T00001X", "ENTNAME": "海南甲有限公司", "ENTTYPE": "1130", "REGCAP": "100.5",
        "REGCAPCUR": "156", "ESTDATE": "2020-01-02", "APPRDATE": "2024-01-02", "OPTO": "长期", "REGSTATE": "存续",
        "S_EXT_OP": "I", "S_EXT_TIME": "2024-01-02 09:00:00",
    }  # fmt: skip
    return row | cells


HEADERS = [c.header for c in contract.table("market", "baseinfo").columns.values()]


def csv_text(rows: list[dict[str, str]], headers: list[str] | None = None, comma: str = ",", end: str = "\r\n") -> str:
    names = headers or HEADERS
    lines = [comma.join(names)] + [comma.join(f'"{r.get(n, "")}"' for n in names) for r in rows]
    return end.join(lines) + end


ROWS = [base(PRIPID=f"h{i}") for i in range(20)]
TEXT = csv_text(ROWS)
GOOD = TEXT.encode("gb18030")


def workbook(rows: list[list[Any]], **properties: Any) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, **properties})
    book.set_properties({"created": datetime(2024, 1, 1)})
    page = book.add_worksheet("表")
    for r, row in enumerate(rows):
        page.write_row(r, 0, row)
    book.close()
    return out.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, raw in members.items():
            archive.writestr(name, raw)
    return out.getvalue()


def rezipped(book: bytes, change: dict[str, bytes]) -> bytes:
    with zipfile.ZipFile(io.BytesIO(book)) as archive:
        members = {n: archive.read(n) for n in archive.namelist()}
    return zipped(members | change)


GRADIENT = [c for c in contract.table("industry", "gradient").columns.values() if not c.optional]


def gradient(**cells: Any) -> list[Any]:
    """A row of industry.gradient in the order of its contract."""
    given = {"统一社会信用代码": "91460100MA5T00001X", "类别": "创新型中小企业"} | cells
    plain = {
        "date": "2023-05-01",
        "year": "2023",
        "money": 1,
        "decimal": 1,
        "integer": 1,
        "month": "202305",
        "flag": "是",
    }
    return [given.get(c.header, given.get(c.label, plain.get(c.type, "甲"))) for c in GRADIENT]


def tall_workbook(rows: int) -> bytes:
    """A sheet of `rows` rows without making them one by one: a repeated row of sheet XML."""
    header = "".join(f'<c t="inlineStr"><is><t>{c.header}</t></is></c>' for c in GRADIENT)
    row = "<row>" + "<c><v>1</v></c>" * len(GRADIENT) + "</row>"
    sheet = (
        '<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
        f"<sheetData><row>{header}</row>{row * (rows - 1)}</sheetData></worksheet>"
    )
    return rezipped(workbook([["x"]]), {"xl/worksheets/sheet1.xml": sheet.encode()})


def encrypted_workbook() -> bytes:
    """An OLE compound file as Excel writes a workbook with a password: EncryptionInfo and EncryptedPackage beside a root."""
    end, free = 0xFFFFFFFE, 0xFFFFFFFF

    def entry(name: str, kind: int, left: int, right: int, child: int, start: int, size: int) -> bytes:
        text = name.encode("utf-16-le")
        return struct.pack(
            "<64sHBBIII16sIQQIQ", text, len(text) + 2, kind, 1, left, right, child, b"", 0, 0, 0, start, size
        )

    head = struct.pack("<8s16sHHHHH6xIIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 62, 3, 0xFFFE, 9, 6, 0, 1, 1, 0, 4096, end, 0, end, 0, 0)  # fmt: skip
    head += struct.pack("<109I", 0, *[free] * 108)
    streams = 2 * 8
    fat = [0xFFFFFFFD, end, *range(3, 3 + streams // 2 - 1), end, *range(3 + streams // 2, 3 + streams - 1), end]
    table = struct.pack("<128I", *fat, *[free] * (128 - len(fat)))
    entries = entry("Root Entry", 5, free, free, 1, end, 0)
    entries += entry("EncryptedPackage", 2, 2, free, free, 2, 4096)
    entries += entry("EncryptionInfo", 2, free, free, free, 2 + streams // 2, 4096)
    return head + table + entries.ljust(512, b"\x00") + bytes(range(256)) * (streams * 2)


def corrupted_database() -> bytes:
    """A snapshot with one b-tree page overwritten in the middle."""
    rows = "".join(f"INSERT INTO t_zz VALUES ({i}, '{'甲' * 200}');" for i in range(200))
    raw = bytearray(database(f"CREATE TABLE t_zz(zsbh, qymc); {rows}"))
    raw[4096 * 3 : 4096 * 3 + 2048] = b"\xff" * 2048
    return bytes(raw)


def old_workbook() -> bytes:
    book = xlwt.Workbook()
    page = book.add_sheet("名单")
    page.write_merge(0, 0, 0, 3, "没有表头的名单")
    page.write_merge(1, 3, 0, 0, "合并")
    page.write(1, 1, "甲")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def database(statements: str) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.db"
        con = sqlite3.connect(path)
        con.executescript(statements)
        con.close()
        return path.read_bytes()


def patents(body: str, prolog: str = '<?xml version="1.0" encoding="UTF-8"?>') -> bytes:
    return f"{prolog}<root>{body}</root>".encode()


def vat(rows: int) -> bytes:
    wide = len(contract.table("tax", "vat").columns)
    line = ["S{}", "4601{:016d}", "2024-11-01", "2024-11-30", "2024-12-10", *["1.00"] * (wide - 7), "N", "N"]
    return "".join("\x01".join(line).format(i, i) + "\n" for i in range(rows)).encode("gb18030")


def control(raw: bytes, rows: int, **changes: str) -> bytes:
    said = {"rows": str(rows), "md5": hashlib.md5(raw, usedforsecurity=False).hexdigest()} | changes
    return "".join(f"{k}={v}\n" for k, v in said.items()).encode()


def day(number: int) -> str:
    """A delivery name of its own for each CSV case."""
    return f"SCJG_E_BASEINFO_{20241001 + number % 28 + number // 28 * 100}_I_66.csv"


def csv_cases() -> Iterator[Case]:
    renamed = [("企业全称" if h == "ENTNAME" else h) for h in HEADERS]
    missing = [h for h in HEADERS if h != "ENTNAME"]
    turned = list(reversed(HEADERS))
    many: list[tuple[bytes, str, dict[str, Any]]] = [
        (TEXT.encode("utf-8"), "UTF-8", {}),
        (TEXT.encode("utf-16"), "UTF-16", {}),
        (b"", "0 字节", {}),
        (csv_text([]).encode("gb18030"), "只有表头|没有一行", {}),
        (GOOD.replace(b"\r\n", b"\r\n\x84\x31\x95\x33", 1), "BOM", {}),
        (GOOD[: len(GOOD) - 30], "截断|应有|引号", {"rows": True}),
        (GOOD.replace(b"h5", b"h\x00", 1), "NUL", {}),
        (csv_text(ROWS, renamed).encode("gb18030"), "缺少列「ENTNAME」", {}),
        (csv_text(ROWS, missing).encode("gb18030"), "缺少列「ENTNAME」", {}),
        (csv_text(ROWS, [*HEADERS, "ENTNAME"]).encode("gb18030"), "两次", {}),
        (csv_text(ROWS, turned).encode("gb18030"), "", {"loads": True}),
        (csv_text(ROWS, [*HEADERS, "备用"]).encode("gb18030"), "", {"loads": True}),
        (csv_text(ROWS, comma=";").encode("gb18030"), "分隔符", {}),
        (csv_text(ROWS, end="\r").encode("gb18030"), "", {"loads": True}),
        (GOOD.replace(b"\r\n", b"\n", 7), "", {"loads": True}),
        (csv_text([*ROWS, base(ENTNAME="甲" * 5_000_000)]).encode("gb18030"), "超过", {}),
        (TEXT.encode("gb18030") + csv_text(ROWS[:3]).encode("utf-8"), "编码", {}),
        (GOOD.split(b"\r\n", 1)[1], "表头", {}),
        (b"\x7fELF" + bytes(range(256)) * 20, "NUL|合法", {}),
        (zipped({"a.csv": GOOD}), "ZIP", {}),
    ]  # fmt: skip
    for i, (raw, why, more) in enumerate(many):
        yield Case(day(i), raw, why, **more)
    dates = ["0000-00-00", "2026-02-30", "2099-01-01", "infinity", "45352"]
    numbers = ["NaN", "inf", "1e309", "0x10", "1_000", "9" * 40]
    for i, text in enumerate(dates):
        yield Case(
            day(30 + i),
            csv_text([*ROWS, base(PRIPID="bad", APPRDATE=text, ESTDATE=text)]).encode("gb18030"),
            "日期|日子",
            rows=True,
        )
    for i, text in enumerate(numbers):
        yield Case(
            day(40 + i), csv_text([*ROWS, base(PRIPID="bad", REGCAP=text)]).encode("gb18030"), "不是数", rows=True
        )
    yield Case(day(50), csv_text([*ROWS, base(PRIPID="f", ENTNAME="=cmd|' /C calc'!A0")]).encode("gb18030"), loads=True)


def tax_cases() -> Iterator[Case]:
    whole = vat(50)
    packed = gzip.compress(whole, mtime=0)
    cut = gzip.compress(whole[: whole.rindex(b"\n", 0, -1) + 1], mtime=0)
    bomb = gzip.compress(b"0" * 300_000_000, mtime=0)
    name = "SWJ_SB_ZZS_2024{:02d}_I_66.txt.gz"
    yield Case(name.format(1), packed[:-40], "截断|损坏|不完整", control=control(packed[:-40], 50))
    yield Case(name.format(2), packed, "md5", control=control(b"other", 50))
    yield Case(name.format(3), cut, "50 行，实际 49 行", control=control(cut, 50))
    yield Case(name.format(4), bomb, "炸弹", control=control(bomb, 50))
    yield Case(name.format(5), gzip.compress(packed, mtime=0), "gzip|合法|列", control=None)
    yield Case(name.format(6), packed, "控制文件", control=b"\xff\xfegarbage")
    yield Case(name.format(7), packed, "不是数", control=control(packed, 50, amount="NaN"))
    yield Case(name.format(8), packed, "合计", control=control(packed, 50, amount="1.00"))
    yield Case(name.format(9), packed, "期间", control=control(packed, 50, period="209901"))
    yield Case(name.format(13), packed, "期间", control=control(packed, 50))
    yield Case(name.format(10), whole, "gzip", control=control(whole, 50))


def workbook_cases() -> Iterator[Case]:
    name = "GXT_ZJTX_{}_F_66.xlsx"
    head = [c.header for c in GRADIENT]
    good = workbook([head, *[gradient() for _ in range(3)]])
    sheet = "xl/worksheets/sheet1.xml"
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        xml = archive.read(sheet)
    entity = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    padded = b" " * 8192 + entity
    yield Case(name.format(2001), b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5000), "密码|旧版")
    yield Case(name.format(2002), tall_workbook(1_048_576), "1048576|炸弹")
    yield Case(name.format(2003), rezipped(good, {"../../evil.txt": b"x"}), "包外")
    yield Case(name.format(2004), rezipped(good, {"xl/media/a.bin": bytes(200_000_000)}), "炸弹")
    yield Case(name.format(2005), rezipped(good, {sheet: entity + xml.split(b"?>", 1)[1]}), "DOCTYPE")
    yield Case(name.format(2006), rezipped(good, {"docProps/app.xml": padded}), "DOCTYPE")
    yield Case(name.format(2007), rezipped(good, {"xl/vbaProject.bin": b"x"}), "宏")
    yield Case(name.format(2008), good[: len(good) // 2], "损坏|截断")
    yield Case(name.format(2009), zipped({"inner.xlsx": good}), "Excel|损坏|工作")
    yield Case(name.format(2010), workbook([["甲", "乙"], ["1", "2"]]), "表头|缺少")
    yield Case(name.format(2011), b"", "0 字节")
    far = xml.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')
    yield Case(name.format(2012), rezipped(good, {sheet: far}), "内存|上限|超过|读不出")
    yield Case(name.format(2013), encrypted_workbook(), "有密码")
    yield Case(name.format(2014), rezipped(good, {"inner.zip": zipped({"bomb": bytes(50_000_000)})}), "", loads=True)
    head_row = ["", *head]
    yield Case(name.format(2015), workbook([head_row, *[["", *gradient()] for _ in range(3)]]), "", loads=True)
    yield Case(name.format(2016), workbook([[*head, head[0]], [*gradient(), "x"]]), "两次")
    long = workbook([head, *[gradient() for _ in range(2)]])
    with zipfile.ZipFile(io.BytesIO(long)) as archive:
        strings = archive.read("xl/sharedStrings.xml").replace("甲".encode(), "甲".encode() * 3_500_000, 1)
    yield Case(name.format(2017), rezipped(long, {"xl/sharedStrings.xml": strings}), "超过|炸弹")
    yield Case("NYT_LTQY_2001_F_66.xls", old_workbook(), "表头|缺少")
    yield Case("NYT_LTQY_2002_F_66.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 4000, "损坏|不是 Excel")


def other_cases() -> Iterator[Case]:
    laughs = '<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]>'
    bom16 = patents("<a>1</a>", '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a>').decode().encode("utf-16")
    yield Case("ZSCQ_PATENT_20240102_F_66.xml", patents("&lol2;", laughs), "DOCTYPE")
    yield Case(
        "ZSCQ_PATENT_20240103_F_66.xml", patents("<x>", '<!doctype a SYSTEM "http://127.0.0.1/x">'), "DOCTYPE|语法"
    )
    yield Case("ZSCQ_PATENT_20240104_F_66.xml", bom16, "DOCTYPE|合法")
    yield Case("ZSCQ_PATENT_20240105_F_66.xml", b"<root><patent><a>1</a>", "语法|截断")
    yield Case("ZSCQ_PATENT_20240106_F_66.xml", b"not xml", "语法|XML")
    yield Case("ZSCQ_PATENT_20240107_F_66.xml", b"", "0 字节")
    yield Case("RSJ_AB01_202401_F_66.dbf", b"\x03" + bytes(40), "DBF")
    field = struct.pack("<11sc4xBB14x", b"AAB001", b"C", 10, 0)
    head = struct.pack("<B3xIHH20x", 3, 1000, 32 + 32 + 1, 11) + field + b"\r"
    yield Case("RSJ_AB01_202402_F_66.dbf", head + b" 1234567890", "截断")
    wrong = struct.pack("<B3xIHH20x", 3, 2, 32 + 32 + 1, 25) + field + b"\r"
    yield Case("RSJ_AB01_202404_F_66.dbf", wrong + b" 1234567890" * 9, "自相矛盾")
    yield Case("HG_HG_QY_202401_I_66.txt", "编码\t名称\r\n".encode("utf-16-le"), "没有 BOM")
    yield Case("RSJ_AB01_202403_F_66.dbf", b"garbage" * 50, "DBF")
    yield Case("ZJT_SNAPSHOT_20240102_F_66.db", b"SQLite format 3\x00" + b"\xff" * 4000, "SQLite|损坏")
    yield Case("ZJT_SNAPSHOT_20240105_F_66.db", corrupted_database(), "SQLite|损坏")
    yield Case("ZJT_SNAPSHOT_20240103_F_66.db", database("CREATE TABLE other(a);"), "没有")
    view = "CREATE TABLE x(a); CREATE VIEW t_zz AS WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c) SELECT n FROM c;"
    yield Case("ZJT_SNAPSHOT_20240104_F_66.db", database(view), "没有|视图")
    lines = '{"a": 1}\n{broken\n' + "[" * 100_000 + "\n" + '{"a": {"b": [1]}}\n'
    yield Case("SBXT_CASE_20240102_I_66.jsonl", lines.encode(), "缺少|表头|JSON")
    yield Case("SBXT_CASE_20240103_I_66.jsonl", b"[1,2]\n" * 3, "JSON")
    yield Case("SCJG_E_BASEINFO_2024Q1_F_66.sql.gz", gzip.compress(b"DROP TABLE x;\n", mtime=0), "COPY")


def envelope_cases() -> Iterator[Case]:
    yield Case("SCJG_E_BASEINFO_20240901_I_66.csv", GOOD, "sha256", receipt={"sha256": "0" * 64})
    yield Case("SCJG_E_BASEINFO_20240902_I_66.csv", GOOD + b"\r\n", "字节数", receipt={"bytes": 1})
    yield Case(
        "SCJG_E_BASEINFO_20240903_I_66.csv",
        GOOD + b" ",
        "未来|晚于",
        receipt={"received_at": "2099-01-01T00:00:00+08:00"},
    )
    yield Case("SCJG_E_BASEINFO_20240904_I_66.csv", GOOD + b"  ", "回执", receipt=b"{not json")
    yield Case("SCJG_E_BASEINFO_20240905_I_66.csv", GOOD + b"   ", "回执", receipt=b"[" * 50_000)
    yield Case("SCJG_E_BASEINFO_20240906_I_66.csv", GOOD + b"    ", "回执", receipt={"received_at": "zzzz"})
    yield Case("SCJG_E_BASEINFO_20240907_I_66.csv", GOOD + b"     ", "回执", receipt={"sequence": 10**300})
    yield Case("SCJG_E_BASEINFO_20240908_I_66.csv", GOOD + b"\n", "回执", receipt=b'["list"]')
    yield Case("SCJG_E_BASEINFO_99999999_I_66.csv", GOOD + b"\n\n", "期间")
    yield Case("市监局_企业.csv", GOOD, "文件名")
    yield Case("SCJG_E_BASEINFO_２０２４0909_I_66.csv", GOOD + b"\r", "文件名")
    yield Case("SCJG..E_BASEINFO.csv", GOOD + b"\r\r", "文件名|\\.\\.")
    yield Case("évil\u202egpj.csv", GOOD, "文件名")
    yield Case(
        "FGW_XZXK_20240101_I_000000.jsonl",
        b"x",
        "JSON",
        receipt={"until": "2099-01-01T00:00:00", "received_at": "2024-01-01T00:00:00+08:00"},
    )


def cases() -> list[Case]:
    """Every case, each under a name of its own."""
    return [*csv_cases(), *tax_cases(), *workbook_cases(), *other_cases(), *envelope_cases()]


def land(case: Case, folder: Path, sequence: int = 1) -> Path:
    """Writes the case's files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / case.name
    path.write_bytes(case.raw)
    if case.control is not None:
        path.with_name(case.name + ".ctl").write_bytes(case.control)
    place = path.with_name(case.name + ".receipt.json")
    if isinstance(case.receipt, bytes):
        place.write_bytes(case.receipt)
    elif case.receipt is not None:
        true = {"file": case.name, "sha256": hashlib.sha256(case.raw).hexdigest(), "bytes": len(case.raw)}
        changed = case.receipt if isinstance(case.receipt, dict) else {}
        place.write_text(json.dumps(true | {"received_at": RECEIVED, "sequence": sequence} | changed), encoding="utf-8")
    return path


def land_strange_things(folder: Path, outside: Path) -> list[str]:
    """What is no regular file: links, a folder named like a delivery, a pipe, bytes that are no text. Returns the names."""
    import os

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "SCJG_E_BASEINFO_20240911_I_66.csv").symlink_to(outside)
    (folder / "SCJG_E_BASEINFO_20240912_I_66.csv").mkdir()
    (folder / "linked").symlink_to(outside.parent, target_is_directory=True)
    os.mkfifo(folder / "SCJG_E_BASEINFO_20240913_I_66.csv")
    with open(os.fsencode(folder) + b"/SCJG_\xff\xfe.csv", "wb") as handle:
        handle.write(b"x")
    return [
        "SCJG_E_BASEINFO_20240911_I_66.csv",
        "SCJG_E_BASEINFO_20240912_I_66.csv",
        "linked",
        "SCJG_E_BASEINFO_20240913_I_66.csv",
        "SCJG_\\udcff\\udcfe.csv",
    ]
