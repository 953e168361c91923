"""Which item a treasury payment was for, read from the words of the finance feed (摘要), with how sure one may be."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl

from matching.push.inputs import MONEY_TYPE, Schema, shaped

VOUCHERS: Final[Schema] = {
    "voucher_no": pl.String,
    "enterprise_id": pl.String,
    "paid_on": pl.Date,
    "paid_yuan": MONEY_TYPE,
    "budget_unit": pl.String,
    "purpose": pl.String,
    "original_voucher_no": pl.String,
}
PAYOUTS: Final[Schema] = {
    **VOUCHERS,
    "item_id": pl.String,
    "confidence": pl.Float64,
    "because": pl.String,
    "state": pl.String,
}
CLAIMS: Final[Schema] = {"enterprise_id": pl.String, "item_id": pl.String, "day": pl.Date}

STATES: Final = {"sure": "已认定", "unsure": "待认定", "unknown": "认不出", "judged": "人工认定"}
# From the first on a payment counts for the item, from the second on a person is asked; chosen on words with planted changes
# (tests/matching/test_push_payout.py), where no wrong item reached the first.
SURE: Final = 0.85
UNSURE: Final = 0.45
# What a person who enters payments adds to any title, and what therefore says nothing about which item it is.
_ADDED: Final = re.compile(
    r"\d{4}年度?|第?[一二三四五六七八九十\d]+(?:批次?|季度|期)|\d+月份?|关于|拨付|支付|兑现|兑付|下达|清算|预拨|补发|省级|市级|市县|配套|财政|专项|经费|资金|款项?|[（(].*?[)）]"
)
_KEPT: Final = re.compile(r"[\W_]+")
_ID: Final = re.compile(r"[a-z]{2,6}(?:-[a-z0-9]+)+")


@dataclass(frozen=True)
class Titles:
    """The titles of all items as weighted bigrams: `words` per item, `weight` per bigram (the rarer among titles, the heavier)."""

    plain: Mapping[str, str]
    words: Mapping[str, frozenset[str]]
    weight: Mapping[str, float]
    issuer: Mapping[str, str]


def plain(text: str | None) -> str:
    """Words as they are compared: NFKC, without spaces and marks, without what every payment slip adds."""
    folded = unicodedata.normalize("NFKC", text or "").lower()
    return _KEPT.sub("", _ADDED.sub("", folded))


def _bigrams(text: str) -> frozenset[str]:
    return frozenset(text[k : k + 2] for k in range(len(text) - 1)) or frozenset([text] if text else [])


def titles(items: pl.DataFrame) -> Titles:
    """From (item_id, version, title, issuer); the newest version of an item speaks for it."""
    newest = items.sort("item_id", "version").group_by("item_id", maintain_order=True).last()
    said = {item: plain(title) for item, title in newest.select("item_id", "title").iter_rows()}
    words = {item: _bigrams(text) for item, text in said.items()}
    spread = Counter(gram for grams in words.values() for gram in grams)
    weight = {gram: math.log(1 + len(words) / n) for gram, n in spread.items()}
    return Titles(said, words, weight, dict(newest.select("item_id", "issuer").iter_rows()))


def likeness(words: str, item: str, known: Titles) -> float:
    """Weighted Dice coefficient of the bigrams of two texts, in [0, 1]; a title that stands whole in the words counts as 1."""
    if known.plain[item] and known.plain[item] in words:
        return 1.0
    mine = _bigrams(words)
    unseen = max(known.weight.values(), default=1.0)

    def mass(grams: Iterable[str]) -> float:
        return math.fsum(sorted(known.weight.get(gram, unseen) for gram in grams))

    total = mass(mine) + mass(known.words[item])
    return 2 * mass(mine & known.words[item]) / total if total else 0.0


def recognised(
    purpose: str | None, budget_unit: str | None, claimed: Sequence[str], known: Titles
) -> tuple[str | None, float, str]:
    """(item_id, confidence in [0, 1], reason) of one payment.

    An item id among the words decides. Otherwise the likeness of words and title, lowered where a second item is nearly as like,
    and raised a little by two witnesses that do not decide alone: the paying office issued the item, the payee had applied for it.
    """
    lowered = unicodedata.normalize("NFKC", purpose or "").lower()
    named = [token for token in _ID.findall(lowered) if token in known.plain]
    if named:
        return named[0], 1.0, "摘要写明事项编号"
    words = plain(purpose)
    if not words:
        return None, 0.0, "摘要为空"
    ranked = sorted(
        ((likeness(words, item, known), len(known.plain[item]), item) for item in known.plain), reverse=True
    )
    (best, length, item), rest = ranked[0], ranked[1:]
    # a longer title that stands whole in the words has the shorter one in it: the longer is meant
    second = max((like for like, n, _ in rest if not (best == like == 1.0 and n < length)), default=0.0)
    confidence = best - max(0.0, 0.3 - (best - second))
    witnesses: list[str] = []
    if budget_unit and known.issuer.get(item) and plain(known.issuer[item]) == plain(budget_unit):
        confidence, witnesses = confidence + 0.1, [*witnesses, "付款单位即主管部门"]
    if item in claimed:
        confidence, witnesses = confidence + 0.1, [*witnesses, "收款企业申报过"]
    said = "摘要含事项全名" if best == 1.0 else f"摘要与事项名相似 {best:.2f}，次相似 {second:.2f}"
    return item, round(min(max(confidence, 0.0), 1.0), 4), "；".join([said, *witnesses])


def payouts(
    vouchers: pl.DataFrame, items: pl.DataFrame, claims: pl.DataFrame, judged: Mapping[str, str]
) -> pl.DataFrame:
    """Every treasury payment (VOUCHERS) with its item (PAYOUTS), ordered by voucher.

    `claims` are cases and awards (CLAIMS): firm × item × day. `judged` maps a voucher to the item a person named, or "" for none.
    A return has the item of the payment it returns.
    """
    known = titles(items)
    claimed: dict[str, list[tuple[str, Any]]] = {}
    for firm, item, day in shaped(claims, CLAIMS, "申报").iter_rows():
        claimed.setdefault(firm, []).append((item, day))
    memo: dict[tuple[Any, ...], tuple[str | None, float, str]] = {}
    rows: list[dict[str, Any]] = []
    for row in shaped(vouchers, VOUCHERS, "国库支付").sort("voucher_no", "paid_on").iter_rows(named=True):
        mine = tuple(sorted({item for item, day in claimed.get(row["enterprise_id"], []) if day <= row["paid_on"]}))
        key = (row["purpose"], row["budget_unit"], mine)
        if key not in memo:
            memo[key] = recognised(row["purpose"], row["budget_unit"], mine, known)
        item, confidence, because = memo[key]
        origin = row["original_voucher_no"]
        chosen = judged.get(row["voucher_no"], judged.get(origin) if origin else None)
        if chosen is not None:
            item, confidence, because = chosen or None, 1.0, "人工认定"
        state = (
            "judged"
            if chosen is not None
            else "sure"
            if confidence >= SURE
            else "unsure"
            if confidence >= UNSURE
            else "unknown"
        )
        rows.append(
            {
                **row,
                "item_id": None if state == "unknown" else item,
                "confidence": confidence,
                "because": because,
                "state": state,
            }
        )
    return pl.DataFrame(rows, schema=PAYOUTS, orient="row")


def counted(linked: pl.DataFrame) -> pl.DataFrame:
    """The payments that count: of a known firm, for an item that is sure or was judged."""
    return linked.filter(
        pl.col("state").is_in(["sure", "judged"])
        & pl.col("item_id").is_not_null()
        & pl.col("enterprise_id").is_not_null()
    )


def merged(ledger: pl.DataFrame, linked: pl.DataFrame) -> pl.DataFrame:
    """Payments (enterprise_id, item_id, paid_on, paid_yuan) of both finance feeds, each payment once.

    The monthly ledger (台账) and the daily treasury feed describe the same money. In a firm's month the treasury speaks, because it shows
    returns and days; the ledger speaks where the treasury names no payment of that firm and item.
    """
    columns = ["enterprise_id", "item_id", "paid_on", "paid_yuan"]
    treasury = counted(linked).select(columns)
    month = pl.col("paid_on").dt.truncate("1mo").alias("_month")
    seen = treasury.select("enterprise_id", "item_id", month).unique()
    rest = ledger.with_columns(month).join(
        seen, on=["enterprise_id", "item_id", "_month"], how="anti", maintain_order="left"
    )
    return pl.concat([treasury, rest.select(columns)]).sort(columns)
