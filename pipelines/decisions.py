"""What the published copy holds for deciding one pair: the rules in force, an enterprise by any key, its facts and where they came from."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from data.contract import feeds
from data.corpus import POLICIES, in_force, load_defaults, load_items
from data.indicators import Catalogue, load
from matching.identity.keys import Key, classify
from matching.rules import Program, RuleError
from matching.rules.program import compile_sound
from matching.rules.simulate import Simulation, simulate
from pipelines.published import Publication, current, open_copy

GROUPS: Mapping[str, str] = {"region": "registered_region", "industry": "industry_section", "size": "enterprise_size"}
PERSON_GROUPS: Mapping[str, str] = {"region": "person_employer_region"}


class NotFoundError(LookupError):
    """A key that leads to no enterprise, or an item that does not exist; the message is Chinese."""


@dataclass(frozen=True)
class Enterprise:
    enterprise_id: str
    uscc: str | None
    name: str | None


@dataclass(frozen=True)
class Subject:
    """Who is decided about, an enterprise or a person: as printed, the rules for its kind, one profile row, and where its facts came from."""

    who: Mapping[str, str | None]
    program: Program
    row: Mapping[str, Any]
    evidence: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Rules:
    """The catalogue, the items in force on a day for enterprises and for persons, compiled, those refused, and the departments' names."""

    catalogue: Catalogue
    program: Program
    persons: Program
    refusals: tuple[RuleError, ...]
    departments: Mapping[str, str]


def rules_on(day: date) -> Rules:
    """Read and compiled once per process and state of the policy files: reading 120 of them and the catalogue costs a second."""
    return _rules_on(day, _edition())


def _edition() -> int:
    """Changes when a policy file is added, removed or written: a service outlives many of them."""
    return hash(tuple(sorted((e.name, e.stat().st_mtime_ns, e.stat().st_size) for e in os.scandir(POLICIES))))


@lru_cache(maxsize=4)
def _rules_on(day: date, edition: int) -> Rules:
    catalogue = load()
    items = in_force(load_items(), day)
    program, refusals = compile_sound([i for i in items if i.entity == "enterprise"], catalogue, load_defaults().bars)
    persons, refused = compile_sound([i for i in items if i.entity == "person"], catalogue, load_defaults().bars)
    departments = {key: feed.name.removeprefix("海南省") for key, feed in feeds().items()}
    return Rules(catalogue, program, persons, (*refusals, *refused), departments)


class Desk:
    """A connection to the newest publication with the rules of its `rules_as_of`; use as a context manager."""

    def __init__(self, home: Path) -> None:
        self.publication: Publication = current(home)
        self.con: duckdb.DuckDBPyConnection = open_copy(self.publication)
        rules = rules_on(self.rules_as_of)
        self.catalogue, self.program, self.persons = rules.catalogue, rules.program, rules.persons
        self.refusals, self.departments = rules.refusals, rules.departments

    def __enter__(self) -> "Desk":
        return self

    def __exit__(self, *_: object) -> None:
        self.con.close()

    @property
    def as_of(self) -> date:
        return date.fromisoformat(self.publication.as_of)

    @property
    def known_at(self) -> datetime:
        return datetime.fromisoformat(self.publication.known_at)

    @property
    def rules_as_of(self) -> date:
        return date.fromisoformat(self.publication.rules_as_of)

    def frame(self, sql: str, parameters: Mapping[str, Any] | None = None) -> pl.DataFrame:
        return self.con.sql(sql, params=dict(parameters) if parameters else None).pl()

    def has(self, schema: str, table: str) -> bool:
        found = self.frame(
            "SELECT count(*) AS n FROM information_schema.tables WHERE table_schema = $s AND table_name = $t AND table_catalog = current_database()",
            {"s": schema, "t": table},
        )
        return bool(found.item())

    def columns(self, table: str) -> list[str]:
        return self.frame(f"DESCRIBE {table}")["column_name"].to_list()

    def enterprise(self, key: str) -> Enterprise:
        """By USCC, enterprise id, full name, or any other code the registry holds. Raises NotFoundError."""
        asked = {"key": key.strip()}
        found = self.frame(
            "SELECT enterprise_id, uscc, name FROM profile.enterprise WHERE uscc = upper($key) OR enterprise_id = $key OR name = $key ORDER BY enterprise_id",
            asked,
        )
        if found.is_empty() and self.has("registry", "key"):
            found = self.frame(
                "SELECT DISTINCT e.enterprise_id, e.uscc, e.name FROM registry.key k JOIN profile.enterprise e USING (enterprise_id) WHERE k.code = upper($key) ORDER BY ALL",
                asked,
            )
        if found.is_empty():
            code = classify(key)
            if code.valid and code.code != key.strip().upper():
                # full width, blanks, hyphens: the code is readable all the same
                return self.enterprise(code.code)
            raise NotFoundError(f"没有找到“{key}”：{_amiss(code)}")
        if found.height > 1:
            several = "、".join(str(row["uscc"]) for row in found.head(5).to_dicts())
            raise NotFoundError(f"“{key}”对应 {found.height} 家企业（{several}…），请改用统一社会信用代码")
        return Enterprise(**found.row(0, named=True))

    def subject(self, key: str) -> Subject:
        """An enterprise by any key, or a person by its keyed hash or the first eight characters of it. Raises NotFoundError."""
        if re.fullmatch("[0-9a-f]{8,32}", key.strip()) and self.has("profile", "person"):
            found = self.frame("SELECT * FROM profile.person WHERE starts_with(person_id, $p)", {"p": key.strip()})
            if found.height > 1:
                raise NotFoundError(f"人员编号 {key} 开头的有 {found.height} 人，请写全编号")
            if found.height == 1:
                row = found.row(0, named=True)
                return Subject({"person_id": row["person_id"]}, self.persons, row, self.sources_of(row))
        firm = self.enterprise(key)
        evidence = self.evidence([firm.enterprise_id]).get(firm.enterprise_id, {})
        return Subject({"uscc": firm.uscc, "name": firm.name}, self.program, self.profile(firm.enterprise_id), evidence)

    def sources_of(self, person: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
        """A person's row carries one source per table it was read from."""
        tables = {
            i.name: (i.evidence or "").rpartition(".")[2] for i in self.catalogue.values() if i.entity == "person"
        }
        found = {name: person.get(f"{table}_evidence") for name, table in tables.items()}
        return {name: source for name, source in found.items() if source}

    def item_id(self, text: str, program: Program | None = None) -> str:
        """An item by id or full title. Raises NotFoundError with the nearest ones, or saying why its rules do not run."""
        rules = program or self.program
        if text in rules.by_id:
            return text
        titled = [item.text.id for item in rules.items if item.text.title == text]
        if len(titled) == 1:
            return titled[0]
        for refusal in self.refusals:
            if refusal.file in (f"{text}.md", text):
                raise NotFoundError(f"事项 {text} 的规则未生效：{refusal}")
        titles = {item.text.id: item.text.title for item in rules.items}
        near = [id for id, title in titles.items() if text and (text in title or text in id)]
        near = (near or get_close_matches(text, titles))[:5]
        hint = "是否指 " + "、".join(f"{id}（{titles[id]}）" for id in near) if near else "用 huiqi search <词> 找编号"
        kind = "个人" if rules is self.persons else "企业"
        raise NotFoundError(f"没有在 {self.rules_as_of} 有效的{kind}事项“{text}”；{hint}")

    def item_of(self, text: str) -> tuple[str, bool]:
        """An item by id or full title, for enterprises or for persons, and whether it is for persons. Raises NotFoundError."""
        people = any(text in (item.text.id, item.text.title) for item in self.persons.items)
        return self.item_id(text, self.persons if people else None), people

    def profile(self, enterprise_id: str) -> dict[str, Any]:
        """One row of profile.enterprise."""
        return self.frame("SELECT * FROM profile.enterprise WHERE enterprise_id = $e", {"e": enterprise_id}).row(
            0, named=True
        )

    def profiles(self, program: Program | None = None) -> pl.DataFrame:
        """Everybody, with the columns a program reads and those to group by."""
        held = self.columns("profile.enterprise")
        wanted = dict.fromkeys(
            ("enterprise_id", "uscc", "name", *GROUPS.values(), *(c.name for c in (program or self.program).columns))
        )
        chosen = ", ".join(f'"{name}"' for name in wanted if name in held)
        return self.frame(f"SELECT {chosen} FROM profile.enterprise ORDER BY enterprise_id")

    def evidence(self, enterprise_ids: list[str]) -> dict[str, dict[str, dict[str, Any]]]:
        """Where each fact came from: enterprise → indicator → evidence."""
        if not self.has("profile", "evidence"):
            return {}
        rows = self.frame(
            "SELECT * FROM profile.evidence WHERE list_contains($ids, enterprise_id) ORDER BY enterprise_id, indicator",
            {"ids": enterprise_ids},
        )
        found: dict[str, dict[str, dict[str, Any]]] = {}
        for row in rows.iter_rows(named=True):
            found.setdefault(row["enterprise_id"], {})[row["indicator"]] = row
        return found


def _amiss(code: Key) -> str:
    """What to look at in a key that led nowhere. A repair that `classify` sees is not told: the code would be somebody else's."""
    if code.kind == "uscc" and not code.valid:
        said = code.why if code.why and not code.suspect else "校验位不符"
        return f"这个统一社会信用代码有误（{said}），请核对"
    return "请用统一社会信用代码、注册号、纳税人识别号或企业全称"


def groups_of(profiles: pl.DataFrame, groups: Mapping[str, str] = GROUPS) -> pl.DataFrame:
    """The columns results are broken down by; NULL where the profile lacks one."""
    return profiles.select(
        (pl.col(column) if column in profiles.columns else pl.lit(None, pl.String)).alias(name)
        for name, column in groups.items()
    )


def what_if(
    desk: Desk,
    item_id: str,
    changes: Mapping[str, str],
    award: str | None = None,
    everybody: pl.DataFrame | None = None,
) -> dict[str, Any]:
    """The document of `huiqi simulate`: reach and cost before and after, who is gained and lost, by group, and the curve.

    `everybody` is `desk.profiles()` if the caller holds it already. An item for persons is tried on the persons, who are named by their
    keyed hash and grouped by the region of their employer. Raises RuleError for a change that does not hold.
    """
    if item_id in desk.persons.by_id:
        persons = desk.frame("SELECT * FROM profile.person ORDER BY person_id").drop("enterprise_id", strict=False)
        groups = groups_of(persons, PERSON_GROUPS)
        return _told(item_id, simulate(desk.persons, persons, item_id, changes, desk.as_of, groups, award=award), {})
    everybody = desk.profiles() if everybody is None else everybody
    # a changed condition may read an indicator that no rule in force reads
    extra = [
        name
        for name in desk.columns("profile.enterprise")
        if name not in everybody.columns
        and any(_mentions(text, name, desk.catalogue) for text in (*changes.values(), award or ""))
    ]
    if extra:
        chosen = ", ".join(f'"{name}"' for name in extra)
        more = desk.frame(f"SELECT enterprise_id, {chosen} FROM profile.enterprise")
        everybody = everybody.join(more, on="enterprise_id", how="left", maintain_order="left")
    found = simulate(desk.program, everybody, item_id, changes, desk.as_of, groups_of(everybody), award=award)
    return _told(item_id, found, dict(everybody.select("enterprise_id", "uscc").iter_rows()))


def _told(item_id: str, found: Simulation, codes: Mapping[str, str | None]) -> dict[str, Any]:
    return {
        "item_id": item_id,
        "before": {"n": found.before.n, "yuan": found.before.yuan},
        "after": {"n": found.after.n, "yuan": found.after.yuan},
        "gained": [codes.get(e) or e for e in found.gained],
        "lost": [codes.get(e) or e for e in found.lost],
        "by": {name: frame.to_dicts() for name, frame in found.by.items()},
        "curve": found.curve.to_dicts(),
    }


def _mentions(text: str, name: str, catalogue: Catalogue) -> bool:
    indicator = catalogue.get(name)
    words = (name, indicator.label, *indicator.aliases) if indicator is not None else (name,)
    return any(word in text for word in words)
