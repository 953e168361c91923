"""Payments find their item by the words of the finance feed; an unsure one counts for nothing until a person has named it."""

import datetime as dt
import random
from decimal import Decimal

import polars as pl

from data.corpus import load_items
from matching.push.payout import CLAIMS, SURE, VOUCHERS, counted, merged, payouts, recognised, titles

DAY = dt.date(2024, 6, 7)
ITEMS = pl.DataFrame(
    [(item.id, item.version, item.title, item.issuer) for item in load_items()],
    schema={"item_id": pl.String, "version": pl.Int64, "title": pl.String, "issuer": pl.String},
    orient="row",
).sort("item_id", "version")


def voucher(number: str, purpose: str | None, yuan: int = 100, **changes: object) -> dict[str, object]:
    return {
        "voucher_no": number, "enterprise_id": "E1", "paid_on": DAY, "paid_yuan": Decimal(yuan), "budget_unit": "海南省财政厅",
        "purpose": purpose, "original_voucher_no": None,
    } | changes  # fmt: skip


def linked(*rows: dict[str, object], judged: dict[str, str] | None = None) -> pl.DataFrame:
    return payouts(
        pl.DataFrame(list(rows), schema=VOUCHERS, orient="row"), ITEMS, pl.DataFrame(schema=CLAIMS), judged or {}
    )


def test_words_that_clerks_write_find_the_item_they_mean() -> None:
    """Every title of the corpus, in eight ways a slip may put it: where one is sure, it is never the wrong item."""
    known = titles(ITEMS)
    newest = ITEMS.group_by("item_id", maintain_order=True).last()
    draw = random.Random(7)
    sure = wrong = total = 0
    for item, title, issuer in newest.select("item_id", "title", "issuer").iter_rows():
        cut = draw.randrange(max(1, len(title) - 2))
        for words in (
            title,
            f"拨付2024年度{title}（第二批）",
            f"{title}资金",
            title.replace("企业", ""),
            title.replace("奖励", "奖补").replace("补助", "补贴"),
            title[:cut] + title[cut + 1 :],
            title[: max(4, len(title) * 2 // 3)],
            f"2024年{issuer}{title[-6:]}",
        ):
            found, confidence, _ = recognised(words, None, (), known)
            total += 1
            sure += confidence >= SURE
            wrong += confidence >= SURE and found != item
    assert wrong == 0, (wrong, sure, total)
    assert sure / total > 0.45, (sure, total)


def test_the_item_id_decides_and_boilerplate_says_nothing() -> None:
    rows = linked(
        voucher("1", "兑付 hn-credit-a 2024"), voucher("2", "拨付专项资金"), voucher("3", None), voucher("4", "差旅费")
    )
    assert rows.select("item_id", "state").rows() == [
        ("hn-credit-a", "sure"), (None, "unknown"), (None, "unknown"), (None, "unknown"),
    ]  # fmt: skip


def test_a_return_goes_where_the_payment_went_and_a_person_overrules() -> None:
    rows = linked(
        voucher("1", "摘要不详"),
        voucher("1T", "摘要不详", -100, original_voucher_no="1"),
        voucher("2", "hn-credit-a"),
        judged={"1": "hn-ip-pledge", "2": ""},
    )
    assert rows.select("item_id", "state").rows() == [
        ("hn-ip-pledge", "judged"),
        ("hn-ip-pledge", "judged"),
        (None, "judged"),
    ]
    assert counted(rows)["paid_yuan"].to_list() == [Decimal(100), Decimal(-100)]


def test_each_payment_counts_once_over_both_feeds() -> None:
    ledger = pl.DataFrame(
        [
            ("E1", "hn-credit-a", DAY, Decimal(100)),
            ("E1", "hn-ip-pledge", DAY, Decimal(70)),
            ("E2", "hn-credit-a", DAY, Decimal(5)),
        ],
        schema={"enterprise_id": pl.String, "item_id": pl.String, "paid_on": pl.Date, "paid_yuan": pl.Decimal(18, 2)},
        orient="row",
    )
    treasury = linked(
        voucher("1", "hn-credit-a"),
        voucher("1T", "hn-credit-a", -100, original_voucher_no="1", paid_on=dt.date(2024, 6, 13)),
        voucher("2", "摘要不详", 70),
        voucher("3", "hn-credit-a", 5, enterprise_id=None),
    )
    assert merged(ledger, treasury).select("enterprise_id", "item_id", "paid_yuan").rows() == [
        ("E1", "hn-credit-a", Decimal(100)),
        ("E1", "hn-credit-a", Decimal(-100)),
        ("E1", "hn-ip-pledge", Decimal(70)),
        ("E2", "hn-credit-a", Decimal(5)),
    ]
