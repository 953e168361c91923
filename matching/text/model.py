"""What a reader returns: conditions, items and the document of policies.md §8."""

import dataclasses
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Condition:
    """One thing a third party could check: `start:end` in the text and the fields of policies.md §8.

    Keys of `extra` that begin with an underscore are working marks and never leave the reader.
    """

    start: int
    end: int
    field: str
    op: str
    value: Any
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_dict(self, text: str) -> dict[str, Any]:
        said = {key: value for key, value in self.extra.items() if not key.startswith("_")}
        return {"text": text[self.start : self.end], "field": self.field, "op": self.op, "value": self.value, **said}


@dataclass(frozen=True)
class Soft:
    """A condition found by words: `start:end` in the text, field, op, value."""

    start: int
    end: int
    field: str
    op: str
    value: object
    period: str = ""
    extra: dict[str, object] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class ReadItem:
    """One thing an applicant can receive under one set of conditions."""

    name: str
    conditions: tuple[Condition, ...]
    award: dict[str, Any]
    start: int
    end: int


@dataclass(frozen=True)
class Reading:
    """What the machine read; `to_dict` is the document of policies.md §8."""

    text: str
    title: str
    issuer: str
    region: str
    date: str
    tags: dict[str, Any]
    departments: list[str]
    validity: dict[str, Any]
    common_conditions: tuple[Condition, ...]
    rules: tuple[str, ...]
    items: tuple[ReadItem, ...]
    level: str = ""

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "issuer": self.issuer,
            "region": self.region,
            "date": self.date,
            "level": self.level,
            "tags": self.tags,
            "departments": self.departments,
            "validity": self.validity,
            "common_conditions": [c.to_dict(self.text) for c in self.common_conditions],
            "rules": list(self.rules),
            "items": [
                {"name": i.name, "conditions": [c.to_dict(self.text) for c in i.conditions], "award": i.award}
                for i in self.items
            ],
        }


def plain_number(value: Any) -> int | float:
    number = float(value)
    return int(number) if number == int(number) else round(number, 6)
