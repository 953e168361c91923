"""The contract of every delivery: Column, Table, Form, Feed, read strictly from `departments/*.yml`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from data.column import DUCKDB_TYPES as DUCKDB_TYPES
from data.column import Column as Column
from data.column import Split as Split
from data.column import Strict
from data.form import Change as Change
from data.form import Control as Control
from data.form import Delete as Delete
from data.form import Form as Form
from data.form import Name as Name
from data.form import Rule as Rule
from data.form import Volume as Volume
from data.headings import UNITS as UNITS
from data.headings import bare_mark as bare_mark
from data.headings import header_mark as header_mark
from data.headings import split_unit as split_unit
from data.strict_yaml import ContractError as ContractError
from data.strict_yaml import parse_yaml as parse_yaml

DEPARTMENTS = Path(__file__).with_name("departments")
REFERENCE = Path(__file__).with_name("reference")

# the columns every landed row carries beside its payload, in this order at the end of each raw table
PROVENANCE: Mapping[str, str] = {
    "_file_id": "VARCHAR",
    "_row_no": "BIGINT",
    "_sheet": "VARCHAR",
    "_period": "VARCHAR",
    "_received_at": "TIMESTAMP",
    "_op": "VARCHAR",
    "_subject_id": "VARCHAR",
}

SUBJECT_ROLES = (
    "uscc",
    "regno",
    "org_code",
    "tax_id",
    "local",
    "customs_code",
    "trade_code",
    "name",
    "legal_person",
    "region",
    "address",
    "phone",
)


class Table(Strict):
    """One table of one department."""

    department: str
    name: str
    native: str
    label: str
    forms: dict[str, Form]
    columns: dict[str, Column]
    primary: tuple[str, ...]
    valid_at: str | None
    # of several rows with one primary key the one with the largest of these (then the latest received) holds
    latest_by: tuple[str, ...] = ()
    # one primary key twice in one file with different content: keep both, or reject both
    conflict: Literal["keep", "reject"] = "keep"
    # two rows alike in every column: one fact told twice, or two facts (payments without a number of their own)
    repeats: Literal["collapse", "keep"] = "collapse"
    cadence: Literal["hour", "day", "week", "month", "quarter", "year", "irregular"]
    # months that have no delivery of their own: their figures come with the next month's (一、二月合并)
    merged_months: tuple[int, ...] = ()
    due_days: int = 0
    grace_days: int = 5
    mode: Literal["increment", "full", "both"] = "increment"
    # every delivery says what stands (arrears still owed), not what is new: the rows of the one before, again, are no error
    standing: bool = False
    delete: Delete = Delete()
    # a pulled record is received when it was last changed, not when the pull that brought it ended
    received_by: str | None = None
    control: Control | None = None
    volume: Volume = Volume()
    subject: dict[str, str] = Field(default={})
    local_kind: str | None = None
    # share of rows that may be rejected before the whole file is refused
    max_reject_share: float = Field(default=0.2, ge=0.0, le=1.0)
    rules: tuple[Rule, ...] = ()
    since: date = date(2020, 1, 1)
    changes: tuple[Change, ...] = ()

    @cached_property
    def headers(self) -> dict[str, str]:
        """Header as compared (with and without its unit) → our column."""
        known: dict[str, str] = {}
        for name, column in self.columns.items():
            for header in column.headers:
                known[bare_mark(header)] = name
                known.setdefault(bare_mark(split_unit(header)[0]), name)
        return known

    @property
    def key(self) -> str:
        """`<department>_<table>`: the name of the table in schema `raw`."""
        return f"{self.department}_{self.name}"

    @cached_property
    def stored(self) -> dict[str, str]:
        """Columns of the raw table → DuckDB type. A coded column keeps the delivered text beside it as `<name>_source`."""
        out: dict[str, str] = {}
        for name, column in self.columns.items():
            out[name] = DUCKDB_TYPES[column.type]
            if column.codes:
                out[f"{name}_source"] = "VARCHAR"
            if column.split:
                out[column.split.rank] = "BIGINT"
        return out | dict(PROVENANCE)

    @property
    def dated(self) -> str | None:
        """The column that says of which day a row is; None where it only says the year."""
        return self.valid_at if self.valid_at and self.columns[self.valid_at].type != "year" else None

    @cached_property
    def version(self) -> str:
        """A digest of the whole contract of this table: another one is another reading of the same bytes."""
        return hashlib.blake2b(self.model_dump_json().encode(), digest_size=8).hexdigest()

    def at(self, day: date) -> Table:
        """The contract as it stood for a delivery of this day."""
        table = self
        for since, changed in self._versions:
            if since > day:
                break
            table = changed
        return table

    @cached_property
    def _versions(self) -> list[tuple[date, Table]]:
        """The contract after each of its changes, made once: a backlog asks for every file."""
        table, found = self, []
        for change in sorted(self.changes, key=lambda c: c.since):
            columns = {
                name: Column.model_validate(column.model_dump() | change.columns.get(name, {}))
                for name, column in table.columns.items()
            }
            columns |= {n: Column.model_validate(c) for n, c in change.columns.items() if n not in columns}
            forms = {n: Form.model_validate(f.model_dump() | change.form) for n, f in table.forms.items()}
            # A copy would keep the cached properties of the table it was copied from.
            table = Table.model_validate({**table.model_dump(), "columns": columns, "forms": forms})
            found.append((change.since, table))
        return found

    def recognise(self, filename: str) -> tuple[str, Name] | None:
        """The form and the parts of a file name, or None if it is not a delivery of this table."""
        for form_id, form in self.forms.items():
            found = form.name.fullmatch(filename)
            if found:
                parts = found.groupdict()
                kind = parts.get("kind") or form.kind
                return form_id, Name(parts.get("period", ""), kind, parts.get("batch") or "")
        return None

    @model_validator(mode="after")
    def _consistent(self) -> Table:
        for where, names in (
            ("primary", self.primary),
            ("latest_by", self.latest_by),
            ("valid_at", (self.valid_at,) if self.valid_at else ()),
            ("subject", tuple(self.subject.values())),
            ("received_by", (self.received_by,) if self.received_by else ()),
            ("delete", (self.delete.column,) if self.delete.column else ()),
            ("control", (self.control.amount,) if self.control and self.control.amount else ()),
        ):
            for name in names:
                if name not in self.stored:
                    raise ValueError(f"{where} 提到的列「{name}」不在 columns 里")
        for role in self.subject:
            if role not in SUBJECT_ROLES:
                raise ValueError(f"subject 的角色「{role}」不认识，只能是 {'、'.join(SUBJECT_ROLES)}")
        if ("local" in self.subject) != (self.local_kind is not None):
            raise ValueError("subject.local 和 local_kind 必须同时写")
        for name, column in self.columns.items():
            if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
                raise ValueError(f"列名「{name}」只能用小写字母、数字和下划线")
            if column.unit and not name.endswith(UNITS[column.unit][0]):
                raise ValueError(f"列「{name}」的单位是{column.unit}，列名应以 {UNITS[column.unit][0]} 结尾")
            if column.personal in ("contact", "id", "account") and not name.endswith("_hash"):
                raise ValueError(f"列「{name}」是个人信息，只存密钥散列，列名应以 _hash 结尾")
            if column.codes and not (REFERENCE / f"{column.codes}.csv").exists():
                raise ValueError(f"列「{name}」的代码表 reference/{column.codes}.csv 不存在")
        seen: dict[str, str] = {}
        for name, column in self.columns.items():
            for header in column.headers:
                mark = header_mark(header)
                if mark in seen and seen[mark] != name:
                    raise ValueError(f"表头「{header}」同时属于列「{seen[mark]}」和「{name}」")
                seen[mark] = name
        ids = [rule.id for rule in self.rules]
        if len(ids) != len(set(ids)):
            raise ValueError("规则 id 重复")
        # Great Expectations keeps one of two alike, and the other would seem broken.
        said = [(rule.expect, repr(sorted(rule.kwargs.items()))) for rule in self.rules]
        if len(said) != len(set(said)):
            raise ValueError("两条规则查的是同一件事")
        return self


class Feed(Strict):
    """One department: who it is, whom to call, and its tables."""

    department: str = Field(pattern=r"^[a-z][a-z_]*$")
    name: str
    prefix: str = Field(pattern=r"^[A-Z]+$")
    kind: Literal["department", "internal"] = "department"
    contact: str
    tables: dict[str, Table]


# The parts of a file name, by allow-list: a period as 20241218, 202412, 2024Q4 or 2024; a batch as digits or an office's code.
_NAME_PARTS = {
    "{period}": r"(?P<period>\d{8}|\d{6}|\d{4}Q[1-4]|\d{4})",
    "{kind}": r"(?P<kind>[FI])",
    "{batch}": r"(?P<batch>[0-9A-Z]{1,12})",
}


def _filled(pattern: str, prefix: Any, native: Any) -> str:
    for part, regex in {**_NAME_PARTS, "{prefix}": str(prefix), "{native}": re.escape(str(native))}.items():
        pattern = pattern.replace(part, regex)
    return pattern


def parse_feed(text: str, source: str) -> Feed:
    """One department's contract. Department-level `forms` are shared by its tables; `{native}` in a pattern is the table's.

    Raises ContractError naming the file and the key path.
    """
    raw = parse_yaml(text, source)
    try:
        shared = raw.pop("forms", {})
        tables: dict[str, Any] = {}
        for name, body in dict(raw.pop("tables", {})).items():
            body = dict(body)
            chosen = body.pop("forms", list(shared))
            forms = {}
            for form_id in chosen:
                if form_id not in shared:
                    raise ContractError(f"{source}：tables.{name}.forms 提到的「{form_id}」没有定义")
                form = dict(shared[form_id])
                form["pattern"] = _filled(str(form.get("pattern", "")), raw.get("prefix"), body.get("native"))
                forms[form_id] = form
            tables[name] = {"department": raw.get("department"), "name": name, "forms": forms, **body}
        return Feed.model_validate({**raw, "tables": tables})
    except ValidationError as error:
        first = error.errors()[0]
        path = ".".join(str(part) for part in first["loc"])
        message = {"extra_forbidden": "不认识的键", "missing": "缺少这个键"}.get(first["type"], first["msg"])
        raise ContractError(f"{source}：{path}：{message}") from None


@cache
def feeds(folder: Path = DEPARTMENTS) -> dict[str, Feed]:
    """Every contract by department id, in order of file name."""
    out: dict[str, Feed] = {}
    for path in sorted(folder.glob("*.yml")):
        feed = parse_feed(path.read_text(encoding="utf-8"), path.name)
        if feed.department != path.stem:
            raise ContractError(f"{path.name}：department 写的是「{feed.department}」，应与文件名一致")
        out[feed.department] = feed
    return out


def tables(folder: Path = DEPARTMENTS) -> Iterator[Table]:
    """Every table of every contract."""
    for feed in feeds(folder).values():
        yield from feed.tables.values()


def table(department: str, name: str) -> Table:
    """One table. Raises ContractError if there is none."""
    try:
        return feeds()[department].tables[name]
    except KeyError:
        raise ContractError(f"没有 {department}.{name} 的合同") from None
