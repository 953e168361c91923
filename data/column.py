"""One column of a delivered table: its name, type, unit, code list, key kind and personal-data level."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict, model_validator

from data.headings import UNITS

ColumnType = Literal["text", "code", "date", "datetime", "month", "year", "integer", "decimal", "money", "flag"]
KeyKind = Literal["uscc", "regno", "org_code", "tax_id", "local", "customs", "trade", "permit", "project", "other"]
Personal = Literal["none", "name", "contact", "id", "account"]

DUCKDB_TYPES: Mapping[str, str] = {
    "text": "VARCHAR",
    "code": "VARCHAR",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "month": "DATE",
    "year": "BIGINT",
    "integer": "BIGINT",
    "decimal": "DECIMAL(18,6)",
    "money": "DECIMAL(18,2)",
    "flag": "BOOLEAN",
}


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Split(Strict):
    """Several names in one cell: each becomes a row of its own, numbered from 1 in the column `rank`."""

    by: str
    rank: str


class Column(Strict):
    """One column: how the department names and writes it, and what it becomes."""

    label: str
    header: str
    aliases: tuple[str, ...] = ()
    type: ColumnType = "text"
    unit: str | None = None
    codes: str | None = None
    # a value outside the code list: False rejects the row, True keeps the text and leaves the code empty
    open: bool = False
    key: KeyKind | None = None
    personal: Personal = "none"
    required: bool = False
    # a file without this column is still a delivery of this table (added, dropped or optional columns)
    optional: bool = False
    # an empty cell, or 同上, means the value above (merged cells, hand-kept lists)
    fill_down: bool = False
    forever: bool = False
    serial: bool = False
    # a day after the receipt is no error here (validity that begins or ends later, what is planned)
    future: bool = False
    nulls: tuple[str, ...] = ()
    true_words: tuple[str, ...] = ()
    false_words: tuple[str, ...] = ()
    split: Split | None = None
    # the sender writes the separator into this text without quoting it: a record with one cell too many is put together again where no other
    # place is possible (quality.rejoin)
    rejoin: bool = False

    @model_validator(mode="after")
    def _consistent(self) -> Column:
        if self.unit is not None and self.unit not in UNITS:
            raise ValueError(f"单位「{self.unit}」不在已知单位之列：{'、'.join(UNITS)}")
        if self.unit is not None and self.type not in ("integer", "decimal", "money"):
            raise ValueError(f"有单位的列必须是数，现在是 {self.type}")
        if self.rejoin and self.type != "text":
            raise ValueError("rejoin 只用于文本列")
        if (self.forever or self.serial) and self.type not in ("date", "datetime"):
            raise ValueError("forever、serial 只用于日期列")
        if self.type == "money" and self.unit is None:
            raise ValueError("金额列必须写明单位")
        return self

    @property
    def headers(self) -> tuple[str, ...]:
        return (self.header, *self.aliases)

    @property
    def factor(self) -> str:
        """What a delivered number is multiplied by, as decimal text."""
        return UNITS[self.unit][1] if self.unit else "1"
