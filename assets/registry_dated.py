"""The day that departments' rows state for themselves, for the ways of naming that they use: what is older than an enterprise is not his."""

import polars as pl

from assets.ports import Warehouse
from data import contract

# A month is the period a figure is of, no day on which something was done; a year's last day is the latest it can mean.
_DAY = {"date": '"{}"', "datetime": '"{}"::DATE', "year": 'make_date("{}"::INTEGER, 12, 31)'}


def dated_tables() -> list[contract.Table]:
    """Tables other than the register's that name somebody by his name and say of which day the row is."""
    return [
        t
        for t in contract.tables()
        if "name" in t.subject and t.local_kind != "pripid" and t.valid_at and t.columns[t.valid_at].type in _DAY
    ]


def said_on(warehouse: Warehouse) -> pl.DataFrame:
    """`_subject_id` and `said_on`, the earliest day stated by a row that uses this way of naming, of rows received by the scope's `known_at`."""
    parts = []
    for t in dated_tables():
        if t.valid_at and t.valid_at in warehouse.columns(f"raw.{t.key}"):
            day = _DAY[t.columns[t.valid_at].type].format(t.valid_at)
            parts.append(
                f'SELECT _subject_id, min({day}) AS said_on FROM raw."{t.key}"'
                f" WHERE _received_at <= getvariable('known_at') GROUP BY _subject_id"
            )
    if not parts:
        return pl.DataFrame(schema={"_subject_id": pl.String, "said_on": pl.Date})
    return warehouse.frame(
        f"SELECT _subject_id, min(said_on) AS said_on FROM ({' UNION ALL '.join(parts)})"
        " WHERE said_on IS NOT NULL GROUP BY _subject_id ORDER BY _subject_id"
    )
