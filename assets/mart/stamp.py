"""What every mart table carries without writing it: the run's identity, and the city, industry and size of its enterprise."""

import re

from assets.sql import SqlAssetError, output_columns

# The order of a mart table is the order of its own columns, and the last thing the file says; a window's ORDER BY has a bracket after it.
_ORDER = re.compile(r"\sORDER BY (?P<columns>[^()]+?)\s*\Z")
_RUN = ("build_id", "rules_as_of", "as_of", "known_at")
# An enterprise that the registry cannot place is counted apart, never left out of a sum.
_PLACES = (("area", "000000"), ("section", "?"), ("size", "未定"))


def stamped(sql: str, where: str) -> str:
    """The SELECT of a mart file with the columns that all of them share.

    Every table gets those of build_id, rules_as_of, as_of and known_at that it does not state. A table of enterprises (it yields `enterprise_id`) that does not say
    itself where they belong gets area, section and size from `mart.dim_enterprise`; '000000', '?' and '未定' stand for unknown.
    Raises SqlAssetError when the file does not end in ORDER BY over its own columns.
    """
    ordered = _ORDER.search(sql)
    if ordered is None:
        raise SqlAssetError(f"{where}：最后应为 ORDER BY 加本表的列名")
    body, columns = sql[: ordered.start()], output_columns(sql, where)
    order = [name.strip() for name in ordered["columns"].split(",")]
    if unknown := [name for name in order if name.split()[0] not in columns]:
        raise SqlAssetError(f"{where}：ORDER BY 中的 {'、'.join(unknown)} 不是本表的列")
    added = [f"getvariable('{name}') AS {name}" for name in _RUN if name not in columns]
    joined = ""
    if "enterprise_id" in columns and "area" not in columns:
        added = [f"coalesce(place.{name}, '{unknown}') AS {name}" for name, unknown in _PLACES] + added
        joined = "\nLEFT JOIN mart.dim_enterprise AS place ON place.enterprise_id = stated.enterprise_id"
    comment, _, query = body.partition("\n") if body.startswith("--") else ("-- " + where, "", body)
    listed = ",\n    ".join(["stated.*", *added])
    ending = ", ".join(f"stated.{name}" for name in order)
    return f"{comment}\nSELECT\n    {listed}\nFROM (\n{query}\n) AS stated{joined}\nORDER BY {ending}"
