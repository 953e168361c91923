"""The talent list of a run against planted truth: who was recognised and insured without a break, recounted from the rows as they should have been sent.

    python benchmarks/talents.py --home DIR [--truth DIR]

The monthly post allowance (hn-talent-monthly): class A to E in force, insured by the same unit for six months in a row to the newest month.
"""

import argparse
import datetime as dt
import hashlib
import json
import os
import sys
from collections.abc import Iterable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipelines.published import current, open_published

ITEM = "hn-talent-monthly"
MONTHS = 6
AMOUNTS = {"A": Decimal(10000), "B": Decimal(7000), "C": Decimal(5000), "D": Decimal(3000), "E": Decimal(1500)}


def _back(month: str, n: int) -> str:
    index = int(month[:4]) * 12 + int(month[4:]) - 1 - n
    return f"{index // 12}{index % 12 + 1:02d}"


def entitled(truth: Path, as_of: dt.date) -> dict[str, Decimal]:
    """Identity number → 元 a month, for everybody who is entitled on the day by the clean rows known by then."""
    people = pl.read_parquet(truth / "truth_person.parquet").filter(pl.col("recognised") <= as_of)
    rows = pl.read_parquet(truth / "truth_clean" / "labor_GRCB.parquet").filter(pl.col("月份") < f"{as_of:%Y%m}")
    newest = str(rows["月份"].max())
    paid: dict[tuple[str, str], set[str]] = {}
    units: dict[tuple[str, int], set[str]] = {}
    for person, eid, unit, month, status in rows.select("证件号", "eid", "单位编号", "月份", "缴费状态").iter_rows():
        if month == newest:
            units.setdefault((person, eid), set()).add(unit)
        if status == "正常":
            paid.setdefault((person, unit), set()).add(month)
    wanted = {_back(newest, n) for n in range(MONTHS)}
    found: dict[str, Decimal] = {}
    columns = ["id_number", "employer_eid", "talent_level", "recognised"]
    for person, eid, level, recognised in people.select(columns).iter_rows():
        in_force = (
            recognised.replace(year=recognised.year + 5) >= as_of
            if (recognised.month, recognised.day) != (2, 29)
            else True
        )
        if in_force and any(wanted <= paid.get((person, unit), set()) for unit in units.get((person, eid), ())):
            found[person] = AMOUNTS[str(level)[0]]
    return found


def hashed(numbers: Iterable[str], home: Path) -> dict[str, str]:
    """Identity number → the keyed hash the house knows the person by."""
    key = (home / "keys" / "personal.key").read_bytes()
    return {n: hashlib.blake2b(n.encode(), key=key, digest_size=16).hexdigest() for n in numbers}


def measured(home: Path, truth: Path) -> dict[str, Any]:
    """What the newest publication's list says, and how it differs: paid against truth, other amounts, entitled and not paid."""
    as_of = dt.date.fromisoformat(current(home).as_of)
    true = entitled(truth, as_of)
    names = hashed(true, home)
    owed = {names[number]: amount for number, amount in true.items()}
    with closing(open_published(home)) as con:
        lines = dict(
            con.execute(
                "SELECT l.enterprise_id, l.amount_yuan FROM push.line l JOIN push.list h USING (list_id)"
                " WHERE l.kind = 'talent' AND l.item_id = $item AND h.as_of = $day",
                {"item": ITEM, "day": as_of},
            ).fetchall()
        )
    return {
        "as_of": as_of.isoformat(),
        "lines": len(lines),
        "yuan": str(sum(lines.values(), Decimal(0))),
        "entitled": len(owed),
        "wrong": sorted(person for person in lines if person not in owed),
        "amount_differs": sorted(person for person, amount in lines.items() if owed.get(person, amount) != amount),
        "missed": sorted(owed.keys() - lines.keys()),
    }


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("HUIQI_HOME", "warehouse")))
    parser.add_argument("--truth", type=Path)
    options = parser.parse_args()
    found = measured(options.home.resolve(), options.truth or options.home / "truth")
    sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
