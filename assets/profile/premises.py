"""What the rows of every enterprise rest on besides its own: the facts about feeds that the profile's SELECTs ask for."""

from functools import cache

import sqlglot
from sqlglot import exp

from assets.profile.plan import statements

# Tables that speak of feeds and days, never of an enterprise.
_ABOUT_FEEDS = frozenset({"profile.feed", "profile.due", "raw.delivery"})


@cache
def premises() -> tuple[tuple[str, str], ...]:
    """(name, SELECT) of every WITH clause and scalar subquery that reads facts about feeds only, in the order of the statements.

    As long as all of them give what they gave at the last build, a delivery changes the rows of no enterprise but those it names.
    """
    found: dict[str, str] = {}
    for name, sql in statements().items():
        # the delivery that an absence was searched in is evidence, not a premise: `pipelines.refresh` carries it forward
        if f"profile.{name}" in _ABOUT_FEEDS or name == "evidence":
            continue
        query = sqlglot.parse_one(sql, dialect="duckdb")
        for clause in query.find_all(exp.CTE, exp.Subquery):
            asked = clause.this
            if isinstance(asked, exp.Query) and _about_feeds(asked):
                found.setdefault(asked.sql(dialect="duckdb"), f"{name}.{clause.alias or len(found)}")
    return tuple((name, sql) for sql, name in found.items())


def _about_feeds(query: exp.Query) -> bool:
    tables = [table for table in query.find_all(exp.Table) if isinstance(table.this, exp.Identifier)]
    return bool(tables) and all(f"{table.db}.{table.name}" in _ABOUT_FEEDS for table in tables)
