"""The dates and identity of a run: what day the facts are about, what had been received, which rules, which build."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import cache
from pathlib import Path

import dagster as dg

from assets.raw.receipt import RECEIPT, believable, moment

PROJECT = Path(__file__).resolve().parent.parent
# The code whose change may change a result. The mock world is a program of its own and is left out.
_SOURCES = ("data", "matching", "quality", "evaluation", "assets", "pipelines")
_SOURCE_SUFFIXES = {".py", ".sql", ".yml", ".csv", ".md", ".txt"}


class NothingReceivedError(RuntimeError):
    """No delivery has ever arrived, so there is no day the facts could be about."""


def receipts(home: Path, folders: Sequence[str] = ("landing", "accepted")) -> list[dict[str, str]]:
    """The receipts of every delivery at the door or let in, unsorted; one that cannot be believed is the door's business, not ours."""
    found = []
    for folder in (home / name for name in folders):
        for path in folder.rglob(f"*{RECEIPT}"):
            receipt = believable(path)
            if receipt is not None:
                at = moment(receipt["received_at"]).isoformat()
                found.append({"sha256": receipt["sha256"], "received_at": at})
    return found


@cache
def source_version() -> str:
    """sha256 (12 hex) over our own source, rules and reference files, in path order."""
    digest = hashlib.sha256()
    for package in _SOURCES:
        for path in sorted((PROJECT / package).rglob("*")):
            if path.suffix in _SOURCE_SUFFIXES and path.is_file() and "world" not in path.relative_to(PROJECT).parts:
                digest.update(path.relative_to(PROJECT).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@dataclass(frozen=True)
class RunScope:
    """`as_of`: the day the facts are about. `known_at`: what had been received by then (naive, Asia/Shanghai). `rules_as_of`: the rules in force."""

    home: Path
    as_of: date
    known_at: datetime
    rules_as_of: date

    def seal(self) -> None:
        """The door has closed: what was let in is what this run is about, and the build's name stands."""
        self.__dict__["_sealed"] = self._build_id()

    @property
    def build_id(self) -> str:
        """12 hex: a hash of the accepted deliveries known by `known_at`, our source and the three dates.

        Read from `accepted/` at each call until `seal`, because a delivery still at the door may yet come in.
        """
        return self.__dict__.get("_sealed") or self._build_id()

    def _build_id(self) -> str:
        digest = hashlib.sha256()
        limit = self.known_at.isoformat()
        for sha256 in sorted(
            {r["sha256"] for r in receipts(self.home, ("accepted",)) if r["received_at"][:19] <= limit}
        ):
            digest.update(sha256.encode())
        digest.update(source_version().encode())
        digest.update(f"{self.as_of}|{limit}|{self.rules_as_of}".encode())
        return digest.hexdigest()[:12]


def resolve(home: Path, as_of: str = "", known_at: str = "", rules_as_of: str = "") -> RunScope:
    """Fills the dates that were not given: `as_of` from the newest receipt, `known_at` the end of that day, `rules_as_of` the same day.

    Raises NothingReceivedError if `as_of` is not given and nothing was ever received, ValueError for a date that is not ISO.
    """
    if as_of:
        day = date.fromisoformat(as_of)
    else:
        newest = max((r["received_at"] for r in receipts(home)), default="")
        if not newest:
            raise NothingReceivedError(
                f"{home / 'landing'} 中没有任何交付文件，也没有已接收的交付。先运行 `huiqi world make --out {home}`，或用 --as-of 指定日期。"
            )
        day = date.fromisoformat(newest[:10])
    known = datetime.fromisoformat(known_at) if known_at else datetime.combine(day, time(23, 59, 59))
    if len(known_at) == len("YYYY-MM-DD"):
        known = datetime.combine(known.date(), time(23, 59, 59))
    rules = date.fromisoformat(rules_as_of) if rules_as_of else day
    return RunScope(home=home, as_of=day, known_at=known.replace(tzinfo=None), rules_as_of=rules)


def scope_resource(home: Path) -> dg.ResourceDefinition:
    """Dates as run configuration (`resources.scope.config`); empty means: from the newest receipt."""

    @dg.resource(config_schema={name: dg.Field(str, default_value="") for name in ("as_of", "known_at", "rules_as_of")})
    def scope(context: dg.InitResourceContext) -> RunScope:
        return resolve(home, **context.resource_config)

    return scope
