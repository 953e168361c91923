"""Labels that allow another honest word: it counts as the fact, a doubtful one counts neither way, a wrong one stays wrong."""

from pathlib import Path

from evaluation.reading import Kind, facts, passages

_PASSAGE = """
- id: p1
  title: t
  issuer: i
  region: r
  text: x
  tags: {theme: [上市], industry: [], size: [], method: []}
  theme_also: [融资]
  conditions:
    - listed_status in ["股份制改造"] ~1
    - contract_term >= 1 ~1
    - other_requirement == false
  awards: []
  labels:
    - {field: listed_status, op: in, value: [股份制改造], also: 股改|整体变更}
    - {field: contract_term, op: ">=", value: 1, also: contract_term >= 12}
    - {field: other_requirement, op: "==", value: false, also: permits in}
  doubtful:
    - {field: employees, op: "<=", value: 30}
"""


def _judged(tmp_path: Path, *conditions: dict[str, object]) -> dict[Kind, frozenset[str]]:
    path = tmp_path / "gold.yml"
    path.write_text(_PASSAGE, encoding="utf-8")
    (passage,) = passages(path)
    document = {"tags": {"theme": ["上市", "融资", "外贸"]}, "items": [{"conditions": list(conditions), "award": {}}]}
    return passage.judged(facts(document))


def test_another_spelling_is_the_fact_it_stands_for(tmp_path: Path) -> None:
    found = _judged(
        tmp_path,
        {"field": "listed_status", "op": "in", "value": ["股改"], "any_of": 1},
        {"field": "contract_term", "op": ">=", "value": 12, "any_of": 1},
        {"field": "permits", "op": "in", "value": ["某证"]},
    )
    assert found["soft"] == {"listed_status in [股份制改造]", "other_requirement == False"}
    assert found["numeric"] == {"contract_term >= 1"}
    assert found["any_of"] == {"contract_term >= 1 或 listed_status in [股份制改造]"}


def test_what_may_be_labelled_counts_neither_way_and_what_is_wrong_stays_wrong(tmp_path: Path) -> None:
    found = _judged(
        tmp_path,
        {"field": "employees", "op": "<=", "value": 30},
        {"field": "employees", "op": "<=", "value": 40},
        {"field": "listed_status", "op": "in", "value": ["退市"]},
    )
    assert found["numeric"] == {"employees <= 40"}
    assert found["soft"] == {"listed_status in [退市]"}
    assert found["theme"] == {"上市", "外贸"}
