"""Parquet files by independent writers: typed cells as text, and what is refused."""

import datetime as dt
import decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.contract import parse_feed
from data.readers import Reading, RefusedFile, read

TABLE = parse_feed(
    """
department: probe
name: 探测厅
prefix: TC
contact: 信息科
forms: {one: {pattern: 'x', format: parquet}}
tables:
  firm:
    native: T_FIRM
    label: 企业
    primary: [uscc]
    valid_at: null
    cadence: day
    columns:
      uscc: {label: 信用代码, header: XYDM, type: code, key: uscc}
      name: {label: 名称, header: QYMC, aliases: [企业名称], required: true}
      paid_yuan: {label: 金额, header: JE, type: money, unit: 元, optional: true}
      day: {label: 日期, header: RQ, type: date, optional: true}
      heads: {label: 人数, header: RS, type: integer, optional: true}
      moment: {label: 时间, header: SJ, type: datetime, optional: true}
      flag: {label: 标志, header: BZ, type: flag, optional: true}
""",
    "probe.yml",
).tables["firm"]


def reading(path: Path) -> Reading:
    return read(path, TABLE.forms["one"], TABLE)


def refusal(path: Path) -> str:
    with pytest.raises(RefusedFile) as caught:
        reading(path)
    return str(caught.value)


def test_typed_cells_become_the_text_a_department_would_have_written(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    cells = {
        "企业名称": pa.array(["海南甲公司", "䶮𬭊公司"]).dictionary_encode(),
        "XYDM": pa.array(["91460100MA5T00000X", None]),
        "JE": pa.array([decimal.Decimal("1234567.50"), decimal.Decimal("-0.01")], pa.decimal128(18, 2)),
        "RQ": pa.array([dt.date(2024, 2, 29), None]),
        "RS": pa.array([12, 0], pa.int32()),
        "SJ": pa.array([dt.datetime(2024, 3, 1, 9, 31, 7), None], pa.timestamp("us")),
        "BZ": pa.array([True, False]),
        "别的": pa.array([1.5, 2.5]),
    }
    pq.write_table(pa.table(cells), path, row_group_size=1, compression="gzip")
    frame = reading(path).frame
    assert frame.select("name", "uscc", "paid_yuan", "day", "heads", "moment", "flag").rows() == [
        ("海南甲公司", "91460100MA5T00000X", "1234567.50", "2024-02-29", "12", "2024-03-01 09:31:07", "true"),
        ("䶮𬭊公司", None, "-0.01", None, "0", None, "false"),
    ]
    assert frame["_row_no"].to_list() == [1, 2]
    assert frame["_numeric"].to_list() == [None, None]


def test_a_code_kept_as_a_number_is_told_and_a_whole_float_has_no_places(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame({"XYDM": [914601000000000000], "QYMC": ["甲"], "JE": [1200.0], "RS": [7.0]}).write_parquet(path)
    frame = reading(path).frame
    assert frame.select("uscc", "paid_yuan", "heads", "_numeric").rows() == [
        ("914601000000000000", "1200", "7", "uscc")
    ]


def test_no_rows_are_a_reading_of_no_rows(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pl.DataFrame(schema={"XYDM": pl.String, "QYMC": pl.String}).write_parquet(path)
    assert reading(path).rows_in == 0


def test_what_is_refused(tmp_path: Path) -> None:
    whole, path = tmp_path / "whole.parquet", tmp_path / "a.parquet"
    pl.DataFrame({"XYDM": ["91460100MA5T00000X"] * 500, "QYMC": ["甲"] * 500}).write_parquet(whole)
    raw = whole.read_bytes()
    for bytes_, reason in (
        (b"", "空的"),
        (b"XYDM,QYMC\n1,2\n", "不是 Parquet"),
        (raw[: len(raw) * 3 // 5], "截断"),
        (raw[:8] + bytes(len(raw) - 16) + raw[-8:], "损坏"),
        (b"PAR1" + b"PAR1", "损坏"),
    ):
        path.write_bytes(bytes_)
        assert reason in refusal(path)
    pl.DataFrame({"XYDM": ["1"], "别的": ["2"]}).write_parquet(path)
    assert "名称" in refusal(path) or "QYMC" in refusal(path)
    pl.DataFrame({"XYDM": ["1"], "QYMC": [["甲", "乙"]]}).write_parquet(path)
    assert "嵌套" in refusal(path)
    pl.DataFrame({"XYDM": ["1"], "QYMC": [b"\xff\xfe"]}).write_parquet(path)
    assert "二进制" in refusal(path)
