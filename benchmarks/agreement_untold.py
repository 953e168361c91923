"""What the world's truth holds and no delivered row could tell by the day, by enterprise: and what truth would be without it.

Asked of the world's own program and of the rows as they should have been sent (`truth_clean`), never of our tables. Each answer is one value: only
exactly that value is excused, any other stays ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from pathlib import Path

import numpy as np
import polars as pl

from data.world import calendar, pools
from data.world.parcel import World
from data.world.population import Population
from data.world.streams import Bools, Ints
from data.world.vantage import Vantage, minus_years
from data.world.views import disclosure, housing, reform
from data.world.views.labor import units
from evaluation.agreement import DEFINITION, GAP, PARTIAL, Untold

Found = Iterator[tuple[str, str, Untold]]
_ABNORMAL, _SERIOUS, _STRAYED = "经营异常名录", "严重违法失信名单", "税务非正常户"
_STRAY = "05"
_STATUS = {"03": "正常", _STRAY: "非正常", "07": "注销"}
_ACCIDENT, _POLLUTION, _GRAVE_CENTS = (1, 4), 6, 10_000_000


def untold(truth: Path, true_values: pl.DataFrame, as_of: date, known_at: datetime) -> dict[tuple[str, str], Untold]:
    """(uscc, indicator) → what truth would be without what no row tells. Empty without the world's own `world.json` beside `truth`.

    `true_values`: uscc, indicator, value.
    """
    manifest = truth.parent / "world.json"
    if not manifest.exists():
        return {}
    people = _people(manifest.read_text(encoding="utf-8"))
    facts = Vantage(people, as_of)
    rows = _Rows(truth, as_of, known_at)
    found = [*_conduct(facts, rows), *_excluded(facts, rows, true_values), *_ended(facts, rows), *_ahead(facts, rows)]
    found += [
        *_short(facts, rows),
        *_settled(facts),
        *_certified(facts, rows, true_values),
        *_still_listed(facts, rows),
    ]
    said = {(u, i): v for u, i, v in true_values.select("uscc", "indicator", "value").iter_rows()}
    # what is as truth says it is needs no excuse
    return {(u, i): told for u, i, told in found if (u, i) in said and said[u, i] != told.value}


@lru_cache(maxsize=1)
def _people(manifest: str) -> Population:
    return World.of(json.loads(manifest)).everyone


class _Rows:
    """The rows of a department's table as they should have been sent, of what had come by `known_at` and was of a period up to `as_of`."""

    def __init__(self, truth: Path, as_of: date, known_at: datetime) -> None:
        self.truth, self.as_of, self.known_at = truth, as_of, known_at

    def of(self, department: str, table: str) -> pl.DataFrame | None:
        """Nothing where the world keeps no such rows: whom nobody can speak for is not excused."""
        path = self.truth / "truth_clean" / f"{department}_{table}.parquet"
        if not path.exists():
            return None
        rows = pl.scan_parquet(path)
        if department == "reform":
            stamped = pl.col("updated_at").str.to_datetime("%Y-%m-%d %H:%M:%S")
            return rows.filter(stamped <= self.known_at).collect()
        received = pl.read_parquet(self.truth / "truth_delivery.parquet").drop_nulls(["file", "received_at"])
        came = received.group_by("file").agg(pl.col("received_at").min(), pl.col("period").first())
        came = came.filter((pl.col("received_at") <= self.known_at) & (pl.col("period") <= f"{self.as_of:%Y%m%d}"))
        return rows.join(came.lazy(), on="file", how="inner").collect()


def _told(rows: pl.DataFrame, column: str, form: str) -> set[tuple[int, date]]:
    """(eid, day) of every row that names a day."""
    day = pl.col(column).str.to_date(form, strict=False)
    return set(rows.select("eid", day=day).drop_nulls().iter_rows())


def _among(told: set[tuple[int, date]], ids: Ints, days: Ints) -> Bools:
    return np.array(
        [(int(e), calendar.date_of(int(d))) in told for e, d in zip(ids, days, strict=True)], dtype=np.bool_
    )


def _conduct(facts: Vantage, rows: _Rows) -> Found:
    """Penalties, repairs and listings that truth counts and no row tells: those decided or repaired in the weeks before the world's last day."""
    decided, listed = rows.of("reform", "XZCF"), rows.of("market", "AB_LIST")
    if decided is None or listed is None:
        return
    p = facts.people
    penalised = _told(decided, "cf_jdrq", "%Y/%m/%d")
    repaired = _told(decided.filter(cf_xyxf="1"), "cf_xyxfrq", "%Y/%m/%d")
    since = calendar.number_of(minus_years(facts.day, 3))
    count, cents = np.zeros(len(p), dtype=np.int64), np.zeros(len(p), dtype=np.int64)
    major, safety, green, wanting = (np.zeros(len(p), dtype=np.bool_) for _ in range(4))
    for year in range(facts.year - 3, facts.year + 1):
        hit, day, fine = reform.penalty(p, year)
        mended = reform.repaired_day(p, year)
        at = np.flatnonzero(hit & (day > since) & (day <= facts.number))
        sub = p.take(at)
        known = _among(penalised, sub.ids, day[at])
        over = mended[at] <= facts.number
        told_over = over & _among(repaired, sub.ids, np.where(over, mended[at], 0))
        live = known & ~told_over
        kind = sub.streams.below(len(reform._WRONGS), "penalty.kind", sub.ids, year)
        count[at] += live
        cents[at] += np.where(live, fine[at], 0)
        major[at] |= live & ((fine[at] >= _GRAVE_CENTS) | reform.stops_business(sub, year))
        safety[at] |= live & np.isin(kind, _ACCIDENT)
        green[at] |= live & (kind == _POLLUTION)
        wanting[at] |= live != ~over
    serious, unlisted = _listed(facts, listed, serious=True)
    uscc = p.uscc
    for k in np.flatnonzero(wanting).tolist():
        why = "处罚或修复尚无记录送来"
        yield uscc[k], "penalty_count_last_3_years", Untold(str(count[k]), GAP, why)
        yield uscc[k], "fine_yuan_last_3_years", Untold(_yuan(int(cents[k])), GAP, why)
        yield uscc[k], "safety_accident", Untold(_flag(safety[k]), GAP, why)
        yield uscc[k], "environmental_violation", Untold(_flag(green[k]), GAP, why)
    for k in np.flatnonzero(wanting | unlisted).tolist():
        why = "处罚、修复或列入名单尚无记录送来"
        yield uscc[k], "major_violation", Untold(_flag(major[k] | serious[k]), GAP, why)
    for k in np.flatnonzero(unlisted).tolist():
        why = "列入严重违法失信名单尚无记录送来"
        yield uscc[k], "is_serious_illegal", Untold(_flag(serious[k]), GAP, why)


def _listed(facts: Vantage, rows: pl.DataFrame, serious: bool) -> tuple[Bools, Bools]:
    """(on the list of the abnormal, or of the seriously dishonest, on the day by what rows tell; whether truth says otherwise)."""
    p = facts.people
    put_on, taken_off = (_told(rows, column, "%Y-%m-%d") for column in ("INDATE", "OUTDATE"))
    true, told = (np.zeros(len(p), dtype=np.bool_) for _ in range(2))
    for year in range(disclosure.FIRST_LISTING, facts.year):
        for reason, keep, day in disclosure.listings(p, year):
            if (reason == disclosure.SERIOUS) != serious:
                continue
            off = disclosure.removed_day(p.take(keep), day, year)
            begun, over = day <= facts.number, off <= facts.number
            true[keep[begun & ~over]] = True
            ended = over & _among(taken_off, p.ids[keep], np.where(over, off, 0))
            told[keep[begun & _among(put_on, p.ids[keep], day) & ~ended]] = True
    return told, true != told


def _excluded(facts: Vantage, rows: _Rows, true_values: pl.DataFrame) -> Found:
    """Lists of the excluded that no row has told of yet, and whom the tax office lists a month before truth has it registered."""
    listed, taxed = rows.of("market", "AB_LIST"), rows.of("tax", "SW_DJ_NSRXX")
    if listed is None or taxed is None:
        return
    p = facts.people
    abnormal, other = _listed(facts, listed, serious=False)
    serious, another = _listed(facts, listed, serious=True)
    status = _newest(taxed, p, "NSRZT_DM")
    early = (p.birth_month + 1 == facts.month + 1) & np.array([status.get(int(e)) == _STRAY for e in p.ids])
    held = dict(true_values.filter(pl.col("indicator") == "excluded_category").select("uscc", "value").iter_rows())
    uscc = p.uscc
    for k in np.flatnonzero(other).tolist():
        yield uscc[k], "is_abnormal_listed", Untold(_flag(abnormal[k]), GAP, "列入或移出名录尚无记录送来")
    for k in np.flatnonzero(other | another | early).tolist():
        words = {w for w in (held.get(uscc[k]) or "").split("、") if w}
        for word, wrong, told in ((_ABNORMAL, other, abnormal), (_SERIOUS, another, serious), (_STRAYED, early, early)):
            if wrong[k]:
                words = words | {word} if told[k] else words - {word}
        cause = GAP if other[k] or another[k] else DEFINITION
        yield (
            uscc[k],
            "excluded_category",
            Untold("、".join(sorted(words)), cause, "列入或移出名录尚无记录送来，或税务名册先于真值一个月"),
        )


def _settled(facts: Vantage) -> Found:
    """Truth counts a year by 365 days and by whole months, we by the day: of those founded or moved on its edge."""
    p = facts.people
    year_ago = calendar.number_of(minus_years(facts.day, 1))
    born = np.abs(p.birth_day - year_ago) <= 1
    edge = np.array([facts.month - 12, facts.month - 11, facts.month, facts.month + 1])
    came = np.isin(p.moved_month, edge) | np.isin(p.returned_month, edge)
    young = p.birth_day > facts.number - 365
    since = np.where(p.returned_month <= facts.month, p.returned_month, p.moved_month)
    true = young | ((since <= facts.month) & (since > facts.month - 12))
    uscc = p.uscc
    for k in np.flatnonzero(born | (came & ~young)).tolist():
        yield uscc[k], "newly_settled", Untold(_flag(not true[k]), DEFINITION, "真值按365天和整月计一年，我方按周年")


def _certified(facts: Vantage, rows: _Rows, true_values: pl.DataFrame) -> Found:
    """Truth goes by the certificates of the year before; those of the year are listed in its autumn."""
    listed = rows.of("agri", "RZ")
    if listed is None:
        return
    new = set(listed.filter(pl.col("period") == str(facts.year))["eid"])
    p = facts.people
    held = true_values.filter(pl.col("indicator") == "certifications").select("uscc", "value").iter_rows()
    eid = dict(zip(p.uscc.to_list(), p.ids.tolist(), strict=True))
    for code, value in held:
        if eid.get(code) in new:
            words = {w for w in (value or "").split("、") if w} | {"绿色食品"}
            yield (
                code,
                "certifications",
                Untold("、".join(sorted(words)), DEFINITION, "真值按上一年的证书，当年的名单已经送来"),
            )


def _ended(facts: Vantage, rows: _Rows) -> Found:
    """Who ended in the running month and has left the newest snapshot: truth counts the whole month."""
    snapshot = rows.of("housing", "t_zz")
    if calendar.last_day(facts.month) == facts.day or snapshot is None or snapshot.is_empty():
        return
    newest = snapshot.filter(pl.col("period") == pl.col("period").max())
    p = facts.people
    gone = (p.death_month == facts.month + 1) & housing.builds(p) & ~np.isin(p.ids, newest["eid"].to_numpy())
    for code in p.uscc.gather(np.flatnonzero(gone)).to_list():
        why = "当月注销，最近一份快照已无此户；真值计到月末"
        yield code, "construction_qualification", Untold(None, DEFINITION, why)
        yield code, "has_safety_permit", Untold("false", DEFINITION, why)


def _moved(facts: Vantage) -> Found:
    """Who moves in the running month: the register dates the move, truth counts the whole month at the old place."""
    if calendar.last_day(facts.month) == facts.day:
        return
    p, then = facts.people, facts.month + 1
    at = np.flatnonzero((p.moved_month == then) | (p.returned_month == then))
    sub = p.take(at)
    parks = np.where(sub.is_away(then) | (sub.cluster >= 0), -1, sub.park)
    why = "当月迁移，登记已按迁移日变更；真值计到月末"
    for code, park in zip(sub.uscc.to_list(), parks.tolist(), strict=True):
        yield code, "registered_park", Untold(pools.PARKS[park].id if park >= 0 else None, DEFINITION, why)


def _still_listed(facts: Vantage, rows: _Rows) -> Found:
    """Developers who end in the running month and stand in the newest snapshot, which is of before: truth leaves them out from the month's first day."""
    snapshot = rows.of("housing", "t_fdc")
    if calendar.last_day(facts.month) == facts.day or snapshot is None or snapshot.is_empty():
        return
    newest = snapshot.filter(pl.col("period") == pl.col("period").max())
    p = facts.people
    listed = (p.death_month == facts.month + 1) & np.isin(p.ids, newest["eid"].to_numpy())
    for code in p.uscc.gather(np.flatnonzero(listed)).to_list():
        yield code, "is_developer", Untold("true", DEFINITION, "当月注销或吊销，最近一份快照仍有此户；真值自当月起不计")


def _newest(listed: pl.DataFrame, people: Population, column: str) -> dict[int, str]:
    """eid → what the newest row under the firm's own serial says in the column."""
    own = listed.filter(pl.col("DJXH").is_in(people.tax_serial.implode()))
    newest = own.sort("period", "received_at", "row_no").unique("eid", keep="last", maintain_order=True)
    return dict(newest.select("eid", column).iter_rows())


def _ahead(facts: Vantage, rows: _Rows) -> Found:
    """Who moves, ends or enters the tax register in the month after and whom the tax office has already listed so: its list of a month tells of the next."""
    listed = rows.of("tax", "SW_DJ_NSRXX")
    if listed is None:
        return
    p = facts.people
    now, then = p.region_at(facts.month), p.region_at(facts.month + 1)
    # on the register from the month after the founding, off it from the month of the end
    turns = (p.death_month == facts.month + 1) | (p.birth_month == facts.month)
    at = np.flatnonzero((now != then) | turns)
    sub = p.take(at)
    office, status = (_newest(listed, sub, column) for column in ("ZGSWJ_DM", "NSRZT_DM"))
    turned = turns[at].tolist()
    for code, eid, region, turn in zip(sub.uscc.to_list(), sub.ids.tolist(), then[at].tolist(), turned, strict=True):
        if office.get(eid) == f"1{region}0000":
            yield code, "tax_region", Untold(str(region), DEFINITION, "税务名册已登记次月才迁入的地方")
        if turn and (word := _STATUS.get(status.get(eid, ""))):
            yield code, "taxpayer_status", Untold(word, DEFINITION, "税务名册已有次月的登记或注销")


def _short(facts: Vantage, rows: _Rows) -> Found:
    """Whose unit register lists more units for the month than there are rows of heads: what the rows that came add up to."""
    heads = rows.of("labor", "CBRS")
    if heads is None:
        return
    month = calendar.month_text(facts.month)
    year = str(calendar.year_of(facts.month) if calendar.year_of(facts.month) < facts.year else facts.year - 1)
    heads = heads.with_columns(of=pl.coalesce("费款所属期", "费款所属期起")).filter(
        (pl.col("of") == month) | pl.col("of").str.starts_with(year)
    )
    told = heads.filter(of=month).group_by("eid").agg(rows=pl.len(), heads=_sum("养老保险·参保人数", pl.Int64))
    listed = units(facts.people, facts.month).group_by("_eid").agg(units=pl.len()).rename({"_eid": "eid"})
    short = told.join(listed, on="eid").filter(pl.col("rows") < pl.col("units"))
    money = [c for c in heads.columns if c.endswith("实缴金额")]
    paid = (
        heads.filter(pl.col("of").str.starts_with(year))
        .group_by("eid")
        .agg(paid=pl.sum_horizontal(_sum(c, pl.Decimal(18, 2)) for c in money))
    )
    code = dict(zip(facts.people.ids.tolist(), facts.people.uscc.to_list(), strict=True))
    for eid, count, sum_ in short.join(paid, on="eid", how="left").select("eid", "heads", "paid").iter_rows():
        why = "单位名册有此户的另一单位，其当月的行没有送来"
        for name in ("employees_insured", "employees_insured_year_end"):
            yield code[eid], name, Untold(str(count), PARTIAL, why)
        if sum_ is not None and month.startswith(year):
            yield code[eid], "social_insurance_yuan_last_year", Untold(_plain(sum_), PARTIAL, why)


def _sum(column: str, kind: pl.DataType | type[pl.DataType]) -> pl.Expr:
    return pl.col(column).cast(kind, strict=False).sum()


def _flag(value: bool | np.bool_) -> str:
    return "true" if value else "false"


def _yuan(cents: int) -> str:
    return _plain(Decimal(cents) / 100)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
