"""docs/rule-language.md is true: every row of its tables, computed."""

import ast
import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from matching.rules import RuleError, evaluate_expr

PAGE = Path(__file__).parents[2] / "docs" / "rule-language.md"
SCHEMA = {"i": "number", "n": "number", "f": "number", "t": "text", "d": "date", "m": "date", "p": "bool", "q": "bool"} | {"c": "list", "r": "region", "k": "industry"}  # fmt: skip
DTYPES = {
    "i": pl.Int64, "n": pl.Decimal(18, 2), "f": pl.Float64, "t": pl.String, "d": pl.Date, "m": pl.Datetime, "p": pl.Boolean, "q": pl.Boolean,
    "c": pl.List(pl.String), "r": pl.String, "k": pl.String,
}  # fmt: skip
OUTCOMES = {"成立": True, "不成立": False, "未知": None}
ROWS = re.findall(r"^\| `(.+?)` \| (.*?) ?\| (成立|不成立|未知|拒绝：.+?) \|", PAGE.read_text(encoding="utf-8"), re.M)


def read(name, text):
    if name == "d":
        return date.fromisoformat(text)
    if name == "m":
        return datetime.fromisoformat(text)
    if name in ("n", "f"):
        return Decimal(text) if name == "n" else float(text)
    return text == "TRUE" if name in "pq" else ast.literal_eval(text)


def frame(data):
    given = {name: read(name, text) for name, text in re.findall(r"(\w)=(.+?)(?:, (?=\w=)|$)", data)}
    return pl.DataFrame({name: pl.Series([given.get(name)], dtype=kind) for name, kind in DTYPES.items()})


@pytest.mark.parametrize(("expr", "data", "outcome"), ROWS, ids=[f"{expr} · {data}" for expr, data, _ in ROWS])
def test_the_page_says_what_the_engine_answers(expr, data, outcome):
    if outcome in OUTCOMES:
        assert evaluate_expr(expr, frame(data), SCHEMA, as_of=date(2024, 12, 31)).item() is OUTCOMES[outcome]
        return
    with pytest.raises(RuleError, match=re.escape(outcome.removeprefix("拒绝："))):
        evaluate_expr(expr, frame(data), SCHEMA, as_of=date(2024, 12, 31))


def test_every_row_of_the_page_is_read():
    lines = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    assert len(lines) == len(ROWS) > 100
