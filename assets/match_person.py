"""match.person_*: every person against every person's item in force, by the same engine; kept apart from enterprises."""

from collections.abc import Mapping

import dagster as dg
import polars as pl

from assets.match import PAIR_LABELS, TOTAL_LABELS, dated, program_in_force
from assets.ports import Scope, Warehouse
from assets.sql import table_metadata
from matching.rules import Program, evaluate

PERSON_LABELS: Mapping[str, str] = {
    **{name: text for name, text in PAIR_LABELS.items() if name != "uscc"},
    "person_id": "人员编号（证件号的密钥散列）",
    "enterprise_id": "现单位的企业编号",
}
PERSON_TOTAL_LABELS: Mapping[str, str] = {**TOTAL_LABELS, "region": "现单位注册地", "n": "人数"}
KEY = ("person_id", "item_id", "version")
OTHER = ("enterprise_id",)


def people(warehouse: Warehouse, program: Program) -> pl.DataFrame:
    """`person_id, employer, region` and every indicator the program reads, ordered by person; no rows before the first delivery."""
    if not warehouse.exists("profile.person"):
        return pl.DataFrame(schema=dict.fromkeys(("person_id", "employer", "region"), pl.String))
    held = warehouse.columns("profile.person")
    read = ", ".join(f'"{c.name}"' for c in program.columns if c.name in held)
    return warehouse.frame(
        "SELECT person_id, enterprise_id AS employer, person_employer_region AS region"
        f"{', ' if read else ''}{read} FROM profile.person ORDER BY person_id"
    )


@dg.multi_asset(
    name="person_match",
    group_name="match",
    specs=[
        dg.AssetSpec(
            ["match", name],
            description=description,
            kinds={"polars", "duckdb"},
            deps=[["profile", "person"], ["policy", "item"], ["policy", "condition"]],
        )
        for name, description in {
            "person_pair": "个人事项的现行判定：符合、仅差承诺、只缺一项数据或差一步的（人，事项）对；人员只有密钥散列编号。",
            "person_pair_past": "个人事项曾经的判定及其起止日。",
            "person_total": "个人事项各判定的人数和测算金额，按现单位注册地分；包括不符合的。",
        }.items()
    ],
)
def person(context: dg.AssetExecutionContext, warehouse: dg.ResourceParam[Warehouse], scope: dg.ResourceParam[Scope]):
    """Evaluates, dates, counts and stores; the three tables change together."""
    program = program_in_force(scope, context.log, entity="person")
    persons = people(warehouse, program)
    verdicts = evaluate(program, persons.drop("employer", "region"), scope.as_of)
    pairs = (
        verdicts.pairs()
        .join(
            persons.select("person_id", pl.col("employer").alias("enterprise_id")),
            on="person_id",
            how="left",
            maintain_order="left",
        )
        .select("person_id", "enterprise_id", pl.exclude("person_id", "enterprise_id"))
        .sort("item_id", "version", "person_id")
    )
    before = warehouse.frame("SELECT * FROM match.person_pair") if warehouse.exists("match.person_pair") else None
    current, past = dated(pairs, before, scope, KEY, OTHER)
    totals = verdicts.totals(persons.select("region"))
    with warehouse.write() as transaction:
        kept = transaction.replace("match.person_pair", current)
        former = transaction.append("match.person_pair_past", past, key=(*KEY, "valid_from"))
        counted = transaction.replace("match.person_total", totals)
    yield dg.MaterializeResult(
        asset_key=["match", "person_pair"],
        metadata={
            **table_metadata(kept, PERSON_LABELS),
            "as_of": scope.as_of.isoformat(),
            "items": len(program.items),
            "persons": persons.height,
        },
    )
    yield dg.MaterializeResult(asset_key=["match", "person_pair_past"], metadata=table_metadata(former, PERSON_LABELS))
    yield dg.MaterializeResult(
        asset_key=["match", "person_total"], metadata=table_metadata(counted, PERSON_TOTAL_LABELS)
    )


PERSON_MATCH_ASSETS: list[dg.AssetsDefinition] = [person]
