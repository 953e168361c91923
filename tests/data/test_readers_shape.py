"""A block that is called plain holds nothing but well-formed records: every cell as Python's own reader of CSV cuts it."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.readers import shape
from data.readers.script import Script

CELL = st.text('a,"\n ;海\r', max_size=6)
WIDTH = 3


def written(rows: list[list[str]], quoted: bool) -> bytes:
    out = io.StringIO()
    csv.writer(out, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()


@given(
    rows=st.lists(st.lists(CELL, min_size=WIDTH, max_size=WIDTH), min_size=1, max_size=5),
    quoted=st.booleans(),
)
@settings(max_examples=300, deadline=None)
def test_what_a_writer_wrote_is_plain_unless_a_line_may_be_blank_or_a_cell_has_a_line_break(
    rows: list[list[str]], quoted: bool
) -> None:
    block = written(rows, quoted)
    broken = any("\n" in cell for row in rows for cell in row)
    blank = any(len(line) < WIDTH for line in block.decode().split("\n")[:-1])
    found = shape.plain(block, WIDTH, ",", '"')
    if broken or blank:
        assert found is None
    else:
        assert found == shape.Plain(len(rows), b'"' in block)


@given(block=st.text('a,"\n', min_size=1, max_size=40))
@settings(max_examples=600, deadline=None)
def test_whatever_is_called_plain_has_that_many_lines_of_that_many_cells(block: str) -> None:
    ended = block.rstrip("\n") + "\n"
    found = shape.plain(ended.encode(), WIDTH, ",", '"')
    if found is None:
        return
    rows = list(csv.reader(io.StringIO(ended, newline=""), strict=True))
    assert (len(rows), {len(row) for row in rows}) == (found.lines, {WIDTH})
    again = written(rows, quoted=True)
    assert shape.plain(again, WIDTH, ",", '"') == shape.Plain(len(rows), True)


@pytest.mark.parametrize(
    "block",
    ['"a","b","c"x\n', 'a,b,c"\n', '"a",",","c\n', 'a"b"c,d,e\n', '"a,b","c"\n"a","b","c","d"\n', ",,\n", '"a""b","c"\n'],
)  # fmt: skip
def test_what_may_be_something_else_is_not_called_plain(block: str) -> None:
    assert shape.plain(block.encode(), WIDTH, ",", '"') is None


def test_columns_in_which_a_byte_stands() -> None:
    assert shape.columns_of(b"a\tb\\\tc\nd\te\t\\N\\\n", b"\\", b"\t", 3) == {1, 2}


COPY = b"COPY public.t (a, b) FROM stdin;\n1\t2\n\\.\n"
HIDDEN = [
    b"/* old:\n" + COPY + b"*/\n",
    b"/* a /* deeper */\n" + COPY + b"*/\n",
    b"COMMENT ON TABLE t IS 'said:\n" + COPY + b"it''s over';\n",
    b"SELECT E'a\\'\n" + COPY + b"';\n",
    b"DO $body$\n" + COPY + b"$body$;\n",
    b'CREATE TABLE "odd\n' + COPY + b'name" (a int);\n',
]


@pytest.mark.parametrize("hidden", HIDDEN)
@pytest.mark.parametrize("piece", [1, 2, 1000])
def test_a_copy_in_a_comment_or_text_is_none(hidden: bytes, piece: int) -> None:
    script = b"-- it's a dump, /* not a comment\nSET x = 'a\\';\n" + hidden + COPY + b"-- end '\n"
    lines = script.splitlines(keepends=True)
    taker = Script()
    found = [f for i in range(0, len(lines), piece) for f in taker.taken(b"".join(lines[i : i + piece]))]
    copies = [f for f in found if f.copy is not None]
    begins = len(lines) - 3
    assert [(f.row, f.copy and f.copy.name) for f in copies] == [(begins, "t")]
    assert [(f.row, f.rows) for f in found if f.rows] == [(begins + 1, b"1\t2\n")]
    assert [f.row for f in found if f.ends] == [begins + 2]


def test_a_comment_that_never_closes_is_named() -> None:
    taker = Script()
    assert list(taker.taken(b"SET x;\n/* begun\n" + COPY)) == []
    assert taker.unclosed() == "（第 2 行起的注释没有闭合，其中的语句不算）"
