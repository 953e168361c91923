"""The pages in English: the words of the pages are looked up, the bureau's own data stay Chinese."""

from __future__ import annotations

import html
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

DICTIONARY = Path(__file__).with_name("english.yml")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_TEXT = re.compile(r">([^<>]+)<")
_SPOKEN = re.compile(r'(\s(?:aria-label|placeholder|title|alt|content)=")([^"]+)(")')
_OPTION = re.compile(r'(<script type="application/json" class="option">)(.*?)(</script>)', re.S)
_MONEY = re.compile(r"([+-]?[\d,.]+) ?(亿元|万元|元)")
_MILLIONS = {"亿元": 100.0, "万元": 0.01}


@cache
def _words() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """(whole phrases, phrases with gaps): a gap `{}` stands for any text, itself translated."""
    raw: dict[str, str] = yaml.safe_load(DICTIONARY.read_text(encoding="utf-8"))
    whole = {str(chinese): str(english) for chinese, english in raw.items() if "{}" not in str(chinese)}
    gaps = [
        (re.compile("(.+?)".join(re.escape(part) for part in str(chinese).split("{}")) + r"\Z", re.S), str(english))
        for chinese, english in raw.items()
        if "{}" in str(chinese)
    ]
    return whole, gaps


def said(text: str) -> str:
    """One phrase in English; what is not in the dictionary comes back unchanged."""
    stripped = text.strip()
    if not _CHINESE.search(stripped):
        return text
    whole, gaps = _words()
    found = whole.get(stripped)
    if found is None:
        found = _money(stripped)
    if found is None:
        for pattern, english in gaps:
            if match := pattern.match(stripped):
                found = english.format(*(said(part) for part in match.groups()))
                break
    return text if found is None else text.replace(stripped, found)


def _money(text: str) -> str | None:
    """`1,234.5 万元` as CNY 12.35M: English counts in thousands and millions."""
    match = _MONEY.fullmatch(text)
    if match is None:
        return None
    number, unit = match.groups()
    if unit == "元":
        return f"CNY {number}"
    return f"CNY {float(number.replace(',', '')) * _MILLIONS[unit]:,.2f}M"


def english(page: str) -> str:
    """A rendered page with its words in English: text, spoken labels, and the words inside pictures."""
    kept: list[str] = []

    def option(match: re.Match[str]) -> str:
        told = json.dumps(_deep(json.loads(match[2])), ensure_ascii=False, separators=(",", ":"))
        kept.append(match[1] + told.replace("<", "\\u003c").replace("&", "\\u0026") + match[3])
        return f"\x00{len(kept) - 1}\x00"

    page = _OPTION.sub(option, page)
    page = _TEXT.sub(lambda m: f">{html.escape(said(html.unescape(m[1])), quote=False)}<", page)
    page = _SPOKEN.sub(lambda m: m[1] + html.escape(said(html.unescape(m[2]))) + m[3], page)
    page = page.replace('<html lang="zh-CN">', '<html lang="en">', 1)
    return re.sub(r"\x00(\d+)\x00", lambda m: kept[int(m[1])], page)


def _deep(value: Any) -> Any:
    if isinstance(value, str):
        return said(value)
    if isinstance(value, list):
        return [_deep(item) for item in value]
    return {name: _deep(item) for name, item in value.items()} if isinstance(value, dict) else value
