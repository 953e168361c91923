"""Amounts by a second path: the award expressions as SQL over the published profile, to be compared with the kernel's before freezing."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import sqlglot
from sqlglot import exp

from assets.policy import condition_frame, item_frame
from data.corpus import POLICIES, in_force, parse_item
from data.indicators import Catalogue, Indicator
from data.indicators import load as load_indicators
from matching.push.decision import ANSWERS
from matching.push.kinds import BARS, DECISION, DIGEST, MESSAGE, MONEY, REASONS, TALENT, VERDICTS
from pipelines.docket import OutdatedError
from pipelines.ledger import Pool
from pipelines.published import open_published

# DuckDB divides decimals as doubles; twelve places are far below a fen for every amount that fits DECIMAL(18,2).
_QUOTIENT = exp.DataType.build("DECIMAL(38,12)", dialect="duckdb")


def award_sql(expr: str, catalogue: Catalogue, as_of: str) -> str:
    """An award expression as DuckDB SQL with the rules' own meaning: `least`/`greatest` NULL if any part is, no division by zero."""

    def meant(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Column):
            if node.name == "as_of":
                return exp.cast(exp.Literal.string(as_of), "DATE")
            return exp.column(_indicator(node.name, catalogue).name, quoted=True)
        if isinstance(node, exp.In) and isinstance(node.this, exp.Column):
            return _membership(node, catalogue, as_of)
        if isinstance(node, exp.Least | exp.Greatest):
            parts = [node.this, *node.expressions]
            empty = exp.or_(*(exp.Is(this=part.copy(), expression=exp.Null()) for part in parts))
            return exp.Case(ifs=[exp.If(this=empty, true=exp.Null())], default=node.copy())
        if isinstance(node, exp.Div):
            divisor = exp.Anonymous(this="NULLIF", expressions=[node.expression, exp.Literal.number(0)])
            return exp.Cast(this=exp.paren(exp.Div(this=node.this, expression=divisor)), to=_QUOTIENT.copy())
        return node

    tree = sqlglot.parse_one(expr, dialect="duckdb")
    return _bottom_up(tree, meant).sql(dialect="duckdb")


def _indicator(name: str, catalogue: Catalogue) -> Indicator:
    indicator = catalogue.find(name)
    if indicator is None:
        raise ValueError(f"奖励表达式里的 {name} 不是指标")
    return indicator


def _membership(node: exp.In, catalogue: Catalogue, as_of: str) -> exp.Expression:
    """IN as the rules mean it: any valid entry of a list, a region or an industry with all below it, else SQL's own."""
    indicator = _indicator(node.this.name, catalogue)
    column, values = f'"{indicator.name}"', [str(value.this) for value in node.expressions]
    texts = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    if indicator.type == "list":
        valid = f"coalesce(x.valid_from <= DATE '{as_of}', true) AND coalesce(x.valid_to >= DATE '{as_of}', true)"
        return sqlglot.parse_one(
            f"len(list_filter({column}, lambda x: x.name IN ({texts}) AND {valid})) > 0", dialect="duckdb"
        )
    if indicator.type == "region":
        tests = [f"starts_with({column}, '{re.sub(r'(00)+$', '', value)}')" for value in values]
    elif indicator.type == "industry":
        tests = [
            f"industry_section = '{value}'"
            if len(value) == 1
            else f"starts_with(ltrim({column}, 'ABCDEFGHIJKLMNOPQRST'), '{value.lstrip('ABCDEFGHIJKLMNOPQRST')}')"
            for value in values
        ]
    else:
        return node
    return sqlglot.parse_one(f"({' OR '.join(tests)})", dialect="duckdb")


def _bottom_up(node: exp.Expression, meant: Any) -> exp.Expression:
    """Each node once, children first, so that a rewritten node is not rewritten again."""
    copy = node.copy()
    for child in list(copy.iter_expressions()):
        child.replace(_bottom_up(child, meant))
    return meant(copy)


def recomputed(home: Path, header: Mapping[str, Any], lines: Sequence[Mapping[str, Any]]) -> dict[str, Decimal | None]:
    """Line key → 元 from the newest publication; a firm that is not in it, or has no computable amount, is None.

    Raises OutdatedError if the item's budget is not what the list says: approval does not bind it, and the ledger's limit is set from it.
    """
    with closing(open_published(home)) as con:
        found = con.execute(
            "SELECT award_expr, budget_yuan FROM policy.item WHERE item_id = $item AND version = $version",
            {"item": header["item_id"], "version": int(header["version"])},
        ).fetchall()
        if not found or found[0][0] is None:
            return {line["line_key"]: None for line in lines}
        said = header.get("budget_yuan")
        if (None if said is None else Decimal(str(said))) != found[0][1]:
            raise OutdatedError(
                f"名单写的预算 {said} 元与事项现在的预算 {found[0][1]} 元不符；名单作废，须重新生成和审批"
            )
        sql = award_sql(found[0][0], load_indicators(), str(header["as_of"]))
        wanted = [line["enterprise_id"] for line in lines]
        if header.get("kind") == DECISION:
            return _with_declared(con, sql, lines)
        of_persons = header.get("kind") == TALENT
        table, subject = ("profile.person", "person_id") if of_persons else ("profile.enterprise", "enterprise_id")
        rows = con.execute(
            f"SELECT {subject}, CASE WHEN ({sql}) >= 0 THEN CAST(round({sql}, 2) AS DECIMAL(18,2)) END FROM {table}"
            f" WHERE {subject} IN (SELECT unnest($wanted))",
            {"wanted": wanted},
        ).fetchall()
        amounts: dict[str, Decimal | None] = dict(rows)
        shares = _shares(con, str(header["item_id"])) if any(line.get("claim_unit") for line in lines) else {}
    return {
        line["line_key"]: _share(amounts.get(line["enterprise_id"]), shares, line["enterprise_id"], line["claim_unit"])
        if line.get("claim_unit")
        else amounts.get(line["enterprise_id"])
        for line in lines
    }


def _with_declared(con: Any, sql: str, lines: Sequence[Mapping[str, Any]]) -> dict[str, Decimal | None]:
    """Line key → 元 of applications: the profile with what the applicant declared filled into its gaps, cell by cell, by DuckDB."""
    cases = [line["case_no"] for line in lines]
    said = dict(
        con.execute(
            "SELECT case_no, declared FROM push.decision WHERE case_no IN (SELECT unnest($c))", {"c": cases}
        ).fetchall()
    )
    types = {name: kind for name, kind, *_ in con.execute("DESCRIBE profile.enterprise").fetchall()}
    amounts: dict[str, Decimal | None] = {}
    for line in lines:
        told = {one["indicator"]: one["value"] for one in json.loads(said.get(line["case_no"]) or "[]")}
        names = [name for name in sorted(told) if name in types and not types[name].endswith("[]")]
        filled = ", ".join(
            f'coalesce("{name}", {_read(f"$v{n}", types[name])}) AS "{name}"' for n, name in enumerate(names)
        )
        row = con.execute(
            f"WITH firm AS (SELECT *{f' REPLACE ({filled})' if names else ''} FROM profile.enterprise WHERE enterprise_id = $e)"
            f" SELECT CASE WHEN ({sql}) >= 0 THEN CAST(round({sql}, 2) AS DECIMAL(18,2)) END FROM firm",
            {"e": line["enterprise_id"], **{f"v{n}": told[name] for n, name in enumerate(names)}},
        ).fetchone()
        amounts[line["line_key"]] = row[0] if row else None
    return amounts


def _read(text: str, kind: str) -> str:
    if kind == "BOOLEAN":
        return f"CASE lower({text}) WHEN 'true' THEN true WHEN '是' THEN true WHEN 'false' THEN false WHEN '否' THEN false END"
    return f"TRY_CAST({text} AS {kind})"


def _shares(con: Any, item_id: str) -> dict[tuple[str, str], tuple[int, int]]:
    """(enterprise, unit) → (place from 0, number of units) of an item that pays per unit, counted in the publication."""
    rows = con.execute(
        "SELECT enterprise_id, unit, row_number() OVER (PARTITION BY enterprise_id ORDER BY unit) - 1,"
        " count(*) OVER (PARTITION BY enterprise_id) FROM push.unit WHERE item_id = $item",
        {"item": item_id},
    ).fetchall()
    return {(enterprise, unit): (place, n) for enterprise, unit, place, n in rows}


def _share(
    whole: Decimal | None, shares: Mapping[tuple[str, str], tuple[int, int]], enterprise: str, unit: str
) -> Decimal | None:
    """One unit's part of an award in fen, the remainder to the first units by id; None for a unit nobody lists any more."""
    place = shares.get((enterprise, unit))
    if whole is None or place is None:
        return None
    each, rest = divmod(int(whole * 100), place[1])
    return Decimal(each + (place[0] < rest)) / 100


def pool_of_item(home: Path, item_id: str) -> Pool | None:
    """The fund pool an item is paid from, as the newest publication knows it; None for an item that is in no pool."""
    with closing(open_published(home)) as con:
        if not _has(con, "push", "fund"):
            return None
        found = con.execute(
            "SELECT pool, limit_yuan, items, opened_on FROM push.fund WHERE list_contains(items, $item)",
            {"item": item_id},
        ).fetchall()
    return Pool(found[0][0], found[0][1], tuple(found[0][2]), found[0][3].isoformat()) if found else None


def rechecked(home: Path, lines: Sequence[Mapping[str, Any]], day: date, granted: bool = False) -> dict[str, str]:
    """Line key → reason, for lines that may not go out on `day`: the newest publication has them barred or not eligible any more, or the
    policy has expired, been replaced or been rewritten since the run. `granted`: the list is frozen, so a case that is closed is in order.
    """
    with closing(open_published(home)) as con:
        # What was true of a line when it was proposed must still be true of its pair in the newest build.
        asked = {name: sorted({line[name] for line in lines}) for name in ("enterprise_id", "item_id")}
        pairs = {
            (enterprise, item, version): (verdict, bar)
            for enterprise, item, version, verdict, bar in con.execute(
                f"FROM (SELECT enterprise_id, item_id, version, verdict, bar FROM match.pair{_persons(con)})"
                " WHERE item_id IN (SELECT unnest($item_id)) AND enterprise_id IN (SELECT unnest($enterprise_id))",
                asked,
            ).fetchall()
        }
        answers = (
            dict(con.execute("SELECT case_no, answer FROM push.decision").fetchall())
            if _has(con, "push", "decision")
            else {}
        )
        doubted = _doubted(con)
        as_of = con.execute("SELECT max(as_of) FROM push.list").fetchall()[0][0]
        outdated = {
            (item, int(version)): why
            for item, version in {
                (line["item_id"], line["version"]) for line in lines if line["kind"] not in (DECISION, DIGEST)
            }
            if (why := overtaken(con, item, int(version), max(as_of, day)))
        }
    gone: dict[str, str] = {}
    for line in lines:
        if line["kind"] == DIGEST:
            continue
        if line["kind"] == DECISION:
            now = answers.get(line["case_no"])
            if now != "approve" and not (granted and now is None):
                gone[line["line_key"]] = (
                    f"办件 {line['case_no']} {'已办结或撤回' if now is None else f'现在的答复是“{ANSWERS[now]}”'}"
                )
            continue
        money = line["kind"] in MONEY
        pair = pairs.get((line["enterprise_id"], line["item_id"], int(line["version"])))
        if (line["item_id"], int(line["version"])) in outdated:
            gone[line["line_key"]] = outdated[(line["item_id"], int(line["version"]))]
        elif pair is None:
            gone[line["line_key"]] = "最新判定里已没有这一户"
        elif pair[1] == "barred":
            gone[line["line_key"]] = "命中排除情形"
        elif line["kind"] in MESSAGE and pair[0] == "ineligible":
            gone[line["line_key"]] = "最新判定为不符合"
        elif money and (pair[0] != "eligible" or pair[1] != "clear"):
            gone[line["line_key"]] = f"最新判定为“{VERDICTS[pair[0]]}”，排除情形“{BARS[pair[1]]}”"
        elif money and (
            doubt := doubted.get((line["enterprise_id"], line["item_id"])) or doubted.get((line["enterprise_id"], None))
        ):
            gone[line["line_key"]] = doubt
    return gone


def _doubted(con: Any) -> dict[tuple[str, str | None], str]:
    """(enterprise, item; None for every item) → what is in doubt about the firm by the newest publication."""
    if not _has(con, "push", "doubt"):
        return {}
    rows = con.execute("SELECT enterprise_id, item_id, reason, detail FROM push.doubt ORDER BY ALL DESC").fetchall()
    return {(enterprise, item): f"{REASONS[reason]}：{detail}" for enterprise, item, reason, detail in rows}


def overtaken(con: Any, item_id: str, version: int, day: date) -> str | None:
    """Why a list made by this version of an item may not go out on `day`: what the policy file says now against what the run judged by."""
    found = con.execute(
        "SELECT valid_from, valid_to, logic, award_expr FROM policy.item WHERE item_id = $item AND version = $version",
        {"item": item_id, "version": version},
    ).fetchall()
    if not found or not (found[0][0] or date.min) <= day <= (found[0][1] or date.max):
        return "事项版本已失效"
    conditions = con.execute(
        "SELECT condition_id, expr, on_unknown FROM policy.condition WHERE item_id = $item AND version = $version AND NOT outside",
        {"item": item_id, "version": version},
    ).fetchall()
    written = [
        parse_item(path.read_text(encoding="utf-8"), path)
        for path in sorted([*POLICIES.glob(f"{item_id}.md"), *POLICIES.glob(f"{item_id}.v*.md")])
    ]
    now = next((item for item in written if item.version == version), None)
    if now is None:
        return "事项文件已撤下"
    if any(item.version != version for item in in_force(written, day)):
        return "事项已换新版本"
    said = condition_frame([now]).filter(~pl.col("outside")).select("condition_id", "expr", "on_unknown")
    same = item_frame([now]).select("valid_from", "valid_to", "logic", "award_expr").row(0) == found[0] and sorted(
        said.rows()
    ) == sorted(conditions)
    return None if same else "事项的规则在生成名单之后改过"


def _persons(con: Any) -> str:
    """The pairs of persons, where the publication holds them."""
    held = _has(con, "match", "person_pair")
    return " UNION ALL SELECT person_id, item_id, version, verdict, bar FROM match.person_pair" if held else ""


def _has(con: Any, schema: str, table: str) -> bool:
    sql = "SELECT count(*) FROM information_schema.tables WHERE table_schema = $schema AND table_name = $table"
    return bool(con.execute(sql, {"schema": schema, "table": table}).fetchall()[0][0])
