"""Which enterprises a code or name may mean, and what departments are called: shared by the commands about identity."""

from typing import Any


def found(con: Any, key: str) -> list[str]:
    """The enterprises a code or name may mean, best reading first."""
    import polars as pl

    from matching.identity import names
    from matching.identity.keys import classify

    code = classify(key)
    tries = [(code.kind, code.code)]
    if code.holder:
        tries.append(("uscc", code.holder))
    if code.kind in ("tax15", "trade13") and code.org9:
        tries.append(("org9", code.org9))
    for kind, text in tries:
        rows = con.execute(
            "SELECT DISTINCT enterprise_id FROM registry.key WHERE kind = $k AND code = $c ORDER BY 1",
            {"k": kind, "c": text},
        ).fetchall()
        rows = (
            rows
            or con.execute(
                "SELECT enterprise_id FROM registry.enterprise WHERE uscc = $c ORDER BY 1", {"c": text}
            ).fetchall()
        )
        if rows:
            return [r[0] for r in rows]
    rows = con.execute(
        "SELECT DISTINCT enterprise_id FROM registry.key WHERE code = $c ORDER BY 1", {"c": key.strip()}
    ).fetchall()
    if rows:
        return [r[0] for r in rows]
    rows = con.execute(
        "SELECT DISTINCT enterprise_id FROM registry.name WHERE name = $k OR enterprise_id = $k ORDER BY 1",
        {"k": key.strip()},
    ).fetchall()
    if rows:
        return [r[0] for r in rows]
    asked = names.parsed(pl.Series([key])).row(0, named=True)
    named = con.execute(
        "SELECT DISTINCT enterprise_id, name FROM registry.name WHERE clean_name = $n ORDER BY ALL", {"n": asked["nm"]}
    ).fetchall()
    # A branch bears its parent's name: whoever is asked for by the whole name comes before the parent.
    branches = names.parsed(pl.Series([n for _, n in named], dtype=pl.String))["branch"].to_list()
    rows = [(e,) for (e, _), b in zip(named, branches, strict=True) if b == asked["branch"]]
    rows = rows or [(e,) for (e, _), b in zip(named, branches, strict=True) if b == ""]
    rows = sorted(set(rows))
    if not rows and len(key.strip()) >= 2 and code.kind == "none":
        rows = con.execute(
            "SELECT DISTINCT enterprise_id FROM registry.name WHERE contains(name, $k) ORDER BY 1 LIMIT 20",
            {"k": key.strip()},
        ).fetchall()
    return [r[0] for r in rows]


def branch_of(key: str, name: str | None) -> str:
    """What `key` adds to the parent's name, where it names a branch and the enterprise found has not that very name; else ''."""
    import polars as pl

    from matching.identity import names

    asked, there = names.parsed(pl.Series([key, name], dtype=pl.String)).to_dicts()
    return str(asked["branch"]) if asked["nm"] and asked["branch"] != there["branch"] else ""


def department_names() -> dict[str, str]:
    """Department → its name without the province, which is the same for all."""
    from data import contract

    return {
        name: feed.name.removeprefix("国家税务总局").removeprefix("海南省") for name, feed in contract.feeds().items()
    }
