"""The true answer to every indicator the world holds, as of a day, per entity; what it does not hold stays None.

Money is Decimal 元, ratios Decimal, codes and dates as rules write them. The definitions are read from indicators.yml's words and
written again here on purpose: this is the second opinion that the pipeline's profile is measured against.
"""

from __future__ import annotations

from collections.abc import Callable

from data.world import facts_business, facts_conduct, facts_merit, facts_money, facts_people
from data.world.vantage import Column, Vantage

_GROUPS: tuple[Callable[[Vantage], dict[str, Column]], ...] = (
    facts_business.subject,
    facts_money.revenue,
    facts_money.taxation,
    facts_business.scale,
    facts_money.trade,
    facts_merit.recognitions,
    facts_merit.property_rights,
    facts_people.staff,
    facts_conduct.credit,
    facts_conduct.building,
    facts_conduct.farming,
    facts_conduct.projects,
)


class Facts(Vantage):
    """Columns of true indicators for a chunk as of a day."""

    def known(self) -> dict[str, Column]:
        """Every indicator the world can answer, by name."""
        columns: dict[str, Column] = {}
        for group in _GROUPS:
            columns |= group(self)
        return columns
