"""Resolution without a model: codes, contradictions, repairs, names, lessons, judgements, and that order never matters."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.identity.crosswalk import one_slip
from matching.identity.keys import classify
from matching.identity.resolve import REVIEW, SUBJECT, Register, resolve

ORG = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def uscc(body: str, head: str = "91460100") -> str:
    total = sum(
        (int(c) if c.isdigit() else ord(c) - 55) * w for c, w in zip(body, (3, 7, 9, 10, 5, 8, 4, 2), strict=True)
    )
    code = head + body + {10: "X", 11: "0"}.get(11 - total % 11, str(11 - total % 11))
    weighted = sum(ORG.index(c) * pow(3, i, 31) for i, c in enumerate(code))
    return code + ORG[(31 - weighted % 31) % 31]


RUIDA, HAIDE, OLD, NEW = uscc("MA5T1A2B"), uscc("MA5T9C8D"), uscc("70881234"), uscc("MA5TXY12")

REGISTER = Register(
    enterprises=pl.DataFrame(
        {
            "enterprise_id": ["ruida", "haide", "old", "new"],
            "legal_person": ["王甲", "李乙", "赵丙", "钱丁"],
            "region": ["460106", "460200", "460108", "460108"],
            "phone_hash": ["p1", "p2", None, "p4"],
            "address": [None, None, None, None],
        },
        schema_overrides={"address": pl.String},
    ),
    keys=pl.DataFrame(
        [
            ("ruida", "uscc", RUIDA),
            ("ruida", "org9", RUIDA[8:17]),
            ("ruida", "reg15", "460100000012343"),
            ("ruida", "pripid", "P1"),
            ("haide", "uscc", HAIDE),
            ("haide", "org9", HAIDE[8:17]),
            ("haide", "pripid", "P2"),
            ("old", "uscc", OLD),
            ("old", "org9", OLD[8:17]),
            ("new", "uscc", NEW),
            ("new", "org9", NEW[8:17]),
        ],
        schema=["enterprise_id", "kind", "code"],
        orient="row",
    ),
    names=pl.DataFrame(
        [
            ("ruida", "海南瑞达科技有限公司", None),
            ("ruida", "海南宏图网络有限公司", "2023-05-01"),
            ("haide", "三亚海德旅游有限公司", None),
            # A cancelled firm's name, taken again by another.
            ("old", "海南腾飞商贸有限公司", "2022-01-01"),
            ("new", "海南腾飞商贸有限公司", None),
        ],
        schema=["enterprise_id", "name", "valid_to"],
        orient="row",
    ).with_columns(valid_from=pl.lit(None, pl.String)),
)
COLUMNS = ["_subject_id", "department", "table_name", "uscc", "regno", "org_code", "tax_id", "local_kind", "local_id",
           "customs_code", "trade_code", "name", "legal_person", "region", "address", "phone_hash"]  # fmt: skip


def subjects(*rows: dict[str, Any]) -> pl.DataFrame:
    filled = [
        {c: row.get(c) for c in COLUMNS} | {"_subject_id": row.get("_subject_id", f"s{i}")}
        for i, row in enumerate(rows)
    ]
    return pl.DataFrame(filled, schema=dict.fromkeys(COLUMNS, pl.String))


def one(judgements: pl.DataFrame | None = None, **row: Any) -> tuple[str | None, str]:
    told = resolve(subjects(row), REGISTER, judgements).subject.row(0, named=True)
    return told["enterprise_id"], told["tier"]


def test_codes_of_every_kind_lead_to_the_enterprise() -> None:
    assert classify("460100000012343").valid
    for code in (
        {"uscc": RUIDA},
        {"uscc": RUIDA.lower() + " "},
        {"org_code": f"{RUIDA[8:16]}-{RUIDA[16]}"},
        {"regno": "460100000012343"},
        {"tax_id": RUIDA},
        {"tax_id": RUIDA[2:17]},
        {"trade_code": "4600" + RUIDA[8:17]},
        {"uscc": RUIDA + "001P"},
        {"local_kind": "pripid", "local_id": "P1"},
    ):
        assert one(**code) == ("ruida", "key"), code


def test_a_contradicting_name_is_reviewed_never_overwritten() -> None:
    told = resolve(subjects({"uscc": RUIDA, "name": "三亚海德旅游有限公司"}), REGISTER)
    assert told.subject.row(0, named=True)["tier"] == "review"
    assert set(told.review["enterprise_id"]) == {"ruida", "haide"}
    assert one(uscc=RUIDA, name="海南瑞大科技有限公司") == ("ruida", "key")
    assert one(uscc=RUIDA, name="海南宏图网络有限公司") == ("ruida", "key"), "曾用名"


def test_a_taxpayer_with_two_more_digits_is_whom_the_name_says() -> None:
    assert one(tax_id=RUIDA + "01", name="海南瑞达科技有限公司") == ("ruida", "repair")
    assert one(tax_id=RUIDA + "01") == (None, "none")


def test_a_branch_with_an_entry_of_its_own_is_found_by_its_name_and_never_its_parent() -> None:
    more = Register(
        enterprises=pl.concat(
            [REGISTER.enterprises, REGISTER.enterprises.head(1).with_columns(enterprise_id=pl.lit("site"), legal_person=pl.lit("孙戊"))]
        ),
        keys=REGISTER.keys,
        names=pl.concat(
            [REGISTER.names, REGISTER.names.head(1).with_columns(enterprise_id=pl.lit("site"), name=pl.lit("海南瑞达科技有限公司三亚分公司"))]
        ),
    )  # fmt: skip
    rows = {
        "own": {"name": "海南瑞达科技有限责任公司（三亚分公司）", "legal_person": "孙戊"},
        "parent": {"name": "海南瑞达科技有限公司", "legal_person": "王甲"},
        "unlisted": {"name": "海南瑞达科技有限公司儋州分公司", "legal_person": "王甲"},
        "bare": {"name": "海南瑞达科技有限公司三亚分公司"},
    }
    told = resolve(subjects(*({"_subject_id": k} | row for k, row in rows.items())), more)
    assert {r["_subject_id"]: (r["enterprise_id"], r["tier"]) for r in told.subject.to_dicts()} == {
        "own": ("site", "name"),
        "parent": ("ruida", "name"),
        "unlisted": (None, "none"),
        "bare": ("site", "name"),
    }


def test_codes_that_disagree() -> None:
    assert one(uscc=RUIDA, org_code=HAIDE[8:17]) == (None, "review")
    assert one(uscc=RUIDA, org_code=HAIDE[8:17], name="三亚海德旅游有限公司") == ("haide", "key")


def slip(code: str, place: int = 9) -> str:
    return code[:place] + ("8" if code[place] != "8" else "3") + code[place + 1 :]


def test_one_slip_is_repaired_only_with_the_name() -> None:
    assert one(uscc=slip(RUIDA), name="海南瑞达科技有限公司") == ("ruida", "repair")
    assert one(uscc=slip(RUIDA), name="三亚海德旅游有限公司") == ("haide", "name")
    assert one(uscc=slip(RUIDA)) == (None, "none")
    assert one(uscc=RUIDA.replace("0", "O"), name="海南瑞达科技有限公司") == ("ruida", "repair")
    assert one(uscc=RUIDA.replace("0", "O")) == (None, "none")


def test_every_slip_has_the_original_among_its_candidates() -> None:
    broken = [RUIDA[:p] + c + RUIDA[p + 1 :] for p in range(18) for c in ORG if c != RUIDA[p]]
    near = one_slip(pl.Series(sorted(broken)))
    assert set(near.filter(pl.col("near") == RUIDA)["code"]) == set(broken)
    swapped = [RUIDA[:p] + RUIDA[p + 1] + RUIDA[p] + RUIDA[p + 2 :] for p in range(17) if RUIDA[p] != RUIDA[p + 1]]
    assert set(one_slip(pl.Series(swapped)).filter(pl.col("near") == RUIDA)["code"]) == set(swapped)


def test_a_sound_code_of_nobody_is_outside_even_with_a_known_name() -> None:
    stranger = uscc("MA1H7DAN", "91310141")
    assert one(uscc=stranger) == (None, "outside")
    assert one(uscc=stranger, name="上海某某有限公司") == (None, "outside")
    assert one(uscc=stranger, name="海南瑞达科技有限公司")[1] == "review"


def test_names() -> None:
    assert one(name="瑞达科技（海南）有限责任公司") == ("ruida", "name")
    assert one(name="海南宏图网络有限公司") == ("ruida", "name")
    assert one(name="海南腾飞商贸有限公司") == (None, "review")
    assert one(name="海南腾飞商贸有限公司", legal_person="钱丁") == ("new", "name")
    assert one(name="海南瑞达科技有限公司", legal_person="别人")[1] == "review"
    assert one(name="海南瑞达科技有限公司", legal_person="别人", region="海口市") == ("ruida", "name")
    assert one(name="海南瑞达科技有限公司三亚分公司")[0] is None
    assert one(name="没见过的公司") == (None, "none")
    assert one() == (None, "none")


def test_local_numbers_are_learned_from_rows_that_also_carry_more() -> None:
    told = resolve(
        subjects(
            {"_subject_id": "registered", "uscc": RUIDA, "local_kind": "djxh", "local_id": "D1"},
            {"_subject_id": "filing", "local_kind": "djxh", "local_id": "D1"},
            {"_subject_id": "by name", "name": "三亚海德旅游有限公司", "customs_code": "4602960123"},
            {"_subject_id": "trade", "customs_code": "4602960123"},
            {"_subject_id": "account", "name": "三亚海德旅游有限公司", "local_kind": "account", "local_id": "A1"},
            {"_subject_id": "same account", "local_kind": "account", "local_id": "A1"},
            {"_subject_id": "twice 1", "uscc": RUIDA, "local_kind": "labor_unit", "local_id": "U"},
            {"_subject_id": "twice 2", "uscc": HAIDE, "local_kind": "labor_unit", "local_id": "U"},
            {"_subject_id": "which", "local_kind": "labor_unit", "local_id": "U"},
            {"_subject_id": "named", "local_kind": "labor_unit", "local_id": "U", "name": "三亚海德旅游"},
        ),
        REGISTER,
    ).subject
    found = {r["_subject_id"]: (r["enterprise_id"], r["tier"]) for r in told.to_dicts()}
    assert found["filing"] == ("ruida", "local")
    assert found["trade"] == ("haide", "local")
    assert found["same account"] == (None, "none")
    assert found["which"] == (None, "review")
    assert found["named"] == ("haide", "local")


def judged(*rows: tuple[str, str, bool]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["_subject_id", "enterprise_id", "same"], orient="row")


def test_judgements_come_before_everything() -> None:
    assert one(judged(("s0", "haide", True)), uscc=RUIDA) == ("haide", "judgement")
    assert one(judged(("s0", "ruida", False)), uscc=RUIDA)[0] is None
    assert one(judged(("s0", "ruida", False)), name="海南瑞达科技有限公司")[0] is None
    assert one(judged(("s0", "haide", True), ("s0", "ruida", True)), uscc=RUIDA) == (None, "review")
    assert one(judged(("s0", "new", True)), name="海南腾飞商贸有限公司") == ("new", "judgement")


CASES: list[dict[str, Any]] = [
    {"uscc": RUIDA},
    {"uscc": RUIDA, "name": "三亚海德旅游有限公司"},
    {"uscc": slip(RUIDA), "name": "海南瑞达科技有限公司"},
    {"name": "海南腾飞商贸有限公司"},
    {"name": "海南腾飞商贸有限公司", "legal_person": "赵丙"},
    {"name": "三亚海德旅游有限公司", "local_kind": "djxh", "local_id": "D9"},
    {"local_kind": "djxh", "local_id": "D9"},
    {"local_kind": "labor_unit", "local_id": "U", "uscc": RUIDA},
    {"local_kind": "labor_unit", "local_id": "U", "uscc": HAIDE},
    {"local_kind": "labor_unit", "local_id": "U"},
    {"uscc": RUIDA, "org_code": HAIDE[8:17]},
    {},
]


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(len(CASES))), st.randoms(use_true_random=False))
def test_order_never_matters(order: list[int], draw: Any) -> None:
    rows = [CASES[i] | {"_subject_id": f"s{i}"} for i in order]
    seed = draw.randrange(1000)
    shuffled = Register(
        REGISTER.enterprises.sample(fraction=1, shuffle=True, seed=seed),
        REGISTER.keys.sample(fraction=1, shuffle=True, seed=seed),
        REGISTER.names.sample(fraction=1, shuffle=True, seed=seed),
    )
    told = resolve(subjects(*rows), shuffled)
    plain = resolve(subjects(*[CASES[i] | {"_subject_id": f"s{i}"} for i in range(len(CASES))]), REGISTER)
    assert told.subject.equals(plain.subject)
    assert told.review.equals(plain.review)


def test_shapes() -> None:
    told = resolve(subjects(*CASES), REGISTER)
    assert told.subject.schema == SUBJECT and told.review.schema == REVIEW
    assert told.subject.height == len(CASES)
    assert set(told.review["_subject_id"]) == set(told.subject.filter(pl.col("tier") == "review")["_subject_id"])
    empty = resolve(subjects(*CASES).clear(), REGISTER)
    assert empty.subject.is_empty() and empty.review.is_empty()
    assert resolve(
        subjects(*CASES), Register(REGISTER.enterprises.clear(), REGISTER.keys.clear(), REGISTER.names.clear())
    ).review.is_empty()


@pytest.mark.parametrize("code", ["914601000000000000", "9.14601E+17"])
def test_mangled_numbers_never_decide_alone(code: str) -> None:
    assert one(uscc=code)[0] is None
