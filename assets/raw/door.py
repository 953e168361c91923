"""The door: what lies in `landing/` is checked by its envelope alone and moved to `accepted/` or `refused/`, never read as data."""

import hashlib
import json
import os
import re
import shutil
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from rapidfuzz import process

from data import contract
from quality.reconcile import envelope_faults, parse_control

RECEIPT, CONTROL = ".receipt.json", ".ctl"
_ASIDE = (RECEIPT, CONTROL, ".ok", ".part", ".tmp")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,120}", re.ASCII)
# A control file may come a little later than its delivery; after this the delivery is let in without it, and says so.
CONTROL_WAIT = timedelta(hours=24)


@dataclass
class Passed:
    """What the door did: names by outcome, with the reason where something was refused."""

    accepted: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    later: int = 0


@cache
def recognised(name: str) -> tuple[list[contract.Table], str, contract.Name] | None:
    """The tables a file name announces (several for a snapshot), the form, and the name's parts."""
    found = [(t, *hit) for t in contract.tables() if (hit := t.recognise(name))]
    if not found:
        return None
    return [t for t, _, _ in found], found[0][1], found[0][2]


def admit(home: Path, known_at: datetime) -> Passed:
    """Moves every complete delivery received by `known_at` out of `landing/`. Later ones and their companions are left alone."""
    passed = Passed()
    landing = home / "landing"
    for path in sorted(_deliveries(landing)):
        if path.is_symlink():
            _refuse(home, path, None, "是符号链接，不予接收", passed)
            continue
        receipt = _receipt(path)
        if isinstance(receipt, str):
            _refuse(home, path, None, receipt, passed)
            continue
        if datetime.fromisoformat(receipt["received_at"][:19]) > known_at:
            passed.later += 1
            continue
        _one(home, path, receipt, known_at, passed)
    return passed


def _deliveries(landing: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(landing, followlinks=False):
        for name in names:
            if not name.startswith(".") and not name.endswith(_ASIDE):
                yield Path(folder) / name


def _receipt(path: Path) -> dict[str, Any] | str:
    """The delivery's receipt, or one dated by the file itself if the front door lost it; or what is wrong with it."""
    place = path.with_name(path.name + RECEIPT)
    if not place.exists():
        raw = path.read_bytes()
        stat = path.stat()
        # Kept only once the file is let in: a receipt left in the landing zone would move the day of the next run.
        return {
            "file": path.name,
            "sha256": hashlib.sha256(raw).hexdigest(),
            "bytes": len(raw),
            "received_at": _mtime(stat.st_mtime),
            "sequence": 0,
            "made_by": "door",
        }
    try:
        receipt = json.loads(place.read_text(encoding="utf-8"))
        datetime.fromisoformat(str(receipt["received_at"])[:19])
        return {**receipt, "sequence": int(receipt["sequence"]), "bytes": int(receipt["bytes"])}
    except (ValueError, KeyError, TypeError):
        return "回执不合格式，无法确认收到的时间和内容"


def _mtime(seconds: float) -> str:
    from zoneinfo import ZoneInfo

    return datetime.fromtimestamp(int(seconds), tz=ZoneInfo("Asia/Shanghai")).isoformat()


def _one(home: Path, path: Path, receipt: dict[str, Any], known_at: datetime, passed: Passed) -> None:
    fault = _name_fault(path.name)
    known = recognised(path.name) if not fault else None
    if fault or known is None:
        _refuse(home, path, receipt, fault or "文件名不在任何合同之内" + _nearest(path.name), passed)
        return
    tables, form_id, parts = known
    limit = max(t.forms[form_id].max_bytes for t in tables if form_id in t.forms)
    if path.stat().st_size > limit:
        _refuse(home, path, receipt, f"文件有 {path.stat().st_size} 字节，超过上限 {limit} 字节", passed)
        return
    raw = path.read_bytes()
    sha256 = hashlib.sha256(raw).hexdigest()
    if sha256 != receipt.get("sha256") or len(raw) != int(receipt["bytes"]):
        _refuse(home, path, receipt, "文件与回执的 sha256 或字节数不符，收到之后被改动过", passed)
        return
    control = path.with_name(path.name + CONTROL)
    promised = any(t.control and t.control.required for t in tables)
    age = known_at - datetime.fromisoformat(receipt["received_at"][:19])
    if promised and not control.exists() and age < CONTROL_WAIT:
        passed.waiting.append(path.name)
        return
    if control.exists():
        try:
            faults = envelope_faults(parse_control(control.read_text(encoding="utf-8")), raw, parts.period, parts.batch)
        except (ValueError, UnicodeDecodeError) as error:
            faults = [str(error) if not isinstance(error, UnicodeDecodeError) else "控制文件不是 UTF-8 文本"]
        if faults:
            _refuse(home, path, receipt, "；".join(faults), passed)
            return
    _accept(home, path, receipt, sha256, passed)


def _name_fault(name: str) -> str | None:
    if unicodedata.normalize("NFKC", name) != name or not _NAME.fullmatch(name):
        return "文件名含有不允许的字符（只能是字母、数字、下划线、点和连字符）"
    if ".." in name:
        return "文件名含有 .."
    return None


def _nearest(name: str) -> str:
    """The contract whose names look most like this one, as a hint."""
    prefixes = {f"{_prefix(t)}_{t.native}": t for t in contract.tables()}
    found = process.extractOne(re.sub(r"_\d.*$", "", name), list(prefixes), score_cutoff=60)
    return f"；最接近的是「{prefixes[found[0]].label}」（{found[0]}_…）" if found else ""


@cache
def _prefixes() -> dict[str, str]:
    return {d: f.prefix for d, f in contract.feeds().items()}


def _prefix(table: contract.Table) -> str:
    return _prefixes()[table.department]


def _accept(home: Path, path: Path, receipt: dict[str, Any], sha256: str, passed: Passed) -> None:
    folder = home / "accepted" / sha256[:2] / sha256
    target = folder / path.name
    control = path.with_name(path.name + CONTROL)
    if target.exists() and (folder / (path.name + RECEIPT)).exists():
        _repeat(folder, path, receipt, control)
        passed.repeated.append(path.name)
        return
    folder.mkdir(parents=True, exist_ok=True)
    # The same bytes under a second name (an unchanged snapshot) are another delivery and need an id of their own.
    first = not any(p.name.endswith(RECEIPT) for p in folder.iterdir())
    digest = sha256 if first else hashlib.sha256(f"{sha256}/{path.name}".encode()).hexdigest()
    kept = {**receipt, "file_id": digest[:16], "sha256": sha256, "landed": str(path.relative_to(home / "landing"))}
    _store_json(folder / (path.name + RECEIPT), kept)
    if control.exists():
        _move(control, folder / control.name)
    # The delivery itself moves last: until then a rerun starts over.
    _move(path, target)
    target.chmod(0o444)
    path.with_name(path.name + RECEIPT).unlink(missing_ok=True)
    passed.accepted.append(path.name)


def _repeat(folder: Path, path: Path, receipt: dict[str, Any], control: Path) -> None:
    """The same name and bytes again: nothing is loaded twice, the second receipt is kept; a corrected control file takes the first one's place."""
    times = len(list(folder.glob(f"{path.name}.repeat-*.json"))) + 1
    _store_json(folder / f"{path.name}.repeat-{times}.json", receipt)
    if control.exists():
        old = folder / control.name
        if not old.exists() or old.read_bytes() != control.read_bytes():
            if old.exists():
                _move(old, folder / f"{control.name}.{times}")
            _move(control, old)
            kept = json.loads((folder / (path.name + RECEIPT)).read_text(encoding="utf-8"))
            _store_json(
                folder / (path.name + RECEIPT),
                {**kept, "received_at": receipt["received_at"], "sequence": receipt["sequence"]},
            )
    for leftover in (path, control, path.with_name(path.name + RECEIPT)):
        leftover.unlink(missing_ok=True)


def _refuse(home: Path, path: Path, receipt: dict[str, Any] | None, reason: str, passed: Passed) -> None:
    passed.refused.append((path.name, reason))
    if path.is_symlink():
        digest = hashlib.sha256(os.fsencode(path.name)).hexdigest()
    else:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    folder = home / "refused" / digest
    folder.mkdir(parents=True, exist_ok=True)
    said = {"file": path.name, "sha256": digest, "reason": reason, "receipt": receipt}
    _store_json(folder / "reason.json", said)
    for companion in (path.with_name(path.name + CONTROL), path.with_name(path.name + RECEIPT)):
        if companion.exists() and not companion.is_symlink():
            _move(companion, folder / companion.name)
    if path.is_symlink():
        path.unlink()
    else:
        _move(path, folder / path.name)


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError:
        shutil.copyfile(source, target)
        source.unlink()


def _store_json(path: Path, value: dict[str, Any]) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
