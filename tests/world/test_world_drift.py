"""What changes on the departments' side while the months go by: a column in two, a code more, archives, flags and batches; the contract of the day reads it."""

from __future__ import annotations

import datetime as dt
import struct
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data import contract
from data.readers import read
from data.world import calendar
from data.world.entity import NEWBORN
from data.world.facts_business import subject
from data.world.lives import ENDS
from data.world.population import Population, population
from data.world.vantage import Vantage
from data.world.views import reform, register
from tests.world.test_world_files import newest


@pytest.fixture(scope="module")
def people() -> Population:
    return population(7, 0, 20_000)


def deliveries(home: Path, anomaly: str) -> pl.DataFrame:
    told = pl.read_parquet(home / "truth" / "truth_delivery.parquet")
    return told.filter(pl.col("anomalies").str.split(";").list.contains(anomaly))


def test_two_offices_split_the_period_in_two_and_the_contract_of_the_day_reads_both(home: Path) -> None:
    told = deliveries(home, "column_split").drop_nulls("file")
    assert set(told["period"].str.slice(0, 4)) == {"2024"}
    assert told["period"].min() == "202407"
    assert set(told["file"].str.extract(r"_(\d{6})\.xlsx$")) == {"460200", "460400"}
    path = newest(home, "RSJ_CBRS_202409_I_460200.xlsx")
    table = contract.table("labor", "headcount")
    before, after = table.at(dt.date(2024, 7, 31)), table.at(dt.date(2024, 10, 15))
    rows = read(path, after.forms["workbook"], after).frame
    assert rows["pay_month"].to_list() == rows["pay_to_month"].to_list()
    assert set(rows["pay_month"]) == {"202408", "202409"}
    assert "费款所属期起" not in before.columns["pay_month"].headers
    old = newest(home, "RSJ_CBRS_202406_I_460200.xlsx")
    assert set(read(old, before.forms["workbook"], before).frame["pay_month"]) == {"202405", "202406"}


def test_trade_comes_in_an_archive_whose_member_bears_a_chinese_name_without_saying_in_which_code(home: Path) -> None:
    told = deliveries(home, "packed_as_zip")
    assert told["period"].to_list() == ["202407"]
    path = newest(home, "HG_HG_JCK_202411_I_01.txt.zip")
    raw = path.read_bytes()
    flags, length = struct.unpack("<6xH18xH", raw[:28])
    assert flags & 0x800 == 0
    assert raw[30 : 30 + length].decode("gbk") == "数据_HG_HG_JCK_202411_I_01.txt"
    table = contract.table("customs", "trade_month")
    recognised = table.recognise(path.name)
    assert recognised is not None
    rows = read(path, table.forms[recognised[0]], table).frame
    record = pl.read_parquet(home / "truth" / "truth_record.parquet", columns=["file"])
    assert rows.height == record.filter(pl.col("file").str.ends_with(path.name)).height > 100
    newest(home, "HG_HG_JCK_202406_I_01.txt")


def test_a_code_the_list_had_not_means_a_firm_at_rest(home: Path, people: Population) -> None:
    first = deliveries(home, "code_list_extended")["period"].min()
    assert str(first) > "202407"
    known = pl.read_csv(contract.REFERENCE / "registration_status.csv", infer_schema=False)
    assert known.filter(pl.col("value") == register.NEW_CODE)["code"].to_list() == ["suspended"]
    still = people.standstill_at(calendar.LAST_MONTH)
    assert {1, 2} <= set(still.tolist())
    assert (people.standstill_at(calendar.month_index(2024, 6)) == 0).all()
    assert (people.is_zero_filer & people.lives_at(calendar.LAST_MONTH))[still > 0].all()
    facts = subject(Vantage(people, dt.date(2024, 12, 31)))
    said = np.array(facts["business_status"])
    assert set(said) == {"存续", "歇业", "清算", *ENDS}
    assert (np.array(facts["in_business"]) == (said == "存续")).all()
    keep = np.flatnonzero(still == 1)
    rows = register.baseinfo(people, keep, calendar.LAST_MONTH, "U", keep * 0, keep * 0)
    assert set(rows["REGSTATE"]) == {"7", "歇业"}


def test_every_rare_state_reads_as_what_it_is() -> None:
    """The words and codes of the register against the reference list, in the order of the states."""
    known = dict(
        pl.read_csv(contract.REFERENCE / "registration_status.csv", infer_schema=False).select("value", "code").rows()
    )
    meant = ("active", "cancelled", "revoked", "cancelled", "moved_out", "suspended", "suspended")
    assert [{known[word] for word in line} for line in register.STATE_WORDS] == [{m} for m in meant]


def test_news_of_a_day_may_come_in_two_batches_that_share_nothing(home: Path) -> None:
    told = deliveries(home, "second_batch")
    assert told.height >= 3
    for file in told["file"]:
        times = []
        for path in (home / file, newest(home, Path(file).name.replace("_02.csv", "_01.csv"))):
            frame = pl.read_csv(path, encoding="gb18030", infer_schema=False, truncate_ragged_lines=True)
            times.append(frame["S_EXT_TIME"].drop_nulls().str.slice(11, 2))
        assert times[0].min() >= "13" > times[1].max()  # type: ignore[operator]


def test_a_flag_lies_beside_what_the_tax_office_sends_but_for_a_few(home: Path) -> None:
    missing = set(deliveries(home, "missing_flag")["file"])
    assert missing
    sent = {p.relative_to(home).as_posix() for p in (home / "landing" / "tax").rglob("*.txt.gz")}
    bare = {f for f in sent if not (home / (f + ".ok")).exists()}
    uncontrolled = {f for f in sent if not (home / (f + ".ctl")).exists()}
    assert missing <= bare
    assert bare - missing == uncontrolled - missing


def test_natural_persons_are_nobody_of_this_world(home: Path) -> None:
    record = pl.read_parquet(home / "truth" / "truth_record.parquet", columns=["table", "eid", "defects"])
    persons = record.filter(pl.col("defects").str.contains("natural_person"))
    assert persons.height >= 5
    assert persons["eid"].null_count() == persons.height
    assert set(persons["table"]) == {"SXBZXR"}
    # Who is born while a world goes on brings no earlier ones along: the interface only gains.
    born = reform.dishonest(population(7, NEWBORN, NEWBORN + 5_000))
    assert not born["_defects"].str.contains("natural_person").any()
