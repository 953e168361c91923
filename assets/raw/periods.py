"""What the period in a file name means as days."""

import calendar
import re
from datetime import date

# What is older is no period of a delivery but a slip.
_FIRST_YEAR = 1900


def period_begin(period: str) -> date | None:
    """The first day of the same."""
    end = period_end(period)
    if end is None or len(period) == 8:
        return end
    return end.replace(month=1 if len(period) == 4 else end.month - 2 if "Q" in period else end.month, day=1)


def period_end(period: str) -> date | None:
    """The last day of `20241218`, `202412`, `2024Q4` or `2024`; None for any other text and for years before 1900."""
    if not period[:4].isdecimal() or int(period[:4]) < _FIRST_YEAR:
        return None
    quarter = re.fullmatch(r"(\d{4})Q([1-4])", period)
    if quarter:
        period = f"{quarter.group(1)}{int(quarter.group(2)) * 3:02d}"
    try:
        match len(period):
            case 8:
                return date(int(period[:4]), int(period[4:6]), int(period[6:]))
            case 6:
                year, month = int(period[:4]), int(period[4:])
                return date(year, month, calendar.monthrange(year, month)[1])
            case 4:
                return date(int(period), 12, 31)
    except ValueError:
        return None
    return None
