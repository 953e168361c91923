"""What is generated from the catalogue: `profile.enterprise`, every indicator in one row, and `profile.evidence`, where each value came from."""

from collections.abc import Iterable, Mapping

from data.indicators import Indicator

EVIDENCE_TYPE = "STRUCT(department VARCHAR, table_name VARCHAR, file_id VARCHAR, row_no BIGINT, valid_at DATE, received_at TIMESTAMP)"
# The first and the last year, counted back from the day's own, of which a value of this period speaks: absence in them is proved by a
# feed that holds them whole.
_YEARS = {"last_year": (1, 1), "before_last_year": (2, 2), "growth": (2, 1), "growth_delta": (2, 1)}
_ABSENT = {"zero": "0", "bool": "FALSE", "list": "[]", "code": "'无'"}


def enterprise_sql(indicators: Iterable[Indicator], outputs: Mapping[str, set[str]]) -> str:
    """One SELECT for `profile.enterprise`: a row per enterprise of the registry, a typed column per indicator of kind `enterprise`.

    `outputs` gives the columns of each profile table. A value the department's table lacks becomes zero, FALSE or an empty list where
    the catalogue says so, every feed it names is fresh, and the table lists the indicator neither as `not_applicable` nor among the
    `reported` (rows there are, though no value follows from them); otherwise NULL.
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


def sourced_sql(indicators: Iterable[Indicator], outputs: Mapping[str, set[str]]) -> str:
    """One SELECT for `profile.sourced`: a row per enterprise and indicator that is known or not applicable; UNKNOWN has no row.

    An absence (zero, FALSE, empty list) names the table that was searched and no file: which delivery was the newest is said by
    `evidence_sql`, lest every delivery write a row for everybody it does not name. So it is where a group's struct names department and
    table but no file: the statement looked there and found nothing.
    """
    wanted = [indicator for indicator in indicators if indicator.entity == "enterprise" and indicator.relation]
    relations = sorted({str(indicator.relation) for indicator in wanted})
    by_relation = {r: [i for i in wanted if i.relation == r] for r in relations}
    # names travel as strings and meet their evidence by group: a list of one struct per indicator took DuckDB ten times as long to plan
    found = "\n    UNION ALL\n    ".join(
        _found(relation, held, "not_applicable" in outputs[relation]) for relation, held in by_relation.items()
    )
    groups = "\n    UNION ALL\n    ".join(
        f"SELECT enterprise_id, '{relation}.{group}' AS held_in, {group}_evidence AS e "
        f"FROM profile.{relation} WHERE {group}_evidence IS NOT NULL"
        for relation, held in by_relation.items()
        for group in sorted({str(i.group) for i in held})
    )
    names = ",\n        ".join(
        f"('{i.name}', '{i.evidence}', '{i.department}', '{i.table}')" for i in sorted(wanted, key=lambda i: i.name)
    )
    return (
        "WITH catalogue(indicator, held_in, department, table_name) AS (\n    VALUES\n        "
        f"{names}\n), found AS (\n    {found}\n), groups AS (\n    {groups}\n), sourced AS (\n"
        "    SELECT found.enterprise_id, found.indicator, found.state, found.is_absence, catalogue.department, catalogue.table_name, "
        f"CAST(groups.e AS {EVIDENCE_TYPE}) AS e\n"
        "    FROM found\n    JOIN catalogue USING (indicator)\n"
        "    LEFT JOIN groups ON NOT found.is_absence AND groups.enterprise_id = found.enterprise_id AND groups.held_in = catalogue.held_in\n)\n"
        "SELECT enterprise_id, indicator, state,\n"
        "    CASE WHEN is_absence THEN department ELSE e.department END AS department,\n"
        "    CASE WHEN is_absence THEN table_name ELSE e.table_name END AS table_name,\n"
        "    e.file_id AS file_id, e.row_no AS row_no, e.valid_at AS valid_at, e.received_at AS received_at\n"
        "FROM sourced\nORDER BY enterprise_id, indicator"
    )


def evidence_sql() -> str:
    """One SELECT for the view `profile.evidence`: `profile.sourced`, and the newest delivery searched where the evidence is an absence."""
    searched = "s.file_id IS NULL AND f.department = s.department AND f.table_name = s.table_name"
    return (
        "SELECT s.enterprise_id, s.indicator, s.state, s.department, s.table_name, coalesce(s.file_id, f.last_file_id) AS file_id,\n"
        "    s.row_no, coalesce(s.valid_at, f.last_received_at::DATE) AS valid_at, coalesce(s.received_at, f.last_received_at) AS received_at\n"
        f"FROM profile.sourced s\nLEFT JOIN profile.feed f ON {searched}"
    )


def beyond_sql(indicators: Iterable[Indicator]) -> str:
    """One SELECT of one row: per indicator with a range or a closed list of codes, how many enterprises hold a value outside it."""
    tests = {}
    for i in indicators:
        if i.entity != "enterprise" or i.relation is None:
            continue
        if i.range is not None:
            quote = "'" if i.type == "date" else ""
            sides = zip("<>", i.range, strict=True)
            parts = [f"{i.name} {sign} {quote}{bound}{quote}" for sign, bound in sides if bound is not None]
            tests[i.name] = " OR ".join(parts)
        elif i.codes is not None:
            codes = ", ".join(f"'{code}'" for code in i.codes)
            named = f"len(list_filter({i.name}, lambda x: x.name NOT IN ({codes}))) > 0"
            tests[i.name] = named if i.type == "list" else f"{i.name} NOT IN ({codes}, '无')"
    counted = ",\n    ".join(f"count(*) FILTER (WHERE {test}) AS {name}" for name, test in tests.items())
    return f"SELECT\n    {counted}\nFROM profile.enterprise"


def _found(relation: str, held: list[Indicator], marks: bool) -> str:
    """(enterprise_id, indicator, state, is_absence) of one profile table's indicators, by what stands in `profile.enterprise`."""
    known = ", ".join(
        f"CASE WHEN e.{i.name} IS NOT NULL AND {relation}.{i.name} IS NOT NULL THEN '{i.name}' END" for i in held
    )
    absent = ", ".join(
        f"CASE WHEN e.{i.name} IS NOT NULL AND {relation}.{i.name} IS NULL THEN '{i.name}' END"
        for i in held
        if i.absent_means != "unknown"
    )
    source = f"FROM profile.enterprise e LEFT JOIN profile.{relation} USING (enterprise_id)"
    parts = [f"SELECT e.enterprise_id, unnest([{known}]) AS indicator, 'known' AS state, FALSE AS is_absence {source}"]
    if absent:
        parts.append(f"SELECT e.enterprise_id, unnest([{absent}]), 'known', TRUE {source}")
    if marks:
        parts.append(f"SELECT enterprise_id, unnest(not_applicable), 'not_applicable', FALSE FROM profile.{relation}")
    return "\n    UNION ALL\n    ".join(parts)


def _value(indicator: Indicator, outputs: Mapping[str, set[str]], freshness: "_Freshness") -> str:
    kind = indicator.duckdb_type
    if indicator.relation is None:
        return f"CAST(NULL AS {kind})"
    column = f"{indicator.relation}.{indicator.name}"
    if indicator.absent_means == "unknown":
        return f"CAST({column} AS {kind})"
    absent = _ABSENT["zero" if indicator.absent_means == "zero" else indicator.type]
    when = freshness.flag(indicator)
    for marks in ("not_applicable", "reported"):
        if marks in outputs[indicator.relation]:
            when += f" AND NOT coalesce(list_contains({indicator.relation}.{marks}, '{indicator.name}'), FALSE)"
    return f"CAST(coalesce({column}, CASE WHEN {when} THEN {absent} END) AS {kind})"


def _reach(indicator: Indicator) -> tuple[str, str]:
    """How far back a feed of whole periods must reach (SQL text YYYYMM) and what it must hold besides (a SQL test); empty: nothing."""
    if indicator.grain not in ("month", "quarter"):
        return "", ""
    if indicator.period == "last_3_years":
        return "strftime(getvariable('as_of') - INTERVAL 3 YEAR, '%Y%m')", ""
    if indicator.period == "ytd":
        due = "strftime(date_trunc('month', getvariable('as_of') - INTERVAL 20 DAY) - INTERVAL 1 MONTH, '%Y%m')"
        # of a year of which no quarter has been delivered yet nothing is known
        return (
            "",
            f"last_month >= {due}" if indicator.grain == "month" else "last_month > year(getvariable('as_of')) || '00'",
        )
    if indicator.period not in _YEARS:
        return "", ""
    first, last = _YEARS[indicator.period]
    held = f"last_month >= (year(getvariable('as_of')) - {last}) || '12'"
    if indicator.grain == "month":
        # one file a month: a month that never came proves nothing about itself
        held += "".join(
            f" AND coalesce(len(list_filter(months, lambda m: starts_with(m, CAST(year(getvariable('as_of')) - {year} AS VARCHAR)))), 12) = 12"
            for year in range(last, first + 1)
        )
    return f"(year(getvariable('as_of')) - {first}) || '01'", held


def _is(feed: str) -> str:
    department, table = feed.split(".")
    return f"(department = '{department}' AND table_name = '{table}')"


class _Freshness:
    """Collects the distinct (feeds, days) an absence depends on and turns them into one row of flags."""

    def __init__(self) -> None:
        self._flags: dict[tuple[tuple[str, ...], int, str], str] = {}
        self._starts: dict[tuple[str, ...], str] = {}

    def flag(self, indicator: Indicator) -> str:
        since, held = _reach(indicator)
        key = (indicator.feeds, int(indicator.stale_after_days or 0), held)
        fresh = f"fresh.{self._flags.setdefault(key, f'f{len(self._flags)}')}"
        if not since:
            return fresh
        # who was founded after the feed began has no past that it could not tell of
        start = f"fresh.{self._starts.setdefault(indicator.feeds, f's{len(self._starts)}')}"
        return (
            f"{fresh} AND coalesce({start} <= {since} OR {start} <= strftime(market.established_date, '%Y%m'), FALSE)"
        )

    def clause(self) -> str:
        flags = [
            " AND ".join(
                f"coalesce(bool_or({_is(feed)} AND age_days <= {days}{f' AND {held}' if held else ''}), FALSE)"
                for feed in feeds
            )
            + f" AS {name}"
            for (feeds, days, held), name in self._flags.items()
        ]
        flags += [
            f"max(first_month) FILTER (WHERE {' OR '.join(_is(feed) for feed in feeds)}) AS {name}"
            for feeds, name in self._starts.items()
        ]
        return "WITH fresh AS (\n    SELECT\n        " + ",\n        ".join(flags) + "\n    FROM profile.feed\n)\n"

    def join(self) -> str:
        return "CROSS JOIN fresh\n"
