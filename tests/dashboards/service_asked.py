"""What is asked of the decision service: refusals in a table, anything at all by strategies, and the schema every answer must fit."""

from __future__ import annotations

import jsonschema
from httpx import Response
from hypothesis import strategies as st

from dashboards.service.app import BODY_LIMIT
from dashboards.service.openapi import document
from tests.dashboards.service_home import ITEM, ITEMS


def true_to_schema(path: str, method: str, answer: Response) -> None:
    """Fails unless the status is declared for the operation and the body fits the schema declared for it."""
    said = answer.json()
    told = document()["paths"][path][method]["responses"]
    status = str(answer.status_code)
    assert status in told, f"{method} {path}: {status} is not declared: {said}"
    schema = {**told[status]["content"]["application/json"]["schema"], "components": document()["components"]}
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(said)


REFUSED = [
    ("get", "/enterprises/{key}/matches", "/v1/enterprises/nobody/matches", {}, 404, "not_found"),
    ("get", "/enterprises/{key}/matches", "/v1/enterprises/U0000/matches?verdict=perhaps", {}, 422, "invalid"),
    ("get", "/enterprises/{key}/matches", "/v1/enterprises/U0000/matches?x=1", {}, 422, "invalid"),
    ("get", "/items/{id}", "/v1/items/no-such", {}, 404, "not_found"),
    ("get", "/cases/{id}", "/v1/cases/BJ404", {}, 404, "not_found"),
    ("get", "/search", "/v1/search?limit=0", {}, 422, "invalid"),
    ("get", "/search", "/v1/search?on=yesterday", {}, 422, "invalid"),
    ("get", "/search", "/v1/search?on=20240209", {}, 422, "invalid"),
    ("get", "/search", "/v1/search?theme=nothing", {}, 422, "invalid"),
    ("get", "/search", "/v1/search?level=nothing", {}, 422, "invalid"),
    ("post", "/simulate", "/v1/simulate", {"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, "unsupported_media_type"),
    ("post", "/simulate", "/v1/simulate", {"content": b"{", "headers": {"content-type": "application/json"}}, 400, "bad_request"),
    ("post", "/simulate", "/v1/simulate", {"content": b"[" * 60_000, "headers": {"content-type": "application/json"}}, 400, "bad_request"),
    ("post", "/simulate", "/v1/simulate", {"json": {"item_id": ITEM, "note": "x" * BODY_LIMIT}}, 413, "too_large"),
    ("post", "/simulate", "/v1/simulate", {"json": []}, 422, "invalid"),
    ("post", "/simulate", "/v1/simulate", {"json": {"item_id": ITEM}}, 422, "invalid"),
    ("post", "/simulate", "/v1/simulate", {"json": {"item_id": ITEM, "set": {"c1": 5}}}, 422, "invalid"),
    ("post", "/simulate", "/v1/simulate", {"json": {"item_id": "no-such", "award": "1"}}, 404, "not_found"),
    ("post", "/simulate", "/v1/simulate", {"json": {"item_id": ITEM, "set": {"c1": "nope > 1"}}}, 422, "rule"),
    ("post", "/simulate", "/v1/simulate", {"json": {"item_id": ITEM, "set": {"c99": "TRUE"}}}, 422, "rule"),
]  # fmt: skip


KEYS = st.one_of(
    st.text(max_size=30), st.sampled_from(["\n", "U0000", "U0003", "企业1", "BJ1", "BJ2", ITEM, "x" * 201, "a\0b"])
)
TEXTS = st.one_of(
    st.text(max_size=40), st.sampled_from(["1", "500", "all", "2025-01-01", "海口", "true", "研发", "科技创新"])
)
NAMES = st.sampled_from(
    ["q", "theme", "industry", "size", "method", "mode", "level", "region", "zone", "on", "fits", "limit", "z"]
)
EXPRS = st.one_of(
    st.text(max_size=60),
    st.sampled_from(
        [
            "rd_expense_last_year >= 1",
            "revenue_last_year / 0 > 1",
            "TRUE",
            "NULL",
            "is_dishonest IS TRUE",
            "营业收入 > 1",
        ]
    ),
)
BODIES = st.one_of(
    st.fixed_dictionaries(
        {"item_id": st.one_of(st.just(ITEM), st.sampled_from(sorted(ITEMS)), st.text(max_size=20))},
        optional={
            "set": st.dictionaries(st.sampled_from(["c1", "c2", "c3", "zz"]), EXPRS, max_size=3),
            "award": st.one_of(
                st.none(),
                EXPRS,
                st.sampled_from(["100000", "rd_expense_last_year * 0.1", "rd_expense_last_year / 0", "9" * 30]),
            ),
        },
    ),
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.floats(), st.text(max_size=10)),
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
        max_leaves=6,
    ),
)
