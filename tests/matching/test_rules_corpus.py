"""Every example of every policy file through the engine: verdict, amount and failed conditions, and the explanation agrees."""

from data.corpus import load_defaults, load_items
from data.indicators import load
from matching.rules import compile_items, evaluate, explain, profile_frame


def test_examples():
    catalogue, bars = load(), load_defaults().bars
    wrong = []
    for item in load_items():
        program = compile_items([item], catalogue, bars)
        for example in item.examples:
            as_of = example.as_of or item.valid_from
            pair = (
                evaluate(program, profile_frame([example.given], catalogue), as_of)
                .pairs(everything=True)
                .row(0, named=True)
            )
            told = explain(program, example.given, item.id, as_of)
            agrees = (
                pair["verdict"] == example.verdict
                and (example.award is None or pair["amount_yuan"] == example.award)
                and set(example.failed) <= set(pair["failed"])
                and (told.verdict, told.amount_yuan, told.near_miss)
                == (pair["verdict"], pair["amount_yuan"], pair["near_miss"])
                and [c.id for c in told.conditions if c.verdict == "false"] == pair["failed"]
                and all(c.sentence for c in told.conditions)
            )
            if not agrees:
                wrong.append((item.path.name, example.name, example.verdict, pair))
    assert not wrong
