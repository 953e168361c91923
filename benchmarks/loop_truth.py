"""What truth says of a loop's months: what left the house, who should have got something, what telling did, and whether anything happened twice."""

import datetime as dt
import os
import shutil
import subprocess
import sys
from collections import Counter
from contextlib import closing
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from benchmarks.talents import ITEM as TALENTS
from benchmarks.talents import entitled, hashed
from evaluation.uplift import ARMS, MESSAGES, trial, uplift
from matching.push.cycle import cycle
from pipelines.approval import Desk
from pipelines.published import open_published

PROJECT = Path(__file__).resolve().parent.parent
_WRONG = ~pl.col("verdict").is_in(["eligible", "declarable"]).fill_null(False)


def frame(home: Path, sql: str, **parameters: Any) -> pl.DataFrame:
    with closing(open_published(home)) as con:
        return con.sql(sql, params=parameters).pl()


def surroundings(home: Path) -> dict[str, str]:
    (home / ".dagster").mkdir(exist_ok=True)
    return {**os.environ, "HUIQI_HOME": str(home), "DAGSTER_HOME": str(home / ".dagster"), "PYTHONUTF8": "1"}


def command(*words: str, home: Path) -> str:
    """One of our programs as a person runs it; 1 is finished with something to look at, where it is the job."""
    done = subprocess.run(
        [sys.executable, *words], cwd=PROJECT, env=surroundings(home), capture_output=True, text=True, check=False
    )
    if done.returncode not in ((0, 1) if words[0] == "-c" else (0,)):
        raise SystemExit(f"{' '.join(words)} 以 {done.returncode} 结束：{done.stderr[-2000:]}")
    return done.stdout


def truth_of(home: Path, as_of: dt.date) -> pl.DataFrame:
    """The planted verdicts of a day, asked in a folder of their own: the job never sees them."""
    apart = home.with_name(f"{home.name}.truth")
    apart.mkdir(exist_ok=True)
    shutil.copy(home / "world.json", apart)
    command("-m", "data.world", "truth", "--out", str(apart), "--as-of", as_of.isoformat(), home=home)
    return pl.read_parquet(apart / "truth" / "truth_eligibility.parquet")


def judged(home: Path, truth: pl.DataFrame, as_of: dt.date, desk: Desk) -> dict[str, int]:
    """What left the house for that day against truth: wrong payments, wrong amounts, wrong messages, and eligible firms without an award."""
    sent = {
        row["list_id"]
        for row in desk.control.rows("SELECT list_id FROM push_list WHERE status IN ('exported', 'reconciled')")
    }
    lines = frame(
        home,
        "SELECT l.list_id, l.kind, l.uscc, l.item_id, l.version, l.amount_yuan, l.case_no FROM push.line l JOIN push.list h USING (list_id)"
        " WHERE h.as_of = $day AND l.item_id <> '*' AND l.kind IN ('auto_award', 'decision', 'invite', 'nudge') ORDER BY ALL",
        day=as_of,
    )
    key = ["uscc", "item_id", "version"]
    asked = truth.select(*key, "verdict", pl.col("amount_yuan").alias("true_yuan"))
    known = lines.filter(pl.col("list_id").is_in(sorted(sent))).join(asked, on=key, how="left")
    paid, told = known.filter(pl.col("kind") == "auto_award"), known.filter(pl.col("kind").is_in(["invite", "nudge"]))
    due = due_of(home, truth.join(barred_of(home), on="uscc", how="anti"), as_of)
    missed = missed_of(home, due, as_of, desk)
    misled = told.filter(pl.col("verdict") == "ineligible").select(key)
    unexplained = missed.filter(pl.col("reason").is_null()).select(key)
    wrong = paid.filter(pl.col("verdict").is_null() | (pl.col("verdict") != "eligible")).select(key)
    causes = explained(home, as_of, pl.concat([unexplained, misled, wrong]).unique())
    held = missed.drop_nulls("reason").group_by("reason").len().sort("reason")
    reasons = {f"应得未得：{reason}": n for reason, n in held.iter_rows()} | {
        f"{what}：{group}": n
        for what, pairs in (("应得未得", unexplained), ("误推", misled), ("错付", wrong))
        for group, n in pairs.join(causes, on=key).group_by("group").len().sort("group").iter_rows()
    }
    return {
        "兑付": paid.height,
        "错付": wrong.height,
        "金额不符": paid.filter(
            (pl.col("verdict") == "eligible") & (pl.col("true_yuan") != pl.col("amount_yuan"))
        ).height,
        **judged_cases(home, known.filter(pl.col("kind") == "decision")),
        **judged_talents(home, as_of, desk),
        "提醒": told.height,
        "误推": misled.height,
        "应得": due.height,
        "应得未得": missed.height,
        **reasons,
    }


def barred_of(home: Path) -> pl.DataFrame:
    """Firms that truth bars from every award on the day last asked of it: verdicts are of an item's own conditions alone."""
    values = pl.scan_parquet(home.with_name(f"{home.name}.truth") / "truth" / "truth_indicator.parquet")
    listed = pl.col("indicator").is_in(["is_dishonest", "is_serious_illegal"]) & (pl.col("value") == "true")
    ended = (pl.col("indicator") == "business_status") & pl.col("value").is_in(["吊销", "注销", "撤销", "迁出"])
    return values.filter(listed | ended).select("uscc").unique().collect()


def due_of(home: Path, truth: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """Whom `truth` owes an automatic award on the day: uscc, item_id, version and the cycle the day is in."""
    items = frame(
        home,
        "SELECT item_id, version, cycle AS kind, window_from FROM policy.item"
        " WHERE mode = '免申即享' AND entity = 'enterprise' AND award_expr IS NOT NULL"
        " AND (window_from IS NULL OR window_from <= $day) AND (window_to IS NULL OR window_to >= $day)"
        " AND (valid_from IS NULL OR valid_from <= $day) AND (valid_to IS NULL OR valid_to >= $day)",
        day=as_of,
    )
    openings = frame(
        home, "SELECT item_id, list(window_from) FROM policy.item WHERE window_from IS NOT NULL GROUP BY ALL"
    )
    known = dict(openings.iter_rows())
    cycles = [cycle(kind, opening or as_of, known.get(item, ())) for item, _, kind, opening in items.iter_rows()]
    dated = items.select("item_id", "version", pl.Series("cycle", cycles, dtype=pl.String))
    eligible = truth.filter(pl.col("verdict") == "eligible").select("uscc", "item_id", "version")
    return eligible.join(dated, on=["item_id", "version"])


def missed_of(home: Path, due: pl.DataFrame, as_of: dt.date, desk: Desk) -> pl.DataFrame:
    """Of `due` whoever holds no award for the cycle, with the reason a list wrote down; null where no list speaks of the pair."""
    granted = pl.DataFrame(
        desk.control.rows("SELECT json_extract(l.body, '$.uscc') AS uscc, a.item_id, a.cycle FROM active_award a JOIN push_line l"
                          " ON l.list_id = a.list_id AND l.line_key = a.award_key"),
        schema={"uscc": pl.String, "item_id": pl.String, "cycle": pl.String},
    )  # fmt: skip
    key = ["uscc", "item_id", "version"]
    said = frame(
        home,
        "SELECT uscc, item_id, version, min(reason) AS reason FROM push.suppression WHERE kind = 'auto_award' GROUP BY ALL",
    )
    listed = frame(
        home,
        "SELECT DISTINCT l.uscc, l.item_id, l.version, 'not_signed' AS listed FROM push.line l JOIN push.list h USING (list_id)"
        " WHERE h.as_of = $day AND l.kind = 'auto_award'",
        day=as_of,
    )
    return (
        due.join(granted, on=["uscc", "item_id", "cycle"], how="anti")
        .join(said, on=key, how="left")
        .join(listed, on=key, how="left")
        .with_columns(pl.coalesce("reason", "listed").alias("reason"))
        .drop("listed")
    )


def explained(home: Path, as_of: dt.date, pairs: pl.DataFrame) -> pl.DataFrame:
    """`pairs` with the cause of each (`benchmarks/loop_causes.py`), kept under DIR/reports/loop_causes; in a process of its own, for its memory."""
    kept = home / "reports" / "loop_causes"
    kept.mkdir(parents=True, exist_ok=True)
    asked, out = kept / "asked.parquet", kept / f"{as_of}.parquet"
    pairs.write_parquet(asked)
    planted = home.with_name(f"{home.name}.truth") / "truth"
    command("-m", "benchmarks.loop_causes", "--home", str(home), "--planted", str(planted),
            "--asked", str(asked), "--out", str(out), home=home)  # fmt: skip
    return pl.read_parquet(out)


def _of_filing(home: Path, lines: pl.DataFrame) -> pl.DataFrame:
    """`lines` with truth's verdict and amount of the day each case was filed, where the list's own day says no: a firm may have grown too old since."""
    filed = frame(home, "SELECT case_no, applied_on FROM push.decision").unique("case_no")
    doubtful = lines.filter(_WRONG).join(filed, on="case_no", how="inner")
    asked = [lines.filter(~_WRONG), lines.filter(_WRONG).join(filed, on="case_no", how="anti")]
    for (day,), rows in doubtful.group_by("applied_on", maintain_order=True):
        then = truth_of(home, day).select(
            "uscc", "item_id", "version", "verdict", pl.col("amount_yuan").alias("true_yuan")
        )
        asked.append(
            rows.select(lines.columns)
            .drop("verdict", "true_yuan")
            .join(then, on=["uscc", "item_id", "version"], how="left")
            .select(lines.columns)
        )
    return pl.concat(asked)


def judged_cases(home: Path, lines: pl.DataFrame) -> dict[str, int]:
    """Applications that were paid, against truth: a promise is made by applying, and who lied is told apart from our own mistakes."""
    path = home / "truth" / "truth_application.parquet"
    if lines.is_empty() or not path.exists():
        return {}
    known = _of_filing(home, lines).join(pl.read_parquet(path).select("case_no", "honest"), on="case_no", how="left")
    unsure = pl.col("verdict") == "unknown"
    honest = pl.col("honest").fill_null(True)
    other_amount = pl.col("true_yuan").is_not_null() & (pl.col("true_yuan") != pl.col("amount_yuan"))
    return {
        "办件兑付": known.height,
        "办件错付": known.filter(_WRONG & ~unsure & honest).height,
        "办件金额不符": known.filter(~_WRONG & honest & other_amount).height,
        "办件真值不知": known.filter(unsure & honest).height,
        "虚报办件兑付": known.filter(~honest).height,
        "虚报致错付": known.filter(~honest & _WRONG).height,
    }


def judged_talents(home: Path, as_of: dt.date, desk: Desk) -> dict[str, int]:
    """The month's allowances of talents that left the house, against the clean rows of who was insured where."""
    sent = desk.control.rows(
        "SELECT l.enterprise_id, json_extract(l.body, '$.amount_yuan') AS yuan FROM push_line l JOIN push_list p USING (list_id)"
        " WHERE p.kind = 'talent' AND p.as_of = ? AND p.status IN ('exported', 'reconciled') AND l.item_id = ?",
        (as_of.isoformat(), TALENTS),
    )
    if not (home / "truth" / "truth_clean" / "labor_GRCB.parquet").exists():
        return {}
    # a month without a list is a month in which everybody entitled went without
    true = entitled(home / "truth", as_of)
    owed = {name: true[number] for number, name in hashed(true, home).items()}
    paid = {row["enterprise_id"]: Decimal(str(row["yuan"])) for row in sent}
    return {
        "人才兑付": len(paid),
        "人才错付": len(paid.keys() - owed.keys()),
        "人才金额不符": sum(owed.get(person, yuan) != yuan for person, yuan in paid.items()),
        "人才应得未得": len(owed.keys() - paid.keys()),
    }


def trial_of(home: Path, desk: Desk) -> pl.DataFrame:
    """Every unit of the loop's trials (`evaluation.uplift.trial`) with `uscc`, the `layer` it was drawn in and, where the world was asked, its
    planted answers."""
    arms = pl.DataFrame(
        desk.control.rows("SELECT enterprise_id, item_id, cycle, arm, as_of, stratum AS layer FROM arm ORDER BY 1, 2, 3"),
        schema={**ARMS, "as_of": pl.String, "layer": pl.String},
    ).with_columns(pl.col("as_of").str.to_date("%Y-%m-%d"))  # fmt: skip
    messages = pl.DataFrame(
        desk.control.rows("SELECT enterprise_id, item_id, cycle, date(sent_on) AS sent_on FROM sent_message"),
        schema={**MESSAGES, "sent_on": pl.String},
    ).with_columns(pl.col("sent_on").str.to_date("%Y-%m-%d"))
    firms = frame(home, "SELECT enterprise_id, uscc FROM registry.enterprise WHERE uscc IS NOT NULL")
    newest = frame(home, "SELECT max(as_of) AS d FROM push.list").item()
    cases = frame(
        home, "SELECT enterprise_id, item_id, applied_date FROM mart.fact_case WHERE applied_date IS NOT NULL"
    )
    units = trial(arms, messages, cases, newest).join(firms, on="enterprise_id", how="left")
    path = home / "truth" / "truth_response.parquet"
    answers = ["applies_if_told", "applies_if_not_told"]
    if not path.exists():
        return units.with_columns(pl.lit(None, pl.Boolean).alias(name) for name in answers)
    # what a firm would do about an item is drawn once, whatever list it stands on
    true = pl.read_parquet(path, columns=["uscc", "item_id", *answers]).unique(subset=["uscc", "item_id"])
    return units.join(true, on=["uscc", "item_id"], how="left")


def told_and_held(home: Path, desk: Desk) -> tuple[dict[str, Any], float | None]:
    """The uplift our own rows show, with what was left out and why, and the planted one of the very same units."""
    units = trial_of(home, desk)
    compared = units.filter(pl.col("left_out").is_null() & pl.col("uscc").is_not_null())
    found = asdict(uplift(compared.select("stratum", "arm", "obtained")))
    left_out = units.filter(pl.col("left_out").is_not_null()).group_by("left_out").len().sort("left_out")
    planted = planted_uplift(compared)
    return {**found, "left_out": dict(left_out.iter_rows())}, planted


def planted_uplift(compared: pl.DataFrame) -> float | None:
    """The mean difference between what the units would do if told and if not: the estimand of `uplift`, whose strata weigh by their size."""
    effect = pl.col("applies_if_told").cast(pl.Float64) - pl.col("applies_if_not_told").cast(pl.Float64)
    mean = compared.select(effect.mean()).item()
    return None if mean is None else float(mean)


def doubles(home: Path, desk: Desk) -> dict[str, int]:
    """Everything that may happen once only, counted where it happened more often; and the fullest week and fortnight of any firm."""

    def worst(sql: str) -> int:
        return int(desk.control.rows(sql)[0]["n"] or 0)

    keys = Counter(
        row.split(",", 1)[0]
        for path in sorted((home / "lists").glob("*/payment.csv"))
        for row in path.read_text(encoding="utf-8").splitlines()[1:]
    )
    messages = pl.DataFrame(
        desk.control.rows("SELECT enterprise_id, item_id, cycle, sent_on FROM sent_message ORDER BY ALL"
                          .replace("ORDER BY ALL", "ORDER BY 1, 4, 2")),
        schema={"enterprise_id": pl.String, "item_id": pl.String, "cycle": pl.String, "sent_on": pl.String},
    ).with_columns(pl.col("sent_on").str.to_date("%Y-%m-%d"))  # fmt: skip
    week = (
        messages.rolling("sent_on", period="7d", group_by="enterprise_id").agg(pl.len().alias("n"))
        if messages.height
        else None
    )
    return {
        "重复兑付（台账）": worst("SELECT count(*) AS n FROM (SELECT 1 FROM active_award GROUP BY entity_id, item_id, cycle, claim_unit HAVING count(*) > 1)"),
        "同组并得": worst("SELECT count(*) AS n FROM (SELECT 1 FROM active_award GROUP BY entity_id, exclusion_group, group_cycle HAVING count(DISTINCT item_id) > 1)"),
        "重复付款键": sum(n - 1 for n in keys.values()),
        "财政多付": frame(home, "SELECT count(*) AS n FROM push.settlement WHERE state = 'over'").item(),
        "七日内最多条数": int(str(week["n"].max())) if week is not None else 0,
        "同事项同周期最多条数": int(str(messages.group_by("enterprise_id", "item_id", "cycle").len()["len"].max() or 0)),
    }  # fmt: skip
