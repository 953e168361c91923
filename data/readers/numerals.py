"""Numbers as they stand in XML and as Excel shows them, where the two differ by no more than zeros at the end."""

from __future__ import annotations

import numpy as np

from data.readers.tags import LOW, Flags, Places, Xml

# So long a number has fewer digits than Excel shows.
_LONGEST = 12
_ZEROS = np.uint64(0x3030303030303030)
# Added to a byte, reaches 128 from 10 on.
_OVER_NINE, _HIGH = np.uint64(0x7676767676767676), np.uint64(0x8080808080808080)
_DOT_TO_ZERO = ord(".") ^ ord("0")
# A dot at place n of a word, as what makes a zero of it; at place 8 and beyond nothing.
_DOTS = np.array([_DOT_TO_ZERO << (8 * n) for n in range(8)] + [0] * 8, dtype=np.uint64)


def shown_ends(xml: Xml, starts: Places, stops: Places) -> tuple[Places, Flags]:
    """Where each number from `starts` to `stops` ends as Excel shows it (1200.50 as 1200.5), and for which that is told.

    It is told of up to twelve digits without a sign, with at most two behind the point and no zero before the first.
    """
    long = stops - starts
    last, second, third = xml.bytes[stops - 1], xml.bytes[stops - 2], xml.bytes[stops - 3]
    hundredths, tenths = (third == ord(".")) & (long > 3), (second == ord(".")) & (long > 2)
    behind = hundredths * np.intp(2) + tenths * np.intp(1)
    point = np.where(behind > 0, long - behind - 1, 15)
    told = (long > 0) & (long <= _LONGEST) & (_figures(xml, starts, np.minimum(long, 8), point))
    told &= _figures(xml, starts + 4, np.clip(long - 4, 0, 8), np.where(point < 4, 15, point - 4))
    before = np.where(behind > 0, point, long)
    told &= (xml.bytes[starts] != ord("0")) | (before == 1)
    zero = last == ord("0")
    cut = np.where(hundredths, np.where(zero & (second == ord("0")), 3, zero), np.where(tenths & zero, 2, 0))
    return np.where(told, stops - cut, stops), told


def _figures(xml: Xml, places: Places, long: Places, point: Places) -> Flags:
    """Whether the `long` bytes from `places` on are figures, but for a dot at `point`."""
    words = (xml.words[places] ^ _DOTS[np.minimum(point, 15)] ^ _ZEROS) & LOW[long]
    found: Flags = ((words | (words + _OVER_NINE)) & _HIGH) == 0
    return found
