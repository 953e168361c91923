"""Deliveries whose trouble lies far behind their beginning: a reader that takes them part by part must say what one that takes them whole says."""

import gzip
import json
import sys
from collections.abc import Iterator
from typing import Any

from data import contract

h = sys.modules["hostile"]
Case = h.Case
MANY = [h.base(PRIPID=f"l{i}", ENTNAME=f"海南{i % 9}有限公司") for i in range(60)]
TEXT = h.csv_text(MANY)
GOOD = TEXT.encode("gb18030")
LINES = TEXT.split("\r\n")[:-1]
END = "\r\n"


def market(number: int) -> str:
    return f"SCJG_E_BASEINFO_{20210101 + number % 28 + number // 28 * 100}_I_69.csv"


def with_lines(*changes: tuple[int, str]) -> bytes:
    """The good text with other lines at some places."""
    lines = list(LINES)
    for place, line in changes:
        lines[place] = line
    return (END.join(lines) + END).encode("gb18030")


def csv_cases() -> Iterator[Case]:
    whole = LINES[50]
    many: list[tuple[bytes, str, dict[str, Any]]] = [
        (GOOD, "", {"loads": True}),
        (GOOD.replace(b"l50", b"l\x0050"), "NUL", {}),
        (END.join(LINES[:40]).encode("gb18030") + END.encode() + END.join(LINES[40:]).encode("utf-8"), "编码", {}),
        (GOOD.replace(b'"l55"', b'"l55\xff\xff"'), "合法", {}),
        (GOOD + b"\x84\x31\x95\x33" + GOOD, "BOM", {}),
        (with_lines((50, whole[:-9])), "应有|引号", {"rows": True}),
        (GOOD[:-40], "截断|应有|引号", {"rows": True}),
        (GOOD[:-2], "", {"loads": True}),
        (with_lines((30, LINES[30].replace("海南", "海南\n一\n二\r\n三"))), "", {"loads": True}),
        (with_lines((10, LINES[10].replace('"存续"', '"存续'))), "引号", {"rows": True}),
        (with_lines((10, LINES[10].replace('"存续"', '"存续')), (57, LINES[57].replace('"存续"', '存续"'))), "引号", {"rows": True}),
        (with_lines((45, LINES[45].replace("海南", '海南"'))), "引号", {"rows": True}),
        (with_lines((55, LINES[55].replace("海南", "甲" * 5_000_000))), "超过", {}),
        (with_lines((58, f'"合计"{"," * (len(h.HEADERS) - 1)}'), (20, f'"本页合计"{"," * (len(h.HEADERS) - 1)}')), "", {"loads": True}),
        (GOOD + ("," * (len(h.HEADERS) - 1) + END).encode() * 5 + b"\r\n\r\n \r\n", "", {"loads": True}),
        (GOOD + f'"注：本表由市监局提供"{"," * (len(h.HEADERS) - 1)}\r\n'.encode("gb18030"), "", {"loads": True}),
        (with_lines((40, LINES[0])), "", {"loads": True}),
        (with_lines((40, ",".join(reversed(h.HEADERS)))), "表头", {}),
        (GOOD.replace(b"\r\n", b"\n", 30), "", {"loads": True}),
        (GOOD.replace(b"\r\n", b"\r\r\n"), "", {"loads": True}),
        (GOOD.replace(b"\r\n", b"\r"), "", {"loads": True}),
        (with_lines((44, LINES[44].replace("海南", "海\r南"))), "", {}),
        (GOOD + b"\x1a", "", {"loads": True}),
        (with_lines((51, LINES[50]), (52, LINES[1])), "", {"loads": True}),
        (with_lines((59, LINES[59].replace("2020-01-02", "2099-01-01"))), "", {"loads": True}),
        (with_lines((59, LINES[59].replace("2024-01-02", "2024-13-02"))), "日期", {"rows": True}),
        (with_lines(*[(i, LINES[i].replace("100.5", "约百万")) for i in range(30, 60)]), "不合格", {}),
        (with_lines((57, LINES[57].replace("海南", "海南锟斤拷锟斤拷"))), "乱码", {"rows": True}),
        (with_lines((57, LINES[57].replace(",", ";"))), "应有|引号", {"rows": True}),
        (TEXT.encode("utf-8"), "UTF-8", {}),
    ]  # fmt: skip
    for i, (raw, why, more) in enumerate(many):
        yield Case(market(i), raw, why, **more)


def returns(month: int) -> bytes:
    """VAT returns of one month, other firms in each."""
    return bytes(h.vat(120).replace(b"\x014601", b"\x0146%02d" % month))


def tax_cases() -> Iterator[Case]:
    def packed(*changes: tuple[bytes, bytes]) -> bytes:
        raw = whole
        for old, new in changes:
            raw = raw.replace(old, new)
        return gzip.compress(raw, mtime=0)

    for month in range(1, 12):
        whole = returns(month)
        halves = gzip.compress(whole[:9000], mtime=0) + gzip.compress(whole[9000:], mtime=0)
        spoilt = bytearray(packed())
        spoilt[-6] ^= 0xFF
        last = b"S119\x01" + whole[whole.rfind(b"S119\x01") + 5 :]
        raw, rows, why, lands = (
            (packed(), 120, "", True),
            (packed()[:-40], 120, "截断|损坏|不完整", False),
            (packed(), 121, "121 行，实际 120 行", False),
            (packed((last, last.replace(b"1.00", b"1x", 1))), 120, "不是数", True),
            (halves, 120, "", True),
            (bytes(spoilt), 120, "损坏", False),
            (halves + b"\x00" * 99 + b"garbage", 120, "gzip", False),
            (gzip.compress(whole[:-30], mtime=0), 120, "列|截断", True),
            (gzip.compress(whole * 2, mtime=0), 240, "", True),
            (packed((b"S99\x01", b"S99\x01\x01")), 120, "列", True),
            (packed((b"S99\x01", b"S98\x01")), 120, "", True),
        )[month - 1]
        more = {"rows": bool(why), "loads": not why} if lands else {}
        yield Case(
            f"SWJ_SB_ZZS_2021{month:02d}_I_69.txt.gz",
            raw,
            why,
            control=h.control(raw, rows, period=f"2021{month:02d}"),
            **more,
        )


def wide_cases() -> Iterator[Case]:
    columns = [c.header for c in contract.table("customs", "registration").columns.values()]
    rows = ["\t".join([f"4601{i:06d}", "", f"海南{i % 7}㐊有限公司", "", "2020-01-02", "有效"]) for i in range(60)]
    text = "\r\n".join(["\t".join(columns), *rows]) + "\r\n"
    raw = text.encode("utf-16")
    name = "HG_HG_QY_2021{:02d}_F_69.txt"
    for i, (given, why) in enumerate(
        (
            (raw, ""),
            (raw[:-1], "奇数"),
            (raw + raw, "BOM"),
            (raw.replace("海南3".encode("utf-16-le"), b"\x00\xd8" + "海3".encode("utf-16-le")), "UTF-16"),
            (raw.replace("4601000051".encode("utf-16-le"), "4601\x00000051".encode("utf-16-le")), "NUL"),
        ),
        1,
    ):
        yield Case(name.format(i), given, why, loads=not why, control=h.control(given, 60, period=f"2021{i:02d}"))


def lines_cases() -> Iterator[Case]:
    names = [c.header for c in contract.table("apply", "feedback").columns.values()]
    row: dict[str, Any] = dict.fromkeys(names, "2024-01-02 09:00:00")
    name = "SBXT_FEEDBACK_202101{:02d}_I_69.jsonl"
    rows = [json.dumps(row | {names[0]: f"a{i}"}, ensure_ascii=False) for i in range(60)]
    late_key = [*rows[:50], *[r[:-1] + ', "附": 1}' for r in rows[50:]]]
    lacking = [json.dumps({k: v for k, v in json.loads(r).items() if k != names[1]}) for r in rows]
    found_late = [*lacking[:55], *rows[55:]]
    twice = [*rows[:58], rows[58][:-1] + f', "{names[0]}": "b"}}', rows[59]]
    for i, lines in enumerate(
        (rows, late_key, lacking, found_late, twice, [*rows[:57], "[]", "NaN", rows[57][:-4]]), 1
    ):
        yield Case(name.format(i), ("\n".join(lines) + "\n").encode(), "")


def dump_cases() -> Iterator[Case]:
    name = "SCJG_E_BASEINFO_2021Q{}_F_69.sql.gz"
    lines = ["\t".join(row.get(n, "\\N") or "\\N" for n in h.HEADERS) for row in MANY]
    head = f"COPY public.e_baseinfo ({', '.join(h.HEADERS)}) FROM stdin;"
    for i, body in enumerate(
        (
            [head, *lines, "\\.", *["-- trailing"] * 90],
            [*["-- leading"] * 90, head, *lines],
            [head, *lines, "\\.", *["-- between"] * 90, head, *lines, "\\."],
            [head, *lines[:55], lines[55].replace("海南", "海\\x41南"), lines[56] + "\t1", *lines[57:], "\\."],
        ),
        1,
    ):
        yield Case(name.format(i), gzip.compress("\n".join(body).encode(), mtime=0), "")


def cases() -> list[Case]:
    """Every case, each under a name of its own."""
    return [*csv_cases(), *tax_cases(), *wide_cases(), *lines_cases(), *dump_cases()]
