"""Fund pools: the book balances, nobody is paid from an empty pool, and the cut-off is a strict prefix of the written order."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import fund_pools
from data.corpus import load_items
from matching.push.pools import beyond_pool, funds, movements

DAY = dt.date(2025, 3, 1)
HEAD = "pool,label,kind,day,amount_yuan,alarm_yuan,items,source\n"
PAYMENTS = {"enterprise_id": pl.String, "item_id": pl.String, "paid_on": pl.Date, "paid_yuan": pl.Decimal(18, 2)}


def pools(tmp_path: Path, text: str) -> dict[str, fund_pools.FundPool]:
    path = tmp_path / "fund_pools.csv"
    path.write_text(HEAD + text, encoding="utf-8")
    return fund_pools.load(path)


def test_the_reference_table_names_items_that_exist() -> None:
    owner = fund_pools.pool_of(fund_pools.load())
    assert set(owner) <= {item.id for item in load_items()} and len(owner) > 50


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,甲,opening,2025-01-01,1.00,0,x,测试\na,甲,opening,2025-02-01,1.00,0,y,测试\n", "第 3 行：资金池 a 已有期初"),
        ("a,甲,opening,2025-01-01,1.00,0,x,测试\nb,乙,opening,2025-02-01,1.00,0,x,测试\n", "事项 x 已属于资金池 a"),
        ("a,甲,replenishment,2025-01-01,1.00,,,测试\n", "还没有期初"),
        ("a,甲,opening,2025-01-32,1.00,0,x,测试\n", "day 为 '2025-01-32'"),
        ("a,甲,opening,2025-01-01,1.005,0,x,测试\n", "amount_yuan 为 '1.005'"),
        ("a,甲,opening,2025-01-01,1.00,NaN,x,测试\n", "alarm_yuan 为 'NaN'"),
        ("a,甲,spent,2025-01-01,1.00,,,测试\n", "kind 为 'spent'"),
    ],
)  # fmt: skip
def test_a_wrong_row_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        pools(tmp_path, text)


def test_the_book_of_a_pool(tmp_path: Path) -> None:
    some = pools(
        tmp_path,
        "a,甲,opening,2025-01-01,1000.00,300.00,x|y,测试\na,甲,replenishment,2025-02-01,500.00,,,测试\n"
        "a,甲,replenishment,2025-09-01,900.00,,,测试\nb,乙,opening,2025-06-01,10.00,0,z,测试\n",
    )
    paid = pl.DataFrame(
        [
            ("E1", "x", dt.date(2024, 12, 31), Decimal(999)),  # before the pool opened
            ("E1", "x", dt.date(2025, 1, 5), Decimal(400)),
            ("E2", "x", dt.date(2025, 1, 5), Decimal(100)),
            ("E1", "x", dt.date(2025, 2, 1), Decimal(-400)),
            ("E1", "w", dt.date(2025, 2, 1), Decimal(77)),  # an item of no pool
        ],
        schema=PAYMENTS,
        orient="row",
    )
    book = movements(some, paid, DAY)
    assert book.select("kind", "amount_yuan", "payments", "balance_yuan").rows() == [
        ("opening", Decimal(1000), 0, Decimal(1000)),
        ("payment", Decimal(-500), 2, Decimal(500)),
        ("replenishment", Decimal(500), 0, Decimal(1000)),
        ("return", Decimal(400), 1, Decimal(1400)),
    ]
    row, later = funds(some, book, {"x": Decimal(1150)}, {"x": Decimal(50)}, {"y": Decimal(7)}, DAY).to_dicts()
    assert (row["paid_yuan"], row["balance_yuan"], row["outstanding_yuan"]) == (100, 1400, 1100)
    # 50 of the 100 paid were ours: our awards may add up to 1500 - 50, and 1150 of them are granted
    assert (row["limit_yuan"], row["free_yuan"], row["state"], row["unsure_yuan"]) == (1450, 300, "alarm", 7)
    assert (later["balance_yuan"], later["state"]) == (0, "unopened")


CANDIDATES = st.lists(
    st.tuples(
        st.sampled_from(["x", "y", "w"]),
        st.sampled_from([None, dt.date(2025, 3, 31), dt.date(2025, 4, 30)]),
        st.sampled_from([None, 0.2, 0.9]),
        st.integers(1, 60_000),
    ),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(CANDIDATES, st.integers(-100, 100_000))
def test_what_is_paid_fits_and_is_a_prefix(
    rows: list[tuple[str, dt.date | None, float | None, int]], free: int
) -> None:
    frame = pl.DataFrame(
        [(n, item, day, score, f"E{n:02}", Decimal(fen) / 100) for n, (item, day, score, fen) in enumerate(rows)],
        schema={"row": pl.UInt32, "item_id": pl.String, "deadline": pl.Date, "score": pl.Float64, "enterprise_id": pl.String,
                "amount_yuan": pl.Decimal(18, 2)},
        orient="row",
    )  # fmt: skip
    fund = pl.DataFrame(
        {
            "pool": ["a"],
            "label": ["甲"],
            "free_yuan": pl.Series([Decimal(free) / 100], dtype=pl.Decimal(18, 2)),
            "items": [["x", "y"]],
        }
    )
    stopped = set(beyond_pool(frame, fund)["row"])
    pooled = frame.filter(pl.col("item_id") != "w")
    paid = pooled.filter(~pl.col("row").is_in(sorted(stopped)))
    assert sum(paid["amount_yuan"], Decimal(0)) <= max(Decimal(free) / 100, Decimal(0))
    assert not stopped & set(frame.filter(pl.col("item_id") == "w")["row"])
    ranked = pooled.sort(
        "deadline", "score", "item_id", "enterprise_id", descending=[False, True, False, False], nulls_last=True
    )["row"].to_list()
    assert [row in stopped for row in ranked] == sorted(row in stopped for row in ranked)
