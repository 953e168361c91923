"""What leaves the house: no formula, no personal number, control totals that agree, the same bytes for the same list."""

import csv
import datetime as dt
import io
import json
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.export import ExportError, export, masked, neutral, payment_file, people_csv, people_rows, people_xlsx

HEADER: dict[str, Any] = {
    "list_id": "auto_award.a.2024.0123456789",
    "kind": "auto_award",
    "as_of": "2024-12-18",
    "sha256": "f" * 64,
    "amount_yuan": "300.50",
}


def line(n: int, **changes: Any) -> dict[str, Any]:
    return {
        "line_no": n,
        "list_id": HEADER["list_id"],
        "line_key": f"{n:032x}",
        "uscc": f"91460100MA5T00000{n}",
        "name": f"海南{n}有限公司",
        "item_id": "a",
        "cycle": "2024",
        "claim_unit": "",
        "amount_yuan": "150.25",
        "deadline": "2024-12-31",
        "reasons": json.dumps([{"text": "营收达标", "value": "1", "department": "tax", "valid_at": "2023-12-31"}]),
        "missing": "[]",
        "score": 0.5,
        "channel": "finance",
        "message": None,
        "contact_hash": None,
        "contact_masked": None,
        "earliest_send": None,
        "latest_send": None,
        "arm": None,
        "risk": None,
        "template": None,
    } | changes


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@x", "\t=1", "＝cmd|' /C calc'!A0", " =1", "\u3000=1", "|x", "%x", "\r=1", "\ufeff=1"]
)
def test_a_cell_that_could_be_a_formula_is_made_text(cell: str) -> None:
    assert neutral(cell).startswith("'")
    row = next(
        r
        for r in csv.reader(io.StringIO(people_csv(people_rows([line(1, name=cell)])).decode("utf-8-sig")))
        if r[0] == "1"
    )
    assert row[2].startswith("'")


@given(st.text())
def test_no_neutral_cell_begins_as_a_formula(text: str) -> None:
    assert not neutral(text).startswith(tuple("=+-@\t\r|%"))
    assert neutral(text).endswith(text)


def test_people_read_risk_signs_in_words() -> None:
    signs = json.dumps([{"flag": "shared_account", "detail": "3 家企业同一收款账户"}], ensure_ascii=False)
    rows = people_csv(people_rows([line(1, risk=signs)])).decode("utf-8-sig").splitlines()
    assert "多家企业的收款账户相同：3 家企业同一收款账户" in rows[1] and "shared_account" not in rows[1]


def test_people_read_masked_numbers_and_a_bom() -> None:
    assert masked("电话13812345678，证件460100199001011234") == "电话138****5678，证件460100********1234"
    # a USCC of digits alone is not an identity number; one with a wrong check character may be anything
    assert masked("914602004137654908") == "914602004137654908"
    assert masked("914602004137654907") == "914602********4907"
    content = people_csv(people_rows([line(1, message="联系13812345678")]))
    assert content.startswith(b"\xef\xbb\xbf") and b"13812345678" not in content
    # the USCC is 18 characters long as well, but not all digits: it must stay whole
    assert "91460100MA5T000001" in content.decode("utf-8-sig")


def test_the_workbook_holds_strings_only_and_is_the_same_again() -> None:
    lines = [line(1, name="=HYPERLINK(1)"), line(2)]
    first = people_xlsx(HEADER, people_rows(lines))
    assert first == people_xlsx(HEADER, people_rows(lines))
    with zipfile.ZipFile(io.BytesIO(first)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "<f>" not in sheet and 't="s"' in sheet


def test_the_payment_file_carries_its_totals_and_keys() -> None:
    body, control = payment_file(HEADER, [line(1), line(2)])
    rows = list(csv.DictReader(io.StringIO(body.decode())))
    assert [row["idempotency_key"] for row in rows] == [f"{1:032x}", f"{2:032x}"]
    said = dict(text.split("=", 1) for text in control.decode().splitlines())
    assert said["rows"] == "2" and said["amount"] == "300.50"
    assert sum(Decimal(row["amount_yuan"]) for row in rows) == Decimal(said["amount"])


def test_a_payment_file_is_refused_rather_than_altered() -> None:
    with pytest.raises(ExportError, match=r"第 2 行.*name"):
        payment_file(HEADER, [line(1), line(2, name="=cmd")])
    with pytest.raises(ExportError, match=r"150\.25 元与表头 300\.50"):
        payment_file(HEADER, [line(1)])
    with pytest.raises(ExportError, match="只有兑付"):
        payment_file(HEADER | {"kind": "invite"}, [line(1)])


def test_money_and_gateway_files_are_private(tmp_path: Path) -> None:
    sms = line(
        2,
        channel="sms",
        message="【海易兑】…回T退订",
        contact_hash="h2",
        template="invite.v1",
        earliest_send=dt.datetime(2024, 12, 19, 8).isoformat(),
    )
    files = {file.path.name: file for file in export(tmp_path, HEADER, [line(1), sms])}
    assert set(files) == {"名单.csv", "名单.xlsx", "payment.csv", "payment.ctl", "gateway.jsonl"}
    for name in ("payment.csv", "payment.ctl", "gateway.jsonl"):
        assert files[name].path.stat().st_mode & 0o777 == 0o600
    sent = [json.loads(text) for text in files["gateway.jsonl"].path.read_text(encoding="utf-8").splitlines()]
    assert [entry["contact_ref"] for entry in sent] == ["h2"]
    again = {file.path.name: file.sha256 for file in export(tmp_path, HEADER, [line(1), sms])}
    assert again == {name: file.sha256 for name, file in files.items()}


def test_what_an_interrupted_export_would_have_sent_is_not_left_lying(tmp_path: Path) -> None:
    sent = {"channel": "sms", "message": "回T退订", "contact_hash": "h", "template": "invite.v1", "earliest_send": "2024-12-19T08:00:00"}  # fmt: skip
    rows = [line(n, **sent) for n in (1, 2)]
    header = {**HEADER, "kind": "invite"}
    first = [file.path.name for file in export(tmp_path, header, rows)]
    again = export(tmp_path, header, rows, withheld={row["line_key"]: "已退订" for row in rows})
    assert "gateway.jsonl" in first and "gateway.jsonl" not in [file.path.name for file in again]
    assert not list(tmp_path.rglob("gateway.jsonl"))


def test_a_list_name_cannot_leave_its_folder(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="文件名"):
        export(tmp_path, HEADER | {"list_id": "../x"}, [line(1), line(2)])


def test_the_gateway_copy_needs_every_number(tmp_path: Path) -> None:
    sms = line(1, channel="sms", contact_hash="h1", amount_yuan="300.50")
    with pytest.raises(ExportError, match="保险库"):
        export(tmp_path, HEADER, [sms], phone=lambda hashed: None)
