"""疑义核校: a challenge stands until the department speaks again, and nobody closes it by hand."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer

from data import indicators
from pipelines.audit import trail
from pipelines.cli.dispute import _claimed, register
from pipelines.cli.output import Stop
from pipelines.control import ControlStore
from pipelines.dispute import DisputeError, of_enterprise, record, standing, withdraw

AT = datetime(2025, 1, 10, 9)
SAID = {"enterprise_id": "e1", "uscc": "91460100MA5T00001X", "indicator": "revenue_last_year", "value": "100.00", "department": "tax", "table_name": "vat", "file_id": "f1", "row_no": 7, "claimed": "120.00", "actor": "张三", "why": "漏报"}  # fmt: skip
EVIDENCE: dict[str, Any] = {"file_id": "f1", "row_no": 7, "received_at": datetime(2025, 1, 1)}


@pytest.fixture
def control(tmp_path: Path) -> ControlStore:
    return ControlStore(tmp_path / "control.sqlite")


@pytest.mark.parametrize(
    ("value", "evidence", "expected"),
    [
        (Decimal("100.00"), EVIDENCE, "open"),
        (Decimal("120.00"), EVIDENCE, "corrected"),
        (None, None, "corrected"),
        (Decimal("100.00"), EVIDENCE | {"file_id": "f2", "received_at": datetime(2025, 2, 1)}, "confirmed"),
        # another row that had been received before the dispute is no answer to it
        (Decimal("100.00"), EVIDENCE | {"row_no": 8}, "open"),
        (Decimal("100.00"), None, "open"),
    ],
)
def test_the_next_word_of_the_department_closes_it(
    control: ControlStore, tmp_path: Path, value: Any, evidence: Any, expected: str
) -> None:
    record(control, trail(tmp_path), SAID, AT)
    row = control.rows("SELECT * FROM dispute")[0]
    assert standing(row, value, evidence) == expected
    shown = of_enterprise(control, "e1", {SAID["indicator"]: value}, {SAID["indicator"]: evidence} if evidence else {})
    assert (SAID["indicator"] in shown) == (expected == "open")


def test_once_per_value_and_back_again(control: ControlStore, tmp_path: Path) -> None:
    chain = trail(tmp_path)
    number = record(control, chain, SAID, AT)
    with pytest.raises(DisputeError, match="已有一条疑义"):
        record(control, chain, SAID, AT)
    record(control, chain, SAID | {"value": "120.00", "file_id": "f2"}, AT)
    withdraw(control, chain, number, "张三", "企业认可", AT)
    with pytest.raises(DisputeError, match="没有第"):
        withdraw(control, chain, number, "张三", "企业认可", AT)
    record(control, chain, SAID, AT)
    with pytest.raises(DisputeError, match="理由"):
        record(control, chain, SAID | {"enterprise_id": "e2", "why": " "}, AT)
    assert [r["action"] for r in control.rows("SELECT action FROM audit ORDER BY seq")] == [
        "dispute.record", "dispute.record", "dispute.withdraw", "dispute.record",
    ]  # fmt: skip
    chain.anchor(control)
    assert not chain.verify(control)


@pytest.mark.parametrize(
    ("indicator", "claims", "kept"),
    [
        ("revenue_last_year", "5,200,000.50", "5200000.50"),
        ("revenue_last_year", None, None),
        ("revenue_last_year", "五百二十万", "读不出"),
        ("revenue_last_year", "NaN", "读不出"),
        ("revenue_last_year", "1e999", "读不出"),
        ("revenue_last_year", "1_000", "读不出"),
        ("revenue_last_year", "9" * 40, "读不出"),
        ("revenue_last_year", "٣", "读不出"),
        ("revenue_last_year", "５２００", "5200"),
        ("activity", "海南\u202e乙", "书写方向"),
        ("activity", "海" * 501, "超过"),
        ("established_date", "2024-02-30", "日期"),
        ("established_date", " 2024-02-29 ", "2024-02-29"),
    ],
)
def test_what_is_claimed_is_written_as_the_indicator_is(indicator: str, claims: str | None, kept: str | None) -> None:
    known = {i.name: i for i in indicators.load().values()}
    if kept in ("读不出", "日期", "书写方向", "超过"):
        with pytest.raises(Stop, match=kept):
            _claimed(known[indicator], claims)
    else:
        assert _claimed(known[indicator], claims) == kept


def test_the_example_of_the_help_names_an_indicator_there_is() -> None:
    app = typer.Typer()
    register(app)
    example = (app.registered_commands[0].help or "").split("示例：")[1].split()
    assert example[3] in {i.name for i in indicators.load().values()}
