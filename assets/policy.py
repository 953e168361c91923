"""policy/item, policy/condition, policy/tag, policy/relation, policy/search: the policy library as tables, every version of every item."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import dagster as dg
import polars as pl

from assets.ports import Scope, Warehouse
from assets.sql import table_metadata
from data.corpus import Item, load_items
from matching.text.relations import citations, document_number, near_duplicates, resolved, title_key
from matching.text.search import document_terms
from matching.text.segment import segmenter
from matching.text.tags import Tag, rule_tags
from matching.text.tags_model import train

MONEY = pl.Decimal(18, 2)
ITEM: dict[str, Any] = {
    "item_id": pl.String,
    "version": pl.Int64,
    "title": pl.String,
    "issuer": pl.String,
    "level": pl.String,
    "region": pl.List(pl.String),
    "zone": pl.String,
    "basis": pl.String,
    "valid_from": pl.Date,
    "valid_to": pl.Date,
    "window_from": pl.Date,
    "window_to": pl.Date,
    "cycle": pl.String,
    "entity": pl.String,
    "mode": pl.String,
    "promise_days": pl.Int64,
    "logic": pl.String,
    "award_expr": pl.String,
    "award_per": pl.String,
    "award_note": pl.String,
    "budget_yuan": MONEY,
    "claim_unit": pl.String,
    "excludes": pl.List(pl.String),
    "exclude_when": pl.String,
    "pilot": pl.List(pl.String),
    "materials": pl.List(pl.String),
    "text": pl.String,
    "file": pl.String,
}
CONDITION: dict[str, Any] = {
    "item_id": pl.String,
    "version": pl.Int64,
    "condition_id": pl.String,
    "text": pl.String,
    "expr": pl.String,
    "on_unknown": pl.String,
    "outside": pl.Boolean,
}
TAG: dict[str, Any] = {
    "item_id": pl.String,
    "version": pl.Int64,
    "facet": pl.String,
    "tag": pl.String,
    "source": pl.String,
    "score": pl.Decimal(5, 4),
    "because": pl.List(pl.String),
}
RELATION: dict[str, Any] = {
    "item_id": pl.String,
    "version": pl.Int64,
    "kind": pl.String,
    "other_id": pl.String,
    "other_version": pl.Int64,
    "score": pl.Decimal(5, 4),
    "because": pl.String,
}
SEARCH: dict[str, Any] = {"item_id": pl.String, "version": pl.Int64, "terms": pl.List(pl.String)}

LABELS = {
    "item_id": "事项编号",
    "version": "版本",
    "title": "事项名称",
    "issuer": "主管部门",
    "level": "级别",
    "region": "所属区划或园区",
    "zone": "政策专区",
    "basis": "政策依据",
    "valid_from": "生效日",
    "valid_to": "失效日",
    "window_from": "申报起始日",
    "window_to": "申报截止日",
    "cycle": "兑现周期",
    "entity": "主体种类",
    "mode": "兑现方式",
    "promise_days": "承诺办结工作日",
    "logic": "条件之间的逻辑",
    "award_expr": "奖励金额表达式（元）",
    "award_per": "奖励按什么给付",
    "award_note": "奖励说明",
    "budget_yuan": "预算（元）",
    "claim_unit": "兑现单元",
    "excludes": "不能同时享受的事项",
    "exclude_when": "本事项另设的禁止情形",
    "pilot": "试点区域",
    "materials": "申报材料",
    "text": "原文",
    "file": "文件名",
    "condition_id": "条件编号",
    "expr": "条件表达式",
    "on_unknown": "数据缺失时：ask 请企业申报，review 请部门核，deny 不予认可",
    "outside": "是否没有任何部门数据可判",
    "facet": "标签维度",
    "tag": "标签",
    "source": "来源：reviewed 人工，rule 规则，model 模型",
    "score": "把握（0–1）",
    "because": "依据的词",
    "terms": "检索词",
    "kind": "关系：replaces 取代，amends 修订，cites 引用，near_duplicate 近似重复",
    "other_id": "另一事项编号",
    "other_version": "另一事项版本",
}


def item_frame(items: Iterable[Item]) -> pl.DataFrame:
    """One row per item version, in the shape of `policy.item`; a logic that is not written stands as all conditions joined by AND."""
    rows = [
        {
            "item_id": item.id,
            **{name: getattr(item, name) for name in ITEM if name in Item.model_fields and name not in ("id",)},
            "valid_from": item.valid_from,
            "valid_to": item.valid_to,
            "window_from": item.window_from,
            "window_to": item.window_to,
            "logic": item.logic or " AND ".join([*(c.id for c in item.conditions), *(o.id for o in item.outside_data)]),
            "award_expr": item.award.expr,
            "award_per": item.award.per,
            "award_note": item.award.note,
            "budget_yuan": Decimal(item.budget) if item.budget is not None else None,
            "region": list(item.region),
            "excludes": list(item.excludes),
            "pilot": list(item.pilot) if item.pilot else None,
            "materials": list(item.materials),
            "file": item.path.name,
        }
        for item in items
    ]
    return pl.DataFrame(rows, schema=ITEM, orient="row").sort("item_id", "version")


def condition_frame(items: Iterable[Item]) -> pl.DataFrame:
    """One row per condition in the order written, what no data can decide (`outside`) after the others."""
    rows: list[tuple[object, ...]] = []
    for item in sorted(items, key=lambda i: (i.id, i.version)):
        rows += [(item.id, item.version, c.id, c.text, c.expr, c.on_unknown, False) for c in item.conditions]
        rows += [(item.id, item.version, o.id, o.text, None, "review", True) for o in item.outside_data]
    return pl.DataFrame(rows, schema=CONDITION, orient="row")


def reviewed_tags(item: Item) -> Iterator[Tag]:
    """The tags that stand in the front matter, with the facts of the item that are tags of their own."""
    for facet, tags in item.tags.model_dump().items():
        for tag in tags:
            yield Tag(facet, tag, "reviewed", 1.0, ())
    yield Tag("mode", item.mode, "reviewed", 1.0, ())
    yield Tag("level", item.level, "reviewed", 1.0, ())
    for place in item.region:
        yield Tag("region", place, "reviewed", 1.0, ())


def tag_frame(items: list[Item]) -> pl.DataFrame:
    """Reviewed tags, tags by rule and tags by the model, each with what caused it. The three stand side by side: none overwrites another."""
    model = train(items)
    rows: list[tuple[object, ...]] = []
    for item in items:
        tags = [
            *reviewed_tags(item),
            *rule_tags(item.title, item.text, item.issuer),
            *model.tags(item.title, item.text),
        ]
        rows += [
            (item.id, item.version, t.facet, t.tag, t.source, Decimal(f"{t.score:.4f}"), list(t.because)) for t in tags
        ]
    return pl.DataFrame(rows, schema=TAG, orient="row").sort("item_id", "version", "facet", "tag", "source")


def relation_frame(items: list[Item]) -> pl.DataFrame:
    """What replaces, amends, cites or repeats what: by version, by the documents a text names, and by the text itself.

    A document is known by the number in its `basis` and by the first line of its text; all items of a document that is named are meant.
    """
    ordered = sorted(items, key=lambda i: (i.id, i.version))
    by_number: dict[str, list[int]] = {}
    by_title: dict[str, list[int]] = {}
    for n, item in enumerate(ordered):
        by_number.setdefault(document_number(item.basis), []).append(n)
        by_title.setdefault(title_key(_document_title(item)), []).append(n)
    by_number.pop("", None)
    by_title.pop("", None)
    one = Decimal("1.0000")
    rows: list[tuple[object, ...]] = []
    for n, item in enumerate(ordered):
        if n and ordered[n - 1].id == item.id:
            rows.append((item.id, item.version, "replaces", item.id, ordered[n - 1].version, one, "同一事项的新版本"))
        for cited in citations(item.text):
            for other in (ordered[m] for m in resolved(cited, by_number, by_title)):
                if other.id != item.id and document_number(other.basis) != document_number(item.basis):
                    words = item.text[cited.start : cited.end]
                    rows.append((item.id, item.version, cited.kind, other.id, other.version, one, words))
    for first, second, similarity in near_duplicates([i.text for i in ordered]):
        if ordered[first].id != ordered[second].id:
            for here, there in ((ordered[first], ordered[second]), (ordered[second], ordered[first])):
                score = Decimal(f"{similarity:.4f}")
                words = f"原文 {similarity:.0%} 相同"
                rows.append((here.id, here.version, "near_duplicate", there.id, there.version, score, words))
    return pl.DataFrame(rows, schema=RELATION, orient="row").unique().sort(list(RELATION))


def _document_title(item: Item) -> str:
    return next((line.strip() for line in item.text.splitlines() if line.strip()), "")


def search_frame(items: Iterable[Item]) -> pl.DataFrame:
    """The terms of each item as the index keeps them."""
    words = segmenter()
    rows = [(item.id, item.version, document_terms(item.title, item.text, words)) for item in items]
    return pl.DataFrame(rows, schema=SEARCH, orient="row").sort("item_id", "version")


_DESCRIPTIONS = {
    "item": "政策事项：每个事项的每个版本一行，含原文、奖励表达式、申报窗口、试点区域和互斥事项；失效的版本也保留。",
    "condition": "政策条件：每条条件的政策原文、表达式和数据缺失时的处理；outside 为真的条件没有任何部门数据可判。",
    "tag": "政策标签：主题、行业、规模、方式、模式、级别、地区、部门；人工、规则、模型三种来源并存，各附依据的词。",
    "relation": "政策关系：新版本取代旧版本，文件之间的废止、修订、引用，以及原文近似重复的事项；各附依据的词。",
    "search": "政策检索词表：标题和原文经结巴分词、同义词归并后的词。",
}


@dg.multi_asset(
    name="policy",
    group_name="policy",
    specs=[
        dg.AssetSpec(["policy", name], description=description, kinds={"duckdb", "polars"})
        for name, description in _DESCRIPTIONS.items()
    ],
)
def policy(
    warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]
) -> Iterator[dg.MaterializeResult[Any]]:
    """Stores the whole corpus: which version is in force on `rules_as_of` is the reader's question, so that the past can be replayed."""
    items = load_items()
    frames = {
        "item": item_frame(items),
        "condition": condition_frame(items),
        "tag": tag_frame(items),
        "relation": relation_frame(items),
        "search": search_frame(items),
    }
    with warehouse.write() as transaction:
        written = {name: transaction.replace(f"policy.{name}", frame) for name, frame in frames.items()}
    valid = sum(scope.rules_as_of in item.valid for item in items)
    for name in _DESCRIPTIONS:
        told: dict[str, Any] = (
            {"rules_as_of": scope.rules_as_of.isoformat(), "valid_items": valid} if name == "item" else {}
        )
        yield dg.MaterializeResult(
            asset_key=["policy", name], metadata={**table_metadata(written[name], LABELS), **told}
        )


POLICY_ASSETS: list[dg.AssetsDefinition] = [policy]
