"""What leaves the house: copies for people, JSON Lines for gateways, and the payment file with its control totals."""

import csv
import hashlib
import io
import json
import os
import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from data.contract import feeds
from data.indicators import Catalogue, load
from matching.identity.keys import classify
from matching.push.kinds import MONEY
from matching.push.risk import meaning
from matching.rules.wording import shown

HELD_CHANNEL = "不发送"
_FORMULA = tuple("=+-@\t\r\n|%")
_PERSONAL = re.compile(r"(?<!\d)(1[3-9]\d)\d{4}(\d{4})(?!\d)|(?<!\d)(\d{6})\d{8}(\d{3}[\dXx])(?![\dXx])")
_SAFE_NAME = re.compile(r"[A-Za-z0-9._-]{1,120}")

PEOPLE = {
    "line_no": "序号",
    "uscc": "统一社会信用代码",
    "name": "企业名称",
    "case_no": "办件编号",
    "item_id": "事项编号",
    "cycle": "周期",
    "amount_yuan": "金额（元）",
    "deadline": "截止日",
    "why": "理由",
    "lacks": "还缺什么",
    "score": "匹配分",
    "channel": "渠道",
    "message": "短信内容",
    "contact_masked": "联系方式",
    "earliest_send": "最早发送",
    "latest_send": "最晚发送",
    "arm": "分组",
    "risk": "风险提示",
}


class ExportError(ValueError):
    """A list that cannot leave the house as it is; the message names the line."""


@dataclass(frozen=True)
class Written:
    """One file that was written: its path, bytes, sha256 and what it is for."""

    path: Path
    bytes: int
    sha256: str
    purpose: str


def neutral(value: object) -> str:
    """A cell as text that no spreadsheet takes for a formula: a leading apostrophe where NFKC and trimming lay one bare."""
    text = "" if value is None else str(value)
    bare = unicodedata.normalize("NFKC", text).lstrip(" \u3000\u00a0\ufeff\u200b")
    return f"'{text}" if bare.startswith(_FORMULA) or text.startswith(_FORMULA) else text


def masked(text: str) -> str:
    """Telephone and identity numbers with their middle hidden; the code of an enterprise, which may be digits alone, is neither."""

    def hidden(found: re.Match[str]) -> str:
        # identity numbers begin with a region, 1 to 8; the codes of enterprises with 9
        if found[0][0] == "9" and classify(found[0]).valid:
            return found[0]
        return f"{found[1]}****{found[2]}" if found[1] else f"{found[3]}********{found[4]}"

    return _PERSONAL.sub(hidden, text)


def reason_said(reason: Mapping[str, Any]) -> str:
    """One condition met: the policy's words and, where it was read from data, the value with its department and day."""
    said = str(reason.get("text") or reason.get("condition_id") or "")
    if not reason.get("value"):
        return said
    source = " ".join(
        str(part) for part in (department_named(reason.get("department")), reason.get("valid_at")) if part
    )
    return f"{said}（{'，'.join(part for part in (value_said(reason), source) if part)}）"


@cache
def _indicators() -> Catalogue:
    return load()


def value_said(reason: Mapping[str, Any]) -> str:
    """An observed value as people say it: yes and no, the names of places, figures with their unit."""
    value, indicator = str(reason["value"]), _indicators().find(reason.get("indicator") or "")
    if value in ("true", "false"):
        return shown(value == "true")
    if indicator is None:
        return value
    with suppress(InvalidOperation):
        if indicator.type in ("money", "ratio", "integer", "number"):
            return shown(Decimal(value), indicator)
    return shown(value, indicator)


def lack_said(entry: Mapping[str, Any]) -> str:
    """One condition that is wanting: the policy's words, why, and what is to be asked of whom."""
    return f"{entry['text']}（{entry['why']}{'：' + entry['ask'] if entry.get('ask') else ''}）"


@cache
def department_named(department: str | None) -> str:
    """A department as people call it; what no contract names stays as it is."""
    feed = feeds().get(department or "")
    return feed.name.removeprefix("海南省") if feed else department or ""


def _why(line: Mapping[str, Any]) -> str:
    return "；".join(reason_said(reason) for reason in json.loads(line["reasons"] or "[]"))


def _signs(line: Mapping[str, Any]) -> str:
    """The risk signs of a line in words."""
    return "；".join(
        f"{meaning(sign['flag']).rstrip('。')}：{sign['detail']}" for sign in json.loads(line.get("risk") or "[]")
    )


NOTHING_WITHHELD: Mapping[str, str] = {}


def people_rows(
    lines: Sequence[Mapping[str, Any]],
    held: Sequence[Mapping[str, Any]] = (),
    withheld: Mapping[str, str] = NOTHING_WITHHELD,
) -> list[list[str]]:
    """The cells of the human copies, header first, masked and neutral; the control group (`held`) stands at the end, not sent.

    What is `withheld` (line key → reason) stands in its place, not sent and without an amount, the reason where the contact would be.
    """
    rows = [list(PEOPLE.values())]
    for line in lines:
        if line["line_key"] in withheld:
            stopped = {"channel": HELD_CHANNEL, "amount_yuan": None, "contact_masked": withheld[line["line_key"]]}
            line = {**line, **stopped}
        lacks = "；".join(lack_said(entry) for entry in json.loads(line["missing"] or "[]"))
        told = {**line, "why": _why(line), "lacks": lacks, "risk": _signs(line) or None}
        rows.append([neutral(masked(str(told[name]))) if told.get(name) is not None else "" for name in PEOPLE])
    for one in sorted(held, key=lambda arm: str(arm["enterprise_id"])):
        told = {**one, "channel": HELD_CHANNEL}
        rows.append([neutral(told[name]) if told.get(name) is not None else "" for name in PEOPLE])
    return rows


def people_csv(rows: Sequence[Sequence[str]]) -> bytes:
    """The rows of `people_rows` in UTF-8 with BOM, so that a double click shows Chinese."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def people_cells(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Any rows as a CSV for people: `columns` (name → heading), masked, neutral, with a BOM."""
    said = [[neutral(masked(str(row[name]))) if row.get(name) is not None else "" for name in columns] for row in rows]
    return people_csv([list(columns.values()), *said])


def people_xlsx(header: Mapping[str, Any], rows: Sequence[Sequence[str]]) -> bytes:
    """The same cells as a workbook, every one written as a string; the second sheet is the header. Equal lists give equal bytes."""
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties({"created": datetime.fromisoformat(str(header["as_of"])), "title": str(header["list_id"])})
        sheet, about = book.add_worksheet("名单"), book.add_worksheet("说明")
        for r, row in enumerate(rows):
            for c, cell in enumerate(row):
                sheet.write_string(r, c, cell)
        sheet.freeze_panes(1, 0)
        for r, (name, value) in enumerate(sorted(header.items())):
            about.write_string(r, 0, name)
            about.write_string(r, 1, neutral(value))
    return out.getvalue()


def gateway_lines(
    lines: Sequence[Mapping[str, Any]],
    phone: Callable[[str], str | None] | None = None,
    withheld: Mapping[str, str] = NOTHING_WITHHELD,
) -> bytes:
    """JSON Lines for the SMS gateway: only lines that are sent. `phone` opens the vault; without it the keyed hash is the reference."""
    out = []
    for line in lines:
        if line["channel"] != "sms" or line["line_key"] in withheld:
            continue
        number = phone(line["contact_hash"]) if phone else None
        if phone and number is None:
            raise ExportError(f"第 {line['line_no']} 行的联系方式在保险库中找不到")
        entry = {
            "list_id": line["list_id"],
            "line_key": line["line_key"],
            "template": line["template"],
            "message": line["message"],
            "not_before": line["earliest_send"],
            "not_after": line["latest_send"],
            **({"phone": number} if number else {"contact_ref": line["contact_hash"]}),
        }
        out.append(json.dumps(entry, ensure_ascii=False, sort_keys=True))
    return "".join(f"{text}\n" for text in out).encode()


PAYMENT = ("idempotency_key", "list_id", "uscc", "name", "item_id", "cycle", "claim_unit", "amount_yuan")
_MACHINE_UNFIT = re.compile(r"[\x00-\x1f\x7f\"]")


def payment_file(
    header: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    withheld: Mapping[str, str] = NOTHING_WITHHELD,
) -> tuple[bytes, bytes]:
    """(payment CSV, control): one payment per line with its idempotency key, then rows, amount and sha256 as control totals.

    What was undone before the export (`withheld`) is not paid, and counts towards the header's total. The machine copy is never altered:
    a cell that could not be read back is refused, naming the line.
    """
    if header["kind"] not in MONEY:
        raise ExportError("只有兑付类名单有付款文件")
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(PAYMENT)
    total = undone = Decimal(0)
    for line in lines:
        if line["line_key"] in withheld:
            undone += Decimal(str(line["amount_yuan"]))
            continue
        cells = {**line, "idempotency_key": line["line_key"], "amount_yuan": f"{Decimal(str(line['amount_yuan'])):.2f}"}
        for name in PAYMENT:
            value = str(cells[name] or "")
            if _MACHINE_UNFIT.search(value) or neutral(value) != value:
                raise ExportError(
                    f"第 {line['line_no']} 行（{line['uscc']}）的 {name} 不能写入付款文件：含控制字符或以公式符号开头"
                )
        writer.writerow([cells[name] or "" for name in PAYMENT])
        total += Decimal(cells["amount_yuan"])
    if total + undone != Decimal(str(header["amount_yuan"])):
        raise ExportError(f"付款合计 {total} 元与表头 {header['amount_yuan']} 元不符")
    body = text.getvalue().encode()
    control = (
        f"list_id={header['list_id']}\nrows={sum(line['line_key'] not in withheld for line in lines)}\namount={total:.2f}\n"
        f"sha256={hashlib.sha256(body).hexdigest()}\nlist_sha256={header['sha256']}\n"
    )
    return body, control.encode()


def payments_sent(lists: Path) -> set[tuple[str, str]]:
    """(list_id, idempotency key) of every payment in the files under `lists/`, as they left the house."""
    found: set[tuple[str, str]] = set()
    for path in sorted(lists.glob("*/payment.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            found |= {(row["list_id"], row["idempotency_key"]) for row in csv.DictReader(file)}
    return found


_Seen = tuple[str, int, int, int, int]
_HASHES: dict[_Seen, str] = {}


def file_sha256(path: Path, anew: bool = False) -> str:
    """The sha256 of a file's bytes; a file this process has read is read again only if anything about it differs, or if asked for `anew`.

    Whoever changes a file changes the time of its change (ctime), which no program can set back; so a year of exports is read once a process, not once a step.
    """
    about = path.stat()
    key = (str(path), about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns)
    if anew or key not in _HASHES:
        with path.open("rb") as file:
            _HASHES[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _HASHES[key]


def written(folder: Path, name: str, content: bytes, purpose: str, mode: int = 0o640) -> Written:
    """Writes a file whole or not at all, with `mode` from its first byte."""
    folder.mkdir(mode=0o750, parents=True, exist_ok=True)
    partial = folder / f".{name}.partial"
    partial.unlink(missing_ok=True)
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / name)
    return Written(folder / name, len(content), hashlib.sha256(content).hexdigest(), purpose)


def export(
    home: Path,
    header: Mapping[str, Any],
    lines: Sequence[Mapping[str, Any]],
    phone: Callable[[str], str | None] | None = None,
    held: Sequence[Mapping[str, Any]] = (),
    withheld: Mapping[str, str] = NOTHING_WITHHELD,
) -> list[Written]:
    """Writes everything a frozen list needs under `lists/<list_id>/`. Raises ExportError; the same list gives the same bytes."""
    name = str(header["list_id"])
    if not _SAFE_NAME.fullmatch(name):
        raise ExportError(f"名单号 {name!r} 不能作文件名")
    folder = home / "lists" / name
    rows = people_rows(lines, held, withheld)
    files = [
        written(folder, "名单.csv", people_csv(rows), "供人查看"),
        written(folder, "名单.xlsx", people_xlsx(header, rows), "供人查看"),
    ]
    if header["kind"] in MONEY:
        body, control = payment_file(header, lines, withheld)
        files.append(written(folder, "payment.csv", body, "付款文件", 0o600))
        files.append(written(folder, "payment.ctl", control, "付款控制文件", 0o600))
    gateway = gateway_lines(lines, phone, withheld)
    if gateway:
        files.append(written(folder, "gateway.jsonl", gateway, "短信网关", 0o600))
    else:
        # an export that was cut short may have left one, when these messages could still be sent
        (folder / "gateway.jsonl").unlink(missing_ok=True)
    return files
