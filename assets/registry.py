"""registry.*: who the enterprises are, every code and name they go by, and which of them each way of naming one means."""

from collections.abc import Iterator
from uuid import UUID

import dagster as dg
import polars as pl

from assets.ports import Control, Scope, Transaction, Warehouse, Written
from assets.registry_dated import said_on
from assets.registry_labels import (
    ENTERPRISE_LABELS,
    EVENT_LABELS,
    KEY_LABELS,
    NAME_LABELS,
    REVIEW_LABELS,
    SAID_LABELS,
    SUBJECT_LABELS,
)
from assets.registry_memory import looked_at, recall, remember
from assets.registry_relation import relation
from assets.sql import table_metadata
from data import contract
from evaluation.linkage import events
from matching.identity import crosswalk, judgements, model, names, scoring
from matching.identity.bulk import classify_frame
from matching.identity.increment import resolve_again
from matching.identity.resolve import Register, learned, resolve

# The namespace of our enterprise ids; changing it would give every enterprise a new identity.
NAMESPACE = UUID("6f1d6a3e-5c52-5d0b-9a57-2f0d3c1b8e46")

# What the register says of each of its subjects: the last state that is not a deletion, and whether a deletion came after it.
LATEST = """
WITH known AS (
  SELECT * FROM raw.market_baseinfo WHERE _received_at <= getvariable('known_at') AND pripid IS NOT NULL
), ranked AS (
  SELECT *,
    row_number() OVER (PARTITION BY pripid, op = 'D' ORDER BY op_at DESC NULLS LAST, approved_date DESC NULLS LAST, _received_at DESC, _file_id DESC, _row_no DESC) AS nth,
    first_value(op) OVER (PARTITION BY pripid ORDER BY op_at DESC NULLS LAST, approved_date DESC NULLS LAST, _received_at DESC, _file_id DESC, _row_no DESC) AS last_op,
    count(*) FILTER (op IS DISTINCT FROM 'D') OVER (PARTITION BY pripid) AS states,
    min(_received_at) OVER (PARTITION BY pripid) AS first_received_at
  FROM known
)
SELECT pripid, uscc, regno, name, legal_person, region_code AS region, address, phone_hash, enterprise_type, status,
  -- a founding after its own approval (2099-01-01) is a slip and dates nothing
  CASE WHEN established_date <= coalesce(approved_date, getvariable('known_at')::DATE) THEN established_date END AS established_date,
  last_op = 'D' AS is_deleted, first_received_at, _file_id AS file_id, _row_no AS row_no
FROM ranked WHERE nth = 1 AND (op IS DISTINCT FROM 'D' OR states = 0)
ORDER BY pripid
"""

# Codes of subjects that no market regulator registers (villages' collectives, associations, institutions), for ids by USCC.
STRANGERS = """
SELECT uscc, name, region, first_received_at FROM raw.subject
WHERE uscc IS NOT NULL AND name IS NOT NULL AND left(trim(uscc), 1) <> '9' AND first_received_at <= getvariable('known_at')
ORDER BY uscc, first_received_at, name
"""

REGISTER_CODES = """
SELECT e.enterprise_id, b.uscc, b.regno, b.pripid,
  min(coalesce(b.op_at, b._received_at))::DATE AS valid_from, max(coalesce(b.op_at, b._received_at))::DATE AS last_seen,
  min(b._received_at) AS received_at,
  arg_min(b._file_id, (b._received_at, b.op_at, b._file_id, b._row_no)) AS file_id,
  arg_min(b._row_no, (b._received_at, b.op_at, b._file_id, b._row_no)) AS row_no
FROM raw.market_baseinfo b JOIN registry.pripid e USING (pripid)
WHERE b._received_at <= getvariable('known_at')
GROUP BY ALL ORDER BY ALL
"""

NAMES = """
WITH seen AS (
  SELECT p.enterprise_id, b.name, coalesce(b.op_at, b._received_at)::DATE AS day
  FROM raw.market_baseinfo b JOIN registry.pripid p USING (pripid)
  WHERE b._received_at <= getvariable('known_at') AND b.name IS NOT NULL
), altered AS (
  SELECT p.enterprise_id, a.before_text, a.after_text, a.alter_date
  FROM raw.market_alter a JOIN registry.pripid p USING (pripid)
  WHERE a._received_at <= getvariable('known_at') AND a.alter_item IN ('name', '01', '001') AND a.alter_date IS NOT NULL
), pieces AS (
  SELECT enterprise_id, name, NULL::DATE AS valid_from, NULL::DATE AS valid_to, max(day) AS last_seen FROM seen GROUP BY enterprise_id, name
  UNION ALL SELECT enterprise_id, before_text, NULL, alter_date, NULL FROM altered WHERE before_text IS NOT NULL
  UNION ALL SELECT enterprise_id, after_text, alter_date, NULL, NULL FROM altered WHERE after_text IS NOT NULL
), told AS (
  SELECT enterprise_id, name, min(valid_from) AS valid_from, max(valid_to) AS valid_to, max(last_seen) AS last_seen
  FROM pieces GROUP BY enterprise_id, name
)
SELECT t.enterprise_id, t.name,
  coalesce(t.valid_from, CASE WHEN t.name = e.name THEN e.established_date END) AS valid_from,
  CASE WHEN t.name = e.name THEN NULL ELSE coalesce(t.valid_to, t.last_seen) END AS valid_to
FROM told t JOIN registry.enterprise e USING (enterprise_id)
UNION ALL
SELECT enterprise_id, name, NULL, NULL FROM registry.enterprise WHERE origin = 'department' AND name IS NOT NULL
ORDER BY ALL
"""

# What mart needs to know of a way of naming; raw.subject itself is no asset.
SAID = """
SELECT _subject_id, department, table_name, first_received_at FROM raw.subject WHERE first_received_at <= getvariable('known_at') ORDER BY _subject_id
"""

LABELS = {
    "subject": SUBJECT_LABELS,
    "said": SAID_LABELS,
    "review": REVIEW_LABELS,
    "key": KEY_LABELS,
    "event": EVENT_LABELS,
}
RAW_TABLES = [dg.AssetKey(["raw", t.key]) for t in contract.tables()]


def _id(kind: str, code: str) -> str:
    from uuid import uuid5

    return str(uuid5(NAMESPACE, f"{kind}:{code}"))


def enterprises(latest: pl.DataFrame, strangers: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(registry.enterprise, registry.pripid).

    Two numbers of the register with one sound USCC and one name are one enterprise (a firm entered again after a move), under the
    number that was received first; one USCC under two names is two enterprises with a conflict, never a merge.
    """
    told = pl.concat([latest, classify_frame(latest["uscc"]).select("kind", "code", "valid")], how="horizontal")
    told = told.with_columns(
        uscc=pl.when((pl.col("kind") == "uscc") & pl.col("valid")).then(pl.col("code")),
        nm=names.parsed(latest["name"])["nm"],
    ).sort("first_received_at", "pripid")
    first = pl.when(pl.col("uscc").is_not_null() & pl.col("nm").is_not_null()).then(
        pl.col("pripid").first().over("uscc", "nm")
    )
    told = told.with_columns(first=pl.coalesce(first, "pripid"))
    ids = {p: _id("pripid", p) for p in told["first"].unique().to_list()}
    told = told.with_columns(enterprise_id=pl.col("first").replace_strict(ids, default=None, return_dtype=pl.String))
    numbers = told.select("pripid", "enterprise_id").sort("pripid")
    # The attributes are those of the entry that is still alive, else of the one received last.
    kept = told.sort("is_deleted", "first_received_at", "pripid", descending=[False, True, False]).unique(
        "enterprise_id", keep="first", maintain_order=True
    )
    kept = kept.with_columns(pripid="first", origin=pl.lit("register"))
    codes = pl.concat([strangers, classify_frame(strangers["uscc"]).select("kind", "code", "valid")], how="horizontal")
    others = (
        codes.filter((pl.col("kind") == "uscc") & pl.col("valid"))
        .join(kept.select(code="uscc"), on="code", how="anti")
        .group_by("code")
        .agg(
            pl.col("name").mode().min(),
            pl.col("region").drop_nulls().first(),
            pl.col("first_received_at").min(),
        )
        .sort("code")
    )
    others = others.with_columns(
        enterprise_id=pl.Series([_id("uscc", c) for c in others["code"]], dtype=pl.String),
        uscc="code",
        origin=pl.lit("department"),
        is_deleted=pl.lit(False),
    )
    columns = list(ENTERPRISE_LABELS)
    both = pl.concat(
        [kept.select(columns), others.select(pl.col(c) for c in columns if c in others.columns)], how="diagonal_relaxed"
    )
    return both.select(columns).sort("enterprise_id"), numbers


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["registry", "enterprise"],
            description="企业主体:登记簿中每个主体一行(最新状态),另加凭信用代码确认的登记簿以外的组织",
            deps=RAW_TABLES,
            group_name="registry",
        ),
        dg.AssetSpec(
            ["registry", "pripid"], description="主体身份代码与企业编号对照", deps=RAW_TABLES, group_name="registry"
        ),
    ],
    name="registry_enterprise",
)
def enterprise(
    warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]
) -> Iterator[dg.MaterializeResult]:
    rows, numbers = enterprises(warehouse.frame(LATEST), warehouse.frame(STRANGERS))
    with warehouse.write() as w:
        kept = w.replace("registry.enterprise", rows)
        map_ = w.replace("registry.pripid", numbers)
    yield dg.MaterializeResult(asset_key=["registry", "enterprise"], metadata=table_metadata(kept, ENTERPRISE_LABELS))
    yield dg.MaterializeResult(
        asset_key=["registry", "pripid"],
        metadata=table_metadata(map_, {"pripid": "主体身份代码", "enterprise_id": "企业编号"}),
    )


@dg.asset(
    key=["registry", "name"],
    description="企业用过的每个名称及起止日期(现名、变更登记中的曾用名)",
    group_name="registry",
    deps=[["registry", "enterprise"], ["registry", "pripid"], ["raw", "market_baseinfo"], ["raw", "market_alter"]],
)
def name(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult:
    rows = warehouse.frame(NAMES)
    rows = rows.with_columns(clean_name=names.parsed(rows["name"])["nm"]).select(list(NAME_LABELS))
    with warehouse.write() as w:
        written = w.replace("registry.name", rows.sort(list(NAME_LABELS)))
    return dg.MaterializeResult(metadata=table_metadata(written, NAME_LABELS))


def register_keys(codes: pl.DataFrame) -> pl.DataFrame:
    """KEY_LABELS rows of REGISTER_CODES: pripid, uscc, reg15, and the organisation code inside the USCC, dated by when rows carried them.

    The file and row are those that were received first: what a later dump repeats is no new evidence.
    """
    base = codes.select(
        "enterprise_id", "valid_from", "last_seen", "received_at", "file_id", "row_no", "pripid", "uscc", "regno"
    )
    own = base.select(pl.exclude("uscc", "regno", "pripid"), kind=pl.lit("pripid"), code="pripid")
    parts = [own]
    for column in ("uscc", "regno"):
        held = base.filter(pl.col(column).is_not_null())
        told = pl.concat([held, classify_frame(held[column])], how="horizontal").filter(
            pl.col("valid") & pl.col("kind").is_in(["uscc", "reg15"])
        )
        parts.append(told.select(own.columns))
        parts.append(
            told.filter(pl.col("kind") == "uscc")
            .with_columns(kind=pl.lit("org9"), code=pl.col("code").str.slice(8, 9))
            .select(own.columns)
        )
    keys = (
        pl.concat(parts)
        .sort("received_at", "valid_from", "file_id", "row_no", nulls_last=True)
        .group_by("enterprise_id", "kind", "code", maintain_order=True)
        .agg(
            pl.col("valid_from").min(),
            pl.col("last_seen").max(),
            pl.col("file_id").first(),
            pl.col("row_no").first(),
        )
    )
    # A code is closed on the day on which the enterprise was last seen with it, if another of its kind was seen later.
    later = pl.col("last_seen").max().over("enterprise_id", "kind") > pl.col("last_seen")
    multiple = pl.len().over("enterprise_id", "kind") > 1
    return keys.with_columns(valid_to=pl.when(multiple & later).then("last_seen"), department=pl.lit("market")).select(
        list(KEY_LABELS)
    )


def register_of(warehouse: Warehouse, known: pl.DataFrame | None = None) -> Register:
    """The register as `resolve` wants it, from the tables registry.enterprise, pripid and name; `known`: names taken apart before."""
    others = warehouse.frame(
        "SELECT enterprise_id, 'uscc' AS kind, uscc AS code FROM registry.enterprise WHERE origin = 'department' ORDER BY ALL"
    )
    keys = register_keys(warehouse.frame(REGISTER_CODES)).select("enterprise_id", "kind", "code")
    return Register(
        enterprises=warehouse.frame(
            "SELECT enterprise_id, legal_person, region, phone_hash, address, established_date FROM registry.enterprise ORDER BY enterprise_id"
        ),
        keys=pl.concat([keys, others]),
        names=warehouse.frame("SELECT enterprise_id, name, valid_from, valid_to FROM registry.name ORDER BY ALL"),
        known=known,
    )


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            ["registry", "subject"],
            description="部门对主体的每一种称呼归到哪家企业、凭什么",
            deps=[*RAW_TABLES, ["registry", "enterprise"], ["registry", "pripid"], ["registry", "name"]],
            group_name="registry",
        ),
        dg.AssetSpec(
            ["registry", "said"],
            description="每一种称呼是哪个部门在哪张表里写的、何时首次收到",
            deps=RAW_TABLES,
            group_name="registry",
        ),
        dg.AssetSpec(
            ["registry", "review"],
            description="待人工复核的称呼及前五名候选",
            deps=[["registry", "enterprise"], ["registry", "name"]],
            group_name="registry",
        ),
        dg.AssetSpec(
            ["registry", "key"],
            description="企业的每个编码及起止日期:登记簿编码,以及从各部门登记中学到的部门编号",
            deps=[["registry", "enterprise"], ["registry", "pripid"]],
            group_name="registry",
        ),
        dg.AssetSpec(
            ["registry", "event"],
            description="归一结果的变动:与上次运行相比并入、拆出、改归的企业,只增不改",
            deps=[["registry", "enterprise"]],
            group_name="registry",
        ),
    ],
    name="registry_subject",
)
def subject(
    warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope], control: dg.ResourceParam[Control]
) -> Iterator[dg.MaterializeResult]:
    with control.transaction() as db:
        judgements.prepare(db)
        judged = judgements.standing(db, scope.known_at)
    # The register's own rows are most of the subjects and are identified by their number: they never leave the warehouse's join.
    own = warehouse.frame(
        """SELECT s._subject_id, p.enterprise_id, 'key' AS tier, 1.0::DOUBLE AS score, '登记簿主体身份代码' AS why
        FROM raw.subject s JOIN registry.pripid p ON p.pripid = s.local_id
        WHERE s.local_kind = 'pripid' AND s.first_received_at <= getvariable('known_at') ORDER BY s._subject_id"""
    )
    rest = warehouse.frame(
        """SELECT s.* FROM raw.subject s
        WHERE s.first_received_at <= getvariable('known_at')
          AND NOT (coalesce(s.local_kind, '') = 'pripid' AND s.local_id IN (SELECT pripid FROM registry.pripid))
        ORDER BY s._subject_id"""
    ).join(said_on(warehouse), on="_subject_id", how="left", maintain_order="left")
    last = recall(warehouse)
    seen = looked_at(rest, last.taken if last else None)
    register = register_of(warehouse, last.standing.register.parsed if last else None)
    scorer = scoring.scorer(model.loaded()) if model.MODEL.exists() else None
    if last is None:
        resolution, resolved_now = resolve(rest, register, judged, scorer), rest.height
    else:
        resolution, resolved_now = resolve_again(last.standing, rest, register, judged, scorer, seen)
    resolved = pl.concat([own, resolution.subject]).sort("_subject_id")
    codes = seen.written
    taught = (
        learned(codes, resolution.subject)
        .join(_first_said(codes, rest, resolution.subject), on=["enterprise_id", "kind", "code"], how="left")
        .with_columns(valid_to=pl.lit(None, pl.Date), file_id=pl.lit(None, pl.String), row_no=pl.lit(None, pl.Int64))
        .select(list(KEY_LABELS))
    )
    keys = register_keys(warehouse.frame(REGISTER_CODES))
    keys = pl.concat([keys.cast({"row_no": pl.Int64}), taught]).sort("enterprise_id", "kind", "code", "department")
    said = rest.select(
        "_subject_id",
        "department",
        "table_name",
        said_name="name",
        said_code=pl.coalesce(
            *crosswalk.SLOTS, pl.when(pl.col("local_kind").is_in(crosswalk.LEARNED)).then("local_id")
        ),
    )
    review = resolution.review.join(said, on="_subject_id", how="left").select(list(REVIEW_LABELS))
    happened = _events(warehouse, resolved, scope.build_id)
    with warehouse.write() as w:
        stored = _store(w, resolved, review.sort("_subject_id", "rank"), keys)
        stored["event"] = w.append("registry.event", happened, key=("build_id",))
        remember(w, register, judged, seen, rest)
    counts = {"resolved_now": resolved_now} | {
        f"tier_{r['tier']}": r["len"] for r in resolved.group_by("tier").len().sort("tier").to_dicts()
    }
    for key, written in stored.items():
        more = counts if key == "subject" else {}
        yield dg.MaterializeResult(
            asset_key=["registry", key], metadata={**table_metadata(written, LABELS[key]), **more}
        )


def _store(w: Transaction, resolved: pl.DataFrame, review: pl.DataFrame, keys: pl.DataFrame) -> dict[str, Written]:
    return {
        "subject": w.replace("registry.subject", resolved),
        "said": w.replace("registry.said", SAID),
        "review": w.replace("registry.review", review),
        "key": w.replace("registry.key", keys),
    }


def _events(warehouse: Warehouse, resolved: pl.DataFrame, build_id: str) -> pl.DataFrame:
    """What this run changed about subjects that the run before had resolved."""
    if not warehouse.exists("registry.subject"):
        before = resolved.clear()
    else:
        before = warehouse.frame("SELECT _subject_id, enterprise_id FROM registry.subject ORDER BY _subject_id")
    happened = events(before, resolved).with_columns(build_id=pl.lit(build_id), rows=pl.col("rows").cast(pl.Int64))
    return happened.select(list(EVENT_LABELS))


def _first_said(codes: pl.DataFrame, subjects: pl.DataFrame, resolved: pl.DataFrame) -> pl.DataFrame:
    """Who said a learned code first, and when: enterprise_id, kind, code, department, valid_from."""
    return (
        codes.filter(pl.col("kind").is_in(crosswalk.LEARNED))
        .join(resolved.filter(pl.col("enterprise_id").is_not_null()), on="_subject_id")
        .join(subjects.select("_subject_id", "department", "first_received_at"), on="_subject_id")
        .sort("first_received_at", "department", "_subject_id")
        .group_by("enterprise_id", "kind", "code", maintain_order=True)
        .agg(pl.col("department").first(), valid_from=pl.col("first_received_at").first().dt.date())
    )


REGISTRY_ASSETS = [enterprise, name, subject, relation]
