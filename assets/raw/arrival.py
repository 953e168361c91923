"""Asset `raw/arrival`: pulls what must be pulled, lets in what has landed, and lists every file that ever came to the door."""

import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from assets.ports import Scope, Warehouse
from assets.raw.door import CONTROL, RELEASE, admit, anything_waits, recognised
from assets.raw.pull import pull_feeds
from assets.raw.receipt import RECEIPT, moment
from assets.raw.schema import CHECK_COLUMNS, LOAD_COLUMNS, REJECT_COLUMNS
from quality import validator
from quality.conform import no_subjects

COLUMNS = {
    "file_id": pl.String,
    "sha256": pl.String,
    "name": pl.String,
    "path": pl.String,
    "department": pl.String,
    "tables": pl.String,
    "form": pl.String,
    "period": pl.String,
    "kind": pl.String,
    "batch": pl.String,
    "bytes": pl.Int64,
    "received_at": pl.Datetime("us"),
    "sequence": pl.Int64,
    "control_sha": pl.String,
    # `given` by the front door, `made` by ours from the file's own time, or `untimed`: that time was later than everything known
    "receipt": pl.String,
    "repeats": pl.Int64,
    "released_by": pl.String,
    "released_why": pl.String,
    "status": pl.String,
    "reason": pl.String,
}

_RECEIPTS = {None: "given", "door": "made", "run": "untimed"}


@dg.asset(
    key=["raw", "arrival"],
    group_name="raw",
    description="到件：拉取接口，接收落地文件（文件名、回执、控制文件、大小），移入 accepted/ 或 refused/；同一文件重复送达只记一次",
    check_specs=[
        dg.AssetCheckSpec("feeds_pulled", asset=["raw", "arrival"], description="接口都拉取成功"),
        dg.AssetCheckSpec("nothing_refused", asset=["raw", "arrival"], description="门口没有拒收的文件"),
    ],
)
def arrival_asset(
    context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]
) -> Iterator[Any]:
    home = warehouse.home
    if anything_waits(home):
        # Its import takes as long as the door: what waits here will have to be validated.
        validator.shared().start()
    pulled = pull_feeds(home, scope.known_at)
    for line in pulled.done:
        context.log.info(line)
    passed = admit(home, scope.known_at)
    for name, reason in passed.refused:
        context.log.warning(f"拒收 {name}：{reason}")
    for name in passed.repeated:
        context.log.info(f"重复送达，未再载入：{name}")
    scope.seal()
    files = arrivals(home)
    with warehouse.write() as transaction:
        written = transaction.replace("raw.arrival", files)
        # A home of before the column: whom its rejects name stays unknown.
        transaction.execute("ALTER TABLE IF EXISTS quality.reject ADD COLUMN IF NOT EXISTS subject VARCHAR")
        for table, empty in (
            ("raw.delivery_load", pl.DataFrame(schema=LOAD_COLUMNS)),
            ("raw.subject", no_subjects()),
            ("quality.reject", pl.DataFrame(schema=REJECT_COLUMNS)),
            ("quality.check", pl.DataFrame(schema=CHECK_COLUMNS)),
        ):
            transaction.append(table, empty)
    severity = dg.AssetCheckSeverity.WARN
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": written.rows,
            "dagster/column_schema": dg.TableSchema([dg.TableColumn(n, t) for n, t in written.columns.items()]),
            "accepted": len(passed.accepted),
            "refused": len(passed.refused),
            "repeated": len(passed.repeated),
            "waiting_for_control": len(passed.waiting),
            "not_yet_known": passed.later,
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="feeds_pulled",
                passed=not pulled.failed,
                severity=severity,
                metadata={"failed": pulled.failed},
            ),
            dg.AssetCheckResult(
                check_name="nothing_refused",
                passed=not passed.refused,
                severity=severity,
                metadata={"refused": [f"{name}：{reason}" for name, reason in passed.refused[:20]]},
            ),
        ],
    )


def arrivals(home: Path) -> pl.DataFrame:
    """Every file in `accepted/` and `refused/`, in order of receipt: the door's memory is the folders, not the warehouse."""
    rows = []
    for folder, _, names in os.walk(home / "accepted"):
        held = set(names)
        rows += [_accepted(home, Path(folder), n, held) for n in names if n.endswith(RECEIPT)]
    rows += [_refused(place) for place in (home / "refused").glob("*/reason.json")]
    frame = pl.DataFrame([r for r in rows if r], schema=COLUMNS, orient="row")
    return frame.sort("received_at", "sequence", "name", "file_id")


def _accepted(home: Path, folder: Path, receipt_name: str, held: set[str]) -> tuple[Any, ...] | None:
    name = receipt_name.removesuffix(RECEIPT)
    known = recognised(name)
    if name not in held or known is None:
        return None
    receipt = json.loads((folder / receipt_name).read_text(encoding="utf-8"))
    tables, form, parts = known
    control = name + CONTROL
    return (
        receipt["file_id"],
        receipt["sha256"],
        name,
        str((folder / name).relative_to(home)),
        tables[0].department,
        ",".join(t.name for t in tables),
        form,
        parts.period,
        parts.kind,
        parts.batch,
        int(receipt["bytes"]),
        moment(receipt["received_at"]),
        int(receipt["sequence"]),
        hashlib.sha256((folder / control).read_bytes()).hexdigest() if control in held else None,
        _RECEIPTS.get(receipt.get("made_by"), "made"),
        sum(1 for other in held if other.startswith(f"{name}.repeat-")),
        *(_released(folder / f"{name}{RELEASE}") if name + RELEASE in held else (None, None)),
        "accepted",
        None,
    )


def _released(place: Path) -> tuple[str, str]:
    """Who let a held delivery in, and why."""
    said = json.loads(place.read_text(encoding="utf-8"))
    return said["by"], said["why"]


def _refused(place: Path) -> tuple[Any, ...]:
    said = json.loads(place.read_text(encoding="utf-8"))
    receipt = said.get("receipt") or {}
    known = recognised(said["file"])
    received = receipt.get("received_at")
    tables, form, parts = known if known else ([], "", None)
    return (
        said["sha256"][:16],
        said["sha256"],
        said["file"],
        "",
        tables[0].department if tables else None,
        ",".join(t.name for t in tables) or None,
        form or None,
        parts.period if parts else None,
        parts.kind if parts else None,
        parts.batch if parts else None,
        int(receipt.get("bytes", 0)),
        moment(received) if received else None,
        int(receipt.get("sequence", 0)),
        None,
        _RECEIPTS.get(receipt.get("made_by"), "made") if receipt else None,
        0,
        None,
        None,
        "refused",
        said["reason"],
    )
