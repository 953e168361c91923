"""The door: what lies in `landing/` is checked by its envelope alone and moved to `accepted/` or `refused/`, never read as data."""

import hashlib
import json
import os
import re
import shutil
import stat
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from glob import escape as glob_escape
from pathlib import Path
from typing import Any

from rapidfuzz import process

from assets.raw.periods import period_begin
from assets.raw.receipt import MAX_RECEIPT, RECEIPT, believable, moment, printable, receipt_of
from data import contract
from quality.reconcile import envelope_faults, parse_control

CONTROL, RELEASE = ".ctl", ".release.json"
# A sender's word that a delivery is whole; many never say it, so nobody waits for it.
_WHOLE = ".ok"
_ASIDE = (RECEIPT, CONTROL, RELEASE, _WHOLE, ".part", ".tmp")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,120}", re.ASCII)
# A control file may come a little later than its delivery; after this the delivery is let in without it, and says so.
CONTROL_WAIT = timedelta(hours=24)
# A list may be named after the month it is for, and sent before that month begins.
AHEAD = timedelta(days=31)
# A file without a receipt that was written to within these seconds may still be growing.
QUIET_SECONDS = 10
HASHED_BYTES = 4 << 30


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
    standing = sorted(_standing(landing))
    bare = any(not os.path.lexists(path.with_name(path.name + RECEIPT)) for path in standing)
    newest = max(received_days(home), default=known_at) if bare else known_at
    first_seen = known_at if known_at.date() >= newest.date() else None
    growing = _judged(home, standing, known_at, first_seen, passed)
    # By the time a long queue is let in, what came last has been quiet for long enough.
    still = _judged(home, growing, known_at, first_seen, passed)
    passed.waiting += [path.name for path in still]
    _late_controls(home, known_at, passed)
    return passed


def _judged(
    home: Path, paths: Sequence[Path], known_at: datetime, first_seen: datetime | None, passed: Passed
) -> list[Path]:
    """Lets in or turns away each of `paths`; those that may still be growing are handed back."""
    growing = []
    for path in paths:
        try:
            if _judge(home, path, known_at, first_seen, passed):
                growing.append(path)
        except FileNotFoundError:
            # Renamed or taken back by the sender since the folder was listed: the next run sees what it has become.
            passed.waiting.append(printable(path.name))
        except OSError as error:
            # One file that cannot be moved must not keep the others out.
            passed.refused.append((printable(path.name), f"文件系统不让读或移动：{error.strerror}；文件仍在 landing/"))
    return growing


def _judge(home: Path, path: Path, known_at: datetime, first_seen: datetime | None, passed: Passed) -> bool:
    """True if nothing was done because the file may still be growing."""
    fault = _kind_fault(path)
    receipt = fault or receipt_of(path, first_seen)
    if isinstance(receipt, str):
        _refuse(home, path, None, receipt, passed)
    elif moment(receipt["received_at"]) > known_at:
        passed.later += 1
    elif "made_by" in receipt and recognised(path.name) and abs(time.time() - path.lstat().st_mtime) < QUIET_SECONDS:
        return True
    else:
        _one(home, path, receipt, known_at, passed)
    return False


def _late_controls(home: Path, known_at: datetime, passed: Passed) -> None:
    """Control files that came after their delivery had been let in without one: laid beside it, so that its totals are compared after all."""
    for folder, _, names in os.walk(home / "landing"):
        for name in sorted(n for n in names if n.endswith(CONTROL) and n.removesuffix(CONTROL) not in names):
            control = Path(folder) / name
            taken = [
                (receipt["received_at"], place)
                for place in (home / "accepted").glob(f"*/*/{glob_escape(name.removesuffix(CONTROL))}{RECEIPT}")
                if (receipt := believable(place)) is not None and moment(receipt["received_at"]) <= known_at
            ]
            if not taken or not stat.S_ISREG(control.lstat().st_mode):
                continue
            receipt_place = max(taken)[1]
            beside = receipt_place.with_name(name)
            if beside.exists() and beside.read_bytes() == control.read_bytes():
                control.unlink()
                continue
            delivery = receipt_place.with_name(name.removesuffix(CONTROL))
            known = recognised(delivery.name)
            faults = _control_faults(control, _digests(delivery)[1], known[2]) if known else ["文件名不在任何合同之内"]
            if faults:
                _refuse(home, control, None, "迟到的控制文件与已收的交付不符：" + "；".join(faults), passed)
                continue
            if beside.exists():
                times = len(list(beside.parent.glob(f"{name}.*"))) + 1
                _move(beside, beside.with_name(f"{name}.{times}"))
            _move(control, beside)


def anything_waits(home: Path) -> bool:
    """Whether something at the door claims to be a delivery."""
    return next(_standing(home / "landing"), None) is not None


def received_days(home: Path) -> Iterator[datetime]:
    """When each delivery at the door or let in was received, by receipts that can be believed."""
    for folder in (home / "landing", home / "accepted"):
        for place in folder.rglob(f"*{RECEIPT}"):
            said = believable(place)
            if said is not None:
                yield moment(said["received_at"])


def _standing(landing: Path) -> Iterator[Path]:
    """What claims to be a delivery: files, and links and folders that bear a delivery's name."""
    for folder, folders, names in os.walk(landing, followlinks=False):
        for name in sorted(folders):
            if (Path(folder) / name).is_symlink() or recognised(name):
                folders.remove(name)
                yield Path(folder) / name
        for name in names:
            if not name.startswith(".") and not name.endswith(_ASIDE):
                yield Path(folder) / name


def _kind_fault(path: Path) -> str | None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        return "是符号链接，不予接收"
    if stat.S_ISDIR(mode):
        return "是目录，不是文件，不予接收"
    return None if stat.S_ISREG(mode) else "不是普通文件（管道、套接字或设备），不予接收"


def _one(home: Path, path: Path, receipt: dict[str, Any], known_at: datetime, passed: Passed) -> None:
    fault = _name_fault(path.name)
    known = recognised(path.name) if not fault else None
    if fault or known is None:
        _refuse(home, path, receipt, fault or "文件名不在任何合同之内" + _nearest(path.name), passed)
        return
    tables, form_id, parts = known
    fault = _period_fault(parts.period, receipt, known_at)
    if fault:
        _refuse(home, path, receipt, fault, passed)
        return
    limit = max(t.forms[form_id].max_bytes for t in tables if form_id in t.forms)
    if path.stat().st_size > limit:
        _refuse(home, path, receipt, f"文件有 {path.stat().st_size} 字节，超过上限 {limit} 字节", passed)
        return
    sha256, md5, size = _digests(path)
    if receipt["sha256"] is None:
        receipt["sha256"] = sha256
    if size != receipt["bytes"] or sha256 != receipt["sha256"]:
        said = (
            f"字节数（回执 {receipt['bytes']}，实际 {size}）"
            if size != receipt["bytes"]
            else f"sha256（回执 {receipt['sha256'][:16]}…，实际 {sha256[:16]}…）"
        )
        _refuse(home, path, receipt, f"文件与回执的{said}不符，收到之后被改动过，或回执写错", passed)
        return
    control = path.with_name(path.name + CONTROL)
    moved = home / "accepted" / sha256[:2] / sha256 / control.name
    promised = any(t.control and t.control.required for t in tables)
    age = known_at - moment(receipt["received_at"])
    # When a file without a receipt came is not known, so there is nothing to wait from.
    expected = promised and "made_by" not in receipt and age < CONTROL_WAIT
    if expected and not os.path.lexists(control) and not moved.exists():
        passed.waiting.append(path.name)
        return
    if os.path.lexists(control):
        faults = _control_faults(control, md5, parts)
        if faults:
            _refuse(home, path, receipt, "；".join(faults), passed)
            return
    _accept(home, path, receipt, sha256, passed)


def _period_fault(period: str, receipt: dict[str, Any], known_at: datetime) -> str | None:
    """A period that is none, or that was far from begun when the delivery came: taken at its word it would make the feed look up to date for years."""
    begin = period_begin(period)
    if begin is None:
        return f"文件名里的期间「{period}」不是真实的日期、月份、季度或年度"
    # When a file whose receipt was lost came is not known better than by the run.
    came = known_at if "made_by" in receipt else moment(receipt["received_at"])
    if begin > came.date() + AHEAD:
        return f"文件名里的期间「{period}」比收到的日子（{came:%Y-%m-%d}）晚一个月以上"
    return None


def _control_faults(control: Path, md5: str, parts: contract.Name) -> list[str]:
    try:
        if not stat.S_ISREG(control.lstat().st_mode) or control.lstat().st_size > MAX_RECEIPT:
            return ["控制文件不是普通的小文件"]
        return envelope_faults(parse_control(control.read_text(encoding="utf-8")), md5, parts.period, parts.batch)
    except UnicodeDecodeError:
        return ["控制文件不是 UTF-8 文本"]
    except ValueError as error:
        return [str(error)]


def _digests(path: Path) -> tuple[str, str, int]:
    """sha256, md5 and size of one pass over the bytes; never through a link."""
    sha256, md5, size = hashlib.sha256(), hashlib.md5(usedforsecurity=False), 0
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as handle:
        while chunk := handle.read(1 << 20):
            sha256.update(chunk)
            md5.update(chunk)
            size += len(chunk)
    return sha256.hexdigest(), md5.hexdigest(), size


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
    # Its own receipt may lie here already, from a run that was killed before the bytes moved.
    first = not any(p.name.endswith(RECEIPT) and p.name != path.name + RECEIPT for p in folder.iterdir())
    digest = sha256 if first else hashlib.sha256(f"{sha256}/{path.name}".encode()).hexdigest()
    kept = {**receipt, "file_id": digest[:16], "sha256": sha256, "landed": str(path.relative_to(home / "landing"))}
    _store_json(folder / (path.name + RECEIPT), kept)
    if control.exists():
        _move(control, folder / control.name)
    # The delivery itself moves last: until then a rerun starts over.
    _move(path, target)
    target.chmod(0o444)
    path.with_name(path.name + RECEIPT).unlink(missing_ok=True)
    _forget_flag(path)
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
    if _digests(folder / path.name)[0] != folder.name:
        # What was let in was changed since: these are the bytes it had.
        _move(path, folder / path.name)
        (folder / path.name).chmod(0o444)
    for leftover in (path, control, path.with_name(path.name + RECEIPT)):
        leftover.unlink(missing_ok=True)
    _forget_flag(path)


def _refuse(home: Path, path: Path, receipt: dict[str, Any] | None, reason: str, passed: Passed) -> None:
    name = printable(path.name)
    passed.refused.append((name, reason))
    regular = stat.S_ISREG(path.lstat().st_mode)
    # What has no bytes of its own, or too many to read, is told apart by its name.
    whole = regular and path.stat().st_size <= HASHED_BYTES
    digest = _digests(path)[0] if whole else hashlib.sha256(os.fsencode(path.name)).hexdigest()
    folder = home / "refused" / digest
    folder.mkdir(parents=True, exist_ok=True)
    _store_json(folder / "reason.json", {"file": name, "sha256": digest, "reason": reason, "receipt": receipt})
    for companion in (path.with_name(path.name + CONTROL), path.with_name(path.name + RECEIPT)):
        if os.path.lexists(companion):
            _set_aside(companion, folder)
    _set_aside(path, folder)
    _forget_flag(path)


def _forget_flag(path: Path) -> None:
    """Without its delivery the flag says nothing, and thousands of them would be walked over in every run."""
    with suppress(OSError):
        path.with_name(path.name + _WHOLE).unlink(missing_ok=True)


def _set_aside(path: Path, folder: Path) -> None:
    """Into `refused/`, under a harmless name; links and devices are removed, never followed."""
    mode = path.lstat().st_mode
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        target = folder / printable(path.name)[-120:].lstrip(".")
        if target.is_dir():
            shutil.rmtree(target)
        _move(path, target)
    else:
        path.unlink()


def _move(source: Path, target: Path) -> None:
    try:
        source.replace(target)
    except OSError:
        shutil.move(source, target)


def _store_json(path: Path, value: dict[str, Any]) -> None:
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, ensure_ascii=False, sort_keys=True, indent=1) + "\n", encoding="utf-8")
    part.replace(path)
