"""How deliveries of a table come: physical forms, control files, deletions, rules, how many rows, and changes of habit."""

from __future__ import annotations

import re
from datetime import date
from functools import cached_property
from typing import Any, Literal, NamedTuple

from pydantic import Field

from data.column import Strict

Format = Literal["csv", "text", "dump", "xlsx", "xls", "dbf", "xml", "sqlite", "jsonl", "parquet"]
Encoding = Literal["gb18030", "utf-8", "utf-8-sig", "utf-16"]


class Form(Strict):
    """One physical form a delivery takes: name, format, encoding, where its header stands."""

    pattern: str
    format: Format
    encoding: Encoding = "utf-8"
    # a second encoding the department announced for a change of system: its files are told apart by strict decoding, never guessed
    also: Literal["utf-8"] | None = None
    delimiter: str = ","
    quote: str | None = '"'
    null: str | None = None
    header: bool = True
    archive: Literal["gz", "zip"] | None = None
    kind: Literal["F", "I"] = "I"
    # the element that is one row (XML)
    row: str | None = None
    # rows whose first filled cell begins so are totals or footnotes: counted, not loaded
    totals: tuple[str, ...] = ("合计", "总计", "小计", "本页合计")
    notes: tuple[str, ...] = ("注：", "注:", "说明：", "说明:", "填表人", "制表", "单位负责人", "备注：")
    hidden_sheets: bool = False
    max_bytes: int = 2 * 1024**3
    # fewer data rows than this is no delivery (a file of nothing but its header)
    min_rows: int = 1

    @cached_property
    def name(self) -> re.Pattern[str]:
        """The file names of this form, compiled once: two thousand files are held against sixty forms."""
        return re.compile(self.pattern, re.ASCII)


class Name(NamedTuple):
    """What a delivery's file name says."""

    period: str
    kind: str
    batch: str


class Delete(Strict):
    """How a department takes a row back: a flag, a status value, absence from the newest full delivery, or never."""

    rule: Literal["flag", "status", "absent", "none"] = "none"
    column: str | None = None
    values: tuple[str, ...] = ()


class Control(Strict):
    """What the department's control file must agree with: rows always, and the sum of this column if named."""

    amount: str | None = None
    required: bool = True


class Rule(Strict):
    """One expectation about a table, enforced as polars masks and as a Great Expectations suite alike."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]{2,60}$")
    label: str
    level: Literal["feed", "row", "warn"]
    max_bad_share: float = Field(default=0.0, ge=0.0, le=1.0)
    expect: str = Field(pattern=r"^expect_[a-z_]+$")
    kwargs: dict[str, Any] = Field(default={})
    owner: str = ""
    since: date | None = None


class Volume(Strict):
    """How many rows a delivery may be expected to bring, against the median of the last ones of its kind.

    `floor`: fewer rows than this refuse the file. Outside `low` to `high` times the median (with room for small numbers) a delivery
    is noted, and with `hold` kept out until a named person lets it in. Event streams (daily news) have no such habit: they only note.
    """

    floor: int = Field(default=0, ge=0)
    low: float = Field(default=0.4, ge=0.0, lt=1.0)
    high: float = Field(default=4.0, gt=1.0)
    hold: bool = False
    # one series per batch: offices that each deliver their own part
    per_batch: bool = False
    # earlier deliveries needed before anything is expected, and how many of the newest are looked at
    after: int = Field(default=3, ge=1)
    window: int = Field(default=6, ge=1)


class Change(Strict):
    """From this day on the department delivers differently: columns and form fields that replace the earlier ones."""

    since: date
    note: str
    columns: dict[str, dict[str, Any]] = Field(default={})
    form: dict[str, Any] = Field(default={})
