"""Names: one cleaned form whatever a department varies, parts, sound, likeness."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.identity import names


def parts(name: str) -> dict[str, str]:
    return names.parsed(pl.Series([name])).to_dicts()[0]


@pytest.mark.parametrize(
    "written",
    [
        "海南瑞达科技有限公司",
        "海南瑞达科技有限责任公司",
        "海南省瑞达科技有限公司",
        "瑞达科技（海南）有限公司",
        "瑞达科技(海南)有限责任公司",
        "海南省瑞达（海南）科技有限公司",
        "海南瑞達科技有限公司",
        " 海南 瑞达科技有限公司\u3000",
        "\u00a0海南瑞达科技有限公司（本级）",
        "海南瑞达科技有限公司（筹）",
        "“海南瑞达科技有限公司”",
        "瑞达（嗨南）科技有限公司",
        "瑞达海南）科技有限公司",
        "瑞达（海南科技有限公司",
    ],
)
def test_one_name_however_written(written: str) -> None:
    assert parts(written)["nm"] == "海南瑞达科技有限公司"


@pytest.mark.parametrize(
    ("written", "place", "zi", "iw", "form", "branch"),
    [
        ("海口市瑞达网络科技有限公司三亚分公司", "海口", "瑞达", "网络科技", "有限公司", "三亚分公司"),
        ("东方瑞达水产养殖农民专业合作社", "东方", "瑞达", "水产养殖", "专业合作社", ""),
        ("海南天涯集团有限公司", "海南", "天涯", "", "集团有限公司", ""),
        ("海南炼化(集团)有限责任公司", "海南", "炼化", "", "集团有限公司", ""),
        ("中国石油化工股份有限公司海南分公司", "中国", "石油", "化工", "股份有限公司", "海南分公司"),
        ("北京字节科技有限公司", "北京", "字节", "科技", "有限公司", ""),
        ("洋浦瑞达石化有限公司", "洋浦", "瑞达", "石化", "有限公司", ""),
        ("文昌瑞达餐饮店", "文昌", "瑞达", "餐饮", "店", ""),
        ("三亚瑞达餐饮店（个体工商户）", "三亚", "瑞达", "餐饮", "店", ""),
        ("瑞達諮詢服務中心（個人獨資）", "", "瑞达", "咨询服务", "中心", ""),
        ("海南瑞达科技有限公司（自然人投资或控股的法人独资）", "海南", "瑞达", "科技", "有限公司", ""),
        ("海南瑞达科技有限公司（台港澳与境内合资）", "海南", "瑞达", "科技", "有限公司", ""),
        ("海南瑞达会计师事务所（特殊普通合伙）", "海南", "瑞达", "", "会计师事务所", ""),
        ("海南瑞达科技有限公司（曾用名：海南宏图网络有限公司）", "海南", "瑞达", "科技", "有限公司", ""),
        ("海南瑞达-海德科技有限公司", "海南", "瑞达海德", "科技", "有限公司", ""),
        ("海南瑞达种植农民专业合作社联合社", "海南", "瑞达", "种植", "专业合作社联合社", ""),
        ("海南瑞达科技有限公司（分公司）", "海南", "瑞达", "科技", "有限公司", "分公司"),
        ("中国移动通信集团海南有限公司三亚分公司", "中国", "移动通信集团海南", "", "有限公司", "三亚分公司"),
        ("海南瑞达集团三亚分公司", "海南", "瑞达", "", "集团有限公司", "三亚分公司"),
        ("香港瑞达有限公司海南代表处", "香港", "瑞达", "", "有限公司", "海南代表处"),
        ("内蒙古瑞达科技有限公司", "内蒙古", "瑞达", "科技", "有限公司", ""),
        ("Hainan Ruida Co., Ltd.", "", "HAINANRUIDACOLTD", "", "", ""),
    ],
)
def test_parts(written: str, place: str, zi: str, iw: str, form: str, branch: str) -> None:
    told = parts(written)
    assert (told["place"], told["zi"], told["iw"], told["form"], told["branch"]) == (place, zi, iw, form, branch)


@pytest.mark.parametrize("cut", ["有", "有限", "有限责", "有限责任", "有限公", "集团有限公"])
def test_what_a_fixed_width_leaves_of_the_form_is_no_part_of_the_name(cut: str) -> None:
    assert parts(f"海南瑞达科技{cut}\ufffd")["core"] == "瑞达科技"


def test_another_province_is_not_before_a_place_of_ours() -> None:
    told = parts("广东东方百货有限公司")
    assert (told["place"], told["core"]) == ("广东", "东方百货")
    assert parts("海南省东方市瑞达百货有限公司")["place"] == "东方"


def test_a_union_of_cooperatives_is_not_its_member() -> None:
    assert parts("海南瑞达农民专业合作社")["nm"] != parts("海南瑞达农民专业合作社联合社")["nm"]
    assert parts("海口演海股份经济合作社")["nm"] != parts("海口演海股份经济合作联合社")["nm"]


def test_different_places_are_different_names() -> None:
    assert parts("海口瑞达科技有限公司")["nm"] != parts("三亚瑞达科技有限公司")["nm"]


def likeness(left: str | None, right: str | None) -> float | None:
    column = [pl.Series([x], dtype=pl.String) for x in (left, right)]
    return names.alike(names.parsed(column[0]), names.parsed(column[1]))[0]


def test_likeness() -> None:
    assert likeness("海南瑞达科技有限公司", "瑞达科技(海南)有限责任公司") == 1.0
    # Sister trade, other 字号: the shared half of the name must not carry it.
    assert likeness("海南瑞达科技有限公司", "海南海德科技有限公司") < 0.6
    # A homophone.
    assert likeness("海南瑞达科技有限公司", "海南瑞大科技有限公司") == 0.9
    assert likeness("海南瑞达科技有限公司", "海南瑞达科技") >= 0.85
    assert likeness("海南瑞达科技有限公司", None) is None
    assert likeness("海南瑞达科技有限公司", "Hainan Ruida Technology Co., Ltd.") is None, "译名不是另一个名称"
    assert likeness("HAINAN RUIDA CO LTD", "HAINAN RUIDA CO., LTD.") == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("韦文", True), ("欧阳文文", True), ("王 伟", True), ("阿依古丽江", False), ("海口韦文店", False), ("韦文店", False), ("瑞达科技", False),
        ("海南韦文", False), ("WEI WEN", False), (None, False),
    ],
)  # fmt: skip
def test_names_that_may_be_a_persons(name: str | None, expected: bool) -> None:
    assert names.parsed(pl.Series([name], dtype=pl.String)).select(names.personal()).item() is expected


def test_jwc_counts_characters() -> None:
    # DuckDB's byte version says 0.867.
    assert names.jwc(pl.Series(["海南"]), pl.Series(["海口"]))[0] == pytest.approx(0.7, abs=0.04)
    assert names.jwc(pl.Series(["海南", None]), pl.Series(["海南", "海口"])).to_list() == [1.0, None]


texts = st.text("海南口三亚瑞达德科技网络贸易有限责任公司（）() 　省市集团店分", max_size=16)


@given(st.lists(st.one_of(st.none(), texts, st.text(max_size=8)), max_size=8))
def test_parsing_keeps_rows_and_is_a_function_of_each(column: list[str | None]) -> None:
    told = names.parsed(pl.Series(column, dtype=pl.String))
    assert told.columns == names.PARTS.names() and told.height == len(column)
    alone = [names.parsed(pl.Series([c], dtype=pl.String)).row(0) for c in column]
    assert told.rows() == alone


@given(texts, texts)
def test_likeness_is_between_zero_and_one_and_has_no_side(left: str, right: str) -> None:
    there, back = likeness(left, right), likeness(right, left)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert 0 <= there <= 1 and there == pytest.approx(back)


@given(texts)
def test_cleaning_is_idempotent(name: str) -> None:
    once = names.cleaned(pl.Series([name]))
    assert names.cleaned(once).to_list() == once.to_list()
