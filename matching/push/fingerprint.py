"""Identity from content: the same list has the same id and sha256 on every machine, and any change gives it another."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Final

# What a list says and an approver approves. Not in it: the build and the moment of knowledge, so that tonight's rebuild of
# the same content is still the list that was approved.
HEADER_FIELDS: Final = (
    "kind", "item_id", "version", "title", "department", "cycle", "as_of", "rules_as_of", "valid_until", "cut_rule",
    "holdout_share", "corrects",
)  # fmt: skip
LINE_FIELDS: Final = (
    "line_key", "enterprise_id", "uscc", "name", "item_id", "version", "cycle", "claim_unit", "amount_yuan", "deadline",
    "reasons", "missing", "form", "score", "channel", "template", "message", "wave", "contact_hash", "earliest_send",
    "latest_send", "arm", "probability", "exclusion_group", "group_cycle", "covers", "risk",
)  # fmt: skip


# Said only by lists that answer applications, so that lists made before there were any keep their sha256.
CASE_FIELD: Final = "case_no"


def canonical(value: object) -> str:
    """One value as the text that is hashed; absence differs from the empty text."""
    if value is None:
        return "\x00"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.isoformat(sep="T", timespec="seconds")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    return str(value)


def list_sha256(header: Mapping[str, object], lines: Iterable[Mapping[str, object]]) -> str:
    """sha256 over the header fields and the lines in the order of their keys, however they were handed in."""
    digest = hashlib.sha256()
    digest.update("\x1f".join(canonical(header.get(name)) for name in HEADER_FIELDS).encode())
    for line in sorted(lines, key=lambda row: str(row["line_key"])):
        digest.update(b"\x1e")
        digest.update("\x1f".join(canonical(line.get(name)) for name in LINE_FIELDS).encode())
        if line.get(CASE_FIELD) is not None:
            digest.update(f"\x1f{canonical(line[CASE_FIELD])}".encode())
    return digest.hexdigest()


def list_id(header: Mapping[str, object], sha256: str) -> str:
    """A name that tells what the list is and cannot be given to another: `auto_award.hn-x.2024.0f3a91c2d4`."""
    item = "all" if header["item_id"] == "*" else header["item_id"]
    return f"{header['kind']}.{item}.{header['cycle']}.{sha256[:10]}"


def award_key(enterprise_id: str, item_id: str, cycle: str, claim_unit: str) -> str:
    """32 hex: the identity of one award, also the idempotency key of its payment."""
    return _key("award", (enterprise_id, item_id, cycle, claim_unit))


def unit_key(item_id: str, claim_unit: str) -> str:
    """32 hex: the identity of one paid unit of an item, whoever claims it and whenever; its payment's idempotency key."""
    return _key("unit", (item_id, claim_unit))


def message_key(enterprise_id: str, item_id: str, cycle: str, template: str, wave: int) -> str:
    """32 hex: the identity of one message; the same one can never be sent twice."""
    return _key("message", (enterprise_id, item_id, cycle, template, str(wave)))


def _key(what: str, parts: Sequence[str]) -> str:
    return hashlib.sha256("\x1f".join((what, *parts)).encode()).hexdigest()[:32]
