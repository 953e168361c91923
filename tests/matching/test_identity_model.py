"""The stored name model on small registers: what it accepts, what it leaves to a clerk, and that its comparisons count characters."""

from pathlib import Path

import polars as pl
import pytest

from matching.identity import model
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
        ),
        register(),
        None,
        model.scorer(model.loaded()),
    )
    found = {r["_subject_id"]: (r["enterprise_id"], r["tier"]) for r in told.subject.to_dicts()}
    ruida = f"e{NAMES.index('海南瑞达科技有限公司')}"
    assert found["s0"] == (ruida, "model")
    assert found["s1"] == (ruida, "model")
    assert found["s2"][0] is None
    assert found["s3"] == (None, "none")
    assert found["s4"] == (None, "review"), "分支不并入主体"
    why = told.subject.filter(pl.col("_subject_id") == "s0")["why"].item()
    assert "读音相同 +" in why and "法定代表人:相同 +" in why


def test_verdicts_need_probability_and_margin() -> None:
    scored = pl.DataFrame(
        [
            ("a", "x", 10.0, 0.999),
            ("a", "y", 9.0, 0.998),
            ("b", "x", 10.0, 0.999),
            ("b", "y", 7.0, 0.9),
            ("c", "x", 1.0, 0.6),
        ],
        schema=["_subject_id", "enterprise_id", "weight", "probability"],
        orient="row",
    ).with_columns(why=pl.lit(""), backed=pl.lit(True))
    accepted, clerk = model.verdicts(scored)
    assert accepted.select("_subject_id", "enterprise_id").rows() == [("b", "x")]
    assert clerk["_subject_id"].to_list() == ["a", "a", "c"]
    assert model.verdicts(scored.with_columns(backed=pl.lit(False)))[0].is_empty()


def test_frequencies_by_good_turing() -> None:
    # Ten values once, five twice, one four times: r* of a single is 2·5/10 = 1.
    values = pl.Series("nm", [f"a{i}" for i in range(10)] + [f"b{i}" for i in range(5)] * 2 + ["c"] * 4)
    told = dict(model.frequencies(values).rows())
    assert told["c"] == pytest.approx(4 / 24) and told["a0"] == pytest.approx(1 / 24)
    # All different: the floor, not one in N.
    alone = dict(model.frequencies(pl.Series("nm", [str(i) for i in range(100)])).rows())
    assert alone["1"] == pytest.approx(0.01 / 100)


def test_a_renamed_enterprise_does_not_make_its_sound_common() -> None:
    known = register()
    older = known.names.with_columns(
        name=pl.col("name").str.replace("有限公司", "股份有限公司"), valid_to=pl.lit("2020-01-01")
    )
    renamed = Register(known.enterprises, known.keys, pl.concat([known.names, older]))
    told, plain = (
        resolve(said({"name": "海南瑞达科级有限公司"}), r, None, model.scorer(model.loaded())).review
        for r in (renamed, known)
    )
    assert told["score"][0] == pytest.approx(plain["score"][0], abs=0.01)
    assert told["enterprise_id"][0] == plain["enterprise_id"][0] == f"e{NAMES.index('海南瑞达科技有限公司')}"


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
    speech, features, pairs = model.lessons(rows, decided, known)
    assert pairs.height == len(NAMES) and set(pairs["right"].str.strip_suffix("#0")) == set(
        known.enterprises["enterprise_id"]
    )
    first = model.train(speech, features, pairs, seed=3)
    name = first["comparisons"][0]["comparison_levels"]
    exact = next(level for level in name if level.get("label_for_charts") == "全同")
    assert exact["m_probability"] > 0.95 and exact["u_probability"] < 1e-4
    shown = [level for level in name if not level.get("is_null_level")]
    assert sum(level["m_probability"] for level in shown) == pytest.approx(1.0)
    assert sum(level["u_probability"] for level in shown) == pytest.approx(1.0)
    assert model.train(speech, features, pairs, seed=3)["comparisons"] == first["comparisons"]


def test_the_stored_model_says_what_it_is() -> None:
    stored = model.loaded()
    assert stored["version"] and stored["trained_on"]["pairs"] > 1000
    assert Path(model.MODEL).name == "model.json"
