"""The two tables generated from the catalogue: `profile.enterprise`, every indicator in one row, and `profile.evidence`, where each value came from."""

from collections.abc import Iterable, Mapping

from data.indicators import Indicator

EVIDENCE_TYPE = "STRUCT(department VARCHAR, table_name VARCHAR, file_id VARCHAR, row_no BIGINT, valid_at DATE, received_at TIMESTAMP)"
_ABSENT = {"zero": "0", "bool": "FALSE", "list": "[]", "code": "'无'"}


def enterprise_sql(indicators: Iterable[Indicator], outputs: Mapping[str, set[str]]) -> str:
    """One SELECT for `profile.enterprise`: a row per enterprise of the registry, a typed column per indicator of kind `enterprise`.

    `outputs` gives the columns of each profile table. A value the department's table lacks becomes zero, FALSE or an empty list where
    the catalogue says so, every feed it names is fresh, and the table does not list the indicator as not applicable; otherwise NULL.
    """
    wanted = [indicator for indicator in indicators if indicator.entity == "enterprise"]
    relations = sorted({indicator.relation for indicator in wanted if indicator.relation})
    freshness = _Freshness()
    columns = ["e.enterprise_id", "e.uscc", "e.name"]
    columns += [f"{_value(indicator, outputs, freshness)} AS {indicator.name}" for indicator in wanted]
    joins = "\n".join(f"LEFT JOIN profile.{relation} USING (enterprise_id)" for relation in relations)
    body = ",\n    ".join(columns)
    return (
        f"{freshness.clause()}SELECT\n    {body}\nFROM registry.enterprise e\n{joins}\n{freshness.join()}"
        "ORDER BY e.enterprise_id"
    )


def evidence_sql(indicators: Iterable[Indicator], outputs: Mapping[str, set[str]]) -> str:
    """One SELECT for `profile.evidence`: a row per enterprise and indicator that is known or not applicable; UNKNOWN has no row.

    The evidence of an absence (zero, FALSE, empty list) is the newest delivery that was searched: its file, no row.
    """
    wanted = [indicator for indicator in indicators if indicator.entity == "enterprise" and indicator.relation]
    relations = sorted({str(indicator.relation) for indicator in wanted})
    joins = "\n".join(f"LEFT JOIN profile.{relation} USING (enterprise_id)" for relation in relations)
    feeds = sorted({f"{i.department}.{i.table}" for i in wanted})
    searched = ",\n        ".join(
        f"any_value(CAST(struct_pack(department := department, table_name := table_name, file_id := last_file_id, row_no := NULL, "
        f"valid_at := last_received_at::DATE, received_at := last_received_at) AS {EVIDENCE_TYPE})) "
        f"FILTER (WHERE department = '{d}' AND table_name = '{t}') AS {d}_{t}"
        for d, t in (feed.split(".") for feed in feeds)
    )
    entries = ",\n        ".join(_entry(indicator, outputs) for indicator in wanted)
    return (
        f"WITH searched AS (\n    SELECT\n        {searched}\n    FROM profile.feed\n), entry AS (\n"
        f"    SELECT e.enterprise_id, unnest([\n        {entries}\n    ]) AS u\n"
        f"    FROM profile.enterprise e\n{joins}\n    CROSS JOIN searched\n)\n"
        "SELECT enterprise_id, u.indicator AS indicator, u.state AS state, u.e.department AS department, u.e.table_name AS table_name,\n"
        "    u.e.file_id AS file_id, u.e.row_no AS row_no, u.e.valid_at AS valid_at, u.e.received_at AS received_at\n"
        "FROM entry\nWHERE u.state IS NOT NULL\nORDER BY enterprise_id, indicator"
    )


def _value(indicator: Indicator, outputs: Mapping[str, set[str]], freshness: "_Freshness") -> str:
    kind = indicator.duckdb_type
    if indicator.relation is None:
        return f"CAST(NULL AS {kind})"
    column = f"{indicator.relation}.{indicator.name}"
    if indicator.absent_means == "unknown":
        return f"CAST({column} AS {kind})"
    absent = _ABSENT["zero" if indicator.absent_means == "zero" else indicator.type]
    when = freshness.flag(indicator)
    if "not_applicable" in outputs[indicator.relation]:
        when += f" AND NOT coalesce(list_contains({indicator.relation}.not_applicable, '{indicator.name}'), FALSE)"
    return f"CAST(coalesce({column}, CASE WHEN {when} THEN {absent} END) AS {kind})"


def _entry(indicator: Indicator, outputs: Mapping[str, set[str]]) -> str:
    relation, name = indicator.relation, indicator.name
    assert relation is not None
    state = f"CASE WHEN e.{name} IS NOT NULL THEN 'known' END"
    if "not_applicable" in outputs[relation]:
        state = (
            f"CASE WHEN e.{name} IS NOT NULL THEN 'known' "
            f"WHEN list_contains({relation}.not_applicable, '{name}') THEN 'not_applicable' END"
        )
    found = f"{relation}.{indicator.group}_evidence"
    searched = f"searched.{indicator.department}_{indicator.table}"
    if indicator.absent_means == "unknown":
        evidence = found
    else:
        evidence = f"CASE WHEN {relation}.{name} IS NULL AND e.{name} IS NOT NULL THEN {searched} ELSE {found} END"
    return f"struct_pack(indicator := '{name}', state := {state}, e := CAST({evidence} AS {EVIDENCE_TYPE}))"


class _Freshness:
    """Collects the distinct (feeds, days) an absence depends on and turns them into one row of flags."""

    def __init__(self) -> None:
        self._flags: dict[tuple[tuple[str, ...], int], str] = {}

    def flag(self, indicator: Indicator) -> str:
        key = (indicator.feeds, int(indicator.stale_after_days or 0))
        return f"fresh.{self._flags.setdefault(key, f'f{len(self._flags)}')}"

    def clause(self) -> str:
        flags = [
            " AND ".join(
                f"coalesce(bool_or(department = '{department}' AND table_name = '{table}' AND age_days <= {days}), FALSE)"
                for department, table in (feed.split(".") for feed in feeds)
            )
            + f" AS {name}"
            for (feeds, days), name in self._flags.items()
        ]
        return "WITH fresh AS (\n    SELECT\n        " + ",\n        ".join(flags) + "\n    FROM profile.feed\n)\n"

    def join(self) -> str:
        return "CROSS JOIN fresh\n"
