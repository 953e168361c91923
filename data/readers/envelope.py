"""The envelope of a delivery: size, archives, what the first bytes say it is."""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path

from data.contract import Form
from data.readers.reading import RefusedFile

# A gzip of real tabular text stays below 40:1; a bomb reaches 1000:1.
MAX_RATIO = 200
MAX_MEMBERS = 2000
MAX_CELL = 1_000_000
# What the library says of an archive whose directory points anywhere, or whose members do not inflate.
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError)
_MAGIC = {
    b"PK\x03\x04": "ZIP 或 xlsx",
    b"\xd0\xcf\x11\xe0": "旧版 Office 文件",
    b"\x1f\x8b": "gzip",
    b"SQLite format 3": "SQLite 数据库",
    b"%PDF": "PDF",
    b"PAR1": "Parquet",
    b"Rar!": "RAR",
    b"7z\xbc\xaf": "7z",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}


def checked_size(path: Path, form: Form) -> None:
    """Raises RefusedFile on 0 bytes or more than the form allows."""
    size = path.stat().st_size
    if size == 0:
        raise RefusedFile("文件是空的（0 字节）")
    if size > form.max_bytes:
        raise RefusedFile(f"文件有 {size} 字节，超过上限 {form.max_bytes} 字节")


def only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    """The one file of an archive that promises one."""
    members = [m for m in archive.infolist() if not m.is_dir()]
    if len(members) != 1:
        raise RefusedFile(f"压缩包应只有一个文件，实际 {len(members)} 个")
    return members[0]


def checked_zip(path: Path, max_bytes: int) -> zipfile.ZipFile:
    """An open archive whose members are few, inside the folder, unencrypted and not inflated beyond reason."""
    try:
        archive = zipfile.ZipFile(path)
    except BROKEN_ZIP as error:
        raise RefusedFile(f"ZIP 损坏或被截断：{error}") from None
    members = archive.infolist()
    if len({m.filename.lower() for m in members}) < len(members):
        # Two readers of one archive may each take another of the two.
        raise RefusedFile("压缩包里有重名的成员，同一个名字出现两次")
    total = sum(m.file_size for m in members)
    if len(members) > MAX_MEMBERS:
        raise RefusedFile(f"压缩包里有 {len(members)} 个文件，超过上限 {MAX_MEMBERS}")
    if total > max_bytes or total > max(path.stat().st_size * MAX_RATIO, 10 << 20):
        raise RefusedFile(f"解压后将有 {total} 字节（压缩文件 {path.stat().st_size} 字节），像压缩炸弹")
    for member in members:
        parts = re.split(r"[\\/]", member.filename)
        if member.filename.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", member.filename):
            raise RefusedFile("压缩包里的文件名指向包外（.. 或绝对路径）")
        if member.flag_bits & 0x1:
            raise RefusedFile("压缩包有密码")
    return archive


def kind_of(opening: bytes) -> str | None:
    """What the first bytes of a file say it is, in words; None for what could be text."""
    if re.match(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html|head|body|table|meta|style)\b", opening, re.IGNORECASE):
        return "网页（HTML），不是表格文件"
    if re.match(rb"MIME-Version:", opening, re.IGNORECASE):
        return "网页归档（MHTML），不是表格文件"
    return next((name for magic, name in _MAGIC.items() if opening.startswith(magic)), None)


def text_kind_of(opening: bytes) -> str | None:
    """What a file that should be a workbook is instead, where its first bytes are text; None where they are not."""
    if b"urn:schemas-microsoft-com:office:spreadsheet" in opening:
        return "Excel 2003 的 XML 表格"
    if opening[:2] in (b"\xff\xfe", b"\xfe\xff") or (opening and not re.search(rb"[\x00-\x08\x0e-\x1f]", opening)):
        return "文本文件（如 CSV、制表符分隔）改了扩展名"
    return None


def office_kind_of(names: list[str]) -> str | None:
    """What a ZIP that is no .xlsx workbook is, by the names of its members."""
    held = set(names)
    if "xl/workbook.bin" in held and "xl/workbook.xml" not in held:
        return "二进制工作簿（.xlsb）改了扩展名；请另存为 .xlsx"
    if any(name.lower().startswith("xl/worksheets/") for name in held):
        # A workbook may hold documents and other workbooks.
        return None
    if any(name.startswith(("word/", "ppt/")) for name in held):
        return "Word 或演示文稿"
    if "content.xml" in held and "mimetype" in held:
        return "OpenDocument 文件（.ods 一类）；请另存为 .xlsx"
    if any(name.lower().endswith((".xlsx", ".xls", ".csv", ".txt")) for name in held):
        return "压缩包，工作簿还在里面；请直接交付工作簿"
    return None
