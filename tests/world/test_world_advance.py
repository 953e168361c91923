"""Enterprises answer exported lists: telling raises applications by exactly the planted amount, holdouts answer untold, files are only added."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from data.world.advance import advance, answers, propensity
from data.world.population import population


@pytest.fixture
def answered(home: Path, tmp_path: Path) -> tuple[Path, dict[str, int], list[str]]:
    shutil.copy(home / "world.json", tmp_path / "world.json")
    codes = population(7, 0, 2000).uscc.to_list()[:600]
    folder = tmp_path / "lists" / "L-TEST"
    folder.mkdir(parents=True)
    with (folder / "名单.csv").open("w", encoding="utf-8-sig", newline="") as handle:
        writer = csv.DictWriter(handle, ["统一社会信用代码", "事项编号", "渠道", "分组", "金额（元）"])
        writer.writeheader()
        for k, code in enumerate(codes):
            held = k % 3 == 0
            writer.writerow(
                {
                    "统一社会信用代码": code,
                    "事项编号": "hn-x",
                    "渠道": "" if held else "sms",
                    "分组": "holdout" if held else "treated",
                    "金额（元）": "1000.00",
                }
            )
    keys = "".join(json.dumps({"line_key": f"k{k}"}) + "\n" for k in range(600) if k % 3)
    (folder / "gateway.jsonl").write_text(keys, encoding="utf-8")
    manifest = advance(tmp_path, json.loads((tmp_path / "world.json").read_text(encoding="utf-8")))
    return tmp_path, manifest, codes


def test_answers_arrive_as_deliveries(answered: tuple[Path, dict[str, int], list[str]]) -> None:
    out, manifest, _ = answered
    assert manifest["advanced"] == 1
    receipts = next((out / "landing").rglob("DXWG_RECEIPT_*.jsonl"))
    assert len(receipts.read_text(encoding="utf-8").splitlines()) == 400
    receipt = json.loads(receipts.with_name(receipts.name + ".receipt.json").read_text(encoding="utf-8"))
    assert receipt["received_at"].startswith("2025-02-24")
    cases = [
        json.loads(x)
        for x in next((out / "landing").rglob("SBXT_CASE_*.jsonl")).read_text(encoding="utf-8").splitlines()
    ]
    response = pl.read_parquet(out / "truth" / "truth_response.parquet")
    assert len(cases) == response["applied"].sum() > 30


def test_telling_is_the_only_difference(answered: tuple[Path, dict[str, int], list[str]]) -> None:
    response = pl.read_parquet(answered[0] / "truth" / "truth_response.parquet")
    told, held = response.filter("told"), response.filter(~pl.col("told"))
    assert (told["applied"] == told["applies_if_told"]).all()
    assert (held["applied"] == held["applies_if_not_told"]).all()
    assert (response["applies_if_told"] >= response["applies_if_not_told"]).all()


def test_a_second_turn_repeats_nobody(answered: tuple[Path, dict[str, int], list[str]]) -> None:
    out, manifest, _ = answered
    again = advance(out, manifest)
    assert again["advanced"] == 2
    assert again["files"] == manifest["files"]


def test_small_firms_gain_more_from_being_told() -> None:
    people = population(7, 0, 50_000)
    gain = propensity(people, True) - propensity(people, False)
    assert np.corrcoef(gain, people.log_revenue)[0, 1] < -0.9
    if_told, if_not = answers(people, "hn-x")
    assert abs((if_told.mean() - if_not.mean()) - gain.mean()) < 0.01
