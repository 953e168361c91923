"""资金池: balances, the book of one pool and the queue are shown as published; before a publication has them the page says so."""

import datetime as dt
import json
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
from starlette.testclient import TestClient

from dashboards.app import create
from matching.push.payout import PAYOUTS
from matching.push.pools import FUNDS, MOVEMENTS
from matching.push.settle import PAID
from tests.dashboards.literal_mart import published

FUND = {
    "pool": "jobs", "label": "就业资金", "opened_on": dt.date(2024, 1, 1), "opening_yuan": Decimal(1000), "replenished_yuan": Decimal(0),
    "paid_yuan": Decimal(400), "payments": 2, "balance_yuan": Decimal(600), "outstanding_yuan": Decimal(500), "free_yuan": Decimal(100),
    "limit_yuan": Decimal(1000), "alarm_yuan": Decimal(300), "unsure_yuan": Decimal(70), "state": "alarm", "items": ["hn-x"],
}  # fmt: skip
BOOK = {"pool": "jobs", "day": dt.date(2024, 1, 1), "kind": "opening", "item_id": None, "amount_yuan": Decimal(1000), "payments": 0,
        "balance_yuan": Decimal(1000)}  # fmt: skip
WAITING = {
    "voucher_no": "ZF1", "enterprise_id": "E1", "paid_on": dt.date(2024, 2, 1), "paid_yuan": Decimal(70), "budget_unit": "某局",
    "purpose": "<b>补贴</b>", "original_voucher_no": None, "item_id": "hn-x", "confidence": 0.6, "because": "摘要与事项名相似 0.60", "state": "unsure",
}  # fmt: skip

STRAY = {"enterprise_id": "E1", "item_id": "hn-x", "paid_on": dt.date(2024, 2, 3), "paid_yuan": Decimal("8765.40")}


def test_pools_their_book_and_the_queue(tmp_path: Path) -> None:
    home = published(tmp_path / "home")
    client = TestClient(create(home))
    assert "下一次运行后可看" in client.get("/funds").text
    (mart,) = home.glob("mart-*.duckdb")
    changed = mart.with_suffix(".new")
    shutil.copy(mart, changed)
    with duckdb.connect(str(changed)) as con:
        for table, row, schema in (
            ("fund", FUND, FUNDS),
            ("fund_movement", BOOK, MOVEMENTS),
            ("payout", WAITING, PAYOUTS),
            ("unlisted", STRAY, PAID),
        ):
            con.register("rows", pl.DataFrame([row], schema=schema, orient="row").to_arrow())
            con.execute(f"CREATE TABLE push.{table} AS SELECT * FROM rows")
    changed.replace(mart)
    # a publication of another size is not served: this one is pointed at again
    pointer = home / "CURRENT"
    said = json.loads(pointer.read_text(encoding="utf-8"))
    pointer.write_text(json.dumps({**said, "bytes": mart.stat().st_size}), encoding="utf-8")
    page = client.get("/funds?pool=jobs").text
    assert "就业资金" in page and "余额告警" in page and "1,000.00" in page and "待认定 1 笔" in page
    assert "&lt;b&gt;补贴&lt;/b&gt;" in page and "<b>补贴</b>" not in page
    assert "名单外支付" in page and "8,765.40" in page and "huiqi unlisted" in page
    assert client.get("/funds?pool=nothing").status_code == 404
