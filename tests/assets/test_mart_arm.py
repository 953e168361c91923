"""Trials in the mart: who was written to before the draw, and when the control group was."""

import datetime as dt
import sqlite3
from types import SimpleNamespace

from assets.mart.arm import arms
from pipelines.docket import SCHEMA
from pipelines.officers import SCHEMA as OFFICERS


def test_an_arm_says_who_was_written_to_before_and_when_the_control_was_let_go():
    db = sqlite3.connect(":memory:")
    db.row_factory = sqlite3.Row
    db.executescript(OFFICERS + SCHEMA)
    for firm, arm in (("甲", "treated"), ("乙", "holdout"), ("丙", "treated")):
        db.execute(
            "INSERT INTO arm (enterprise_id, item_id, cycle, stratum, arm, probability, as_of, list_id)"
            " VALUES (?, 'i', '2025', 's', ?, 0.5, '2025-03-01', 'l3')",
            (firm, arm),
        )
    sent = [("甲", "2025-03-01", "2025-03-02"), ("乙", "2025-05-01", "2025-05-03"), ("丙", "2025-02-01", "2025-02-02"),
            ("丙", "2025-03-01", "2025-03-02"), ("甲", "2025-09-01", "2025-09-02")]  # fmt: skip
    for n, (firm, day, left) in enumerate(sent):
        db.execute("INSERT INTO message VALUES (?, ?, 'i', '2025', ?, ?, ?)", (f"k{n}", firm, left, day, f"l{n}"))
    control = SimpleNamespace(rows=lambda sql, values=(): db.execute(sql, values).fetchall())
    found = {row["enterprise_id"]: row for row in arms(control, dt.date(2025, 6, 1)).iter_rows(named=True)}
    said = {firm: (row["pushes"], row["first_push_date"], row["was_pushed"]) for firm, row in found.items()}
    assert said == {
        "甲": (1, dt.date(2025, 3, 2), False),
        "乙": (1, dt.date(2025, 5, 3), False),
        "丙": (1, dt.date(2025, 3, 2), True),
    }
