"""identity.*: what the last resolution saw, kept so that the next one looks only at what can have changed; never published."""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import polars as pl

import data
import matching.identity
from assets.ports import Transaction, Warehouse
from matching.identity import names
from matching.identity.increment import Standing, Taken, taken
from matching.identity.resolve import REVIEW, SUBJECT, Register, Resolution

TABLES = ("enterprise", "key", "name", "subject", "written", "judgement", "basis")
ENTERPRISE = ["enterprise_id", "legal_person", "region", "phone_hash", "address", "established_date"]


@dataclass(frozen=True)
class Remembered:
    """`standing`: the last resolution; `taken`: the subjects of it as they are looked at."""

    standing: Standing
    taken: Taken


def basis() -> str:
    """A hash of everything that decides beside the deliveries: rules, words, model, places. Another basis has no memory."""
    files = [
        *Path(matching.identity.__path__[0]).glob("*.*"),
        Path(data.__path__[0]) / "gazetteer.py",
        *(Path(data.__path__[0]) / "reference").glob("regions.csv"),
        *(Path(data.__path__[0]) / "reference").glob("parks.csv"),
    ]
    told = sha256()
    for file in sorted(files):
        if file.suffix in (".py", ".csv", ".json"):
            told.update(file.name.encode() + file.read_bytes())
    return told.hexdigest()[:16]


def recall(warehouse: Warehouse) -> Remembered | None:
    """The last resolution of this basis; None where there is none, so that everything is resolved."""
    if not all(warehouse.exists(f"identity.{t}") for t in TABLES) or not warehouse.exists("registry.review"):
        return None
    if warehouse.frame("SELECT basis FROM identity.basis")["basis"].to_list() != [basis()]:
        return None
    parts = names.PARTS.names()
    named = warehouse.frame("SELECT * FROM identity.name ORDER BY enterprise_id, name")
    said = warehouse.frame("SELECT * FROM identity.subject ORDER BY _subject_id")
    told = warehouse.frame(
        "SELECT r.* FROM registry.subject r JOIN identity.subject USING (_subject_id) ORDER BY r._subject_id"
    )
    queue = warehouse.frame("SELECT * FROM registry.review ORDER BY _subject_id, rank")
    return Remembered(
        Standing(
            Register(
                enterprises=warehouse.frame("SELECT * FROM identity.enterprise ORDER BY enterprise_id"),
                keys=warehouse.frame("SELECT * FROM identity.key ORDER BY ALL"),
                names=named.select("enterprise_id", "name", "valid_to"),
                known=named,
            ),
            said.select("_subject_id", "said_on"),
            warehouse.frame("SELECT * FROM identity.judgement ORDER BY ALL"),
            Resolution(
                told.select(pl.col(c).cast(t) for c, t in SUBJECT.items()),
                queue.select(pl.col(c).cast(t) for c, t in REVIEW.items()),
            ),
        ),
        Taken(
            warehouse.frame("SELECT * FROM identity.written ORDER BY _subject_id, slot, code"),
            said.select("_subject_id", *parts),
        ),
    )


def looked_at(subjects: pl.DataFrame, before: Taken | None) -> Taken:
    """`taken` of all subjects, of which only those not taken before cost anything."""
    if before is None:
        return taken(subjects)
    new = taken(subjects.join(before.parsed, on="_subject_id", how="anti"))
    return Taken(
        pl.concat([before.written.select(new.written.columns), new.written]).join(
            subjects, on="_subject_id", how="semi"
        ),
        pl.concat([before.parsed.select(new.parsed.columns), new.parsed]).join(subjects, on="_subject_id", how="semi"),
    )


def remember(w: Transaction, register: Register, judged: pl.DataFrame, seen: Taken, subjects: pl.DataFrame) -> None:
    """Writes down what was resolved from, in the transaction that stores the result. `subjects`: _subject_id and said_on of all of them."""
    valid = register.names.group_by("enterprise_id", "name").agg(
        valid_to=pl.when(pl.col("valid_to").is_null().any()).then(None).otherwise(pl.col("valid_to").max())
    )
    named = register.parsed.join(valid, on=["enterprise_id", "name"], how="left")
    w.replace("identity.enterprise", register.enterprises.select(ENTERPRISE).sort("enterprise_id"))
    w.replace(
        "identity.key",
        register.keys.select("enterprise_id", "kind", "code").unique().sort("enterprise_id", "kind", "code"),
    )
    w.replace(
        "identity.name",
        named.select("enterprise_id", "name", "valid_to", *names.PARTS.names()).sort("enterprise_id", "name"),
    )
    dated = seen.parsed.join(subjects.select("_subject_id", "said_on"), on="_subject_id", how="left")
    w.replace("identity.subject", dated.sort("_subject_id"))
    w.replace("identity.written", seen.written.sort("_subject_id", "slot", "code"))
    w.replace(
        "identity.judgement", judged.select("_subject_id", "enterprise_id", "same").sort("_subject_id", "enterprise_id")
    )
    w.replace("identity.basis", pl.DataFrame({"basis": [basis()]}))
