"""The bytes of a delivery before anything interprets them: size, emptiness, compression, NUL bytes, and the declared encoding, strictly."""

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
_NAMES = {"gb18030": "GB18030", "utf-8": "UTF-8", "utf-8-sig": "UTF-8（带 BOM）", "utf-16": "UTF-16（带 BOM）"}
# Four Chinese characters in a row as UTF-8. Text in GB18030 practically never contains these bytes.
_UTF8_RUN = re.compile(rb"(?:[\xe4-\xe9][\x80-\xbf]{2}){4}")
_ASCII = bytes(range(128))
_MAGIC = {
    b"PK\x03\x04": "ZIP 或 xlsx",
    b"\xd0\xcf\x11\xe0": "旧版 Office 文件",
    b"\x1f\x8b": "gzip",
    b"SQLite format 3": "SQLite 数据库",
    b"%PDF": "PDF",
    b"PAR1": "Parquet",
    b"Rar!": "RAR",
    b"7z\xbc\xaf": "7z",
}


def file_bytes(path: Path, form: Form) -> bytes:
    """The content, decompressed if the form says so. Raises RefusedFile on 0 bytes, a size or ratio over the limit, a damaged archive."""
    size = path.stat().st_size
    if size == 0:
        raise RefusedFile("文件是空的（0 字节）")
    if size > form.max_bytes:
        raise RefusedFile(f"文件有 {size} 字节，超过上限 {form.max_bytes} 字节")
    raw = path.read_bytes()
    if form.archive == "gz":
        return _gunzipped(raw, form)
    if form.archive == "zip":
        return _unzipped(path, form)
    return raw


def _gunzipped(raw: bytes, form: Form) -> bytes:
    if raw[:2] != b"\x1f\x8b":
        raise RefusedFile("合同约定 gzip 压缩，文件开头不是 gzip")
    limit = min(form.max_bytes, max(len(raw) * MAX_RATIO, 1 << 20))
    parts: list[bytes] = []
    size = 0
    rest = raw
    while rest:
        engine = zlib.decompressobj(wbits=31)
        try:
            part = engine.decompress(rest, limit - size + 1)
        except zlib.error as error:
            raise RefusedFile(f"gzip 损坏：{error}") from None
        size += len(part)
        if size > limit:
            raise RefusedFile(f"解压后超过 {limit} 字节（压缩文件 {len(raw)} 字节），像压缩炸弹")
        if not engine.eof:
            raise RefusedFile("gzip 不完整，文件被截断")
        parts.append(part)
        rest = engine.unused_data.lstrip(b"\x00")
    if size == 0 and form.min_rows > 0:
        raise RefusedFile("压缩包里是空的（0 字节）")
    return b"".join(parts)


def _unzipped(path: Path, form: Form) -> bytes:
    with checked_zip(path, form.max_bytes) as archive:
        members = [m for m in archive.infolist() if not m.is_dir()]
        if len(members) != 1:
            raise RefusedFile(f"压缩包应只有一个文件，实际 {len(members)} 个")
        return archive.read(members[0])


def checked_zip(path: Path, max_bytes: int) -> zipfile.ZipFile:
    """An open archive whose members are few, inside the folder, unencrypted and not inflated beyond reason."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError) as error:
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


def as_declared(raw: bytes, form: Form) -> tuple[Form, list[str]]:
    """The form with the one of its two declared encodings that these bytes are in, and a note if it is the second.

    Bytes that are UTF-8 throughout and hold a run of Chinese in it are no GB18030 text; anything else is read by the first, strictly.
    """
    if form.also is None or form.encoding == form.also or not (_looks_utf8(raw) and _fits(raw, form.also)):
        return form, []
    note = f"文件实际是 {_NAMES[form.also]}（合同声明可能改用的编码），已按它读出"
    return form.model_copy(update={"encoding": form.also}), [note]


def decoded(raw: bytes, form: Form) -> str:
    """The text in the declared encoding, without its BOM. Never guesses: bytes that do not fit refuse the file, with what was seen."""
    _reject_foreign(raw)
    if form.encoding == "utf-16":
        text = _utf16(raw)
    elif raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise RefusedFile(f"合同约定 {_NAMES[form.encoding]}，文件开头是 UTF-16 的 BOM")
    else:
        _reject_nul(raw)
        text = _strict(raw, form)
    if "\x00" in text:
        raise RefusedFile("文件里有 NUL 字符")
    text = text.removeprefix("\ufeff")
    middle = text.find("\ufeff")
    if middle >= 0:
        line = text.count("\n", 0, middle) + 1
        raise RefusedFile(f"第 {line} 行中间有字节顺序标记（BOM），像是几个文件直接拼在一起")
    return text


def kind_of(opening: bytes) -> str | None:
    """What the first bytes of a file say it is, in words; None for what could be text."""
    if re.match(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+)?html\b", opening, re.IGNORECASE):
        return "网页（HTML），不是表格文件"
    return next((name for magic, name in _MAGIC.items() if opening.startswith(magic)), None)


def _reject_foreign(raw: bytes) -> None:
    name = kind_of(raw[:512])
    if name:
        raise RefusedFile(f"合同约定文本，实际是{name}")


def _reject_nul(raw: bytes) -> None:
    place = raw.find(b"\x00")
    if place >= 0:
        line = raw.count(b"\n", 0, place) + 1
        raise RefusedFile(f"第 {line} 行有 NUL 字节，不是合法文本（共 {raw.count(bytes(1))} 个）")


def _utf16(raw: bytes) -> str:
    if raw[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise RefusedFile("合同约定 UTF-16（带 BOM），文件开头没有 BOM")
    if len(raw) % 2:
        raise RefusedFile("UTF-16 文件的字节数是奇数，文件被截断")
    try:
        return raw.decode("utf-16")
    except UnicodeDecodeError as error:
        raise RefusedFile(f"第 {error.start} 字节起不是合法的 UTF-16") from None


def _strict(raw: bytes, form: Form) -> str:
    codec = "utf-8" if form.encoding == "utf-8-sig" else form.encoding
    if codec == "gb18030" and _looks_utf8(raw):
        like = sum(1 for line in raw.splitlines() if _UTF8_RUN.search(line) and _fits(line, "utf-8"))
        rest = sum(1 for line in raw.splitlines() if not line.isascii()) - like
        if like and _fits(raw, "utf-8"):
            raise RefusedFile("合同约定 GB18030，文件实际是 UTF-8；请按合同重新交付，或更新合同的编码")
        if like:
            raise RefusedFile(f"文件里混有两种编码：{like} 行像 UTF-8，{rest} 行像 GB18030")
    try:
        return raw.decode(codec)
    except UnicodeDecodeError as error:
        raise RefusedFile(_misfit(raw, codec, error)) from None


def _looks_utf8(raw: bytes) -> bool:
    """Whether four Chinese characters in a row stand as UTF-8. Searched first without the ASCII, most of most files: a third of the time."""
    return bool(_UTF8_RUN.search(raw.translate(None, _ASCII)) and _UTF8_RUN.search(raw))


def _misfit(raw: bytes, codec: str, error: UnicodeDecodeError) -> str:
    lines = raw.splitlines()
    other = "gb18030" if codec == "utf-8" else "utf-8"
    bad = [line for line in lines if not _fits(line, codec)]
    as_other = sum(1 for line in bad if _fits(line, other))
    line_no = raw.count(b"\n", 0, error.start) + 1
    message = f"第 {line_no} 行不是合法的 {_NAMES[codec]}（第 {error.start} 字节）；{len(lines)} 行中 {len(bad)} 行不合"
    if as_other == len(bad) and as_other:
        whole = "整个文件" if _fits(raw, other) else f"这 {as_other} 行"
        message += f"，{whole}符合 {_NAMES[other]}"
    elif error.start >= len(raw) - 4:
        message += "，文件可能在一个汉字中间被截断"
    return message


def _fits(raw: bytes, codec: str) -> bool:
    try:
        raw.decode(codec)
    except UnicodeDecodeError:
        return False
    return True
