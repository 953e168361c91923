"""How delivered headers are compared, and the units that stand in them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

# unit as written by the department → (suffix of our column name, factor to the unit that suffix stands for)
UNITS: Mapping[str, tuple[str, str]] = {
    "元": ("_yuan", "1"),
    "千元": ("_yuan", "1000"),
    "万元": ("_yuan", "10000"),
    "亿元": ("_yuan", "100000000"),
    "美元": ("_usd", "1"),
    "千美元": ("_usd", "1000"),
    "万美元": ("_usd", "10000"),
    # an amount whose currency stands in another column
    "原币万元": ("_amount", "10000"),
    "原币元": ("_amount", "1"),
    "人": ("_count", "1"),
    "万人": ("_count", "10000"),
    "户": ("_count", "1"),
    "件": ("_count", "1"),
    "次": ("_count", "1"),
    "分": ("_points", "1"),
    "平方米": ("_sqm", "1"),
    "亩": ("_mu", "1"),
    "公顷": ("_mu", "15"),
    "%": ("_ratio", "0.01"),
    "小数": ("_ratio", "1"),
    "千瓦时": ("_kwh", "1"),
    "万千瓦时": ("_kwh", "10000"),
    "工作日": ("_days", "1"),
    "年": ("_years", "1"),
}


@lru_cache(maxsize=20_000)
def header_mark(text: str) -> str:
    """A header as it is compared: full-width forms folded, blanks and line breaks dropped, upper case."""
    return re.sub(r"[\s_\u200b\ufeff]+", "", unicodedata.normalize("NFKC", text)).upper()


_UNIT_TAIL = re.compile(r"[(（\[【]\s*(?:单位[:：]?)?([^()（）\[\]【】]{1,6})\s*[)）\]】]\s*\Z")


@lru_cache(maxsize=20_000)
def split_unit(header: str) -> tuple[str, str | None]:
    """`注册资本（万元）` → (`注册资本`, `万元`); a bracket that holds no known unit stays part of the name."""
    found = _UNIT_TAIL.search(header)
    if found and found.group(1).strip() in UNITS:
        return header[: found.start()], found.group(1).strip()
    return header, None


@lru_cache(maxsize=20_000)
def bare_mark(header: str) -> str:
    """`header_mark` without the separators that stacked headers are joined with."""
    return re.sub(r"[·•・\-—/、]", "", header_mark(header))
