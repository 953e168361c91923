"""Every policy item's own examples, run by the engine; every threshold and every word of a condition stands in the policy text."""

import re
from decimal import Decimal

import pytest

from data.corpus import Item, load_defaults, load_items
from data.indicators import load as load_indicators
from matching.rules import compile_items, evaluate, profile_frame
from matching.text.segment import normalise

ITEMS = load_items()
INDICATORS = load_indicators()
PROGRAM = compile_items(ITEMS, INDICATORS, load_defaults().bars)

each_item = pytest.mark.parametrize("item", ITEMS, ids=[f"{item.id}.v{item.version}" for item in ITEMS])


@each_item
def test_examples_give_the_stated_verdict_award_and_failures(item: Item):
    single = compile_items([item], INDICATORS, load_defaults().bars)
    for example in item.examples:
        frame = profile_frame([dict(example.given)], INDICATORS)
        row = evaluate(single, frame, example.as_of or item.valid_from).pairs(everything=True).to_dicts()[0]
        assert row["verdict"] == example.verdict, example.name
        if example.failed:
            assert set(row["failed"]) == set(example.failed), example.name
        if example.award is not None:
            assert row["amount_yuan"] == example.award, example.name


@each_item
def test_examples_show_an_award_and_a_refusal(item: Item):
    verdicts = {example.verdict for example in item.examples}
    assert verdicts & {"eligible", "declarable"}
    assert "ineligible" in verdicts
    if item.award.expr is not None:
        assert any(example.award is not None for example in item.examples)


@each_item
def test_the_words_of_a_condition_are_words_of_the_policy(item: Item):
    for part in (*item.conditions, *item.outside_data):
        assert part.text in item.text, part.id


@each_item
def test_every_number_of_a_rule_stands_in_the_policy(item: Item):
    text = re.sub(r"(?<=\d),(?=\d{3})", "", normalise(item.text).text)
    for where, expr in (*((c.id, c.expr) for c in item.conditions), ("award", item.award.expr or "")):
        for literal in re.findall(r"(?<![\w'.-])\d+(?:\.\d+)?(?![\w'])", re.sub(r"'[^']*'", "''", expr)):
            if Decimal(literal) not in (0, 1):
                assert any(standing(form, text) for form in spellings(Decimal(literal))), (where, literal)


def test_a_number_is_found_only_as_itself():
    assert standing("50万", "奖励50万元")
    assert not standing("50万", "奖励150万元")
    assert spellings(Decimal("0.055")) >= {"5.5%"}
    assert spellings(Decimal(1500000)) >= {"150万", "1500000"}


@pytest.mark.parametrize("mode", ["免申即享", "即申即享", "承诺兑现"])
def test_there_are_enough_items_of_each_mode(mode):
    assert sum(item.mode == mode for item in ITEMS) >= 10


def test_what_is_paid_without_application_asks_nothing_of_the_applicant():
    for item in ITEMS:
        if item.mode == "免申即享":
            assert not item.outside_data, item.id
            assert all(c.on_unknown != "ask" for c in item.conditions), item.id


def standing(form: str, text: str) -> bool:
    """Whether a number stands in the text and is not the tail or head of a longer one."""
    return (
        re.search(
            rf"(?<![\d.]){re.escape(form)}(?![\d.])" if form[-1].isdigit() else rf"(?<![\d.]){re.escape(form)}", text
        )
        is not None
    )


def spellings(value: Decimal) -> set[str]:
    """A number as policies write it: plain, in 万, in 亿, as a percentage, a share or a multiple."""
    forms = {_plain(value)}
    for unit, factor in (("万", 10**4), ("亿", 10**8)):
        forms.add(_plain(value / factor) + unit)
    for share, per in (("%", 100), ("‰", 1000)):
        forms.add(_plain(value * per) + share)
    forms |= {{2: "两", 3: "三", 5: "五"}.get(int(value), "无") + "年" if value == int(value) else "无"}
    return forms


def _plain(value: Decimal) -> str:
    return format(value.normalize(), "f")


def test_exclusion_is_mutual():
    # 就高不重复 pays the higher of two, whichever of them is looked at first
    named = {item.id: set(item.excludes) for item in ITEMS}
    assert [(a, b) for a in named for b in sorted(named[a]) if a not in named[b]] == []
