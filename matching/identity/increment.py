"""Resolving again after a night's increment: only the subjects whose answer can have changed, with the answer that resolving all would give."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from matching.identity import crosswalk, days, names
from matching.identity.evidence import FEATURES, register_features, subject_features
from matching.identity.model import BLOCKS, COARSE, TERMS, size_step
from matching.identity.omitted import shortened
from matching.identity.resolve import Register, Resolution, Scorer, resolve, standing

ATTRIBUTES = ("legal_person", "region", "phone_hash", "address", "established_date")


@dataclass(frozen=True)
class Standing:
    """What was resolved last, and what it was resolved from; of `subjects`, _subject_id and said_on."""

    register: Register
    subjects: pl.DataFrame
    judgements: pl.DataFrame
    resolution: Resolution


@dataclass(frozen=True)
class Taken:
    """Subjects as they are looked at, kept from run to run because it depends on nothing else: `written` (crosswalk) and `parsed` (_subject_id, PARTS)."""

    written: pl.DataFrame
    parsed: pl.DataFrame


def taken(subjects: pl.DataFrame) -> Taken:
    """The codes and the parts of the names of subjects."""
    parsed = pl.concat([subjects.select("_subject_id"), names.parsed(subjects["name"])], how="horizontal")
    return Taken(crosswalk.written(subjects), parsed)


def resolve_again(
    before: Standing,
    subjects: pl.DataFrame,
    register: Register,
    judgements: pl.DataFrame | None,
    scorer: Scorer | None,
    seen: Taken | None = None,
) -> tuple[Resolution, int]:
    """(what `resolve` of everything would say, subjects looked at).

    `subjects` are all of them, old and new. Everything is resolved when the register lost a code, a name or an enterprise (an earlier day is
    asked for), when a subject is gone, or when the size that the model reckons with takes a step.
    """
    ids = affected(before, subjects, register, judgements, seen)
    if ids is None:
        return resolve(subjects, register, judgements, scorer), subjects.height
    part = resolve(subjects.join(ids, on="_subject_id", how="semi"), register, judgements, scorer)
    kept = [f.join(ids, on="_subject_id", how="anti") for f in (before.resolution.subject, before.resolution.review)]
    return (
        Resolution(
            pl.concat([kept[0], part.subject]).sort("_subject_id"),
            pl.concat([kept[1], part.review]).sort("_subject_id", "rank"),
        ),
        ids.height,
    )


def affected(
    before: Standing,
    subjects: pl.DataFrame,
    register: Register,
    judgements: pl.DataFrame | None,
    seen: Taken | None = None,
) -> pl.DataFrame | None:
    """The subjects (_subject_id) whose answer can differ; None when that is all of them.

    They are the new ones; those that are of another day than was known; those judged since; those that share a code, a name or a block of the
    model with an enterprise that changed, or have all of its name but a character, by what it was or by what it is; those put on such an
    enterprise or queued with it; and whoever shares a local number with one of these.
    """
    changed = _changed(before.register, register)
    gone = before.subjects.join(subjects, on="_subject_id", how="anti")
    if changed is None or gone.height or size_step(_named(before.register)) != size_step(_named(register)):
        return None
    seen = seen or taken(subjects)
    dated = [days.with_day(s).select("_subject_id", "said_on") for s in (before.subjects, subjects)]
    new = _difference(*dated).select("_subject_id").unique()
    judged = _difference(standing(before.judgements), standing(judgements)).select("_subject_id")
    found = [new, judged]
    if changed.height:
        # Only who was left to the model can be led elsewhere by its blocks.
        left = before.resolution.subject.filter(pl.col("tier").is_in(["model", "review", "none"])).select("_subject_id")
        for one in (before.register, register):
            found += _reached(_part(one, changed), left, subjects, seen)
        for told in (before.resolution.subject, before.resolution.review):
            found.append(told.join(changed, on="enterprise_id", how="semi").select("_subject_id"))
    return _with_company(pl.concat(found).unique(), seen.written).join(subjects, on="_subject_id", how="semi")


def _named(register: Register) -> int:
    """The enterprises that the model knows: branches are none of them."""
    return register.parsed.filter(pl.col("branch") == "")["enterprise_id"].n_unique()


def _difference(left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Rows of one that the other has not, both ways."""
    on = left.columns
    return pl.concat(
        [
            left.join(right, on=on, how="anti", nulls_equal=True),
            right.select(on).join(left, on=on, how="anti", nulls_equal=True),
        ]
    )


def _changed(before: Register, after: Register) -> pl.DataFrame | None:
    """Enterprises (enterprise_id) that are new or have another code, name or attribute; None when something was lost."""
    facts: list[tuple[pl.DataFrame, pl.DataFrame]] = []
    for table, columns in (("keys", ["enterprise_id", "kind", "code"]), ("names", ["enterprise_id", "name"])):
        facts.append((getattr(before, table).select(columns).unique(), getattr(after, table).select(columns).unique()))
    for old, now in facts:
        if old.join(now, on=old.columns, how="anti", nulls_equal=True).height:
            return None
    if before.enterprises.join(after.enterprises, on="enterprise_id", how="anti").height:
        return None
    columns = ["enterprise_id", *ATTRIBUTES]
    facts.append((before.enterprises.select(columns), after.enterprises.select(columns)))
    return pl.concat([_difference(old, now).select("enterprise_id") for old, now in facts]).unique()


def _part(register: Register, ids: pl.DataFrame) -> Register:
    """The register of some enterprises; what was parsed is taken over."""
    return replace(
        register,
        enterprises=register.enterprises.join(ids, on="enterprise_id", how="semi"),
        keys=register.keys.join(ids, on="enterprise_id", how="semi"),
        names=register.names.join(ids, on="enterprise_id", how="semi"),
        known=register.parsed.join(ids, on="enterprise_id", how="semi"),
    )


def _reached(changed: Register, left: pl.DataFrame, subjects: pl.DataFrame, seen: Taken) -> list[pl.DataFrame]:
    """Subjects that a code or the whole name could lead to one of these enterprises; of those `left` to the model, also whom a block leads there,
    or whose terms these enterprises make more common.
    """
    by_code = crosswalk.votes(seen.written, changed.keys).select("_subject_id")
    by_name = seen.parsed.join(changed.parsed.select("nm").drop_nulls().unique(), on="nm", how="semi").select(
        "_subject_id"
    )
    theirs, _ = register_features(changed.enterprises, changed.parsed)
    said = subject_features(subjects.join(left, on="_subject_id", how="semi"), seen.parsed)
    wanted = [*BLOCKS, *((c,) for c in TERMS if c not in COARSE)]
    assert all(c in FEATURES for columns in wanted for c in columns)
    found = [
        said.join(theirs.select(columns).drop_nulls().unique(), on=list(columns), how="semi").select(
            _subject_id="unique_id"
        )
        for columns in sorted(set(wanted))
    ]
    # A name one character longer makes a likeness doubtful.
    short = shortened(changed.parsed.select("core")).select(core="short").unique()
    found.append(said.join(short, on="core", how="semi").select(_subject_id="unique_id"))
    return [by_code, by_name, *found]


def _with_company(ids: pl.DataFrame, written: pl.DataFrame) -> pl.DataFrame:
    """`ids` and everybody who shares a local number with one of them, directly or through others: what one is found to be teaches the next."""
    local = written.filter(pl.col("kind").is_in(crosswalk.LEARNED)).select("_subject_id", "kind", "code").unique()
    while True:
        numbers = local.join(ids, on="_subject_id", how="semi").select("kind", "code").unique()
        wider = pl.concat([ids, local.join(numbers, on=["kind", "code"], how="semi").select("_subject_id")]).unique()
        if wider.height == ids.height:
            return ids.sort("_subject_id")
        ids = wider
