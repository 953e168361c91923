"""The commands on a small published home whose enterprises are the examples of the real policy files."""

import json
from dataclasses import dataclass
from datetime import date, datetime

import dagster as dg
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from assets import match, match_person
from data.corpus import in_force, load_items
from data.indicators import load
from matching.rules import profile_frame
from pipelines.cli import item as item_commands
from pipelines.cli import match as commands
from pipelines.publish import publish
from pipelines.warehouse import DuckWarehouse

AS_OF = date(2024, 12, 31)
IN_FORCE = in_force(load_items(), AS_OF)
ITEMS = {item.id: item for item in IN_FORCE if item.entity == "enterprise"}
TALENT = next(item for item in IN_FORCE if item.id == "hn-talent-monthly")


@dataclass(frozen=True)
class Day:
    as_of: date = AS_OF
    known_at: datetime = datetime(2024, 12, 31, 18)
    rules_as_of: date = AS_OF
    build_id: str = "b1"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    warehouse = DuckWarehouse(home)
    rows = [
        {**example.given, "enterprise_id": f"{item.id}/{n}"}
        for item in ITEMS.values()
        for n, example in enumerate(item.examples)
    ]
    frame = profile_frame(rows, load())
    frame = frame.with_columns(
        uscc=pl.concat_str(pl.lit("U"), pl.int_range(pl.len()).cast(pl.String).str.zfill(4)),
        name=pl.concat_str(pl.lit("企业"), pl.int_range(pl.len()).cast(pl.String)),
    )
    persons = [{**e.given, "enterprise_id": f"{n:032x}"} for n, e in enumerate(TALENT.examples)]
    with warehouse.write() as w:
        w.replace("profile.enterprise", frame)
        people = profile_frame(persons, load()).rename({"enterprise_id": "person_id"})
        w.replace("profile.person", people.with_columns(enterprise_id=pl.lit(rows[0]["enterprise_id"])))
    wanted = [*match.MATCH_ASSETS, *match_person.PERSON_MATCH_ASSETS]
    assert dg.materialize(wanted, resources={"warehouse": warehouse, "scope": Day()}).success
    publish(warehouse, Day())
    return home


@pytest.fixture(scope="module")
def run(home):
    app = typer.Typer()
    commands.register(app)
    item_commands.register(app)

    def call(*args, code=0):
        options = [] if args[0] == "lint" else ["--home", str(home)]
        done = CliRunner().invoke(app, [*args, *options, "--json"], catch_exceptions=False)
        assert done.exit_code == code, done.output
        return json.loads(done.stdout)

    return call


@pytest.fixture(scope="module")
def people(home):
    import duckdb

    said = json.loads((home / "CURRENT").read_text())
    with duckdb.connect(str(home / said["file"]), read_only=True) as con:
        return dict(con.execute("SELECT enterprise_id, uscc FROM profile.enterprise").fetchall())


ITEM = "hn-jobs-added"


@pytest.mark.parametrize("item_id", [ITEM, "hn-tech-sme-rd", "hk-startup-rent", "hn-export-growth", "dz-coop-demo"])
def test_match_gives_the_examples_verdict_and_amount(run, people, item_id):
    item = ITEMS[item_id]
    for n, example in enumerate(item.examples[:2]):
        found = {row["item_id"]: row for row in run("match", people[f"{item.id}/{n}"])}[item.id]
        assert found["verdict"] == example.verdict, example.name
        if example.award is not None:
            assert found["amount_yuan"] == f"{example.award:.2f}"


def test_explain(run, people):
    document = run("explain", people[f"{ITEM}/0"], ITEM)
    assert {"verdict", "amount_yuan", "as_of", "known_at", "rules_as_of", "conditions", "sentence"} <= set(document)
    assert document["as_of"] == "2024-12-31" and document["known_at"] == "2024-12-31T18:00:00"
    first = document["conditions"][0]
    assert {
        "id",
        "text",
        "expr",
        "verdict",
        "value",
        "unit",
        "department",
        "valid_at",
        "threshold",
        "distance",
        "sentence",
    } <= set(first)
    every = run("explain", people[f"{ITEM}/0"])
    assert ITEM in [one["item_id"] for one in every] and all(one["verdict"] != "ineligible" for one in every)


def test_a_person_is_explained_by_the_items_for_persons(run, home):
    from pipelines.cli.output import Stop

    for n, example in enumerate(TALENT.examples):
        document = run("explain", f"{n:032x}", TALENT.id)
        assert (document["person_id"], document["verdict"]) == (f"{n:032x}", example.verdict)
        assert all(c["sentence"] for c in document["conditions"])
    app = typer.Typer()
    commands.register(app)
    item_commands.register(app)
    for key, item, words in (
        ("00000000", TALENT.id, "请写全编号"),
        (f"{0:032x}", ITEM, "没有在 2024-12-31 有效的个人事项"),
    ):
        with pytest.raises(Stop, match=words):
            CliRunner().invoke(
                app, ["explain", key, item, "--home", str(home)], catch_exceptions=False, standalone_mode=False
            )


def test_eligible_nearmiss_gaps(run):
    chosen = run("eligible", ITEM)
    assert chosen and {"uscc", "name", "verdict", "amount_yuan"} <= set(chosen[0])
    near = [row for item_id in (ITEM, "hk-startup-rent", "hn-tech-sme-rd") for row in run("nearmiss", item_id)]
    assert near and {"uscc", "name", "condition", "distance"} <= set(near[0])
    blocked = run("gaps")
    assert blocked and {"indicator", "department", "blocked_pairs", "blocked_yuan"} <= set(blocked[0])
    assert all(row["blocked_pairs"] > 0 for row in blocked)


def test_simulate_a_lower_threshold_only_gains(run):
    item = ITEMS["hn-tech-sme-rd"]
    numeric = next(c for c in item.conditions if "rd_expense_last_year >=" in c.expr)
    found = run("simulate", item.id, "--set", f"{numeric.id}=rd_expense_last_year >= 1")
    assert found["after"]["n"] >= found["before"]["n"] and found["lost"] == []
    assert len(found["gained"]) == found["after"]["n"] - found["before"]["n"]
    reach = [step["n"] for step in found["curve"]]
    assert reach == sorted(reach, reverse=True) and len(reach) > 3
    assert set(found["by"]) == {"region", "industry", "size"}


def test_an_item_for_persons_is_asked_like_any_other(run):
    verdicts = [example.verdict for example in TALENT.examples]
    eligible = run("eligible", TALENT.id)
    assert len(eligible) == verdicts.count("eligible") and {"person_id", "employer", "amount_yuan"} <= set(eligible[0])
    near = run("nearmiss", TALENT.title)
    assert near and all(row["condition"] == "c2" and "还差" in row["sentence"] for row in near)
    found = run("simulate", TALENT.id, "--set", "c2=person_insured_months >= 0")
    assert found["before"]["n"] == len(eligible) < found["after"]["n"] and set(found["by"]) == {"region"}
    assert {row["person_id"] for row in near} & set(found["gained"])


def test_unknown_keys_and_items_end_with_a_sentence(home):
    from pipelines.cli.output import Stop

    app = typer.Typer()
    commands.register(app)
    item_commands.register(app)
    for args, words in (
        (["match", "nobody"], "没有找到“nobody”"),
        (["eligible", "no-such-item"], "no-such-item"),
        (["simulate", ITEM, "--set", "c1=nope > 1"], "nope"),
    ):
        with pytest.raises(Stop, match=words):
            CliRunner().invoke(app, [*args, "--home", str(home)], catch_exceptions=False, standalone_mode=False)


def test_lint_names_file_line_and_condition(run, tmp_path):
    good = ITEMS[ITEM]
    text = good.path.read_text(encoding="utf-8").replace(f"id: {ITEM}\n", "id: broken\n", 1)
    bad = tmp_path / "broken.md"
    first = good.conditions[0]
    bad.write_text(text.replace(first.expr, "no_such_indicator >= 5", 1), encoding="utf-8")
    found = run("lint", str(bad), code=1)
    assert [row["file"] for row in found] == ["broken.md"] * len(found)
    assert any(
        "no_such_indicator" in row["message"] and row["condition"] == first.id and row["line"] > 1 for row in found
    )
