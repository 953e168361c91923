"""Whom a rejected row names: what it says of a subject is not believed, but that something was said of that subject is known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import polars as pl

from data.contract import Table
from matching.identity.keys import classify

SUBJECT = "subject"
# Roles whose codes follow a published standard; what they hold is told from the code itself.
_STANDARD = ("uscc", "regno", "org_code", "tax_id", "customs_code", "trade_code")
# What a department's own number may look like here: nothing that could pass for another part of what is told.
_OWN = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)
# An old or a personal tax number holds an identity card's number.
_KINDS = ("uscc", "reg15", "org9", "customs10", "trade13")


def named(rows: pl.DataFrame, table: Table) -> pl.Series:
    """What each typed row names its subject by: `kind=code;…`, null where nothing of it is sure.

    A code stands here if the published check of its kind holds (kinds and spelling of `registry.key`); a department's own number (`pripid`, …)
    has no check and names somebody only if it is known; a natural person's keyed hash stands as `person`.
    """
    held = [(kind, rows[column]) for kind, column in _columns(table) if column in rows.columns]
    parts = [_said(kind, values.cast(pl.String)) for kind, values in held]
    if not parts:
        return pl.Series(SUBJECT, [None] * rows.height, dtype=pl.String)
    joined = pl.concat_list(parts).list.drop_nulls().list.unique(maintain_order=True).list.join(";")
    return pl.select(joined.replace("", None).alias(SUBJECT)).to_series()


def named_by_cells(cells: Sequence[str], layout: Sequence[str | None], table: Table) -> str | None:
    """`named` of a record that was cut into more or fewer cells than it has columns: any cell that can be a column's may be it.

    `layout`: our column of each position. What may be a person's is not told. Without a layout (a broken line of JSON) the cells stand anywhere,
    and a credit code among them names; others are too easily met by chance.
    """
    if not layout:
        told = _told("", cells) if "uscc" in table.subject else iter(())
        return ";".join(dict.fromkeys(part for part in told if part.startswith("uscc="))) or None
    surplus = len(cells) - len(layout)
    found: dict[str, None] = {}
    for kind, column in _columns(table):
        if not cells or column not in layout:
            continue
        place = layout.index(column)
        near = layout[max(0, place - abs(surplus)) : place + abs(surplus) + 1]
        # What passes a published check is what it says; a number without one could be what stands beside it.
        if kind and any(name is None or table.columns[name].personal != "none" for name in near):
            continue
        window = cells[max(0, min(place, place + surplus)) : max(place, place + surplus) + 1]
        found.update(dict.fromkeys(_told(kind, (cell.strip().strip("'") for cell in window))))
    return ";".join(found) or None


def _columns(table: Table) -> Iterator[tuple[str, str]]:
    """(kind, column) of those that name the subject; the kind of a standard code is told from the code."""
    for role in _STANDARD:
        if role in table.subject and table.columns[table.subject[role]].personal == "none":
            yield "", table.subject[role]
    if "local" in table.subject and table.columns[table.subject["local"]].personal == "none":
        yield str(table.local_kind), table.subject["local"]
    if table.columns[table.primary[0]].personal == "id":
        yield "person", table.primary[0]


def _said(kind: str, values: pl.Series) -> pl.Series:
    known = {value: ";".join(_told(kind, [value])) or None for value in values.drop_nulls().unique()}
    return values.replace_strict(list(known), list(known.values()), default=None, return_dtype=pl.String)


def _told(kind: str, texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        if kind and _OWN.fullmatch(text):
            yield f"{kind}={text}"
        elif not kind:
            key = classify(text)
            if key.valid and not key.suspect and key.kind in _KINDS:
                yield f"{key.kind}={key.code}"
