"""Totals in = totals out: conservation of rows per file, and the department's control file against what was read."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import polars as pl

_LINE = re.compile(r"\A(rows|amount|md5|period|batch)=(.*)\Z")
_ROWS = re.compile(r"\d{1,15}", re.ASCII)
_AMOUNT = re.compile(r"-?[\d,]{1,24}(?:\.\d{1,6})?", re.ASCII)


@dataclass(frozen=True)
class ControlFile:
    """What a department says its delivery holds."""

    rows: int | None
    amount: Decimal | None
    md5: str | None
    period: str | None
    batch: str | None


def parse_control(text: str) -> ControlFile:
    """A `.ctl` of `key=value` lines. Raises ValueError (Chinese) on anything else."""
    said: dict[str, str] = {}
    for number, line in enumerate(text.lstrip("\ufeff").splitlines(), 1):
        if not line.strip():
            continue
        found = _LINE.match(line.strip())
        if not found or found.group(1) in said:
            raise ValueError(f"控制文件第 {number} 行不合格式（应为 rows=、amount=、md5=、period=、batch= 各一行）")
        said[found.group(1)] = found.group(2).strip()
    if not _ROWS.fullmatch(said.get("rows", "0")) or not _AMOUNT.fullmatch(said.get("amount", "0")):
        raise ValueError("控制文件的 rows 或 amount 不是数")
    rows = int(said["rows"]) if "rows" in said else None
    amount = Decimal(said["amount"].replace(",", "")) if "amount" in said else None
    return ControlFile(rows, amount, said.get("md5"), said.get("period"), said.get("batch"))


def envelope_faults(control: ControlFile, md5: str, period: str, batch: str) -> list[str]:
    """Contradictions that need no parsing: digest (`md5`: that of the bytes), period, batch."""
    faults = []
    if control.md5 and control.md5.lower() != md5:
        faults.append("文件内容与控制文件的 md5 不符，传输中损坏或被截断")
    if control.period and control.period != period:
        faults.append(f"控制文件写的期间是 {control.period}，文件名是 {period}")
    if control.batch and control.batch.lstrip("0") != batch.lstrip("0"):
        faults.append(f"控制文件写的批次是 {control.batch}，文件名是 {batch}")
    return faults


def content_faults(control: ControlFile, rows: int, amount: Decimal | None) -> list[str]:
    """Contradictions between the control file and what was read: `rows` facts delivered, `amount` their sum (None: not declared)."""
    faults = []
    if control.rows is not None and control.rows != rows:
        faults.append(f"控制文件写 {control.rows} 行，实际 {rows} 行，相差 {rows - control.rows}")
    if control.amount is not None and amount is not None and control.amount != amount:
        faults.append(f"控制文件写合计 {control.amount} 元，实际 {amount} 元，相差 {amount - control.amount}")
    return faults


CONSERVED = ("rows_loaded", "rows_rejected", "rows_duplicate", "rows_total")


def unconserved(loads: pl.DataFrame) -> pl.DataFrame:
    """The files of `loads` (rows_in and CONSERVED) whose rows do not add up: must be empty, or a row was lost or invented."""
    return loads.filter(pl.col("rows_in") != pl.sum_horizontal([pl.col(c) for c in CONSERVED]))


def conserved(counts: Mapping[str, int]) -> bool:
    """One file: rows in = loaded + rejected + duplicates + totals."""
    return counts["rows_in"] == sum(counts[c] for c in CONSERVED)
