"""Enterprise names: one cleaned form, its parts (行政区划、字号、行业、组织形式、分支), its sound, and how alike two names are.

Parts follow 工商企注字〔2017〕133号: names with the same four parts in another order are the same name.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path

import numpy as np
import polars as pl
from opencc import OpenCC
from pypinyin import lazy_pinyin
from rapidfuzz.distance import JaroWinkler
from rapidfuzz.process import cpdist

from data import gazetteer

PARTS = pl.Schema(
    {
        "nm": pl.String(),
        "core": pl.String(),
        "zi": pl.String(),
        "iw": pl.String(),
        "form": pl.String(),
        "place": pl.String(),
        "branch": pl.String(),
        "py": pl.String(),
        "shape": pl.String(),
        "bag": pl.String(),
    }
)

# Characters that a typist, a scan or a tired eye takes for one another; each group is written as its first.
_LOOK_ALIKES = (
    "未末", "己已巳", "日曰", "天夭", "大太犬", "土士", "千干于", "晴睛", "科料", "宏宠", "人入", "戊戌戍", "候侯", "拨拔", "折拆析", "陕峡", "博搏",
    "暮幕墓慕", "密蜜", "由甲申", "乌鸟", "免兔", "母毋", "冶治", "冷泠", "淮准", "洁结", "崇祟", "微徽", "货贷", "竞竟", "享亨", "茶荼", "蓝篮",
    "斑班", "壁璧", "栗粟", "佳住往", "恒桓", "杨扬", "泊柏", "休体", "昊吴", "今令", "可司",
)  # fmt: skip

# Written forms that the law counts as one.
_SAME_FORM = {
    "农民专业合作社": "专业合作社",
    "农民专业合作社联合社": "专业合作社联合社",
    "合作社": "专业合作社",
    "集团公司": "集团有限公司",
    "集团": "集团有限公司",
}
_SITES = (
    r"\(?([^()]{1,12}(?:分公司|分店|分厂|分部|分行|支行|支公司|分所|办事处|代表处|营业部|门店|项目部|分中心|分社)"
    r"|(?:分公司|第?[一二三四五六七八九十]+分公司))\)?\z"
)
_BRANCH = r"\A(.{4,}?(?:公司|合作社|厂|中心|合伙企业|事务所|医院|学校))" + _SITES
# 集团 closes a name only where nothing else does: 某某集团海南有限公司三亚分公司.
_BRANCH_OF_GROUP = r"\A(.{4,}?集团)" + _SITES
_NOTES = (
    r"\((?:本级|筹|筹建|筹建中|盖章|公章|签章|本部|总部|总公司|已更名|曾用名[^)]*|原[^)]*|公司自行填写"
    r"|个体(?:工商户|户)?|个人独资(?:企业)?|(?:有限|特殊普通|普通)合伙(?:企业)?"
    r"|(?:国有|法人|自然人|非自然人|外商|外国|台港澳|港澳台|中外|一人)[^()]{0,14}(?:独资|控股|合资|合作|投资|有限))\)"
)


@cache
def _listed(role: str) -> tuple[str, ...]:
    with (Path(__file__).parent / "words.csv").open(encoding="utf-8", newline="") as lines:
        return tuple(row["word"] for row in csv.DictReader(lines) if row["role"] == role)


def _either(words: Iterable[str]) -> str:
    """One alternation, longest first."""
    return "|".join(re.escape(w) for w in sorted(set(words), key=lambda w: (-len(w), w)))


@cache
def _words(role: str) -> str:
    """`form` words close a name, `trade` words close its core, again and again until two characters are left."""
    return _either(_listed(role))


@cache
def _beginnings() -> str:
    """What a field of fixed width leaves of the form: 有限责, 农民专业合. One character says something only of the commonest forms."""
    forms = [*_listed("form"), "有限责任公司", "集团有限责任公司"]
    return _either({w[:k] for w in forms for k in range(2, len(w))} | {"有", "股"})


def _is_district(region: gazetteer.Region) -> bool:
    return region.name.endswith("区") and region.level != "province"


@cache
def _sounds_of_places() -> dict[str, str]:
    """Sound → the one place of Hainan, or province, that has it (陕西 and 山西 have none)."""
    heard: dict[str, set[str]] = {}
    for r in gazetteer.regions():
        if r.short and len(r.short) >= 2 and (r.level == "province" or r.code.startswith("46")) and not _is_district(r):
            heard.setdefault("".join(_sound(c) for c in r.short), set()).add(r.short)
    return {sound: shorts.pop() for sound, shorts in heard.items() if len(shorts) == 1}


@cache
def _resembles(character: str) -> str:
    return next((group[0] for group in _LOOK_ALIKES if character in group), character)


@cache
def _simplified(character: str) -> str:
    return str(_converter().convert(character))


@cache
def _converter() -> OpenCC:
    return OpenCC("t2s")


@cache
def _sound(character: str) -> str:
    return "".join(lazy_pinyin(character)) if not character.isascii() else character.lower()


def _by_character(texts: pl.Series, meaning: Callable[[str], str]) -> pl.Series:
    """Every character replaced by its meaning: each distinct character is looked up once, however long the column."""
    known = set("".join(texts.drop_nulls().unique().to_list()))
    changes = {c: meaning(c) for c in sorted(known)}
    changes = {c: m for c, m in changes.items() if m != c}
    if not changes:
        return texts
    return texts.to_frame("x").select(pl.col("x").str.replace_many(list(changes), list(changes.values()))).to_series()


def cleaned(names: pl.Series) -> pl.Series:
    """Names without what departments add or vary: width, script, blanks, brackets, （本级）（筹）, 有限责任公司 = 有限公司. Null stays null."""
    text = (
        names.rename("x")
        .to_frame()
        .select(
            pl.col("x")
            .str.normalize("NFKC")
            .str.replace_all(r"[\s\p{C}\u{FFFD}]", "")
            .str.replace_all(r"[\[{【〔〈《<]", "(")
            .str.replace_all(r"[\]}】〕〉》>]", ")")
            .str.replace_all(r"[\"'“”‘’`·•・.,，。、_~*\p{Pd}]", "")
            .str.to_uppercase()
        )
        .to_series()
    )
    text = _by_character(text, _simplified)
    return (
        text.rename("x")
        .to_frame()
        .select(
            pl.col("x")
            .str.replace_all(_NOTES, "")
            .str.replace_all("有限责任公司", "有限公司", literal=True)
            .str.replace_all("股份公司", "股份有限公司", literal=True)
            .str.replace_all(r"\(集团\)", "集团")
            .replace("", None)
        )
        .to_series()
    )


@cache
def _places() -> tuple[str, str, dict[str, str]]:
    """(pattern of a place at the head, pattern of a place in brackets, word → its one short form)."""
    short: dict[str, str] = {}
    hainan: list[str] = []
    provinces: list[str] = []
    others: list[str] = []
    for r in sorted(gazetteer.regions(), key=lambda r: (not r.code.startswith("46"), r.valid_to is not None, r.code)):
        if not r.short:
            continue
        # A district's short name is more often a brand (天涯, 龙华) than a place: only its full name counts.
        words = {r.name} if _is_district(r) else {r.name, r.short}
        words |= {r.short + r.name[-1]} if r.name[-1] in "省市县区" else set()
        for word in sorted(words):
            if word not in short:
                short[word] = r.short
                (provinces if r.level == "province" else hainan if r.code.startswith("46") else others).append(word)
    for p in gazetteer.parks():
        if p.region == "460400499":
            short["洋浦"] = "洋浦"
            hainan.append("洋浦")
    short["洋浦经济开发区"] = "洋浦"
    hainan.append("洋浦经济开发区")
    short["中国"] = "中国"
    for word in ("香港", "澳门", "台湾"):
        short[word] = word
        provinces.append(word)

    # Only our own province goes before a place of ours: 广东东方 is no place.
    head = f"(?:海南省?(?:{_either(hainan)})?|{_either(provinces)}|{_either(hainan)}|{_either(others)}|中国)"
    # Half of a pair of brackets is often lost.
    any_place = f"{_either([*provinces, *hainan, *others])}|中国"
    bracket = rf"\(?(?P<closed>{any_place})\)|\((?P<opened>{any_place})"
    return rf"\A({head})(.{{2,}})\z", bracket, short


@cache
def _place_words() -> tuple[str, dict[str, str]]:
    short = _places()[2]
    return "|".join(re.escape(w) for w in sorted(short, key=lambda w: (-len(w), w))), short


def _short_place(word: str) -> str:
    """The most local place in a run of place words, short: 海南省海口市 → 海口."""
    pattern, short = _place_words()
    found = [short[m] for m in re.findall(pattern, word)]
    local = [f for f in found if f not in ("海南", "中国")]
    return (local or found or [""])[-1]


def parsed(names: pl.Series) -> pl.DataFrame:
    """The parts of each name, in order, as PARTS; nulls where the name is null.

    `nm` is the whole name with its parts in one order (place, core, form); `core` is 字号 and 行业 together, `zi` and `iw` apart;
    `branch` is what follows the parent's name (三亚分公司), and the other parts are then the parent's. `py` is the sound of `core`, `shape` its
    look with look-alike characters written as one, `bag` its characters in the order of the code table.
    """
    head, bracket, _ = _places()
    forms, words = _words("form"), _words("trade")
    # A cut inside a character leaves U+FFFD, which cleaning takes away.
    frame = cleaned(names).rename("text").to_frame().with_columns(cut=names.str.contains("\ufffd", literal=True))
    frame = frame.with_columns(
        parent=pl.coalesce(pl.col("text").str.extract(p, 1) for p in (_BRANCH, _BRANCH_OF_GROUP)),
        branch=pl.coalesce(pl.col("text").str.extract(p, 2) for p in (_BRANCH, _BRANCH_OF_GROUP)).fill_null(""),
    ).with_columns(text=pl.coalesce("parent", "text"))
    aside = pl.coalesce(pl.col("text").str.extract(bracket, 1), pl.col("text").str.extract(bracket, 2))
    frame = frame.with_columns(aside=aside, text=pl.col("text").str.replace(bracket, ""))
    heard = _places_heard(frame["text"])
    frame = frame.with_columns(
        aside=pl.coalesce(
            "aside",
            pl.col("text").str.extract(_BRACKETED, 1).replace_strict(heard, default=None, return_dtype=pl.String),
        ).fill_null(""),
        text=pl.when(pl.col("text").str.extract(_BRACKETED, 1).is_in(list(heard)))
        .then(pl.col("text").str.replace(_BRACKETED, ""))
        .otherwise("text")
        .str.replace_all(r"[()]", ""),
    )
    frame = frame.with_columns(
        front=pl.col("text").str.extract(head, 1).fill_null(""),
        rest=pl.coalesce(pl.col("text").str.extract(head, 2), pl.col("text")),
    )
    frame = (
        frame.with_columns(
            form=pl.col("rest").str.extract(rf"\A.{{2,}}?({forms})\z", 1).fill_null(""),
            core=pl.col("rest").str.replace(rf"\A(.{{2,}}?)(?:{forms})\z", "$1"),
        )
        .with_columns(
            core=pl.when(pl.col("form") != "")
            .then("core")
            .when("cut")
            .then(pl.col("core").str.replace(rf"\A(.{{2,}}?)(?:{_beginnings()})\z", "$1"))
            .otherwise(pl.col("core").str.replace(r"\A(.{2,}?)(?:集团|股份)?有限(?:责任?)?公?\z", "$1"))
        )
        .with_columns(form=pl.col("form").replace(_SAME_FORM))
    )
    frame = frame.with_columns(
        zi=pl.coalesce(pl.col("core").str.extract(rf"\A(.{{2,}}?)(?:{words})*\z", 1), pl.col("core"))
    ).with_columns(iw=pl.col("core").str.slice(pl.col("zi").str.len_chars()))
    spots = frame.select(pl.concat_str("front", "aside").alias("p"))["p"]
    short = {w: _short_place(w) for w in spots.drop_nulls().unique().to_list()}
    frame = frame.with_columns(
        place=spots.replace_strict(short, default="", return_dtype=pl.String) if short else pl.lit("")
    )
    frame = frame.with_columns(nm=pl.concat_str("place", "core", "form"))
    return frame.select(
        "nm", "core", "zi", "iw", "form", "place", "branch",
        py=_by_character(frame["core"], _sound), shape=_by_character(frame["core"], _resembles),
        bag=pl.col("core").str.split("").list.sort().list.join(""),
    )  # fmt: skip


_BRACKETED = r"\((\p{Han}{2,4})\)"


def _places_heard(texts: pl.Series) -> dict[str, str]:
    """Words in brackets that sound like a place and are none: 嗨南 → 海南."""
    words = texts.str.extract(_BRACKETED, 1).drop_nulls().unique().sort().to_list()
    sounds = _sounds_of_places()
    found = {w: sounds.get("".join(_sound(c) for c in w)) for w in words}
    return {w: place for w, place in found.items() if place}


def personal() -> pl.Expr:
    """Whether parsed names (PARTS) may be a person's: two to four characters with no place, trade, form or branch. Traders go by such names too."""
    empty = [pl.col(c).fill_null("") == "" for c in ("place", "iw", "form", "branch")]
    return pl.all_horizontal(*empty, pl.col("core").str.contains(r"\A\p{Han}{2,4}\z").fill_null(False))


def jwc(left: pl.Series, right: pl.Series) -> pl.Series:
    """Jaro–Winkler similarity by characters, 0 to 1, pairwise; null where either is null. DuckDB's own counts bytes and is wrong here."""
    told = (left.is_not_null() & right.is_not_null()).to_numpy()
    out = np.zeros(len(left))
    if told.any():
        a = left.filter(pl.Series(told)).to_list()
        b = right.filter(pl.Series(told)).to_list()
        out[told] = cpdist(a, b, scorer=JaroWinkler.normalized_similarity)
    return pl.Series("jwc", out).set(pl.Series(~told), None) if not told.all() else pl.Series("jwc", out)


def alike(left: pl.DataFrame, right: pl.DataFrame) -> pl.Series:
    """How far two parsed names tell of one enterprise, 0 to 1, pairwise: 1 same name, ≥ 0.85 agrees, < 0.6 contradicts, null if one is missing.

    Null, too, if one is in Chinese and the other has no Chinese character: a translation is no other name.

    Two cores of one trade share half their characters whoever owns them (瑞达科技, 海德科技: 0.67), so where both 字号 are known
    and have no character in common the answer is held below 0.6, unless one core contains the other or looks like it.
    """
    both = pl.concat(
        [
            left.select(pl.col("nm", "core", "zi", "py", "shape").name.suffix("_l")),
            right.select(pl.col("nm", "core", "zi", "py", "shape").name.suffix("_r")),
        ],
        how="horizontal",
    ).with_columns(
        whole=jwc(left["core"], right["core"]),
        brand=jwc(left["zi"], right["zi"]),
    )
    contained = (pl.min_horizontal(pl.col("core_l").str.len_chars(), pl.col("core_r").str.len_chars()) >= 3) & (
        pl.col("core_l").str.contains(pl.col("core_r"), literal=True)
        | pl.col("core_r").str.contains(pl.col("core_l"), literal=True)
    )
    # Jaro–Winkler finds nothing in common where the one common character stands elsewhere (宏昌睿, 宏睿).
    apart = pl.col("zi_l").str.split("").list.set_intersection(pl.col("zi_r").str.split("")).list.len() == 0

    def chinese(column: str) -> pl.Expr:
        return pl.col(column).str.contains(r"\p{Han}")

    score = (
        pl.when(pl.col("nm_l").is_null() | pl.col("nm_r").is_null() | (chinese("nm_l") != chinese("nm_r")))
        .then(None)
        .when(pl.col("nm_l") == pl.col("nm_r"))
        .then(1.0)
        .when(pl.col("core_l") == pl.col("core_r"))
        .then(0.95)
        .when(pl.col("py_l") == pl.col("py_r"))
        .then(0.9)
        .when(contained | (pl.col("shape_l") == pl.col("shape_r")))
        .then(0.88)
        .when((pl.col("brand") == 0) & apart)
        .then(pl.min_horizontal("whole", pl.lit(0.5)))
        .otherwise(pl.min_horizontal("whole", pl.lit(0.94)))
    )
    return both.select(score.cast(pl.Float64).alias("alike")).to_series()
