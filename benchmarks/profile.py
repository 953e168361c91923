"""The profile at scale: a full build, an increment of one enterprise in a hundred, and the bare scan of the same facts as the floor.

    python -m benchmarks.profile --home DIR --enterprises 300000 [--months 36] [--changed 0.01]

Facts are made directly in DuckDB (no world, no files): per enterprise a register row, a tax registration, two settlements, VAT by the month
(three in ten) or by the quarter, heads by the month (three in ten), payments by the quarter: 33 fact rows on average over 36 months. The
SELECTs are the profile's own, the other feeds deliver monthly files that name nobody. DIR is written anew each time. Prints seconds, CPU seconds and the peak of resident memory.
"""

import argparse
import datetime as dt
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from data import contract
from pipelines.refresh import SLICE, rebuild, refresh, remember
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse

AS_OF = dt.date(2025, 1, 25)
FACTS = ("tax_vat", "labor_headcount", "tax_payment")
LEDGER = (
    "file_id VARCHAR, department VARCHAR, table_name VARCHAR, period VARCHAR, kind VARCHAR, batch VARCHAR, received_at TIMESTAMP, "
    "status VARCHAR"
)


@contextmanager
def timed(what: str) -> Iterator[None]:
    start, used = time.monotonic(), _cpu()
    yield
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sys.stdout.write(
        f"{what}：{time.monotonic() - start:.1f} 秒，CPU {_cpu() - used:.1f} 秒，内存峰值至此 {peak:.2f} GB\n"
    )
    sys.stdout.flush()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def make_facts(warehouse: DuckWarehouse, enterprises: int, months: int) -> None:
    """The raw and registry tables of `enterprises`, every department's table present, seven of them filled."""
    with warehouse.write() as w:
        for schema in ("raw", "registry"):
            w.execute(f"CREATE SCHEMA {schema}")
        for table in contract.tables():
            columns = ", ".join(f'"{name}" {kind}' for name, kind in table.stored.items())
            w.execute(f'CREATE TABLE raw."{table.key}" ({columns})')
        w.execute(f"CREATE TABLE raw.delivery ({LEDGER})")
        # no randomness: figures are made of the number of the enterprise and of the month
        w.execute(
            "CREATE TABLE firm AS SELECT range AS n, 'e' || lpad(range::VARCHAR, 9, '0') AS enterprise_id, "
            "left(md5('s' || range), 16) AS subject, hash(range) % 100 AS lot FROM range($n)".replace(
                "$n", str(enterprises)
            )
        )
        w.execute(
            f"CREATE TABLE month AS SELECT range AS k, CAST(DATE '2025-01-01' - to_months(CAST(range + 1 AS INTEGER)) AS DATE) AS day FROM range({months})"
        )
        w.execute(
            "CREATE TABLE registry.enterprise AS SELECT enterprise_id, '91460100' || lpad(n::VARCHAR, 10, '0') AS uscc, '企业' || n AS name FROM firm"
        )
        w.execute("CREATE TABLE registry.subject AS SELECT subject AS _subject_id, enterprise_id FROM firm")
        for key, period, select in _SELECTS:
            department, _, name = key.partition("_")
            w.execute(f'INSERT INTO raw."{key}" BY NAME {select}')
            w.execute(
                f"INSERT INTO raw.delivery SELECT DISTINCT _file_id, '{department}', '{name}', {period}, 'I', '01', max(_received_at), 'loaded' "
                f'FROM raw."{key}" GROUP BY _file_id, {period}'
            )
        # every other feed reports too, month by month, and names nobody: most of an evidence table is absences, here as in a real house
        for table in contract.tables():
            if table.key not in {key for key, *_ in _SELECTS}:
                w.execute(
                    f"INSERT INTO raw.delivery SELECT left(md5('{table.key}' || k), 16), '{table.department}', '{table.name}', strftime(day, '%Y%m'), 'I', '01', "
                    "CAST(day + INTERVAL 1 MONTH + INTERVAL 16 DAY AS TIMESTAMP), 'loaded' FROM month"
                )
        w.execute("DROP TABLE firm")
        w.execute("DROP TABLE month")


def _row(file: str, received: str, period: str) -> str:
    return (
        f"left(md5({file}), 16) AS _file_id, row_number() OVER () AS _row_no, '' AS _sheet, {period} AS _period, "
        f"CAST({received} AS TIMESTAMP) AS _received_at, 'I' AS _op, subject AS _subject_id"
    )


_MONTHLY = _row("'{key}' || k", "day + INTERVAL 1 MONTH + INTERVAL 16 DAY", "strftime(day, '%Y%m')")
_SELECTS = (
    (
        "market_baseinfo", "_period",
        "SELECT enterprise_id AS pripid, '企业' || n AS name, DATE '2012-01-01' + CAST(n % 4000 AS INTEGER) AS established_date, 'active' AS status, "
        "'460105' AS region_code, CASE n % 4 WHEN 0 THEN '5129' WHEN 1 THEN '3979' WHEN 2 THEN '6513' ELSE '6110' END AS industry_code, '1150' AS enterprise_type, "
        f"TIMESTAMP '2022-01-05 10:00:00' AS op_at, {_row(chr(39) + 'base' + chr(39), chr(39) + '2025-01-24 10:00:00' + chr(39), chr(39) + '20250124' + chr(39))} FROM firm",
    ),
    (
        "tax_registration", "_period",
        "SELECT 'D' || n AS djxh, '企业' || n AS name, 'normal' AS status, CASE WHEN lot < 30 THEN 'general' ELSE 'small' END AS vat_payer_type, "
        f"'14601050000' AS tax_office_code, {_row(chr(39) + 'reg' + chr(39), chr(39) + '2025-01-17 10:00:00' + chr(39), chr(39) + '202412' + chr(39))} FROM firm",
    ),
    (
        "tax_income_tax", "_period",
        "SELECT 'D' || n AS djxh, make_date(CAST(year AS INTEGER), 1, 1) AS period_from_date, make_date(CAST(year AS INTEGER), 12, 31) AS period_to_date, TRUE AS is_annual, "
        "CAST(1000 * (n % 9000) + year AS DECIMAL(18, 2)) AS revenue_yuan, CAST(n % 50 AS INTEGER) AS staff_count, CAST(2000 * (n % 9000) AS DECIMAL(18, 2)) AS assets_yuan, "
        f"{_row(chr(39) + 'cit' + chr(39) + ' || year', 'make_date(CAST(year AS INTEGER) + 1, 6, 18)', 'year::VARCHAR')} FROM firm, (SELECT unnest([2022, 2023]) AS year)",
    ),
    (
        "tax_vat", "_period",
        "SELECT 'F' || n || '-' || k AS filing_id, 'D' || n AS djxh, CASE WHEN lot < 30 THEN day ELSE CAST(day - INTERVAL 2 MONTH AS DATE) END AS period_from_date, "
        "last_day(day) AS period_to_date, last_day(day) + 10 AS filed_date, CAST((n * 37 + k * 101) % 900000 AS DECIMAL(18, 2)) AS taxable_sales_yuan, FALSE AS is_void, "
        f"{_MONTHLY.format(key='vat')} FROM firm, month WHERE lot < 30 OR month(day) % 3 = 0 ORDER BY k DESC, n",
    ),
    (
        "labor_headcount", "_period",
        "SELECT day AS pay_month, '460100' AS office, n % 60 + k % 3 AS pension_count, n % 60 AS unemployment_count, n % 60 AS injury_count, "
        f"CAST(900 * (n % 60) AS DECIMAL(18, 2)) AS pension_due_yuan, CAST(900 * (n % 60) AS DECIMAL(18, 2)) AS pension_paid_yuan, {_MONTHLY.format(key='head')} "
        "FROM firm, month WHERE lot BETWEEN 10 AND 38 ORDER BY k DESC, n",
    ),
    (
        "tax_payment", "_period",
        "SELECT 'D' || n AS djxh, 'vat' AS tax_kind, day + 14 AS paid_date, CAST((n * 7 + k) % 90000 AS DECIMAL(18, 2)) AS paid_yuan, FALSE AS is_refund, "
        f"{_MONTHLY.format(key='paid')} FROM firm, month WHERE (n + k) % 9 = 0 ORDER BY k DESC, n",
    ),
)  # fmt: skip


def change(warehouse: DuckWarehouse, share: float) -> None:
    """One more file of filings that correct the newest month of every `1 / share`-th enterprise."""
    step = round(1 / share)
    with warehouse.write() as w:
        w.execute(
            "INSERT INTO raw.tax_vat BY NAME SELECT * REPLACE ('more' AS _file_id, TIMESTAMP '2025-01-25 12:00:00' AS _received_at, "
            "filed_date + 20 AS filed_date, filing_id || 'G' AS filing_id, CAST(taxable_sales_yuan + 1 AS DECIMAL(18, 2)) AS taxable_sales_yuan) "
            f"FROM raw.tax_vat WHERE _period = '202412' AND CAST(substr(djxh, 2) AS BIGINT) % {step} = 0"
        )
        w.execute(
            "INSERT INTO raw.delivery VALUES ('more', 'tax', 'vat', '202412', 'I', '02', TIMESTAMP '2025-01-25 12:00:00', 'loaded'),"
            # and one that names nobody: where the absences of all enterprises were last searched
            " ('more too', 'customs', 'trade_month', '202412', 'I', '02', TIMESTAMP '2025-01-25 12:00:00', 'loaded')"
        )


def scan(warehouse: DuckWarehouse) -> None:
    """The floor: the facts read once and added up per subject, by DuckDB from its own file and by Polars from Parquet."""
    with timed("下限：DuckDB 直接扫描并按户合计"), warehouse.connection() as con:
        for table, column in (
            ("tax_vat", "taxable_sales_yuan"),
            ("labor_headcount", "pension_count"),
            ("tax_payment", "paid_yuan"),
        ):
            con.execute(
                f"SELECT count(*), sum(s), max(m) FROM (SELECT _subject_id, sum({column}) AS s, max(_received_at) AS m FROM raw.{table} GROUP BY _subject_id)"
            ).fetchall()
    files = warehouse.home / "scan"
    files.mkdir()
    with warehouse.connection() as con:
        for table in FACTS:
            con.execute(f"COPY raw.{table} TO '{files / table}.parquet' (FORMAT parquet)")
    with timed("下限：Polars 扫描 Parquet 并按户合计"):
        for table, column in (
            ("tax_vat", "taxable_sales_yuan"),
            ("labor_headcount", "pension_count"),
            ("tax_payment", "paid_yuan"),
        ):
            pl.scan_parquet(files / f"{table}.parquet").group_by("_subject_id").agg(
                pl.col(column).sum(), pl.col("_received_at").max()
            ).select(pl.len(), pl.col(column).sum()).collect(engine="streaming")
    shutil.rmtree(files)


def main() -> None:
    parser = argparse.ArgumentParser(description="大规模下的一企一档：全量、增量和下限")
    parser.add_argument("--home", type=Path, required=True, help="空目录（会被清空）")
    parser.add_argument("--enterprises", type=int, default=300_000)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--slice", type=int, default=SLICE, help="全量时一次计算多少户")
    parser.add_argument("--changed", type=float, default=0.01, help="增量中有变化的企业占比")
    asked = parser.parse_args()
    shutil.rmtree(asked.home, ignore_errors=True)
    scope = RunScope(asked.home, AS_OF, dt.datetime(2025, 1, 25, 10), AS_OF)
    warehouse = DuckWarehouse(home=asked.home, scope=scope)
    with timed("造数"):
        make_facts(warehouse, asked.enterprises, asked.months)
    rows = sum(warehouse.frame(f"SELECT count(*) AS n FROM raw.{table}").item() for table in FACTS)
    sys.stdout.write(f"{asked.enterprises:,} 户 × {asked.months} 月，月度事实 {rows:,} 行\n")
    scan(warehouse)
    with timed("全量"):
        rebuild(warehouse, scope, asked.slice)
    with timed("记下依据（全量之后一次）"):
        remember(warehouse, scope)
    change(warehouse, asked.changed)
    later = RunScope(asked.home, AS_OF, dt.datetime(2025, 1, 25, 23, 59, 59), AS_OF)
    warehouse = DuckWarehouse(home=asked.home, scope=later)
    with timed("增量"):
        done = refresh(warehouse, later)
    sys.stdout.write(f"增量重算 {done.enterprises:,} 户；{done.reason or '其余不动'}\n")
    sys.stdout.write(f"库文件 {warehouse.path.stat().st_size / 2**30:.2f} GB\n")


if __name__ == "__main__":
    main()
