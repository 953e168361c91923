"""What the period in a file name means as days."""

import calendar
import re
from datetime import date


def period_end(period: str) -> date | None:
    """The last day of `20241218`, `202412`, `2024Q4` or `2024`."""
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
