"""The accuracy of loading in a finished run of a mock world: clean cells, planted defects, and troubles of deliveries.

    python -m benchmarks.loading --home HOME [--truth DIR] [--json FILE]

DIR (HOME/truth unless told) is what `huiqi world make` planted. Reads the warehouse, changes nothing.
"""

import argparse
import datetime as dt
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import polars as pl

from data import contract
from data.contract import Table
from evaluation import loading

# Which signs of the pipeline answer which trouble of a delivery.
ANSWERS = {
    "truncated": ("refused",),
    "wrong_control": ("refused", "repeat"),
    "swapped_content": ("refused", "content"),
    # once the right file has come, the wrong one is superseded where it had only been noted
    "wrong_period": ("refused", "content", "superseded"),
    "missing_control": ("no_control",),
    "missing_receipt": ("receipt",),
    "resent": ("repeat",),
    "resent_changed": ("superseded", "repeat"),
    "late": ("late",),
    "column_added": ("columns",),
    "column_renamed": ("columns",),
    "column_split": ("columns",),
    "encoding_changed": ("encoding",),
    "declared_gb2312": ("encoding",),
    "unit_changed_silently": ("distribution",),
    "silent": ("gap",),
}
# The ledger's signs. A table `quality.anomaly` (department, table_name, period, alarm), where a run writes one, is read beside them.
_SIGNS = """
SELECT department, table_name, period, 'refused' AS alarm FROM raw.delivery WHERE status = 'refused'
UNION ALL SELECT department, table_name, period, 'superseded' FROM raw.delivery WHERE status = 'superseded'
UNION ALL SELECT department, table_name, period, 'no_control' FROM raw.delivery WHERE notes LIKE '%没有控制文件%'
UNION ALL SELECT department, table_name, period, 'encoding' FROM raw.delivery WHERE notes LIKE '%实际按%'
UNION ALL SELECT department, table_name, period, 'repeat' FROM raw.delivery WHERE repeats > 0
"""


class Report(NamedTuple):
    """`clean`: share per table; `defects`: fate per kind; `recall` and `false_alarms` of delivery troubles; `wrong`: cells loaded as what they are not."""

    clean: pl.DataFrame
    defects: pl.DataFrame
    recall: pl.DataFrame
    false_alarms: pl.DataFrame
    wrong: pl.DataFrame


def measured(home: Path, truth: Path) -> Report:
    """Everything compared, table by table. Raises FileNotFoundError when the world planted no clean values."""
    if not (truth / "truth_clean").is_dir():
        raise FileNotFoundError(f"{truth} 里没有 truth_clean；请用现在的 huiqi world make 重做这个世界")
    with duckdb.connect(str(home / "warehouse.duckdb"), read_only=True) as base:
        base.execute("SET threads = 2")

        def frame(sql: str) -> pl.DataFrame:
            found = pl.from_arrow(base.sql(sql).to_arrow_table())
            assert isinstance(found, pl.DataFrame)
            return found

        deliveries = pl.read_parquet(truth / "truth_delivery.parquet")
        files = _files(frame, deliveries)
        counted, kinds, wrong = [], [], []
        for found in _tables(frame, truth, files):
            counted.append(loading.clean_share(found))
            kinds.append(found.drop_nulls("defect"))
            wrong.append(found.filter(pl.col("state") == "wrong"))
        recall, false = loading.noticed(*_troubles(frame, deliveries), ANSWERS, _years(deliveries))
        return Report(pl.concat(counted), loading.fate_of_defects(pl.concat(kinds)), recall, false, pl.concat(wrong))


def _years(deliveries: pl.DataFrame) -> float:
    """Years over which deliveries came; their periods reach further back."""
    came = deliveries["received_at"].drop_nulls()
    return max((came.max() - came.min()).days / 365.25, 1.0)  # type: ignore[operator, union-attr]


def _files(frame: Any, deliveries: pl.DataFrame) -> pl.DataFrame:
    """file (as the truth names it), file_id: by name and content."""
    # A world made before version 5 did not note the hash: the name alone then.
    on = ["name", "sha256"] if "sha256" in deliveries.columns else ["name"]
    came = deliveries.drop_nulls("file").with_columns(name=pl.col("file").str.split("/").list.last())
    came = came.select("file", *on).unique()
    return came.join(frame("SELECT name, sha256, file_id FROM raw.arrival"), on=on, how="inner").select(
        "file", "file_id"
    )


def _tables(frame: Any, truth: Path, files: pl.DataFrame) -> Iterator[pl.DataFrame]:
    held = set(frame("SELECT table_name FROM information_schema.tables WHERE table_schema = 'raw'")["table_name"])
    rejects = frame("SELECT department, table_name, file_id, coalesce(sheet, '') AS sheet, row_no FROM quality.reject")
    spoilt = pl.read_parquet(truth / "truth_cell.parquet")
    # The newest version of a contract knows the headings of all earlier ones.
    for table in (t.at(dt.date.max) for t in contract.tables()):
        path = truth / "truth_clean" / f"{table.department}_{table.native}.parquet"
        if f"{table.department}_{table.name}" not in held or not path.exists():
            continue
        own = spoilt.filter((pl.col("department") == table.department) & (pl.col("table") == table.native))
        loaded = frame(
            "SELECT * EXCLUDE (_file_id, _row_no, _sheet), _file_id AS file_id, _row_no AS row_no, coalesce(_sheet, '') AS sheet "
            f'FROM raw."{table.department}_{table.name}" WHERE _row_no > 0'
        )
        clean = pl.read_parquet(path).with_columns(pl.col("sheet").fill_null(""))
        clean, own, loaded = _pulled(table, clean, own, loaded) if table.department == "reform" else (
            clean.join(files, on="file", how="left"), own.join(files, on="file", how="inner"), loaded,
        )  # fmt: skip
        refused = rejects.filter((pl.col("department") == table.department) & (pl.col("table_name") == table.name))
        yield loading.cells(table, clean, own, loaded, refused)


def _pulled(
    table: Table, clean: pl.DataFrame, spoilt: pl.DataFrame, loaded: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """A pulled record stands in no file of the truth: it is found by its primary key and its time of change."""
    at = ["file", "sheet", "row_no"]
    key, told, sent = [], [], clean
    for name in table.primary:
        column = table.columns[name]
        (sender,) = loading.native(column, clean.columns)
        spoken = spoilt.filter(pl.col("column") == sender).select(*at, pl.col("sent").alias("_sent"))
        sent = (
            sent.join(spoken, on=at, how="left").with_columns(pl.coalesce("_sent", sender).alias(sender)).drop("_sent")
        )
        key.append(loading.said(pl.col(sender), column).fill_null(""))
        told.append(loading.held(name, column).fill_null(""))
    stamped = loading.said(pl.col("updated_at"), contract.Column(label="", header="", type="datetime"))
    known = sent.select(*at, file_id=pl.concat_str(*key, stamped, separator="|"))
    place = clean.join(known, on=at)
    ours = loaded.with_columns(
        file_id=pl.concat_str(*told, pl.col("_received_at").dt.strftime("%Y-%m-%d %H:%M:%S"), separator="|")
    )
    zero = pl.lit(0, pl.Int64).alias("row_no")
    return (
        place.with_columns(zero),
        spoilt.join(known, on=at).with_columns(zero),
        ours.with_columns(zero, sheet=pl.lit("")),
    )


def _troubles(frame: Any, deliveries: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    natives = pl.DataFrame(
        [{"department": t.department, "table_name": t.name, "table": t.native} for t in contract.tables()]
    )
    planted = (
        deliveries.filter(pl.col("anomalies") != "")
        .select("department", "table", "period", anomaly=pl.col("anomalies").str.split(";"))
        .explode("anomaly")
    )
    signs = frame(_SIGNS)
    if frame(
        "SELECT 1 FROM information_schema.tables WHERE table_schema = 'quality' AND table_name = 'anomaly'"
    ).height:
        signs = pl.concat([signs, frame("SELECT department, table_name, period, alarm FROM quality.anomaly")])
    told = signs.join(natives, on=["department", "table_name"])
    # A snapshot of several tables is one delivery, and the sender calls it so.
    whole = deliveries.filter(pl.col("table") == "SNAPSHOT").select("department", snapshot="table").unique()
    named = told.join(whole, on="department", how="left").with_columns(pl.coalesce("snapshot", "table").alias("table"))
    return planted, named.select("department", "table", "period", "alarm").unique()


def shown(report: Report) -> str:
    """The report as an analyst reads it."""
    total = report.clean.select("cells", "landed", "right").sum().row(0, named=True)
    with pl.Config(tbl_rows=200, tbl_cols=20, fmt_str_lengths=60, tbl_width_chars=200, tbl_hide_dataframe_shape=True):
        return "\n".join(
            [
                f"干净的单元格 {total['cells']:,} 个，入库 {total['landed']:,} 个，其中正确 {total['right']:,} 个（{total['right'] / max(total['landed'], 1):.6f}）",
                str(report.clean),
                "植入的缺陷：应怎样处理（must），实际怎样（repaired 看穿，as_sent 照原样，emptied 记为未知，rejected 该行被拒，wrong 读成别的，not_landed 文件未入库）",
                str(report.defects),
                "交付异常：发现率", str(report.recall),
                "误报（按部门）", str(report.false_alarms),
                "读错的单元格（前 20 个）", str(report.wrong.head(20)),
            ]
        )  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(
        description="模拟世界里一次运行的入库准确度：逐格、逐类缺陷、逐次交付异常",
        epilog="例：python -m benchmarks.loading --home warehouse",
    )
    parser.add_argument("--home", type=Path, required=True, help="运行所在的目录")
    parser.add_argument("--truth", type=Path, help="真值目录，缺省为 HOME/truth")
    parser.add_argument("--json", type=Path, help="另把各表写成一个 JSON 文件")
    asked = parser.parse_args()
    try:
        report = measured(asked.home, asked.truth or asked.home / "truth")
    except FileNotFoundError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(shown(report) + "\n")
    if asked.json:
        tables = {name: table.to_dicts() for name, table in report._asdict().items()}
        asked.json.write_text(json.dumps(tables, ensure_ascii=False, indent=1, default=str) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
