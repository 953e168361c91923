"""JSON Lines read all at once and line by line tell the same, whatever stands in them."""

import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.contract import parse_feed
from data.readers import RefusedFile, alike, read

TABLE = parse_feed(
    """
department: probe
name: 探测厅
prefix: TC
contact: 信息科
forms: {daily: {pattern: 'x', format: jsonl}}
tables:
  firm:
    native: T
    label: 企业
    primary: [uscc]
    valid_at: null
    cadence: day
    columns:
      uscc: {label: 信用代码, header: 代码, type: code, key: uscc}
      name: {label: 名称, header: 名称}
      paid_yuan: {label: 金额, header: 金额, type: money, unit: 元}
""",
    "probe.yml",
).tables["firm"]
NUMBERS = [
    "0", "-0", "0.10", "0.1", "1.50", "1e3", "1E-2", "12345678901.25", "123456789012345", "1234567890123456", "0.0001", "0.001", "-0.5", "10", "9007199254740993",
    "1234567890.1234", "0.30000000000000004", "-1", "100.0", "5000000000.5",
]  # fmt: skip
VALUES = st.sampled_from([*NUMBERS, "null", "true", "false", '"a\\u4e2d"', '"a\\nb"', '"\\ud800"', '"x\\/y"', "[]", '{"a": 1}', "01", "NaN", '"\t"', '"\x7f"', '"\\"}"', '"a"b"']) | st.text(max_size=6).map(lambda t: json.dumps(t, ensure_ascii=False))  # fmt: skip


def told(path: Path) -> object:
    try:
        found = read(path, TABLE.forms["daily"], TABLE)
    except RefusedFile as error:
        return str(error)
    return found.frame.to_dicts(), found.frame.schema, found.set_aside, found.unreadable, found.notes


@given(
    rows=st.lists(st.tuples(VALUES, VALUES, VALUES, st.sampled_from(["", "again", "turned", "blank", "less", "more"])), max_size=8),
    spaced=st.booleans(),
)  # fmt: skip
@settings(max_examples=250, deadline=None)
def test_both_ways_tell_the_same(rows: list[tuple[str, str, str, str]], spaced: bool) -> None:
    apart = ": " if spaced else ":"
    lines = [f'{{"代码"{apart}"9146{i}","名称"{apart}"甲{i}","金额"{apart}{i}.5}}' for i in range(1, 10)]
    for a, b, c, odd in rows:
        cells = [f'"代码"{apart}{a}', f'"名称"{apart}{b}', f'"金额"{apart}{c}']
        cells = {"again": [*cells, cells[1]], "turned": cells[::-1], "less": cells[:2], "more": [*cells, '"又"' + apart + b]}.get(odd, cells)  # fmt: skip
        lines.append("" if odd == "blank" else "{" + ",".join(cells) + "}")
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        path = Path(folder) / "x.jsonl"
        path.write_text("\n".join(lines), encoding="utf-8", newline="")
        careful = told(path)
        patch.setattr(alike, "LEAST", 1)
        patch.setattr(alike, "SHARE", 0.0)
        assert told(path) == careful


def test_lines_of_one_make_are_read_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "LEAST", 1)
    lines = [json.dumps({"代码": f"9146{i}", "名称": None, "金额": 1.5}, ensure_ascii=False) for i in range(9)]
    told = [*lines, lines[0].replace("1.5", "1.50"), lines[0].replace('"91460"', "91460")]
    found = alike.lines_alike("\n".join(told) + "\n", told, 5, TABLE)
    assert found is not None
    assert (found.frame.height, found.others) == (9, [14, 15])
