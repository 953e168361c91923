"""What talent lists are made from: verdicts on persons, and the little a list may say of one; a person is a keyed hash, never a name."""

import polars as pl

from assets.ports import Warehouse
from data.indicators import Catalogue
from matching.push import inputs as shapes

# Which column of profile.person says where a fact came from, by the delivered table of the indicator.
_EVIDENCE = {"talent": "talent_evidence", "person_insurance": "person_insurance_evidence"}


def person_pairs(warehouse: Warehouse) -> pl.DataFrame:
    """`match.person_pair` in the shape of PAIRS, the person's hash as `enterprise_id` and as `uscc`, whoever is not ineligible.

    A near-miss is no list of its own for persons: nobody holds their telephone.
    """
    if not warehouse.exists("match.person_pair"):
        return shapes.empty(shapes.PAIRS)
    frame = warehouse.frame(
        "SELECT person_id AS enterprise_id, person_id AS uscc, item_id, version, verdict, met, failed, unknown, near_miss, short_of, bar, bars,"
        " amount_yuan, NULL::DOUBLE AS score FROM match.person_pair WHERE verdict <> 'ineligible' ORDER BY item_id, version, person_id"
    )
    return shapes.shaped(frame, shapes.PAIRS, "match.person_pair")


def persons(warehouse: Warehouse) -> pl.DataFrame:
    """The persons of those pairs in the shape of ENTERPRISES: a short name made of the hash, the employer's region, no contact."""
    if not warehouse.exists("match.person_pair"):
        return shapes.empty(shapes.ENTERPRISES)
    frame = warehouse.frame(
        "SELECT person_id AS enterprise_id, person_id AS uscc, '人才 ' || left(person_id, 8) AS name, person_employer_region AS region,"
        " NULL::VARCHAR AS size, NULL::VARCHAR AS contact_hash, NULL::VARCHAR AS contact_masked"
        " FROM profile.person SEMI JOIN match.person_pair USING (person_id) ORDER BY person_id"
    )
    return shapes.shaped(frame, shapes.ENTERPRISES, "profile.person")


def person_facts(warehouse: Warehouse, named: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """The observed value, source and day of every indicator a condition names, for those persons (shape FACTS)."""
    if not warehouse.exists("match.person_pair"):
        return shapes.empty(shapes.FACTS)
    have = warehouse.columns("profile.person")
    parts = []
    for name in sorted(set(named["indicator"])):
        indicator = catalogue[name]
        evidence = _EVIDENCE.get(str(indicator.table))
        if indicator.entity == "person" and name in have and evidence in have:
            parts.append(
                f"SELECT person_id AS enterprise_id, '{name}' AS indicator, CAST(\"{name}\" AS VARCHAR) AS value,"
                f" {evidence}.department AS department, {evidence}.table_name AS table_name, CAST({evidence}.valid_at AS DATE) AS valid_at FROM firm"
            )
    if not parts:
        return shapes.empty(shapes.FACTS)
    frame = warehouse.frame(
        "WITH firm AS (SELECT * FROM profile.person SEMI JOIN match.person_pair USING (person_id))"
        f" SELECT * FROM ({' UNION ALL '.join(parts)}) WHERE value IS NOT NULL ORDER BY ALL"
    )
    return shapes.shaped(frame, shapes.FACTS, "profile.person")
