"""A world goes on: departments deliver the next months once each, and enterprises answer exported lists as planted, holdouts untold."""

from __future__ import annotations

import csv
import json
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import pytest

from data.world import api, calendar
from data.world.advance import advance, answers, effort, propensity
from data.world.entity import NEWBORN
from data.world.parcel import World
from data.world.population import population
from data.world.views import reform

MANIFEST = {"seed": 7, "entities": 600, "months": 24, "files": 1900, "rows": 0}


class Turn(NamedTuple):
    manifest: dict[str, Any]
    files: set[str]


class GoneOn(NamedTuple):
    home: Path
    first: Turn
    second: Turn


@pytest.fixture(scope="module")
def gone_on(tmp_path_factory: pytest.TempPathFactory) -> GoneOn:
    """Two more months of a world of 600, with one exported list before the first."""
    home = tmp_path_factory.mktemp("advanced")
    api.write_records(World(7, 600, 24), home / "api")
    (home / "api").rename(home / "api.before")
    export_list(home / "lists" / "L-TEST", population(7, 0, 600).uscc.to_list())
    turns = []
    manifest = MANIFEST
    for _ in range(2):
        manifest = advance(home, manifest)
        turns.append(
            Turn(manifest, {p.name for p in (home / "landing").rglob("*") if p.suffix not in (".json", ".ctl", ".ok")})
        )
    return GoneOn(home, *turns)


def export_list(folder: Path, codes: list[str]) -> None:
    """Every third line is held out, the others carry a gateway key."""
    folder.mkdir(parents=True)
    with (folder / "名单.csv").open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.DictWriter(handle, ["统一社会信用代码", "事项编号", "渠道", "分组", "金额（元）"])
        writer.writeheader()
        for k, code in enumerate(codes):
            words = ("", "holdout") if k % 3 == 0 else ("sms", "treated")
            writer.writerow(dict(zip(writer.fieldnames, (code, "hn-x", *words, "1000.00"), strict=True)))
    keys = "".join(json.dumps({"line_key": f"k{k}"}) + "\n" for k in range(len(codes)) if k % 3)
    (folder / "gateway.jsonl").write_text(keys, encoding="utf-8")


def test_each_month_is_delivered_once(gone_on: GoneOn) -> None:
    first, second = gone_on.first.files, gone_on.second.files - gone_on.first.files
    for monthly in (
        "SWJ_SB_ZZS",
        "SWJ_SW_RK",
        "HG_HG_JCK",
        "RSJ_AB01",
        "RSJ_GRCB",
        "CZT_DXTZ",
        "SWT_LDMS",
        "GXT_GYQY_M",
    ):
        assert [n for n in first if n.startswith(f"{monthly}_")] == [
            n for n in first if n.startswith(f"{monthly}_202501_")
        ]
        assert len([n for n in second if n.startswith(f"{monthly}_202502_")]) == 1, monthly
    assert (gone_on.first.manifest["last_month"], gone_on.second.manifest["last_month"]) == ("202501", "202502")


def test_what_comes_is_new_and_by_the_closing_day(gone_on: GoneOn) -> None:
    deliveries = pl.read_parquet(gone_on.home / "truth" / "truth_delivery.parquet")
    received = deliveries["received_at"].drop_nulls()
    assert received.min() > datetime(2025, 1, 26)
    assert received.max() < datetime(2025, 3, 26)
    files = deliveries["file"].drop_nulls()
    assert files.n_unique() == len(files)
    numbers = [
        json.loads(p.read_text(encoding="utf-8"))["sequence"]
        for p in (gone_on.home / "landing").rglob("*.receipt.json")
    ]
    assert min(numbers) == 1901
    assert max(numbers) == gone_on.second.manifest["files"]
    assert len(set(numbers)) == len(numbers)


def test_entities_are_born_and_registered(gone_on: GoneOn) -> None:
    texts = [p.read_bytes().decode("gb18030") for p in (gone_on.home / "landing").rglob("SCJG_E_BASEINFO_*.csv")]
    rows = pl.concat([pl.read_csv(t.encode(), infer_schema=False, truncate_ragged_lines=True) for t in texts])
    born = rows.filter(pl.col("ESTDATE").str.starts_with("2025-")).filter(pl.col("S_EXT_OP") == "I")
    people = population(7, NEWBORN, NEWBORN + 600 * 24 // 75)
    by_february = set(people.uscc.filter(pl.Series(people.birth_month <= 421)).to_list())
    assert 10 < len(by_february & set(born["UNISCID"])) <= len(by_february)
    state = pl.read_parquet(gone_on.home / "truth" / "truth_state.parquet")
    assert state["month"].unique().sort().to_list() == [date(2025, 1, 31), date(2025, 2, 28)]
    assert (state.filter(pl.col("eid") >= NEWBORN)["established_date"] >= date(2025, 1, 1)).all()


def test_names_seats_and_capital_go_on_changing(gone_on: GoneOn) -> None:
    texts = [p.read_bytes().decode("gb18030") for p in (gone_on.home / "landing").rglob("SCJG_E_ALTER_*.csv")]
    rows = pl.concat([pl.read_csv(t.encode(), infer_schema=False, truncate_ragged_lines=True) for t in texts])
    assert set(rows["ALTDATE"].str.slice(0, 7)) <= {"2025-01", "2025-02", "2025-03"}
    people = population(7, 0, 600)
    fits = (people.birth_month < 421) & (people.death_month > 421)
    for item, month in (("01", people.renamed_month), ("06", people.moved_month)):
        due = people.pripid.filter(pl.Series(fits & (month > 419) & (month <= 421)))
        assert due.len() > 0
        assert set(due) <= set(rows.filter(pl.col("ALTITEM") == item)["PRIPID"]), item


def test_changes_after_the_last_month_keep_their_rate() -> None:
    people = population(7, 100_000, 300_000)
    # Those who could have changed in all seven years.
    people = people.take(np.flatnonzero(people.birth_month < 350))
    for month in (people.renamed_month, people.moved_month, people.first_change_month()):
        before = ((month > 359) & (month <= 419)).sum() / 5
        after = ((month > 419) & (month <= 443)).sum() / 2
        assert abs(after / before - 1) < 0.1
    capital, person, scope = (people.change_at(443, kind).sum() for kind in range(3))
    assert capital < person < scope
    assert capital + person + scope <= (people.first_change_month() <= 443).sum()


def test_the_feed_keeps_its_records_and_gains_some(gone_on: GoneOn) -> None:
    gained = 0
    for path in sorted((gone_on.home / "api.before").glob("*.jsonl")):
        before = path.read_text(encoding="utf-8").splitlines()
        now = (gone_on.home / "api" / path.name).read_text(encoding="utf-8").splitlines()
        assert now[: len(before)] == before, path.name
        gained += len(now) - len(before)
    assert gained > 3


def test_an_interface_tells_of_the_month_the_world_closes_in() -> None:
    for world in (World(7, 20_000, 24), World(7, 20_000, 24, last_month=calendar.LAST_MONTH + 2)):
        closing = world.closing_day.isoformat()
        newest = [frame["updated_at"].max() for _, frame in reform.records(world)]
        assert all(f"{closing[:7]}-01" < day < f"{closing} 24" for day in newest if isinstance(day, str))
        assert len(newest) == len(reform.TABLES)


def test_answers_arrive_as_deliveries(gone_on: GoneOn) -> None:
    landing = gone_on.home / "landing"
    receipts = next(landing.rglob("DXWG_RECEIPT_20250224_I_91.jsonl"))
    assert len(receipts.read_text(encoding="utf-8").splitlines()) == 400
    receipt = json.loads(receipts.with_name(receipts.name + ".receipt.json").read_text(encoding="utf-8"))
    assert receipt["received_at"].startswith("2025-02-24")
    cases = next(landing.rglob("SBXT_CASE_20250224_I_91.jsonl")).read_text(encoding="utf-8").splitlines()
    response = pl.read_parquet(gone_on.home / "truth" / "truth_response.parquet")
    assert len(cases) == response["applied"].sum() > 30


def test_telling_is_the_only_difference(gone_on: GoneOn) -> None:
    response = pl.read_parquet(gone_on.home / "truth" / "truth_response.parquet")
    told, held = response.filter("told"), response.filter(~pl.col("told"))
    assert (told["applied"] == told["applies_if_told"]).all()
    assert (held["applied"] == held["applies_if_not_told"]).all()
    assert (response["applies_if_told"] >= response["applies_if_not_told"]).all()


def test_a_second_turn_repeats_nobody(gone_on: GoneOn) -> None:
    response = pl.read_parquet(gone_on.home / "truth" / "truth_response.parquet")
    assert len(response) == 600
    assert response["turn"].unique().to_list() == [1]
    assert not [n for n in gone_on.second.files if n.startswith("SBXT_CASE_20250324")]


def test_a_world_goes_on_for_two_years_at_most(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="最多推进 24 个月"):
        advance(tmp_path, MANIFEST | {"advanced": 24})


def test_small_firms_gain_more_from_being_told() -> None:
    people = population(7, 0, 50_000)
    asked = effort(people, "hn-x")
    gain = propensity(people, True, asked) - propensity(people, False, asked)
    assert np.corrcoef(gain, people.log_revenue)[0, 1] < -0.9
    if_told, if_not = answers(people, "hn-x")
    assert abs((if_told.mean() - if_not.mean()) - gain.mean()) < 0.01


def test_what_asks_more_is_applied_for_less() -> None:
    people = population(7, 0, 20_000)
    asked = {f"hn-{k}": effort(people, f"hn-{k}") for k in range(12)}
    assert 0.7 <= min(asked.values()) < 0.85 < 1.15 < max(asked.values()) <= 1.3
    shares = [answers(people, item)[0].mean() for item in asked]
    assert np.corrcoef(list(asked.values()), shares)[0, 1] < -0.95
    assert answers(people.take(np.arange(5)), "hn-0")[0].tolist() == answers(people, "hn-0")[0][:5].tolist()
