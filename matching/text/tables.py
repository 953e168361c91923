"""Tables flattened to lines: their heads, cells and the column a position stands in."""

import re

from matching.text import awards

_TABLE_HEAD = re.compile(r"(?:奖励|补助|补贴|资助|扶持|奖补)(?:金额|标准|额度)|金额[(]?万?元|标准[(]?万?元")


def gives_column(head: str) -> bool:
    """Whether the head of a column says that its cells are given."""
    if re.search(r"条件|对象|要求|范围|主体|情形|材料|依据", head):
        return False
    return bool(awards.gives(head)) or "金额" in head or head.strip() in ("标准", "额度")


def heads_table(words: str) -> bool:
    """Whether a line heads a flattened table whose last column is the award: several cells, no digit, no full stop."""
    heads = [
        cell for cell in re.split(r"[\t|]" if re.search(r"[\t|]", words) else r"\s+", words.strip()) if cell.strip()
    ]
    named = _TABLE_HEAD.search(words) or (len(heads) > 2 and any(gives_column(cell.strip()) for cell in heads))
    return bool(named) and len(heads) >= 2 and not re.search(r"[\d。；，]", words)


def cells(words: str) -> list[str]:
    """The cells of a row; an empty one counts where bars or tabs rule the table."""
    return words.strip("\n").split("\t") if "\t" in words else words.split()


def column(words: str, at: int, heads: list[str]) -> str | None:
    """The head of the table column that position `at` of a row stands in; None outside of tables and in rows of another width."""
    row = cells(words)
    if len(row) != len(heads):
        row, heads = ([cell for cell in one if cell.strip()] for one in (row, heads))
    if not heads or len(row) != len(heads):
        return None
    position = 0
    for head, cell in zip(heads, row, strict=True):
        position = words.index(cell, position) + len(cell)
        if at < position:
            return head
    return None
