"""Keyless rows against a large register: precision, recall, queue, recall by defect, time and memory. One command:

    python -m benchmarks.identity [--register 50000] [--rows 20000] [--seeds 5,6,8]

Names and defects are the mock world's (rates of feeds.md §3.5); one row in thirteen is of an enterprise that the register does not have, and of
those one in four is a hard one: the name of a registered enterprise of another province, with another trade, or with a character that sounds alike.
"""

import argparse
import json
import re
import resource
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from data.world import calendar, pools
from data.world.defects import HOMOPHONES, dirty_names
from data.world.population import Population, population
from data.world.streams import Streams
from evaluation import linkage
from matching.identity import increment, model, scoring
from matching.identity.resolve import Register, resolve

CHUNK = 250_000
PLACES = "^(?:海南|" + "|".join(sorted({r.short for r in pools.REGIONS})) + ")|（海南）"
MONTH = calendar.LAST_MONTH
# What departments give beside a name, and how often: nothing, a county, a county and a person, a person, a phone.
GIVEN = (0.40, 0.35, 0.10, 0.10, 0.05)


@dataclass(frozen=True)
class Case:
    """A register, the rows said, and who each row truly is (null: nobody in the register)."""

    register: Register
    subjects: pl.DataFrame
    truth: pl.DataFrame


def _people(people: Population) -> pl.DataFrame:
    renamed = people.renamed_month <= MONTH
    return pl.DataFrame(
        {
            "eid": people.ids, "first_name": people.name, "new_name": people.new_name, "renamed": renamed, "legal_person": people.person,
            "region": people.region_at(MONTH).astype(str), "old_region": people.region.astype(str), "phone_hash": people.phone,
            "address": people.address_at(MONTH), "established_date": pl.Series(people.birth_day).cast(pl.Int32).cast(pl.Date),
        }
    ).with_columns(name=pl.when("renamed").then("new_name").otherwise("first_name"), enterprise_id=pl.format("e{}", "eid"))  # fmt: skip


def case(seed: int, size: int, rows: int) -> Case:
    """`rows` rows of registered enterprises and a twelfth as many of absent ones."""
    known = pl.concat([_people(population(seed, a, min(a + CHUNK, size))) for a in range(0, size, CHUNK)])
    absent = _people(population(seed, size, size + rows // 12))
    streams = Streams(seed + 1_000_003)
    draw = np.random.default_rng(seed)
    register = Register(
        enterprises=known.select("enterprise_id", "legal_person", "region", "phone_hash", "address", "established_date"),
        keys=pl.DataFrame(schema={"enterprise_id": pl.String, "kind": pl.String, "code": pl.String}),
        names=pl.concat(
            [
                known.select("enterprise_id", "name", valid_from=pl.lit(None, pl.String), valid_to=pl.lit(None, pl.String)),
                known.filter("renamed").select("enterprise_id", name="first_name", valid_from=pl.lit(None, pl.String), valid_to=pl.lit("2022-01-01")),
            ]
        ),
    )  # fmt: skip
    chosen = known.sample(rows, seed=seed, with_replacement=rows > size)
    both = pl.concat([chosen.with_columns(present=True), _harder(absent, known, draw).with_columns(present=False)])
    # A renamed enterprise goes by its old name in six rows of ten.
    old = pl.Series(draw.random(both.height) < 0.6)
    both = both.with_columns(
        said=pl.when(pl.col("renamed") & old).then("first_name").otherwise("name"),
        _defects=pl.when(pl.col("renamed") & old & pl.col("present")).then(pl.lit("former_name")).otherwise(pl.lit("")),
    )
    both = both.with_columns(_eid=pl.int_range(pl.len(), dtype=pl.Int64))
    both = dirty_names(both, "said", streams, "bench", 0, 1.0)
    given = pl.Series("given", draw.choice(len(GIVEN), both.height, p=GIVEN))
    both = both.with_columns(given, _subject_id=pl.format("s{}", "_eid"), said_on=_days(both, draw))
    subjects = both.select(
        "_subject_id",
        *[pl.lit(None, pl.String).alias(c) for c in ("uscc", "regno", "org_code", "tax_id", "customs_code", "trade_code", "local_kind", "local_id")],
        name="said",
        legal_person=pl.when(pl.col("given").is_in([2, 3])).then("legal_person"),
        region=pl.when(pl.col("given").is_in([1, 2])).then("old_region"),
        address=pl.lit(None, pl.String),
        phone_hash=pl.when(pl.col("given") == 4).then("phone_hash"),
        said_on="said_on",
    )  # fmt: skip
    truth = both.select("_subject_id", true=pl.when("present").then("enterprise_id"), defects="_defects", given="given")
    return Case(register, subjects, truth)


def _days(rows: pl.DataFrame, draw: np.random.Generator) -> pl.Series:
    """A day on which the row's enterprise was founded already, of the absent any of fifteen years."""
    closing = calendar.number_of(calendar.CLOSING_DAY)
    first = rows.select(
        pl.when("present").then(pl.col("established_date").cast(pl.Int32)).otherwise(closing - 15 * 365).clip(upper_bound=closing)
    ).to_series().to_numpy()  # fmt: skip
    return (
        pl.Series(first + (draw.random(rows.height) * (closing - first)).astype(np.int64)).cast(pl.Int32).cast(pl.Date)
    )


def _harder(absent: pl.DataFrame, known: pl.DataFrame, draw: np.random.Generator) -> pl.DataFrame:
    """A quarter of the absent borrow a registered name: of another province, of another trade, or one that sounds alike of another county.

    At one registrar the law bars names that sound alike within a trade (133号), so that case would be no name.
    """
    victims = known["name"].gather(draw.integers(0, known.height, absent.height)).to_list()
    kinds = draw.integers(0, 12, absent.height)
    names = []
    for name, victim, kind in zip(absent["name"].to_list(), victims, kinds, strict=True):
        body = re.sub(PLACES, "", victim)
        if kind == 0:
            names.append("广东" + body)
        elif kind == 1:
            names.append(victim.replace("有限公司", "检测服务有限公司") if "有限公司" in victim else name)
        elif kind == 2:
            spots = [i for i, c in enumerate(body[:3]) if c in HOMOPHONES]
            place = "琼海" if not victim.startswith("琼海") else "万宁"
            names.append(
                place + body[: spots[0]] + HOMOPHONES[body[spots[0]]] + body[spots[0] + 1 :] if spots else name
            )
        else:
            names.append(name)
    return absent.with_columns(name=pl.Series(names), renamed=pl.lit(False))


def measured(seed: int, size: int, rows: int) -> dict[str, Any]:
    """One world's figures; CPU seconds are of the resolving alone."""
    made = case(seed, size, rows)
    wall, cpu = time.perf_counter(), time.process_time()
    told = resolve(made.subjects, made.register, None, scoring.scorer(model.loaded()))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    table = made.truth.join(told.subject, on="_subject_id").rename({"enterprise_id": "told"})
    queue = table.filter(pl.col("tier") == "review")
    candidates = told.review.join(made.truth, on="_subject_id").filter(pl.col("enterprise_id") == pl.col("true"))
    found = table.join(candidates.select("_subject_id").unique().with_columns(found=True), on="_subject_id", how="left")
    reviewed = found.with_columns(told=pl.when(pl.col("found").fill_null(False)).then("true").otherwise("told"))
    by_defect = linkage.by_defect(table.filter(pl.col("true").is_not_null()))
    return {
        "seed": seed,
        "register": size,
        "automatic": linkage.measured(table).__dict__,
        "after_review": linkage.measured(reviewed).recall,
        "queue_share": queue.height / table.height,
        "wrong_absent": table.filter(pl.col("true").is_null() & pl.col("told").is_not_null()).height,
        "absent": table.filter(pl.col("true").is_null()).height,
        "recall": {r["defect"]: round(r["recall"], 3) for r in by_defect.to_dicts()},
        "wrong": {
            r["defect"]: int(r["assigned"] - r["right"]) for r in by_defect.to_dicts() if r["assigned"] > r["right"]
        },
        "seconds": round(wall, 1),
        "cpu_seconds": round(cpu, 1),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def increment_measured(seed: int, size: int, rows: int, share: float) -> dict[str, Any]:
    """CPU seconds of resolving all, and of resolving again after the last `share` of the rows and of the register came in; both say the same."""
    made = case(seed, size, rows)
    scorer = scoring.scorer(model.loaded())
    late = pl.col("enterprise_id").str.slice(1).cast(pl.Int64) >= int(size * (1 - share))
    old = Register(*(getattr(made.register, t).filter(~late) for t in ("enterprises", "keys", "names")))
    earlier = made.subjects.head(int(made.subjects.height * (1 - share)))
    seen = increment.taken(made.subjects)
    nobody = pl.DataFrame(schema={"_subject_id": pl.String, "enterprise_id": pl.String, "same": pl.Boolean})
    standing = increment.Standing(old, earlier, nobody, resolve(earlier, old, None, scorer))
    start = time.process_time()
    again, looked_at = increment.resolve_again(standing, made.subjects, made.register, None, scorer, seen)
    cpu = time.process_time() - start
    start = time.process_time()
    batch = resolve(made.subjects, made.register, None, scorer)
    return {
        "register": size,
        "rows": made.subjects.height,
        "share": share,
        "looked_at": looked_at,
        "cpu_seconds": round(cpu, 1),
        "batch_cpu_seconds": round(time.process_time() - start, 1),
        "the_same": again.subject.equals(batch.subject) and again.review.equals(batch.review),
    }


def main() -> None:
    """Prints one JSON line per seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--register", type=int, default=50_000)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seeds", default="5,6,8")
    parser.add_argument("--increment", type=float, default=0.0, help="the share of rows and register that comes last")
    args = parser.parse_args()
    for seed in args.seeds.split(","):
        if args.increment:
            told = increment_measured(int(seed), args.register, args.rows, args.increment)
        else:
            told = measured(int(seed), args.register, args.rows)
        print(json.dumps(told, ensure_ascii=False), flush=True)


if __name__ == "__main__":
    main()
