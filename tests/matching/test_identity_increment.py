"""The law of the increment: resolving again says what resolving all says, and looks at few."""

from dataclasses import replace
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.identity import increment, model, scoring
from matching.identity.increment import Standing, resolve_again
from matching.identity.resolve import Register, Resolution, resolve

BRANDS = "瑞达 海德 腾飞 宏图 金椰 远航 蓝湾 盛景".split()  # noqa: SIM905
TRADES = ["科技", "旅游", "商贸", "农业开发", "建筑工程", "餐饮管理"]
NAMES = [f"海南{brand}{trade}有限公司" for brand in BRANDS for trade in TRADES]
COLUMNS = ["_subject_id", "uscc", "regno", "org_code", "tax_id", "local_kind", "local_id", "customs_code", "trade_code", "name", "legal_person",
           "region", "address", "phone_hash"]  # fmt: skip
JUDGED = {"_subject_id": pl.String, "enterprise_id": pl.String, "same": pl.Boolean}
# 91…-codes of nobody in particular: what matters here is that they are sound and differ.
CODES = [
    "91110000600037341L",
    "91440300708461136T",
    "91330100799655058B",
    "9144030071526726XG",
    "91130200699229617X",
    "91310000631696382C",
]

SAID: list[dict[str, Any]] = [
    *[{"uscc": c} for c in CODES],
    *[{"uscc": c, "name": NAMES[i]} for i, c in enumerate(CODES)],
    {"uscc": CODES[0][:9] + "1" + CODES[0][10:], "name": NAMES[0]},
    {"name": NAMES[1], "legal_person": "人1", "local_kind": "djxh", "local_id": "D1"},
    {"local_kind": "djxh", "local_id": "D1"},
    {"local_kind": "djxh", "local_id": "D1", "customs_code": "4601960123"},
    {"customs_code": "4601960123"},
    {"name": NAMES[2]},
    {"name": NAMES[2].replace("有限公司", "有限责任公司"), "region": "460106"},
    {"name": "海南瑞大科技有限公司"},
    {"name": "海南远行旅游有限公司", "legal_person": "人31"},
    {"name": "海南德海旅游有限公司", "phone_hash": "p7"},
    {"name": "海南从没听过粮油有限公司"},
    {"name": "海南宏途网络有限公司", "region": "460106"},
    {"name": "海南瑞达科技有限公司三亚分公司"},
]


def subjects(chosen: list[int]) -> pl.DataFrame:
    rows = [{c: SAID[i].get(c) for c in COLUMNS} | {"_subject_id": f"s{i:02d}"} for i in chosen]
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String))


def register(entered: list[int], coded: set[int], renamed: set[int], moved: set[int]) -> Register:
    """Enterprises `entered`, some with their code, some renamed since, some with another person and phone."""
    text: dict[str, Any] = {
        "schema_overrides": dict.fromkeys(("legal_person", "region", "phone_hash", "address"), pl.String)
    }
    rows = [
        {"enterprise_id": f"e{i:02d}", "legal_person": f"人{i + 100 if i in moved else i}", "region": "460106", "phone_hash": f"p{i + 1 if i in moved else i}", "address": None}
        for i in entered
    ]  # fmt: skip
    keys = [
        (f"e{i:02d}", kind, code)
        for i in entered
        if i in coded
        for kind, code in (("uscc", CODES[i]), ("org9", CODES[i][8:17]))
    ]
    names = [(f"e{i:02d}", NAMES[i], None) for i in entered]
    names += [
        (f"e{i:02d}", NAMES[i].replace("海南", "海南新").replace("科技", "商贸"), None) for i in entered if i in renamed
    ]
    return Register(
        enterprises=pl.DataFrame(rows, **text),
        keys=pl.DataFrame(
            keys, schema={"enterprise_id": pl.String, "kind": pl.String, "code": pl.String}, orient="row"
        ),
        names=pl.DataFrame(
            names, schema={"enterprise_id": pl.String, "name": pl.String, "valid_to": pl.String}, orient="row"
        ).with_columns(valid_from=pl.lit(None, pl.String)),
    )


def some(low: int, high: int) -> st.SearchStrategy[set[int]]:
    return st.sets(st.integers(low, high - 1), max_size=4)


def judged(pairs: list[tuple[int, int, bool]]) -> pl.DataFrame:
    distinct = {(s, e): same for s, e, same in pairs}
    return pl.DataFrame(
        [(f"s{s:02d}", f"e{e:02d}", same) for (s, e), same in distinct.items()], schema=JUDGED, orient="row"
    )


SCORER = scoring.scorer(model.loaded())


def by_increment_and_by_batch(draw: Any, scorer: Any) -> tuple[Resolution, Resolution, int, int]:
    everybody = list(range(len(NAMES)))
    late = draw(some(0, len(NAMES)))
    coded, renamed, moved = draw(some(0, len(CODES))), draw(some(0, len(NAMES))), draw(some(0, len(NAMES)))
    first = register(
        [i for i in everybody if i not in late], draw(st.just(coded - draw(some(0, len(CODES))))), set(), set()
    )
    then = register(everybody, coded, renamed, moved)
    waiting = draw(some(0, len(SAID)))
    old = subjects([i for i in range(len(SAID)) if i not in waiting])
    decisions = draw(
        st.lists(st.tuples(st.integers(0, len(SAID) - 1), st.integers(0, len(CODES) - 1), st.booleans()), max_size=2)
    )
    before, after = judged(decisions[:1]), judged(decisions)
    standing = Standing(first, old, before, resolve(old, first, before, scorer))
    again, looked_at = resolve_again(standing, subjects(list(range(len(SAID)))), then, after, scorer)
    return again, resolve(subjects(list(range(len(SAID)))), then, after, scorer), looked_at, len(SAID)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_increment_and_batch_say_the_same_without_a_model(data: st.DataObject) -> None:
    again, batch, _, _ = by_increment_and_by_batch(data.draw, None)
    assert again.subject.equals(batch.subject)
    assert again.review.equals(batch.review)


@settings(max_examples=5, deadline=None, derandomize=True)
@given(st.data())
def test_increment_and_batch_say_the_same_with_the_model(data: st.DataObject) -> None:
    again, batch, _, _ = by_increment_and_by_batch(data.draw, SCORER)
    assert again.subject.equals(batch.subject)
    assert again.review.equals(batch.review)


def test_only_what_can_have_changed_is_looked_at() -> None:
    everybody = list(range(len(NAMES)))
    known = register(everybody, {0, 1}, set(), set())
    old = subjects(list(range(len(SAID) - 1)))
    standing = Standing(known, old, judged([]), resolve(old, known))
    again, looked_at = resolve_again(standing, subjects(list(range(len(SAID)))), known, None, None)
    assert looked_at == 1
    assert again.subject.equals(resolve(subjects(list(range(len(SAID)))), known).subject)
    # A code entered for one enterprise: its own rows, and no others.
    more = register(everybody, {0, 1, 2}, set(), set())
    ids = increment.affected(standing, old, more, None)
    assert ids is not None and {"s02", "s08"} <= set(ids["_subject_id"]) and "s05" not in set(ids["_subject_id"])


def test_a_name_one_character_longer_that_comes_later_is_looked_at() -> None:
    """力同杉 shares no block and no value with 同杉, which had been taken for 同山 by its sound."""
    names = ["海南同山网络有限公司", *NAMES[1:]]
    known = register(list(range(len(NAMES))), set(), set(), set())
    known = replace(known, names=known.names.with_columns(name=pl.Series(names)))
    longer = known.names.head(1).with_columns(enterprise_id=pl.lit("e01"), name=pl.lit("海南力同杉网络有限公司"))
    more = replace(known, names=pl.concat([known.names, longer]))
    row = subjects([0]).with_columns(uscc=pl.lit(None, pl.String), name=pl.lit("海南同杉网络有限公司"))
    standing = Standing(known, row, judged([]), resolve(row, known, None, SCORER))
    assert standing.resolution.subject["enterprise_id"].to_list() == ["e00"]
    again, looked_at = resolve_again(standing, row, more, None, SCORER)
    batch = resolve(row, more, None, SCORER)
    assert batch.subject["tier"].to_list() == ["review"] and looked_at == 1
    assert again.subject.equals(batch.subject) and again.review.equals(batch.review)


def test_an_earlier_day_is_resolved_as_a_whole() -> None:
    everybody = list(range(len(NAMES)))
    known = register(everybody, {0, 1}, {3}, set())
    old = subjects(list(range(len(SAID))))
    standing = Standing(known, old, judged([]), resolve(old, known))
    for earlier in (register(everybody, {0}, {3}, set()), register(everybody[:-1], {0, 1}, {3}, set())):
        assert increment.affected(standing, old, earlier, None) is None
        again, looked_at = resolve_again(standing, old, earlier, None, None)
        assert looked_at == old.height
        assert again.subject.equals(resolve(old, earlier).subject)
