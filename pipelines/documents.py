"""A policy document as text, whatever it was saved as: plain text in UTF-8, UTF-16 or GB18030, a web page, a Word file, a PDF with text."""

import io
import re
import unicodedata
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

MAX_BYTES = 5_000_000
# A Word file is a zip; what it unpacks to is bounded as well.
MAX_UNPACKED = 40_000_000
MAX_PAGES = 500
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
# Fonts in a PDF often give the radical's code point for a whole character (⼝ for 口): they look alike and match nothing.
_RADICALS = {
    code: unicodedata.normalize("NFKC", chr(code)) for code in (*range(0x2E80, 0x2FE0), *range(0xF900, 0xFB00))
}
_BLOCKS = frozenset(
    {"p", "br", "div", "tr", "li", "table", "h1", "h2", "h3", "h4", "h5", "h6", "section", "article", "title"}
)
_SILENT = frozenset({"script", "style", "head", "noscript", "template"})
_CHINESE = "零一二三四五六七八九"


class DocumentError(ValueError):
    """A file that is no readable document; the message is Chinese and says what to do."""


def document_text(path: Path) -> str:
    """The text of a document: paragraphs as lines, cells of a table separated by tabs. Raises DocumentError."""
    if not path.is_file():
        raise DocumentError(f"没有这个文件：{path}")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise DocumentError(f"{path} 有 {size:,} 字节，超过上限 {MAX_BYTES:,}；请只留政策正文，或拆成几个文件")
    content = path.read_bytes()
    if content.startswith(b"%PDF"):
        return _pdf(path, content)
    if content.startswith(b"\xd0\xcf\x11\xe0"):
        raise DocumentError(f"{path} 是旧版 Word 或 Excel 文件；请另存为 .docx 或 .txt 再读")
    if content.startswith(b"PK\x03\x04"):
        return _word(path, content)
    text = decoded(path, content)
    if path.suffix.lower() in (".html", ".htm") or re.match(r"\s*(?:<!doctype html|<html)", text[:200], re.IGNORECASE):
        return page_text(text)
    return text


def decoded(path: Path, content: bytes) -> str:
    """Text in UTF-8 or UTF-16 (by its mark) or GB18030. Raises DocumentError naming the byte that is neither."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if content.startswith(mark):
            try:
                return content.decode(encoding)
            except UnicodeDecodeError as error:
                raise DocumentError(
                    f"{path} 开头标明是 {encoding.upper()}，第 {error.start} 字节处却不是；请另存为 UTF-8"
                ) from None
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        at = error.start
    try:
        return content.decode("gb18030")
    except UnicodeDecodeError:
        raise DocumentError(
            f"{path} 既不是 UTF-8（第 {at} 字节）也不是 GB18030；可能不是文本文件，请另存为 UTF-8 文本、.docx 或 .html"
        ) from None


class _Page(HTMLParser):
    """Collects what a reader of the page sees."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        if tag in _BLOCKS:
            self.pieces.append("\n")
        elif tag in ("td", "th"):
            self.pieces.append("\t")

    def handle_endtag(self, tag: str) -> None:
        self._silent = max(0, self._silent - (tag in _SILENT))
        if tag in _BLOCKS:
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(re.sub(r"\s*\n\s*", "", data))


def page_text(html: str) -> str:
    """The visible text of a web page, a line per block and a tab before each cell but the first."""
    page = _Page()
    page.feed(html)
    page.close()
    lines = (line.strip(" \t\u3000") for line in "".join(page.pieces).split("\n"))
    return "\n".join(line for line in lines if line) + "\n"


def _pdf(path: Path, content: bytes) -> str:
    """The text layer, page after page; a scan has none and is refused. pypdf because it is pure Python and well kept."""
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        pages = PdfReader(io.BytesIO(content), strict=False).pages
        if len(pages) > MAX_PAGES:
            raise DocumentError(f"{path} 有 {len(pages)} 页，超过上限 {MAX_PAGES}；请只留政策正文")
        text = "\n".join(page.extract_text() for page in pages)
    except DocumentError:
        raise
    except (PyPdfError, ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise DocumentError(f"{path} 不是完好的 PDF，或加了密（{error}）；请另存为 .docx 或 .txt 再读") from None
    if not text.strip():
        raise DocumentError(f"{path} 里没有文字，是扫描件；请先识别成文字，另存为 .docx 或 .txt 再读")
    return text.translate(_RADICALS) + "\n"


def _word(path: Path, content: bytes) -> str:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            names = {info.filename: info.file_size for info in packed.infolist()}
            if "word/document.xml" not in names:
                raise DocumentError(f"{path} 是压缩包或表格，不是 Word 文档；请另存为 .docx、.html 或 .txt 再读")
            wanted = [name for name in ("word/document.xml", "word/numbering.xml") if name in names]
            if sum(names[name] for name in wanted) > MAX_UNPACKED:
                raise DocumentError(f"{path} 展开后超过 {MAX_UNPACKED:,} 字节；请只留政策正文")
            parts = {name: ElementTree.fromstring(packed.read(name)) for name in wanted}
    except (zipfile.BadZipFile, ElementTree.ParseError, RuntimeError, EOFError) as error:
        raise DocumentError(f"{path} 不是完好的 Word 文档（{error}）；请用 WPS 或 Word 打开后重新保存") from None
    lists = _Numbering(parts.get("word/numbering.xml"))
    lines: list[str] = []
    body = parts["word/document.xml"].find(f"{_W}body")
    for block in body if body is not None else ():
        if block.tag == f"{_W}p":
            lines.append(lists.mark(block) + _run_text(block))
        elif block.tag == f"{_W}tbl":
            for row in block.iter(f"{_W}tr"):
                cells = ("".join(_run_text(p) for p in cell.iter(f"{_W}p")).strip() for cell in row.iter(f"{_W}tc"))
                lines.append("\t".join(cells))
    return "\n".join(lines) + "\n"


def _run_text(paragraph: ElementTree.Element) -> str:
    pieces = []
    for node in paragraph.iter():
        if node.tag == f"{_W}t":
            pieces.append(node.text or "")
        elif node.tag == f"{_W}tab":
            pieces.append("\t")
        elif node.tag in (f"{_W}br", f"{_W}cr"):
            pieces.append("\n")
    return "".join(pieces)


class _Numbering:
    """The numbers that Word writes before list paragraphs and does not store in their text: （一）, 1、, 第三条."""

    def __init__(self, root: ElementTree.Element | None) -> None:
        self._levels: dict[tuple[str, str], tuple[str, str]] = {}
        self._counts: dict[tuple[str, int], int] = {}
        if root is None:
            return
        abstract = {
            kind.get(f"{_W}abstractNumId", ""): {
                level.get(f"{_W}ilvl", "0"): (_value(level, "numFmt"), _value(level, "lvlText"))
                for level in kind.iter(f"{_W}lvl")
            }
            for kind in root.iter(f"{_W}abstractNum")
        }
        for number in root.iter(f"{_W}num"):
            for level, said in abstract.get(_value(number, "abstractNumId"), {}).items():
                self._levels[number.get(f"{_W}numId", ""), level] = said

    def mark(self, paragraph: ElementTree.Element) -> str:
        """The number that stands before a paragraph; empty for one that has none or a bullet."""
        properties = paragraph.find(f"{_W}pPr/{_W}numPr")
        if properties is None:
            return ""
        number, level = _value(properties, "numId"), _value(properties, "ilvl") or "0"
        style, pattern = self._levels.get((number, level), ("bullet", ""))
        if style == "bullet" or not pattern:
            return ""
        depth = int(level) if level.isdigit() else 0
        self._counts[number, depth] = self._counts.get((number, depth), 0) + 1
        for deeper in [key for key in self._counts if key[0] == number and key[1] > depth]:
            del self._counts[deeper]
        count = self._counts[number, depth]
        shown = _chinese(count) if "hinese" in style or "aiwan" in style else str(count)
        return re.sub(r"%\d", shown, pattern) if pattern.count("%") == 1 else f"{shown}."


def _value(element: ElementTree.Element, name: str) -> str:
    found = element.find(f"{_W}{name}")
    return found.get(f"{_W}val", "") if found is not None else ""


def _chinese(number: int) -> str:
    tens, ones = divmod(number, 10)
    if number < 10:
        return _CHINESE[number]
    return ("" if tens == 1 else _CHINESE[tens % 10]) + "十" + (_CHINESE[ones] if ones else "")
