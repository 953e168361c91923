"""The stored name model on small registers: what it accepts, what it leaves to a clerk, and that its comparisons count characters."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.identity import model, omitted, scoring, training
from matching.identity import names as parsing
from matching.identity.evidence import register_features, subject_features
from matching.identity.resolve import Register, resolve

BRANDS = "瑞达 海德 腾飞 宏图 金椰 远航 蓝湾 盛景 南岛 博雅 启明 润泽 天成 恒信 万泉 椰风 碧海 云帆 鼎盛 嘉禾 星辰 华彩 明珠 锦绣 长青 德隆 安顺 福临 泰和 新航".split()  # noqa: SIM905
TRADES = ["科技", "旅游", "商贸", "农业开发", "建筑工程", "餐饮管理", "物流", "文化传媒"]
NAMES = [f"{place}{brand}{trade}有限公司" for brand in BRANDS for trade in TRADES for place in ("海南",)]


def register() -> Register:
    ids = [f"e{i}" for i in range(len(NAMES))]
    nothing = pl.Series([None] * len(NAMES), dtype=pl.String)
    return Register(
        enterprises=pl.DataFrame(
            {
                "enterprise_id": ids,
                "legal_person": [f"人{i}" for i in range(len(ids))],
                "region": ["460106"] * len(ids),
                "phone_hash": nothing,
                "address": nothing,
            }
        ),
        keys=pl.DataFrame(schema={"enterprise_id": pl.String, "kind": pl.String, "code": pl.String}),
        names=pl.DataFrame({"enterprise_id": ids, "name": NAMES, "valid_from": nothing, "valid_to": nothing}),
    )


ROLES = ("uscc", "regno", "org_code", "tax_id", "local_kind", "local_id", "customs_code", "trade_code", "legal_person", "region", "address", "phone_hash")  # fmt: skip


def said(*rows: dict[str, str]) -> pl.DataFrame:
    schema = dict.fromkeys(("_subject_id", "name", *ROLES), pl.String)
    return pl.DataFrame(
        [{c: r.get(c) for c in schema} | {"_subject_id": f"s{i}"} for i, r in enumerate(rows)], schema=schema
    )


def test_what_the_model_accepts_and_what_it_leaves() -> None:
    told = resolve(
        said(
            {"name": "海南瑞大科技有限公司", "legal_person": f"人{NAMES.index('海南瑞达科技有限公司')}"},
            {"name": "海南瑞达科技", "legal_person": f"人{NAMES.index('海南瑞达科技有限公司')}"},
            {"name": "海南瑞达文化有限公司"},
            {"name": "海南从没听过粮油有限公司"},
            {"name": "海南瑞达科技有限公司文昌分公司", "legal_person": f"人{NAMES.index('海南瑞达科技有限公司')}"},
            {"name": "海南瑞达科技经营部", "legal_person": f"人{NAMES.index('海南瑞达科技有限公司')}"},
        ),
        register(),
        None,
        scoring.scorer(model.loaded()),
    )
    found = {r["_subject_id"]: (r["enterprise_id"], r["tier"]) for r in told.subject.to_dicts()}
    ruida = f"e{NAMES.index('海南瑞达科技有限公司')}"
    assert found["s0"] == (ruida, "model")
    assert found["s1"] == (ruida, "model")
    assert found["s2"][0] is None
    assert found["s3"] == (None, "none")
    assert found["s4"] == (None, "review"), "分支不并入主体"
    assert found["s5"] == (None, "review"), "个体户不是由它转成的公司"
    assert told.review.filter(pl.col("_subject_id") == "s5")["reason"].unique().to_list() == ["与一家很像,名称仍有出入"]
    why = told.subject.filter(pl.col("_subject_id") == "s0")["why"].item()
    assert "读音相同 +" in why and "法定代表人:相同 +" in why


def test_verdicts_are_among_the_candidates_and_nobody() -> None:
    scored = pl.DataFrame(
        [
            ("a", "x", 10.0, 0.999),
            ("a", "y", 9.0, 0.998),
            ("b", "x", 10.0, 0.999),
            ("b", "y", 4.0, 0.94),
            ("c", "x", 0.0, 0.5),
            ("d", "x", 2.0, 0.8),
        ],
        schema=["_subject_id", "enterprise_id", "weight", "probability"],
        orient="row",
    ).with_columns(why=pl.lit(""), backed=pl.lit(True), alone=pl.lit(False))
    accepted, clerk = scoring.verdicts(scored)
    assert accepted.select("_subject_id", "enterprise_id").rows() == [("b", "x"), ("d", "x")]
    # Odds 2² against one tenth that it is nobody of the register.
    assert accepted["probability"].to_list()[1] == pytest.approx(4 / 4.1)
    assert clerk["_subject_id"].to_list() == ["a", "a", "c"]
    assert clerk["probability"].to_list() == pytest.approx([1024 / 1536.1, 512 / 1536.1, 1 / 1.1])
    assert scoring.verdicts(scored.with_columns(backed=pl.lit(False)))[0].is_empty()


def test_frequencies_count_what_is_common_and_reckon_what_is_rare() -> None:
    # Ten values once, five twice, one four times: a second draw meets a single one 2·5/10 = 1 time in 24.
    values = pl.Series("nm", [f"a{i}" for i in range(10)] + [f"b{i}" for i in range(5)] * 2 + ["c"] * 4)
    assert model.chance_of_one(values) == pytest.approx(1 / 24)
    learned = {"chance": {"nm": 1 / 24}, "shares": {"place": {"海南": 0.6}}}
    told = dict(model.frequencies(values, 24, learned).rows())
    assert told["c"] == pytest.approx(4 / 24) and told["a0"] == pytest.approx(1 / 24)
    # All different: the floor, not one in N.
    alone = dict(model.frequencies(pl.Series("nm", [str(i) for i in range(100)]), 100, learned | {"chance": {}}).rows())
    assert alone["1"] == pytest.approx(0.01 / 100)
    coarse = dict(model.frequencies(pl.Series("place", ["海南", "海南", "北京"]), 100, learned).rows())
    assert coarse == {"海南": 0.6, "北京": pytest.approx(0.01)}


def test_the_size_is_reckoned_in_steps() -> None:
    assert [model.size_step(n) for n in (1000, 1024, 1025, 1200, 1217)] == [1024, 1024, 1218, 1218, 1218]


def test_a_renamed_enterprise_does_not_make_its_sound_common() -> None:
    known = register()
    older = known.names.with_columns(
        name=pl.col("name").str.replace("有限公司", "股份有限公司"), valid_to=pl.lit("2020-01-01")
    )
    renamed = Register(known.enterprises, known.keys, pl.concat([known.names, older]))
    told, plain = (
        resolve(said({"name": "海南瑞达科级有限公司"}), r, None, scoring.scorer(model.loaded())).subject
        for r in (renamed, known)
    )
    assert told["score"][0] == pytest.approx(plain["score"][0], abs=0.01)
    assert told["enterprise_id"][0] == plain["enterprise_id"][0] == f"e{NAMES.index('海南瑞达科技有限公司')}"


@pytest.mark.parametrize(
    "written",
    [
        "海南达瑞科技有限公司",
        "海南瑞大科技有限公司",
        "海南瑞夭成科技有限公司",
        "海南瑞达科技有限\ufffd",
        "海南瑞达科技",
        "瑞达（嗨南）科技有限公司",
        "瑞达海南）科技有限公司",
    ],
)
def test_a_slip_in_a_name_that_has_no_rival_is_seen_through(written: str) -> None:
    names = ["海南瑞天成科技有限公司" if n == "海南天成科技有限公司" else n for n in NAMES]
    known = register()
    known = Register(known.enterprises, known.keys, known.names.with_columns(name=pl.Series(names)))
    told = resolve(said({"name": written, "region": "460106"}), known, None, scoring.scorer(model.loaded())).subject
    meant = "海南瑞天成科技有限公司" if "夭" in written else "海南瑞达科技有限公司"
    assert told["enterprise_id"][0] == f"e{names.index(meant)}", told.to_dicts()


def test_a_near_name_alone_is_for_the_clerk_with_the_phone_it_is_accepted() -> None:
    """A character too few has as many originals as there are brands: 海南达科技 may be 瑞达科技, or another that the register does not have."""
    long_names = ["海南金椰沙湾科技有限公司" if n == "海南金椰科技有限公司" else n for n in NAMES]
    known = register()
    known = Register(
        known.enterprises.with_columns(phone_hash=pl.concat_str(pl.lit("p"), "enterprise_id")),
        known.keys,
        known.names.with_columns(name=pl.Series(long_names)),
    )
    meant = f"e{long_names.index('海南金椰沙湾科技有限公司')}"
    rows = said({"name": "海南金椰湾科技有限公司"}, {"name": "海南金椰湾科技有限公司", "phone_hash": f"p{meant}"})
    told = resolve(rows, known, None, scoring.scorer(model.loaded()))
    assert told.subject.select("enterprise_id", "tier").rows() == [(None, "review"), (meant, "model")]
    assert told.review.select("_subject_id", "enterprise_id").rows()[0] == ("s0", meant)


@pytest.mark.parametrize(("more", "expected"), [({}, (None, "review")), ({"legal_person": "人0"}, ("e0", "model"))])
def test_what_sounds_like_one_and_lacks_a_character_of_another_is_for_the_clerk(
    more: dict[str, str], expected: tuple[str | None, str]
) -> None:
    names = ["海南同山网络科技有限公司", "海南同力杉网络科技有限公司", *NAMES[2:]]
    known = register()
    known = Register(known.enterprises, known.keys, known.names.with_columns(name=pl.Series(names)))
    scorer = scoring.scorer(model.loaded())
    rows = said({"name": "海南同杉网络科技有限公司", **more})
    told = resolve(rows, known, None, scorer)
    assert told.subject.select("enterprise_id", "tier").rows() == [expected]
    # Without the longer name, or with one of another place, the sound decides.
    for other in (NAMES[1], "三亚同力杉网络科技有限公司"):
        alone = Register(
            known.enterprises, known.keys, known.names.with_columns(name=pl.Series([names[0], other, *names[2:]]))
        )
        assert resolve(rows, alone, None, scorer).subject["enterprise_id"].to_list() == ["e0"], other
    if not more:
        assert set(told.review["enterprise_id"]) == {"e0", "e1"}


def test_a_likeness_alone_gives_way_to_an_omission() -> None:
    """However sure the model is: the levels of a name are ranked, so that an omission is never weighed against a likeness."""
    names = ["海南同山网络科技有限公司", "海南同力杉网络科技有限公司", *NAMES[2:]]
    known = register()
    known = Register(known.enterprises, known.keys, known.names.with_columns(name=pl.Series(names)))
    row = {
        "enterprise_id": "e0",
        "weight": 30.0,
        "probability": 0.999,
        "backed": True,
        "alone": True,
        "why": "读音相同",
    }
    accepted = pl.DataFrame([{"_subject_id": "s", **row}], schema=scoring.SCORES)
    parsed = parsing.parsed(pl.Series(["海南同杉网络科技有限公司"])).with_columns(_subject_id=pl.lit("s"))
    kept, clerk = scoring.without_rivals(accepted, accepted.clear(), parsed, known.parsed)
    assert kept.is_empty()
    assert clerk.select("enterprise_id", "why").rows() == [
        ("e0", "读音相同"),
        ("e1", "所写名称是「海南同力杉网络科技有限公司」少一字"),
    ]
    borne_out = accepted.with_columns(alone=pl.lit(False))
    assert scoring.without_rivals(borne_out, accepted.clear(), parsed, known.parsed)[0].equals(borne_out)
    other = parsed.with_columns(core=pl.lit("同杉网络科级"))
    assert scoring.without_rivals(accepted, accepted.clear(), other, known.parsed)[0].equals(accepted)


def test_names_one_character_longer() -> None:
    cores = [
        "同力杉网络科技",
        "同杉网络科技",
        "同杉网络科",
        "力同杉网络科技",
        "同杉网络科技园",
        "同杉网路科技",
        "同力杉网路科技",
        "同同杉网络科技",
    ]
    parsed = pl.DataFrame(
        {
            "enterprise_id": [f"e{i}" for i in range(len(cores))],
            "name": cores,
            "core": cores,
            "place": ["海南"] * len(cores),
        }
    )
    said_ = pl.DataFrame({"_subject_id": ["s"], "core": ["同杉网络科技"], "place": ["海南"]})
    assert omitted.longer(said_, parsed)["name"].to_list() == [
        "同力杉网络科技",
        "力同杉网络科技",
        "同杉网络科技园",
        "同同杉网络科技",
    ]
    assert omitted.longer(said_.with_columns(place=pl.lit("三亚")), parsed).is_empty()
    assert omitted.longer(said_.with_columns(place=pl.lit("")), parsed).height == 4
    assert omitted.longer(said_.clear(), parsed).is_empty()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.text("甲乙丙", min_size=2, max_size=6), min_size=1, max_size=12),
    st.text("甲乙丙", min_size=2, max_size=5),
)
def test_longer_names_are_those_that_an_omission_turns_into_what_was_said(cores: list[str], written: str) -> None:
    cores = sorted(set(cores))
    parsed = pl.DataFrame({"enterprise_id": cores, "name": cores, "core": cores, "place": [""] * len(cores)})
    found = omitted.longer(pl.DataFrame({"_subject_id": ["s"], "core": [written], "place": [""]}), parsed)
    expected = [c for c in cores if len(c) > 2 and any(c[:i] + c[i + 1 :] == written for i in range(len(c)))]
    assert found["name"].to_list() == expected
    assert set(omitted.shortened(parsed.filter(pl.col("core").str.len_chars() > 2))["short"]) == {
        c[:i] + c[i + 1 :] for c in cores if len(c) > 2 for i in range(len(c))
    }


def test_one_core_of_another_place_and_form_is_shown_to_the_clerk_in_a_large_register() -> None:
    """What a firm renamed before the first delivery looks like: below the floor of a pair, and nobody else is meant."""
    known = register()
    features, owner = register_features(known.enterprises, known.parsed)
    speech = subject_features(said({"name": "文昌瑞达科技集团有限公司"}, {"name": "文昌瑞达矿业集团有限公司"}))
    told = scoring.scores(speech, features, model.loaded(), owner, 300_000)
    assert told.select("_subject_id", "enterprise_id").rows() == [("s0", f"e{NAMES.index('海南瑞达科技有限公司')}")]
    assert scoring.TRACE <= told["probability"][0] < scoring.FLOOR
    accepted, clerk = scoring.verdicts(told)
    assert accepted.is_empty() and clerk.height == 1


def test_training_learns_from_lessons_and_repeats_itself() -> None:
    known = register()
    rows = said(*[{"name": n.replace("有限公司", "有限责任公司"), "uscc": "x"} for n in NAMES])
    decided = pl.DataFrame(
        {
            "_subject_id": [f"s{i}" for i in range(len(NAMES))],
            "enterprise_id": [f"e{i}" for i in range(len(NAMES))],
            "tier": ["key"] * len(NAMES),
        }
    )
    speech, features, pairs = training.lessons(rows, decided, known)
    assert pairs.height == len(NAMES) and set(pairs["right"].str.strip_suffix("#0")) == set(
        known.enterprises["enterprise_id"]
    )
    first = training.train(speech, features, pairs, seed=3)
    name = first["comparisons"][0]["comparison_levels"]
    exact = next(level for level in name if level.get("label_for_charts") == "全同")
    assert exact["m_probability"] > 0.95 and exact["u_probability"] < 1e-4
    shown = [level for level in name if not level.get("is_null_level")]
    assert sum(level["m_probability"] for level in shown) == pytest.approx(1.0)
    assert sum(level["u_probability"] for level in shown) == pytest.approx(1.0)
    assert training.train(speech, features, pairs, seed=3)["comparisons"] == first["comparisons"]


def test_the_stored_model_says_what_it_is() -> None:
    stored = model.loaded()
    assert stored["version"] and stored["trained_on"]["pairs"] > 1000
    assert Path(model.MODEL).name == "model.json"
