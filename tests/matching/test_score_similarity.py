"""The words of a business and of an item: alike where they speak of one trade, in [0, 1], whatever the order of rows."""

import polars as pl

from matching.score.similarity import text_similarity

ITEMS = pl.DataFrame(
    [
        (
            "biomed",
            1,
            "生物医药产业研发券",
            "从事药品、医疗器械研发和生产的企业，研发费用达到规定数额的，给予研发券支持。",
        ),
        ("coldchain", 1, "冷链运输车辆补助", "从事冷藏车运输、冷库仓储的物流企业，新购冷链运输车辆的，给予补助。"),
        ("coldchain", 0, "旧题", "旧文"),
    ],
    schema={"item_id": pl.String, "version": pl.Int64, "title": pl.String, "text": pl.String},
    orient="row",
)
SCOPES = pl.DataFrame(
    [
        ("E1", "一般项目：医学研究和试验发展；药品生产（除许可业务外，可自主依法经营法律法规非禁止或限制的项目）。"),
        ("E2", "许可项目：道路货物运输；冷藏车道路运输；低温仓储。"),
        ("E3", None),
        ("E4", "一般项目：。"),
    ],
    schema={"enterprise_id": pl.String, "business_scope": pl.String},
    orient="row",
)

PAIRS = pl.DataFrame(
    [(firm, item) for firm in SCOPES["enterprise_id"] for item in ("biomed", "coldchain")],
    schema={"enterprise_id": pl.String, "item_id": pl.String},
    orient="row",
)


def test_each_trade_is_nearest_to_its_own_item() -> None:
    like = {(firm, item): value for firm, item, value in text_similarity(PAIRS, SCOPES, ITEMS).iter_rows()}
    assert {firm for firm, _ in like} == {"E1", "E2", "E4"}
    assert like["E1", "biomed"] > 2 * like["E1", "coldchain"] and like["E2", "coldchain"] > 2 * like["E2", "biomed"]
    assert like["E4", "biomed"] == like["E4", "coldchain"] == 0.0
    assert all(0.0 <= value <= 1.0 for value in like.values())


def test_the_order_of_rows_does_not_matter() -> None:
    assert text_similarity(PAIRS.reverse(), SCOPES.reverse(), ITEMS.reverse()).equals(
        text_similarity(PAIRS, SCOPES, ITEMS)
    )


def test_nothing_to_read_is_no_rows() -> None:
    assert text_similarity(PAIRS, SCOPES.clear(), ITEMS).is_empty()
