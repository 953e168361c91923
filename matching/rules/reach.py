"""What lies below a code: the regions of a region, the classes of an industry."""

from __future__ import annotations

import re
from datetime import date
from functools import cache

from data import gazetteer

# GB/T 4754-2017: sections and their two-digit divisions.
SECTIONS = {
    "A": range(1, 6),
    "B": range(6, 13),
    "C": range(13, 44),
    "D": range(44, 47),
    "E": range(47, 51),
    "F": range(51, 53),
    "G": range(53, 61),
    "H": range(61, 63),
    "I": range(63, 66),
    "J": range(66, 70),
    "K": range(70, 71),
    "L": range(71, 73),
    "M": range(73, 76),
    "N": range(76, 80),
    "O": range(80, 83),
    "P": range(83, 84),
    "Q": range(84, 86),
    "R": range(86, 91),
    "S": range(91, 97),
    "T": range(97, 98),
}
_COUNTRY = "100000"


@cache
def region_covers(above: str, code: str) -> bool:
    """Whether the region `code` is `above` or lies in it, by today's map and by the digits of GB/T 2260."""
    if above in (code, _COUNTRY):
        return True
    if code in _below(above):
        return True
    stem = re.sub(r"(00)+$", "", above[:6]) if len(above) == 6 and above.isdigit() else above
    if not code.startswith(stem):
        return False
    # a code that moved (469003 was 儋州, now 460400) belongs where it is today, not where its digits say
    today = _today(code)
    return today == code or today.startswith(stem)


@cache
def _below(above: str) -> frozenset[str]:
    return gazetteer.descendants(above)


@cache
def _today(code: str) -> str:
    return gazetteer.current(code, date.max) or code


@cache
def industry_covers(above: str, code: str) -> bool:
    """Whether the industry `code` (`C3911`, `3911`) is in `above`: a section letter, or 2 to 4 digits with or without it."""
    section, digits = _split(code)
    above_section, above_digits = _split(above)
    if section is None and not digits:
        return above == code
    if above_section is None and not above_digits:
        return False
    if above_digits:
        return digits.startswith(above_digits)
    if len(digits) < 2:
        return section == above_section
    return int(digits[:2]) in SECTIONS.get(above_section or "", range(0))


def _split(code: str) -> tuple[str | None, str]:
    match = re.fullmatch(r"([A-T]?)(\d{0,4})", code.strip().upper())
    if match is None:
        return None, ""
    return match.group(1) or None, match.group(2)
