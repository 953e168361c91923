"""The loop closed over simulated months: a world goes on, lists are made, approved by people, sent, paid, answered, and judged against planted truth.

    python benchmarks/loop.py --home DIR --months 12 [--kills 2]

DIR is a mock home that has had its first run (`make run`). Each month: the demo officers take every award, invitation and reminder list from
proposal to export and reconcile what was paid; the world advances a month, and answers; the job runs on what arrived. Figures per month go to
stderr, the whole report as one JSON document to stdout and to DIR/reports/loop.json, from which a loop that was cut short goes on. With --kills the job and the people's work
are killed (SIGKILL) at random moments each month and begun again, accepted files come to the door a second time, and every step is asked for twice.
"""

import argparse
import contextlib
import datetime as dt
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.loop_faults import Faults
from evaluation.uplift import uplift
from matching.push.holdout import HELD
from matching.push.kinds import MONEY
from pipelines import steps
from pipelines.approval import Desk
from pipelines.docket import RefusedError
from pipelines.officers import enrol
from pipelines.published import open_published

PROJECT = Path(__file__).resolve().parent.parent
PHRASE = "演示口令-仅用于模拟"
MAKER, FIRST, SECOND = "王经办", "李审批", "赵审批"
KINDS = ("auto_award", "decision", "invite", "nudge", "digest")
RUN = ("-c", "from pipelines.cli import main; main()", "run", "--json")
# An application within so many days of the list is an answer to it; the world answers within the month.
WITHIN_DAYS = 60
ANSWERED_DAYS = 27


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


def huiqi(*words: str, home: Path) -> str:
    return command("-c", "from pipelines.cli import main; main()", *words, home=home)


@contextlib.contextmanager
def refusals(counted: Counter[str]) -> Iterator[None]:
    """A refusal at the desk is part of the story: it is counted by what it says, without the firm it names."""
    try:
        yield
    except RefusedError as error:
        counted[str(error).split("：", 1)[-1][:40]] += 1


def officers(desk: Desk) -> None:
    with desk.control.transaction() as db:
        held = {row["name"] for row in db.execute("SELECT name FROM officer WHERE active = 1")}
        for name, role in ((MAKER, "analyst"), (FIRST, "approver"), (SECOND, "approver")):
            if name not in held:
                enrol(db, name, role, PHRASE)


def one_list(home: Path, desk: Desk, draft: tuple[str, str, str], day: dt.datetime, later: dt.datetime) -> None:
    """One list from where it stands to its export; a step already taken is not taken again."""
    list_id, kind, sha256 = draft

    def status() -> str | None:
        row = steps.kept(desk, list_id)
        return row["status"] if row else None

    if status() is None:
        steps.submit(home, desk, list_id, MAKER, PHRASE, day)
    if status() == "checked" and kind in MONEY:
        desk.publicise(list_id, MAKER, PHRASE, day.date(), day.date() + dt.timedelta(days=5), day)
    for officer in (FIRST, SECOND) if kind in MONEY else (FIRST,):
        signed = desk.control.rows("SELECT 1 FROM approval WHERE list_id = ? AND officer = ?", (list_id, officer))
        if status() in ("checked", "publicised") and not signed:
            desk.approve(list_id, sha256, officer, PHRASE, "同意", later)
    if status() == "approved":
        steps.freeze(home, desk, list_id, MAKER, PHRASE, later)
    if status() == "frozen":
        steps.release(home, desk, list_id, MAKER, PHRASE, later)


def acted(home: Path, desk: Desk, as_of: dt.date) -> dict[str, Any]:
    """Every list of the day from proposal to export, and every exported award list reconciled; what was done and what was refused."""
    refused: Counter[str] = Counter()
    day = dt.datetime.combine(as_of + dt.timedelta(days=1), dt.time(9))
    later = day + dt.timedelta(days=6)
    drafts = frame(home, "SELECT list_id, kind, sha256 FROM push.list WHERE as_of = $day ORDER BY list_id", day=as_of)
    for draft in drafts.filter(pl.col("kind").is_in(KINDS)).iter_rows():
        with refusals(refused):
            one_list(home, desk, draft, day, later)
    counted: Counter[str] = Counter()
    for row in desk.control.rows(
        "SELECT kind, json_extract(header, '$.row_count') AS n FROM push_list WHERE as_of = ? AND status = 'exported'",
        (as_of.isoformat(),),
    ):
        counted[f"{row['kind']} 名单"] += 1
        counted[f"{row['kind']} 行"] += int(row["n"])
    for row in desk.control.rows(
        "SELECT list_id FROM push_list WHERE status = 'exported' AND kind IN ('auto_award', 'decision') AND as_of < ? ORDER BY list_id",
        (as_of.isoformat(),),
    ):
        with refusals(refused):
            found = steps.reconcile(home, desk, row["list_id"], MAKER, PHRASE, later)
            counted["对账未清名单" if found["open"] else "对账完成名单"] += 1
    return {"done": dict(sorted(counted.items())), "refused": dict(sorted(refused.items()))}


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
    auto = frame(
        home,
        "SELECT item_id, version FROM policy.item WHERE mode = '免申即享' AND entity = 'enterprise' AND award_expr IS NOT NULL"
        " AND (window_from IS NULL OR window_from <= $day) AND (window_to IS NULL OR window_to >= $day)"
        " AND (valid_from IS NULL OR valid_from <= $day) AND (valid_to IS NULL OR valid_to >= $day)",
        day=as_of,
    )
    due = truth.filter(pl.col("verdict") == "eligible").join(auto, on=["item_id", "version"]).select(key)
    granted = pl.DataFrame(
        desk.control.rows("SELECT json_extract(l.body, '$.uscc') AS uscc, a.item_id FROM active_award a JOIN push_line l"
                          " ON l.list_id = a.list_id AND l.line_key = a.award_key"),
        schema={"uscc": pl.String, "item_id": pl.String},
    )  # fmt: skip
    missed = due.join(granted, on=["uscc", "item_id"], how="anti")
    why = missed.join(
        frame(
            home,
            "SELECT uscc, item_id, version, min(reason) AS reason FROM push.suppression WHERE kind = 'auto_award' GROUP BY ALL",
        ),
        on=key,
        how="left",
    )
    reasons = {
        f"应得未得：{reason or '判定不到符合'}": n
        for reason, n in why.group_by("reason").len().sort("reason", nulls_last=True).iter_rows()
    }
    return {
        "兑付": paid.height,
        "错付": paid.filter(pl.col("verdict").is_null() | (pl.col("verdict") != "eligible")).height,
        "金额不符": paid.filter(
            (pl.col("verdict") == "eligible") & (pl.col("true_yuan") != pl.col("amount_yuan"))
        ).height,
        **judged_cases(home, known.filter(pl.col("kind") == "decision")),
        "提醒": told.height,
        "误推": told.filter(pl.col("verdict") == "ineligible").height,
        "应得": due.height,
        "应得未得": missed.height,
        **reasons,
    }


def judged_cases(home: Path, lines: pl.DataFrame) -> dict[str, int]:
    """Applications that were paid, against truth: a promise is made by applying, and who lied is told apart from our own mistakes."""
    path = home / "truth" / "truth_application.parquet"
    if lines.is_empty() or not path.exists():
        return {}
    known = lines.join(pl.read_parquet(path).select("case_no", "honest"), on="case_no", how="left")
    wrong = ~pl.col("verdict").is_in(["eligible", "declarable"]).fill_null(False)
    unsure = pl.col("verdict") == "unknown"
    honest = pl.col("honest").fill_null(True)
    other_amount = pl.col("true_yuan").is_not_null() & (pl.col("true_yuan") != pl.col("amount_yuan"))
    return {
        "办件兑付": known.height,
        "办件错付": known.filter(wrong & ~unsure & honest).height,
        "办件金额不符": known.filter(~wrong & honest & other_amount).height,
        "办件真值不知": known.filter(unsure & honest).height,
        "虚报办件兑付": known.filter(~honest).height,
        "虚报致错付": known.filter(~honest & wrong).height,
    }


def told_and_held(home: Path, desk: Desk) -> tuple[dict[str, Any], float | None]:
    """The uplift our own rows show, and the planted one of the same firms."""
    arms = pl.DataFrame(
        desk.control.rows("SELECT enterprise_id, item_id, cycle, arm, as_of FROM arm ORDER BY 1, 2, 3"),
        schema={"enterprise_id": pl.String, "item_id": pl.String, "cycle": pl.String, "arm": pl.String, "as_of": pl.String},
    ).with_columns(pl.col("as_of").str.to_date("%Y-%m-%d"))  # fmt: skip
    firms = frame(home, "SELECT enterprise_id, uscc FROM registry.enterprise WHERE uscc IS NOT NULL")
    # lists that the world has had no month to answer say nothing yet
    newest = frame(home, "SELECT max(as_of) AS d FROM push.list").item()
    arms = arms.filter(pl.col("as_of") + pl.duration(days=ANSWERED_DAYS) <= newest)
    with_control = arms.filter(pl.col("arm") == HELD).select("item_id", "cycle").unique()
    arms = arms.join(with_control, on=["item_id", "cycle"]).join(firms, on="enterprise_id")
    cases = frame(
        home, "SELECT enterprise_id, item_id, applied_date FROM mart.fact_case WHERE applied_date IS NOT NULL"
    )
    applied = (
        arms.join(cases, on=["enterprise_id", "item_id"])
        .filter((pl.col("applied_date") - pl.col("as_of")).dt.total_days().is_between(0, WITHIN_DAYS))
        .select("enterprise_id", "item_id", "cycle")
        .unique()
        .with_columns(pl.lit(True).alias("obtained"))
    )
    units = arms.join(applied, on=["enterprise_id", "item_id", "cycle"], how="left").with_columns(
        pl.col("obtained").fill_null(False), pl.format("{}·{}", "item_id", "cycle").alias("stratum")
    )
    found = asdict(uplift(units.select("stratum", "arm", "obtained")))
    path = home / "truth" / "truth_response.parquet"
    planted = None
    if path.exists():
        effect = pl.col("applies_if_told").cast(pl.Float64) - pl.col("applies_if_not_told").cast(pl.Float64)
        true = pl.read_parquet(path).unique(subset=["uscc", "item_id"], keep="first", maintain_order=True)
        mean = arms.select("uscc", "item_id").unique().join(true, on=["uscc", "item_id"]).select(effect.mean()).item()
        planted = None if mean is None else float(mean)
    return found, planted


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
        desk.control.rows("SELECT enterprise_id, item_id, cycle, sent_on FROM message ORDER BY ALL"
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


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("HUIQI_HOME", "warehouse")))
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--kills", type=int, default=0, help="每月每个长步骤随机杀死几次，并重放交付和操作")
    parser.add_argument("--seed", type=int, default=1, help="杀死与重放的随机种子")
    parser.add_argument("--act-only", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    home = options.home.resolve()
    desk = steps.desk_of(home)
    officers(desk)
    if options.act_only:
        acted(home, desk, frame(home, "SELECT max(as_of) AS d FROM push.list").item())
        return 0
    faults = Faults(options.kills, random.Random(options.seed))
    kept = home / "reports" / "loop.json"
    months: list[dict[str, Any]] = json.loads(kept.read_text(encoding="utf-8"))["months"] if kept.exists() else []
    if months:  # taken up again after the last month that was judged
        huiqi("run", "--json", home=home)
    for month in range(len(months), options.months + 1):
        begun = time.process_time()
        as_of = frame(home, "SELECT max(as_of) AS d FROM push.list").item()
        if faults.kills:
            itself = [sys.executable, str(Path(__file__).resolve()), "--home", str(home), "--act-only"]
            faults.harass("审批", itself, PROJECT, surroundings(home))
        begun_acting = time.monotonic()
        done = acted(home, desk, as_of)
        faults.seconds["审批"] = time.monotonic() - begun_acting
        found = judged(home, truth_of(home, as_of), as_of, desk)
        if faults.kills:
            faults.ask_again(home, desk, MAKER, PHRASE, dt.datetime.combine(as_of + dt.timedelta(days=8), dt.time(9)))
        months.append({"as_of": as_of.isoformat(), **done, **found, "faults": dict(sorted(faults.seen.items()))})
        sys.stderr.write(
            f"{as_of} {json.dumps({**done['done'], **found, **done['refused']}, ensure_ascii=False)}（本机 {time.process_time() - begun:.0f} 秒）\n"
        )
        # written each month, so that an evaluation cut short still says what it saw
        text = json.dumps(report(home, desk, months), ensure_ascii=False, indent=1)
        (home / "reports").mkdir(exist_ok=True)
        kept.write_text(text + "\n", encoding="utf-8")
        if month < options.months:
            command("-m", "data.world", "advance", "--out", str(home), home=home)
            if faults.kills:
                faults.harass("运行", [sys.executable, *RUN], PROJECT, surroundings(home))
            first = faults.timed("运行", lambda: huiqi("run", "--json", home=home))
            if faults.kills:
                faults.deliver_again(home, frame(home, "SELECT max(as_of) AS d FROM push.list").item())
                faults.repeated_run(lambda: huiqi("run", "--json", home=home), first)
    sys.stdout.write(text + "\n")
    return 0


def report(home: Path, desk: Desk, months: list[dict[str, Any]]) -> dict[str, Any]:
    """The figures of all months together."""
    effect, planted = told_and_held(home, desk)
    names = (
        "兑付",
        "错付",
        "金额不符",
        "提醒",
        "误推",
        "办件兑付",
        "办件错付",
        "办件金额不符",
        "办件真值不知",
        "虚报办件兑付",
        "虚报致错付",
    )
    totals: Counter[str] = Counter()
    for one in months:
        totals.update({name: one.get(name, 0) for name in names})
    return {
        "months": months,
        "totals": dict(totals),
        "false_push_rate": totals["误推"] / totals["提醒"] if totals["提醒"] else None,
        "missed_rate_last": months[-1]["应得未得"] / months[-1]["应得"] if months[-1]["应得"] else None,
        "uplift": effect,
        "planted_uplift": planted,
        "planted_within_interval": None if planted is None or effect["low"] is None else effect["low"] <= planted <= effect["high"],
        "doubles": doubles(home, desk),
        "audit_findings": len(desk.trail.verify(desk.control)),
        "paid_yuan": str(sum((Decimal(str(row["amount_fen"])) for row in desk.control.rows("SELECT amount_fen FROM active_award")), Decimal(0)) / 100),
    }  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
