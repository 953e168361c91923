"""Codes with a character read as another: what may have been meant, so that it can be proposed; nothing is ever repaired here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product

from matching.identity import codes

# Characters of the alphabet that a reader takes for one another.
_EITHER = {
    "B": "8",
    "8": "B",
    "6": "G",
    "G": "6",
    "L": "1",
    "1": "L",
    "D": "0",
    "Q": "0",
    "T": "7",
    "7": "T",
    "U": "Y",
    "Y": "U",
}
# Letters that GB 32100 leaves out because they are read as digits; V is the exception, it is read as U or Y.
_MISREAD = {"O": "0", "I": "1", "Z": "2", "S": "5", "V": "UY"}
MISREAD_DIGIT = {**_MISREAD, "D": "0", "Q": "0", "L": "1", "B": "8", "G": "6", "V": "", "T": "7"}


def look_alike_repairs(code: str, *, also_itself: bool = False) -> Iterator[str]:
    """What a look-alike slip may have meant: letters outside the alphabet, and letters where only digits stand."""
    options = []
    for position, c in enumerate(code):
        if 2 <= position < 8 or position == 1:
            options.append(c if c.isdigit() else MISREAD_DIGIT.get(c, ""))
        else:
            options.append(c if c in codes.USCC_ALPHABET else _MISREAD.get(c, ""))
    if math.prod(map(len, options)) > 64:
        return
    for letters in product(*options):
        candidate = "".join(letters)
        if (
            (also_itself or candidate != code)
            and candidate[1] in codes.CLASSES.get(candidate[0], {})
            and codes.registrar_possible(candidate[2:8])
            and codes.uscc_check_holds(candidate)
            and codes.is_org(candidate[8:17])
        ):
            yield candidate


def one_misread(code: str) -> Iterator[str]:
    """What one legal character read as another legal one (B for 8) may have meant; with more than one, too much would pass by chance."""
    for position, c in enumerate(code):
        other = _EITHER.get(c)
        if other and not (other.isalpha() and 1 <= position < 8):
            yield from look_alike_repairs(code[:position] + other + code[position + 1 :], also_itself=True)


def misread_org(org: str) -> str:
    """The one organisation code that passes once O and I are read as 0 and 1; the code itself when there is none or more than one."""
    options = [c + {"O": "0", "I": "1"}.get(c, "") for c in org]
    if sum(len(o) > 1 for o in options) > 4:
        return org
    found = {c for c in map("".join, product(*options)) if c != org and codes.is_org(c)}
    return found.pop() if len(found) == 1 else org
