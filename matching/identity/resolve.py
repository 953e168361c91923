"""Which enterprise each way of naming one means: judgements, then codes, then exact names, then what other rows taught; the rest is for the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import polars as pl

from matching.identity import crosswalk, days, names, whole_names

AGREES = 0.85
CONTRADICTS = 0.6
# The probability from which the model's candidate is the one, if its name is also borne out.
LIKELY = 0.95

SUBJECT = pl.Schema(
    {
        "_subject_id": pl.String(),
        "enterprise_id": pl.String(),
        "tier": pl.String(),
        "score": pl.Float64(),
        "why": pl.String(),
    }
)
REVIEW = pl.Schema(
    {
        "_subject_id": pl.String(),
        "rank": pl.Int64(),
        "enterprise_id": pl.String(),
        "score": pl.Float64(),
        "reason": pl.String(),
        "why": pl.String(),
    }
)
TIERS = ("judgement", "key", "repair", "name", "local", "model", "review", "outside", "none")


@dataclass(frozen=True)
class Register:
    """What is known of enterprises.

    `enterprises`: enterprise_id, legal_person, region, phone_hash, address (current values, any may be null), established_date (may be left out).
    `keys`: enterprise_id, kind, code. `names`: enterprise_id, name, valid_from, valid_to (valid_to null: current).
    `known`: parts of names taken apart before (name, PARTS; other columns are ignored), so that only new names are.
    """

    enterprises: pl.DataFrame
    keys: pl.DataFrame
    names: pl.DataFrame
    known: pl.DataFrame | None = None
    parsed: pl.DataFrame = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "enterprises", days.with_founding(self.enterprises))
        distinct = self.names.select("enterprise_id", "name", "valid_to").filter(pl.col("name").is_not_null())
        distinct = distinct.group_by("enterprise_id", "name").agg(current=pl.col("valid_to").is_null().any())
        distinct = distinct.sort("enterprise_id", "name")
        object.__setattr__(
            self, "parsed", distinct.join(self._parts(distinct["name"]), on="name").sort("enterprise_id", "name")
        )

    def _parts(self, wanted: pl.Series) -> pl.DataFrame:
        """name and PARTS of each distinct name."""
        distinct = wanted.unique().sort().to_frame("name")
        columns = ["name", *names.PARTS.names()]
        if self.known is None:
            return pl.concat([distinct, names.parsed(distinct["name"])], how="horizontal").select(columns)
        there = self.known.select(columns).unique("name").join(distinct, on="name", how="semi")
        new = distinct.join(there, on="name", how="anti")
        return pl.concat([there, pl.concat([new, names.parsed(new["name"])], how="horizontal").select(columns)])


@dataclass(frozen=True)
class Resolution:
    """`subject`: one row per subject, as SUBJECT. `review`: candidates for a clerk, best first, as REVIEW."""

    subject: pl.DataFrame
    review: pl.DataFrame


# What a model is to `resolve`: open subjects with a name, and their parsed names, to (accepted, for the clerk).
Scorer = Callable[[pl.DataFrame, pl.DataFrame, Register], tuple[pl.DataFrame, pl.DataFrame]]


def resolve(
    subjects: pl.DataFrame, register: Register, judgements: pl.DataFrame | None = None, scorer: Scorer | None = None
) -> Resolution:
    """Resolves raw.subject rows against the register; what codes and exact names leave goes to `scorer`, if there is one.

    The answer for a subject depends on the sets given, never on their order. `subjects` may say of which day they are (`said_on`). `judgements`: _subject_id, enterprise_id, same (bool).
    A subject that is left without an enterprise has tier `review` (there are candidates), `outside` (its code is sound and not in the
    register) or `none`.
    """
    subjects = days.with_day(subjects).unique("_subject_id").sort("_subject_id")
    parsed = pl.concat([subjects.select("_subject_id"), names.parsed(subjects["name"])], how="horizontal")
    state = _Bench(subjects, parsed, register, standing(judgements))
    state.judge()
    written = crosswalk.written(subjects)
    state.by_code(written, register.keys)
    state.by_name(written)
    state.by_lesson(written)
    if scorer is not None:
        state.by_model(written, scorer)
        state.by_lesson(written)
    state.close(written)
    return Resolution(
        state.decided.select(SUBJECT.names()).sort("_subject_id"),
        state.queue.select(REVIEW.names()).sort("_subject_id", "rank"),
    )


def standing(judgements: pl.DataFrame | None) -> pl.DataFrame:
    """Judgements as they are used: _subject_id, enterprise_id, same; empty for None."""
    schema = {"_subject_id": pl.String(), "enterprise_id": pl.String(), "same": pl.Boolean()}
    if judgements is None or judgements.is_empty():
        return pl.DataFrame(schema=schema)
    return judgements.select(pl.col(c).cast(t) for c, t in schema.items())


class _Bench:
    """The decisions of one run as they come in; each step looks only at subjects that no step before it has decided."""

    def __init__(self, subjects: pl.DataFrame, parsed: pl.DataFrame, register: Register, judged: pl.DataFrame) -> None:
        self.subjects = subjects
        self.parsed = parsed
        self.register = register
        self.judged = judged
        self.refused = judged.filter(~pl.col("same")).select("_subject_id", "enterprise_id").unique()
        self.decided = pl.DataFrame(schema=SUBJECT)
        self.queue = pl.DataFrame(schema=REVIEW)

    def open(self) -> pl.DataFrame:
        return self.subjects.join(self.decided, on="_subject_id", how="anti")

    def decide(self, rows: pl.DataFrame, tier: str) -> None:
        if rows.height:
            new = rows.with_columns(pl.col("score").cast(pl.Float64).round(6), tier=pl.lit(tier))
            new = new.select(pl.col(c).cast(t) for c, t in SUBJECT.items())
            self.decided = pl.concat([self.decided, new])

    def defer(self, candidates: pl.DataFrame, reason: str) -> None:
        """To the queue: _subject_id, enterprise_id, score, why; the five best of each subject."""
        if candidates.is_empty():
            return
        ranked = (
            candidates.with_columns(pl.col("score").cast(pl.Float64).round(6))
            .sort("_subject_id", "score", "enterprise_id", descending=[False, True, False], nulls_last=True)
            .unique(["_subject_id", "enterprise_id"], keep="first", maintain_order=True)
            .with_columns(rank=pl.int_range(1, pl.len() + 1).over("_subject_id"), reason=pl.lit(reason))
            .filter(pl.col("rank") <= 5)
        )
        self.queue = pl.concat([self.queue, ranked.select(pl.col(c).cast(t) for c, t in REVIEW.items())])
        first = ranked.filter(pl.col("rank") == 1)
        self.decide(
            first.select(
                "_subject_id", enterprise_id=pl.lit(None, pl.String), score="score", why=pl.lit(f"待人工复核:{reason}")
            ),
            "review",
        )

    def judge(self) -> None:
        """Positive judgements; a subject judged to be two enterprises goes back to the clerk."""
        yes = self.judged.filter("same").select("_subject_id", "enterprise_id").unique()
        yes = yes.join(self.subjects.select("_subject_id"), on="_subject_id", how="semi")
        one = yes.filter(pl.len().over("_subject_id") == 1)
        self.decide(one.with_columns(score=pl.lit(1.0), why=pl.lit("人工判定为同一主体")), "judgement")
        two = yes.join(one, on="_subject_id", how="anti")
        self.defer(two.with_columns(score=pl.lit(1.0), why=pl.lit("人工判定")), "人工判定互相矛盾")

    def names_agree(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """`pairs` (_subject_id, enterprise_id, …) with `agreement`: the best likeness to any name the enterprise ever had, null without a name."""
        distinct = pairs.select("_subject_id", "enterprise_id").unique()
        named = distinct.join(self.parsed.filter(pl.col("nm").is_not_null()), on="_subject_id").join(
            self.register.parsed, on="enterprise_id", suffix="_r"
        )
        right = named.select(pl.col(f"{c}_r").alias(c) for c in names.PARTS.names())
        scored = named.select("_subject_id", "enterprise_id").with_columns(
            agreement=names.alike(named.select(names.PARTS.names()), right)
        )
        best = scored.group_by("_subject_id", "enterprise_id").agg(pl.col("agreement").max())
        return pairs.join(best, on=["_subject_id", "enterprise_id"], how="left")

    def by_code(self, written: pl.DataFrame, keys: pl.DataFrame, tier: str = "key") -> None:
        """Codes decide; a name that contradicts them, or two codes of two enterprises, goes to the clerk."""
        open_ = self.open().select("_subject_id")
        votes = crosswalk.votes(written.join(open_, on="_subject_id", how="semi"), keys)
        votes = votes.join(self.refused, on=["_subject_id", "enterprise_id"], how="anti")
        votes = self.names_agree(votes)
        # The register's own number is the identity, whatever name a later row of it carries.
        own = votes.filter(pl.col("kind") == "pripid").select("_subject_id", "enterprise_id").unique()
        own = own.filter(pl.len().over("_subject_id") == 1)
        self.decide(own.with_columns(score=pl.lit(1.0), why=pl.lit("登记簿主体身份代码")), tier)
        votes = votes.join(own, on="_subject_id", how="anti")

        strong = votes.filter(pl.col("strength") == "strong")
        reached = (
            strong.group_by("_subject_id", "enterprise_id")
            .agg(pl.col("agreement").max(), how=pl.col("kind").unique().sort().str.join("、"))
            .with_columns(n=pl.len().over("_subject_id"))
        )
        one = reached.filter(pl.col("n") == 1)
        sound = one.filter(pl.col("agreement").is_null() | (pl.col("agreement") >= CONTRADICTS))
        self.decide(sound.with_columns(score=pl.lit(1.0), why=pl.concat_str(pl.lit("编码一致:"), "how")), tier)
        against = one.join(sound, on="_subject_id", how="anti")
        self.defer(self._with_namesakes(against, "编码指向此主体"), "编码与名称指向不同主体")

        several = reached.filter(pl.col("n") > 1)
        fits = several.filter(pl.col("agreement") >= AGREES).filter(pl.len().over("_subject_id") == 1)
        rivals = several.join(fits, on=["_subject_id", "enterprise_id"], how="anti").filter(
            pl.col("agreement") >= CONTRADICTS
        )
        clear = fits.join(rivals, on="_subject_id", how="anti")
        self.decide(clear.with_columns(score=pl.lit(0.99), why=pl.lit("多个编码互相矛盾,名称只与此主体一致")), tier)
        self.defer(
            several.join(clear, on="_subject_id", how="anti").select(
                "_subject_id",
                "enterprise_id",
                score=pl.col("agreement").fill_null(0.5),
                why=pl.concat_str(pl.lit("编码指向:"), "how"),
            ),
            "多个编码指向不同主体",
        )

        open_ = self.open().select("_subject_id")
        doubtful = votes.filter(pl.col("strength") != "strong").join(open_, on="_subject_id", how="semi")
        backed = doubtful.filter(pl.col("agreement") >= AGREES)
        reached = backed.group_by("_subject_id", "enterprise_id").agg(
            pl.col("agreement").max(), strength=pl.col("strength").min(), code=pl.col("code").min()
        )
        single = reached.filter(pl.len().over("_subject_id") == 1)
        self.decide(
            single.select(
                "_subject_id",
                "enterprise_id",
                score=pl.lit(0.99),
                why=pl.concat_str(pl.lit("编码存疑,与 "), "code", pl.lit(" 唯一相近且名称一致")),
            ),
            "repair",
        )
        self.defer(
            reached.join(single, on="_subject_id", how="anti").select(
                "_subject_id", "enterprise_id", score="agreement", why=pl.lit("编码相近且名称相近")
            ),
            "存疑编码与多个主体相近",
        )

    def _with_namesakes(self, against: pl.DataFrame, why: str) -> pl.DataFrame:
        """Candidates of a contradiction: whom the code means, and whom the name means."""
        by_name = (
            against.select("_subject_id")
            .join(self.parsed.select("_subject_id", "nm"), on="_subject_id")
            .join(self.register.parsed.select("enterprise_id", "nm"), on="nm")
            .select("_subject_id", "enterprise_id", score=pl.lit(0.5), why=pl.lit("名称与此主体完全一致"))
        )
        by_code = against.select(
            "_subject_id",
            "enterprise_id",
            score=pl.lit(0.5),
            why=pl.lit(why + ",名称相似度 ") + pl.col("agreement").round(2).cast(pl.String),
        )
        return pl.concat([by_code, by_name])

    def by_name(self, written: pl.DataFrame) -> None:
        """The whole name, in any order of its parts, belongs to one enterprise, and what else is said speaks for it (`whole_names`)."""
        pairs = whole_names.pairs_of(self.open(), self.parsed, self.register, self.refused)
        if pairs.is_empty():
            return
        stranger = pairs.join(_sound_uscc(written), on="_subject_id", how="semi")
        self.defer(
            stranger.select("_subject_id", "enterprise_id", score=pl.lit(0.5), why="fields"),
            "信用代码有效但不在登记簿,名称却与登记主体一致",
        )
        decided, waiting = whole_names.judged(pairs.join(stranger, on="_subject_id", how="anti"))
        self.decide(decided, "name")
        for reason, candidates in waiting.items():
            self.defer(candidates, reason)

    def by_lesson(self, written: pl.DataFrame) -> None:
        """Local numbers, through the enterprises that rows with the same number were found to be."""
        for _ in range(2):
            lessons = learned(written, self.decided)
            before = self.decided.height
            self.by_code(written.filter(pl.col("kind").is_in(crosswalk.LEARNED)), lessons, tier="local")
            if self.decided.height == before:
                return

    def by_model(self, written: pl.DataFrame, scorer: Scorer) -> None:
        """The model's word on subjects whose codes are of no use; a sound code of nobody in the register is never overruled by a name."""
        named = self.open().join(_sound_uscc(written), on="_subject_id", how="anti")
        parsed = self.parsed.filter(pl.col("nm").is_not_null() & (pl.col("core").str.len_chars() >= 2))
        named = named.join(parsed.select("_subject_id"), on="_subject_id", how="semi")
        if named.is_empty():
            return
        accepted, doubtful = scorer(named, parsed.join(named, on="_subject_id", how="semi"), self.register)
        accepted = accepted.join(self.refused, on=["_subject_id", "enterprise_id"], how="anti")
        doubtful = doubtful.join(self.refused, on=["_subject_id", "enterprise_id"], how="anti")
        told = ["_subject_id", "enterprise_id", pl.col("probability").alias("score"), "why"]
        days_of = accepted.join(named.select("_subject_id", "name", "said_on"), on="_subject_id").join(
            self.register.enterprises.select("enterprise_id", "established_date"), on="enterprise_id"
        )
        early = days_of.filter(days.early()).with_columns(why=pl.concat_str("why", pl.lit(";"), days.told()))
        branches = parsed.filter(pl.col("branch") != "").select("_subject_id")
        of_branch = accepted.join(branches, on="_subject_id", how="semi")
        early = early.join(of_branch, on="_subject_id", how="anti")
        waiting = pl.concat([of_branch.select("_subject_id"), early.select("_subject_id")])
        self.decide(accepted.join(waiting, on="_subject_id", how="anti").select(told), "model")
        self.defer(of_branch.select(told), "分支机构名称,可能属于此主体")
        self.defer(early.select(told), days.EARLY)
        likely = pl.col("probability").max().over("_subject_id") >= LIKELY
        self.defer(doubtful.filter(likely).select(told), "与一家很像,名称仍有出入")
        self.defer(doubtful.filter(~likely).select(told), "名称相近,把握不足")

    def close(self, written: pl.DataFrame) -> None:
        """What is left: sound codes of nobody we know, and subjects that say too little."""
        open_ = self.open().select("_subject_id", "name")
        outside = open_.join(_sound_uscc(written), on="_subject_id", how="semi")
        nothing = pl.lit(None, pl.String)
        self.decide(
            outside.select(
                "_subject_id",
                enterprise_id=nothing,
                score=pl.lit(None, pl.Float64),
                why=pl.lit("信用代码有效,但登记簿中没有此主体"),
            ),
            "outside",
        )
        rest = open_.join(outside, on="_subject_id", how="anti")
        self.decide(
            rest.select(
                "_subject_id",
                enterprise_id=nothing,
                score=pl.lit(None, pl.Float64),
                why=pl.when(pl.col("name").is_null())
                .then(pl.lit("没有名称,也没有可对照的编码"))
                .otherwise(pl.lit("名称与编码都没有对上任何主体")),
            ),
            "none",
        )


def _sound_uscc(written: pl.DataFrame) -> pl.DataFrame:
    return written.filter((pl.col("kind") == "uscc") & pl.col("valid") & ~pl.col("suspect"))


def learned(written: pl.DataFrame, decided: pl.DataFrame) -> pl.DataFrame:
    """Crosswalks taught by decided subjects: enterprise_id, kind, code of every local number they carry."""
    return (
        written.filter(pl.col("kind").is_in(crosswalk.LEARNED) & pl.col("valid") & ~pl.col("suspect"))
        .join(decided.filter(pl.col("enterprise_id").is_not_null()), on="_subject_id")
        .select("enterprise_id", "kind", "code")
        .unique()
        .sort("kind", "code", "enterprise_id")
    )
