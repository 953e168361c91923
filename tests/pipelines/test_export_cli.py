"""One award list from proposal to reconciliation on the command line, and the attacks on the way, each refused with code 3."""

import datetime as dt
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from assets.policy import condition_frame, item_frame
from data.corpus import load_items
from matching.push import inputs as shapes
from matching.push.inputs import Dates, Inputs
from matching.push.select import propose
from pipelines.cli import lists
from pipelines.cli.output import Stop
from pipelines.publish import publish
from pipelines.warehouse import DuckWarehouse

AS_OF = dt.date(2024, 12, 10)
# A fifth of the taxable income: an item of the corpus, because a list is held against the policy file as it stands.
ITEM = next(item for item in load_items() if item.id == "hn-small-profit-relief")


@dataclass(frozen=True)
class FixedScope:
    as_of: dt.date = AS_OF
    known_at: dt.datetime = dt.datetime(2024, 12, 10, 23, 59, 59)
    rules_as_of: dt.date = AS_OF
    build_id: str = "b0"


def published(home: Path, income: int = 400_000, budget: int | None = None) -> str:
    """A home with one published award list of two firms, whose item has been given a `budget` since; returns its id."""
    items = item_frame([ITEM])
    firms = [
        {
            "enterprise_id": f"E{n}",
            "uscc": f"91460100MA5T00000{n}",
            "name": f"海南{n}有限公司",
            "taxable_income_last_year": Decimal(r),
        }
        for n, r in ((1, income), (2, 150_000))
    ]
    pairs = [
        {
            "enterprise_id": firm["enterprise_id"], "uscc": firm["uscc"], "item_id": ITEM.id, "version": ITEM.version, "verdict": "eligible",
            "met": [], "failed": [], "unknown": [], "near_miss": False, "bar": "clear", "bars": [],
            "amount_yuan": amount, "score": 0.5,
        }
        for firm, amount in zip(firms, (Decimal(80000), Decimal(30000)), strict=True)
    ]  # fmt: skip
    frame = pl.DataFrame(
        firms,
        schema={
            "enterprise_id": pl.String,
            "uscc": pl.String,
            "name": pl.String,
            "taxable_income_last_year": pl.Decimal(18, 2),
        },
    )
    inputs = Inputs(
        pairs=pl.DataFrame(pairs, schema=shapes.PAIRS, orient="row"),
        items=shapes.shaped(items, shapes.ITEMS, "policy.item"),
        conditions=shapes.empty(shapes.CONDITIONS),
        enterprises=shapes.shaped(
            frame.with_columns(
                pl.lit(None).alias(name) for name in ("region", "size", "contact_hash", "contact_masked")
            ),
            shapes.ENTERPRISES,
            "企业",
        ),
    )
    scope = FixedScope()
    proposal = propose(inputs, Dates(AS_OF, scope.known_at, AS_OF, "b0", b"k" * 32))
    warehouse = DuckWarehouse(home=home, scope=scope)
    settlement = {"list_id": pl.String, "uscc": pl.String, "item_id": pl.String, "cycle": pl.String, "state": pl.String,
                  "granted_yuan": pl.Decimal(18, 2), "paid_yuan": pl.Decimal(18, 2), "payments": pl.Int64, "last_paid_on": pl.Date}  # fmt: skip
    with warehouse.write() as w:
        w.replace(
            "policy.item", items.with_columns(pl.lit(budget).cast(items.schema["budget_yuan"]).alias("budget_yuan"))
        )
        w.replace("policy.condition", condition_frame([ITEM]))
        w.replace("profile.enterprise", frame)
        w.replace("match.pair", inputs.pairs)
        w.replace("push.list", proposal.lists)
        w.replace("push.line", proposal.lines)
        w.replace("push.suppression", proposal.suppressions)
        w.replace("push.settlement", pl.DataFrame(schema=settlement))
    publish(warehouse, scope)
    return str(proposal.lists["list_id"][0])


@pytest.fixture
def huiqi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs one command as `(code, document)` at a moment that the test sets."""
    app = typer.Typer()
    lists.register(app)
    monkeypatch.setenv("HUIQI_PASSPHRASE", "correct horse")
    (tmp_path / "world.json").write_text("{}", encoding="utf-8")

    def run(*words: str, at: str = "2024-12-11T09:00:00") -> tuple[int, Any]:
        monkeypatch.setenv("HUIQI_MOCK_CLOCK", at)
        result = CliRunner().invoke(app, [*words, "--home", str(tmp_path)], catch_exceptions=True)
        if isinstance(result.exception, Stop):
            return result.exception.code, str(result.exception)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        text = result.stdout.strip()
        return result.exit_code, json.loads(text) if text.startswith(("{", "[")) else text

    for name, role in (("王经办", "analyst"), ("李审批", "approver"), ("赵审批", "approver")):
        assert run("officers", "add", name, "--role", role)[0] == 0
    return run


LATER = "2024-12-20T09:00:00"


def test_from_proposal_to_payment_file(huiqi: Any, tmp_path: Path) -> None:
    name = published(tmp_path)
    code, rows = huiqi("lists", "--json")
    assert code == 0 and [(row["list_id"], row["status"], row["rows"], row["amount_yuan"]) for row in rows] == [
        (name, "draft", 2, "110000.00")
    ]
    assert huiqi("approve", name, "--as", "李审批")[0] == 3
    assert huiqi("list", "check", name, "--as", "王经办", "--json")[1]["status"] == "checked"
    assert huiqi("list", "notice", name, "--as", "王经办", "--from", "2024-12-11", "--to", "2024-12-12")[0] == 3
    assert huiqi("list", "notice", name, "--as", "王经办", "--from", "2024-12-11", "--to", "2024-12-18")[0] == 0
    assert huiqi("approve", name, "--as", "李审批")[0] == 3
    assert huiqi("approve", name, "--as", "李审批", "--json", at=LATER)[1]["status"] == "publicised"
    assert huiqi("approve", name, "--as", "李审批", at=LATER)[0] == 3
    assert huiqi("freeze", name, "--as", "王经办", at=LATER)[0] == 3
    assert huiqi("approve", name, "--as", "赵审批", "--json", at=LATER)[1]["status"] == "approved"
    assert huiqi("export", name, "--as", "王经办", at=LATER)[0] == 3
    assert huiqi("freeze", name, "--as", "王经办", "--json", at=LATER)[1]["amount_yuan"] == "110000.00"
    code, document = huiqi("export", name, "--as", "王经办", "--json", at=LATER)
    assert code == 0 and document["withheld"] == 0
    assert {Path(file["path"]).name for file in document["files"]} == {
        "名单.csv", "名单.xlsx", "payment.csv", "payment.ctl",
    }  # fmt: skip
    code, refusal = huiqi("export", name, "--as", "王经办", at=LATER)
    assert code == 3 and "只导出一次" in refusal
    assert huiqi("freeze", name, "--as", "王经办", at=LATER)[0] == 3
    code, refusal = huiqi("reconcile", name, "--as", "王经办", at=LATER)
    assert code == 3 and "huiqi run" in refusal
    code, document = huiqi("list", "show", name, "--json")
    assert document["status"] == "exported" and [a["officer"] for a in document["approvals"]] == ["李审批", "赵审批"]
    code, audit = huiqi("audit", "verify", "--json")
    assert code == 0 and audit["intact"] and audit["rows"] > 12


def test_the_kernels_amount_must_be_confirmed_by_sql(huiqi: Any, tmp_path: Path) -> None:
    name = published(tmp_path, income=350_000)  # 70,000 by the rule, 80,000 on the list
    huiqi("list", "check", name, "--as", "王经办")
    huiqi("list", "notice", name, "--as", "王经办", "--from", "2024-12-11", "--to", "2024-12-18")
    for officer in ("李审批", "赵审批"):
        huiqi("approve", name, "--as", officer, at=LATER)
    code, refusal = huiqi("freeze", name, "--as", "王经办", at=LATER)
    assert code == 3 and "独立复算与名单不符 1 户" in refusal and "复算 70000.00 元" in refusal
    assert huiqi("lists", "--json")[1][0]["status"] == "void"


def test_a_budget_set_since_the_proposal_stops_the_list(huiqi: Any, tmp_path: Path) -> None:
    """Approval binds lines and totals; the limit of the ledger comes from the item as it is now, whatever the stored header says."""
    name = published(tmp_path, budget=50_000)
    huiqi("list", "check", name, "--as", "王经办")
    huiqi("list", "notice", name, "--as", "王经办", "--from", "2024-12-11", "--to", "2024-12-18")
    for officer in ("李审批", "赵审批"):
        huiqi("approve", name, "--as", officer, at=LATER)
    code, refusal = huiqi("freeze", name, "--as", "王经办", at=LATER)
    assert code == 3 and "预算" in refusal and huiqi("lists", "--json")[1][0]["status"] == "void"


def test_a_firm_that_opts_out_stops_the_list(huiqi: Any, tmp_path: Path) -> None:
    name = published(tmp_path)
    huiqi("list", "check", name, "--as", "王经办")
    huiqi("list", "notice", name, "--as", "王经办", "--from", "2024-12-11", "--to", "2024-12-18")
    for officer in ("李审批", "赵审批"):
        huiqi("approve", name, "--as", officer, at=LATER)
    assert huiqi("opt-out", "91460100MA5T000001", "--as", "王经办", "--scope", "award", at=LATER)[0] == 0
    code, refusal = huiqi("freeze", name, "--as", "王经办", at=LATER)
    assert code == 3 and "91460100MA5T000001" in refusal


def test_unknown_lists_and_officers_are_wrong_use(huiqi: Any, tmp_path: Path) -> None:
    published(tmp_path)
    assert huiqi("list", "show", "nothing")[0] == 2
    assert huiqi("officers", "remove", "陌生人")[0] == 3
    assert huiqi("opt-out", "91460100MA5T999999", "--as", "王经办")[0] == 2


def test_without_a_terminal_the_variable_is_named(huiqi: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = published(tmp_path)
    monkeypatch.delenv("HUIQI_PASSPHRASE")
    code, refusal = huiqi("approve", name, "--as", "李审批")
    assert code == 2 and "HUIQI_PASSPHRASE" in refusal and "李审批" in refusal


def test_an_empty_home_has_no_ledger_to_verify(huiqi: Any, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = CliRunner().invoke(_app(), ["audit", "verify", "--home", str(empty)])
    assert isinstance(result.exception, Stop) and result.exception.code == 2
    assert "没有审计台账" in str(result.exception) and not list(empty.iterdir())


def _app() -> typer.Typer:
    app = typer.Typer()
    lists.register(app)
    return app


def test_a_ledger_restored_from_a_backup_freezes_and_exports_nothing(huiqi: Any, tmp_path: Path) -> None:
    name = published(tmp_path)
    huiqi("list", "check", name, "--as", "王经办")
    huiqi("list", "notice", name, "--as", "王经办", "--from", "2024-12-11", "--to", "2024-12-18")
    for officer in ("李审批", "赵审批"):
        huiqi("approve", name, "--as", officer, at=LATER)
    store = tmp_path / "control.sqlite"

    def copied(target: Path, source: Path) -> None:
        with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)

    def restored(backup: Path) -> None:
        for path in tmp_path.glob("control.sqlite*"):
            path.unlink()
        copied(store, backup)

    before, frozen = tmp_path / "before.bak", tmp_path / "frozen.bak"
    copied(before, store)
    assert huiqi("freeze", name, "--as", "王经办", at=LATER)[0] == 0
    copied(frozen, store)
    assert huiqi("export", name, "--as", "王经办", at=LATER)[0] == 0
    restored(frozen)
    code, refusal = huiqi("export", name, "--as", "王经办", at=LATER)
    assert code == 3 and "旧备份" in refusal
    restored(before)
    code, refusal = huiqi("freeze", name, "--as", "王经办", at=LATER)
    assert code == 3 and "旧备份" in refusal
    # Even with the anchors taken away together with the audit rows, the payment file that left is a witness.
    restored(before)
    anchors = tmp_path / "anchors" / "audit.jsonl"
    head = sqlite3.connect(before).execute("SELECT max(seq) FROM audit").fetchone()[0]
    kept = [line for line in anchors.read_text().splitlines() if json.loads(line)["seq"] <= head]
    anchors.write_text("".join(f"{line}\n" for line in kept))
    code, refusal = huiqi("freeze", name, "--as", "王经办", at=LATER)
    assert code == 3 and "付款文件里有 2 笔不在台账中" in refusal
