"""`huiqi read`: one JSON document on stdout, a draft file, and Chinese messages for what cannot be read."""

import io
import json
import sys
import zipfile
from pathlib import Path

import pytest

from data.corpus import parse_item
from pipelines.cli import main
from pipelines.documents import DocumentError, document_text

TEXT = "第一条 在我市注册、上年度营业收入2000万元以上的企业，给予最高50万元奖励。\n"


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["huiqi", "read", *arguments])
    try:
        code = main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return int(code or 0)


def test_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.txt"
    file.write_text("---\ntitle: 措施\nregion: 合肥市\n---\n" + TEXT, encoding="utf-8")
    assert _run(monkeypatch, str(file), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    fields = {c["field"]: c["value"] for c in document["items"][0]["conditions"]}
    assert fields["registered_region"] == ["合肥市"]
    assert fields["revenue_last_year"] == 20_000_000
    assert document["items"][0]["award"]["cap_yuan"] == 500_000


def test_draft_is_a_policy_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, draft = tmp_path / "a.txt", tmp_path / "hf-income.md"
    file.write_text(TEXT, encoding="utf-8")
    assert _run(monkeypatch, str(file), "--draft", str(draft), "--issuer", "合肥市财政局", "--title", "措施") == 0
    assert parse_item(draft.read_text(encoding="utf-8"), draft).id == "hf-income"


def test_unreadable_input_is_wrong_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, str(tmp_path / "none.txt")) == 2
    file = tmp_path / "b.txt"
    file.write_bytes(b"\xff\xfe\x00\x81\x00")
    assert _run(monkeypatch, str(file)) == 2


W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
NUMBERED = f"""<w:numbering xmlns:w="{W}"><w:abstractNum w:abstractNumId="7"><w:lvl w:ilvl="0"><w:numFmt w:val="chineseCounting"/>
<w:lvlText w:val="（%1）"/></w:lvl></w:abstractNum><w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num></w:numbering>"""


def _docx(*paragraphs: str, table: str = "", numbering: str = "") -> bytes:
    body = "".join(paragraphs) + table
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("word/document.xml", f'<w:document xmlns:w="{W}"><w:body>{body}</w:body></w:document>')
        if numbering:
            file.writestr("word/numbering.xml", numbering)
    return packed.getvalue()


def _paragraph(words: str, numbered: bool = False) -> str:
    mark = '<w:pPr><w:numPr><w:ilvl w:val="0"/><w:numId w:val="1"/></w:numPr></w:pPr>' if numbered else ""
    return f"<w:p>{mark}<w:r><w:t>{words}</w:t></w:r></w:p>"


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", "给予奖励。".encode("gb18030"), "给予奖励。"),
        ("a.txt", "\ufeff给予奖励。".encode(), "给予奖励。"),
        ("a.txt", "给予奖励。".encode("utf-16"), "给予奖励。"),
        (
            "a.html",
            "<html><head><title>x</title><script>奖励()</script></head><body><p>第一条&nbsp;给予</p><td>甲</td><td>乙</td></body>".encode(),
            "第一条\xa0给予\n甲\t乙\n",
        ),
        (
            "a.docx",
            _docx(
                _paragraph("一、条件"),
                _paragraph("成立满2年；", numbered=True),
                _paragraph("纳税50万元。", numbered=True),
                table=f"<w:tbl><w:tr><w:tc>{_paragraph('级别')}</w:tc><w:tc>{_paragraph('金额')}</w:tc></w:tr></w:tbl>",
                numbering=NUMBERED,
            ),
            "一、条件\n（一）成立满2年；\n（二）纳税50万元。\n级别\t金额\n",
        ),
    ],
)
def test_a_document_is_read_whatever_it_was_saved_as(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    assert document_text(file) == expected


def _pdf(text: str) -> bytes:
    """One page that says `text` in Helvetica; `<2f1d>` in it stands for a glyph whose code point is a radical's."""
    draw = b"BT /F1 12 Tf 20 100 Td (" + text.encode("ascii") + b") Tj ET"
    unicode = b"1 begincodespacerange <00> <ff> endcodespacerange 1 beginbfchar <7e> <2f1d> endbfchar"
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(draw), draw),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(unicode), unicode),
    ]
    found, at = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, 1):
        at.append(len(found))
        found += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in at)
    trailer = b"trailer << /Size 7 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % len(found)
    return found + b"xref\n0 7\n0000000000 65535 f \n" + table + trailer


def test_a_pdf_with_text_is_read_and_its_radicals_are_characters(tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(_pdf("500 ~ 5%"))
    assert document_text(file) == "500 口 5%\n"


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"%PDF-1.7 ...", "另存为 .docx"),
        (_pdf(""), "扫描件"),
        (b"\xd0\xcf\x11\xe0 old word", "另存为 .docx"),
        (b"PK\x03\x04 broken", "重新保存"),
        (b"\xff\xfe\x00\x81\x00", "UTF-8"),
        (b"\x81\x20\xff\xff", "GB18030"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_next_step(tmp_path: Path, content: bytes, advice: str) -> None:
    file = tmp_path / "x.txt"
    file.write_bytes(content)
    with pytest.raises(DocumentError, match=advice):
        document_text(file)


def test_a_person_is_shown_labels_amounts_and_the_next_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a.txt"
    file.write_text(TEXT, encoding="utf-8")
    assert _run(monkeypatch, str(file), "--region", "合肥市") == 0
    said = capsys.readouterr()
    assert "营业收入" in said.out
    assert "不低于 2,000 万元" in said.out
    assert "最高 500,000 元" in said.out
    assert "--draft" in said.err
