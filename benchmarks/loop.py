"""The loop closed over simulated months: a world goes on, lists are made, approved by people, sent, paid, answered, and judged against planted truth.

    python benchmarks/loop.py --home DIR --months 12 [--kills 2]

DIR is a mock home that has had its first run (`make run`). Each month: the demo officers take every award, invitation and reminder list from
proposal to export and reconcile what was paid; the world advances a month, and answers; the job runs on what arrived. Figures per month go to
stderr, the whole report as one JSON document to stdout and to DIR/reports/loop.json, from which a loop that was cut short goes on, and as a page
for people to DIR/reports/loop.md; why each pair went wrong to DIR/reports/loop_causes. With --kills the job and the people's work
are killed (SIGKILL) at random moments each month and begun again, accepted files come to the door a second time, and every step is asked for twice.
"""

import argparse
import contextlib
import datetime as dt
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.loop_faults import Faults
from benchmarks.loop_report import missed, page
from benchmarks.loop_truth import command, doubles, frame, judged, surroundings, told_and_held, truth_of
from matching.push.kinds import MONEY
from pipelines import steps
from pipelines.approval import Desk
from pipelines.docket import RefusedError
from pipelines.officers import enrol

PROJECT = Path(__file__).resolve().parent.parent
PHRASE = "演示口令-仅用于模拟"
MAKER, FIRST, SECOND = "王经办", "李审批", "赵审批"
KINDS = ("auto_award", "talent", "decision", "invite", "nudge", "digest")
RUN = ("-c", "from pipelines.cli import main; main()", "run", "--json")


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
    """One list from where it stands to its export; a step already taken is not taken again. Only money waits for a notice."""
    list_id, kind, sha256 = draft
    later = later if kind in MONEY else day + dt.timedelta(hours=2)

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
    drafts = frame(
        home,
        "SELECT list_id, kind, sha256 FROM push.list WHERE as_of = $day AND list_contains($kinds, kind) ORDER BY list_id",
        day=as_of,
        kinds=list(KINDS),
    )
    for draft in drafts.iter_rows():
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


def options_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--home", type=Path, default=Path(os.environ.get("HUIQI_HOME", "warehouse")))
    parser.add_argument("--months", type=int, default=12)
    parser.add_argument("--kills", type=int, default=0, help="每月每个长步骤随机杀死几次，并重放交付和操作")
    parser.add_argument("--seed", type=int, default=1, help="杀死与重放的随机种子")
    parser.add_argument("--act-only", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> int:
    options = options_of()
    home = options.home.resolve()
    desk = steps.desk_of(home)
    officers(desk)
    if options.act_only:
        acted(home, desk, frame(home, "SELECT max(as_of) AS d FROM push.list").item())
        return 0
    faults = Faults(options.kills, random.Random(options.seed))
    kept = home / "reports" / "loop.json"
    months: list[dict[str, Any]] = json.loads(kept.read_text(encoding="utf-8"))["months"] if kept.exists() else []
    while True:
        as_of = frame(home, "SELECT max(as_of) AS d FROM push.list").item()
        if not months or months[-1]["as_of"] < as_of.isoformat():
            months.append(one_month(home, desk, as_of, faults))
            # written each month, so that an evaluation cut short still says what it saw
            told = report(home, desk, months)
            kept.parent.mkdir(exist_ok=True)
            kept.write_text(json.dumps(told, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
            kept.with_suffix(".md").write_text(page(months, told), encoding="utf-8")
        if len(months) > options.months:
            break
        # a loop that was cut short may have let the world go on already
        if json.loads((home / "world.json").read_text(encoding="utf-8"))["closing_day"] <= as_of.isoformat():
            faults.timed("推进", lambda: command("-m", "data.world", "advance", "--out", str(home), home=home))
        next_run(home, faults)
    sys.stdout.write(kept.read_text(encoding="utf-8"))
    return 0


def one_month(home: Path, desk: Desk, as_of: dt.date, faults: Faults) -> dict[str, Any]:
    """People's work on the lists of a day, and what truth says of them."""
    if faults.kills:
        itself = [sys.executable, str(Path(__file__).resolve()), "--home", str(home), "--act-only"]
        faults.harass("审批", itself, PROJECT, surroundings(home))
    done = faults.timed("审批", lambda: acted(home, desk, as_of))
    truth = faults.timed("真值", lambda: truth_of(home, as_of))
    found = judged(home, truth, as_of, desk)
    if faults.kills:
        faults.ask_again(home, desk, MAKER, PHRASE, dt.datetime.combine(as_of + dt.timedelta(days=8), dt.time(9)))
    told = {**done["done"], **found, **done["refused"]}
    seconds = {name: round(value, 1) for name, value in faults.seconds.items()}
    sys.stderr.write(f"{as_of} {json.dumps(told, ensure_ascii=False)} 用时 {json.dumps(seconds, ensure_ascii=False)}\n")
    return {
        "as_of": as_of.isoformat(),
        **done,
        **found,
        "seconds": seconds,
        "faults": dict(sorted(faults.seen.items())),
    }


def next_run(home: Path, faults: Faults) -> None:
    """The job on what has arrived; with kills, killed first, then asked a second time with files handed in again."""
    if faults.kills:
        faults.harass("运行", [sys.executable, *RUN], PROJECT, surroundings(home))
    first = faults.timed("运行", lambda: huiqi("run", "--json", home=home))
    if faults.kills:
        faults.deliver_again(home, frame(home, "SELECT max(as_of) AS d FROM push.list").item())
        faults.repeated_run(lambda: huiqi("run", "--json", home=home), first)


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
        "人才兑付",
        "人才错付",
        "人才金额不符",
    )
    totals: Counter[str] = Counter()
    for one in months:
        totals.update({name: one.get(name, 0) for name in names})
    return {
        "months": months,
        "totals": dict(totals),
        "false_push_rate": totals["误推"] / totals["提醒"] if totals["提醒"] else None,
        "missed_last": missed(months[-1]),
        "uplift": effect,
        "planted_uplift": planted,
        "planted_within_interval": None if planted is None or effect["low"] is None else effect["low"] <= planted <= effect["high"],
        "doubles": doubles(home, desk),
        "audit_findings": len(desk.trail.verify(desk.control)),
        "paid_yuan": str(sum((Decimal(str(row["amount_fen"])) for row in desk.control.rows("SELECT amount_fen FROM active_award")), Decimal(0)) / 100),
    }  # fmt: skip


if __name__ == "__main__":
    raise SystemExit(main())
