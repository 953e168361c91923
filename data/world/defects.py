"""The ways a department's row differs from the truth; every applied defect is named in the row's `_defects` column, with the cell it spoils.

Rates are those of feeds.md 3.5 scaled by a department's carelessness. A row's defects depend on (seed, table, entity, period) only.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from data.world import pools
from data.world.streams import Bools, Ints, Streams

HOMOPHONES = dict(
    zip(
        "达信德华恒泰宏盛瑞嘉安和联诚源昌隆福明云飞利丰荣兴通金海天东科康成星顺",
        "大新得花衡太鸿胜睿佳按合连成元长龙富名芸非力峰容星同今嗨添冬棵抗城兴舜",
        strict=True,
    )
)
SHAPES = {
    "未": "末",
    "己": "已",
    "日": "曰",
    "天": "夭",
    "大": "太",
    "土": "士",
    "千": "干",
    "晴": "睛",
    "科": "料",
    "宏": "宠",
}
TRADITIONAL = dict(
    zip(
        "华龙达兴国东业丰联汇创云飞凤腾跃远冠赢创电网数链运实发开环医药贸进设际团岛风经营",
        "華龍達興國東業豐聯匯創雲飛鳳騰躍遠冠贏創電網數鏈運實發開環醫藥貿進設際團島風經營",
        strict=True,
    )
)


# Where the sender's font had no place for a rare character, it drew it at a place of its own (䶮 stood at U+E863 in old GBK tables).
PRIVATE_USE = {"䶮": "\ue863"} | {c: chr(0xE5E6 + k) for k, c in enumerate(c for c in pools.RARE if c != "䶮")}


def _org_form(name: str) -> str:
    if "有限责任公司" in name:
        return name.replace("有限责任公司", "有限公司")
    if "农民专业合作社" in name:
        return name.replace("农民专业合作社", "专业合作社")
    return name.replace("有限公司", "有限责任公司")


def _region(name: str) -> str:
    for full, short in (("海南", "海南省"), ("海口", "海口市"), ("三亚", "三亚市"), ("儋州", "儋州市"), ("文昌", "")):
        if name.startswith(full) and not name.startswith(short or "省"):
            return short + name.removeprefix(full)
    return "海南省" + name if "（海南）" in name else name


def _replace_one(table: dict[str, str]) -> Callable[[str], str]:
    def change(name: str) -> str:
        for place in range(len(name) - 1, 1, -1):
            if name[place] in table and name[place] not in "有限公司合作社店部中心":
                return name[:place] + table[name[place]] + name[place + 1 :]
        return name

    return change


def _drop(name: str) -> str:
    return name[:3] + name[4:] if len(name) > 6 else name


def _swap(name: str) -> str:
    return name[:2] + name[3] + name[2] + name[4:] if len(name) > 6 else name


def truncate(name: str, width: int = 25) -> str:
    """Cut at a fixed byte width as a GB field does; a character cut in half becomes U+FFFD."""
    raw = name.encode("gb18030")
    return name if len(raw) <= width else raw[:width].decode("gb18030", "replace")


def full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


def _brackets(name: str) -> str:
    if "（" in name:
        return name.replace("（", "(").replace("）", ")")
    return name + "（本级）"


NAME_DEFECTS: tuple[tuple[str, float, Callable[[str], str]], ...] = (
    ("orgform", 0.18, _org_form),
    ("region_word", 0.12, _region),
    ("blank", 0.03, lambda n: n[:4] + " " + n[4:]),
    ("ideographic_space", 0.02, lambda n: n + "\u3000"),
    ("nbsp", 0.01, lambda n: "\u00a0" + n),
    ("homophone", 0.06, _replace_one(HOMOPHONES)),
    ("shape", 0.02, _replace_one(SHAPES)),
    ("traditional", 0.02, lambda n: "".join(TRADITIONAL.get(c, c) for c in n)),
    ("dropped_character", 0.02, _drop),
    ("swapped_characters", 0.01, _swap),
    ("brackets", 0.03, _brackets),
    ("private_use_glyph", 0.25, lambda n: "".join(PRIVATE_USE.get(c, c) for c in n)),
    ("truncated", 0.03, truncate),
    ("abbreviation", 0.02, lambda n: n.replace("有限公司", "").replace("股份", "")),
    ("in_preparation", 0.005, lambda n: n.replace("有限公司", "（筹）有限公司") if n.endswith("有限公司") else n),
    ("branch_suffix", 0.01, lambda n: n + "三亚分公司" if n.endswith("公司") else n),
)


def _typo(code: str) -> str:
    place = 9
    other = "8" if code[place] != "8" else "3"
    return code[:place] + other + code[place + 1 :]


def _o_for_zero(code: str) -> str:
    place = code.find("0", 2)
    return code if place < 0 else code[:place] + "O" + code[place + 1 :]


def _i_for_one(code: str) -> str:
    place = code.find("1", 2)
    return code if place < 0 else code[:place] + "I" + code[place + 1 :]


def _as_number(code: str) -> str:
    """An all-digit code as a spreadsheet number keeps it: fifteen significant digits."""
    return code[:15] + "000" if code.isdigit() and len(code) == 18 else code


KEY_DEFECTS: tuple[tuple[str, float, Callable[[str], str]], ...] = (
    ("key_typo", 0.01, _typo),
    ("key_letter_o", 0.005, _o_for_zero),
    ("key_letter_i", 0.003, _i_for_one),
    ("key_full_width", 0.004, full_width),
    ("key_lower_case", 0.006, str.lower),
    ("key_tab", 0.004, lambda c: c + "\t"),
    ("key_apostrophe", 0.004, lambda c: "'" + c),
)


# In `_defects` entries are parted by RS; an entry that spoils one cell adds, parted by US, its column and what it should have said.
ENTRY, PART = "\x1e", "\x1f"


def mark(
    frame: pl.DataFrame, mask: Bools, defect: str, column: str | None = None, clean: pl.Series | None = None
) -> pl.DataFrame:
    """Add a defect's name to the rows of the mask, with the cell it spoils and that cell's clean value where it spoils one."""
    where = np.flatnonzero(mask)
    if len(where) == 0:
        return frame
    # Only the rows hit are touched: a defect falls on few, and a frame has up to a quarter of a million.
    # An index picks rows in a sixth of the time of `gather`, which goes through a query.
    told = frame["_defects"]
    hit = {"before": told[where]}
    entry = pl.lit(defect)
    if column is not None and clean is not None:
        hit["clean"] = clean[where].cast(pl.String)
        entry = pl.concat_str(pl.lit(f"{defect}{PART}{column}"), pl.concat_str(pl.lit(PART), "clean").fill_null(""))
    before = pl.when(pl.col("before") == "").then(pl.lit("")).otherwise(pl.col("before") + ENTRY)
    joined = pl.DataFrame(hit).select(pl.concat_str(before, entry).alias("_defects"))["_defects"]
    return frame.with_columns(told.clone().scatter(where, joined))


def change(frame: pl.DataFrame, column: str, mask: Bools, defect: str, rewrite: Callable[[str], str]) -> pl.DataFrame:
    """Rewrite a column where the mask holds; rows that the rewriting leaves as they were are not marked."""
    where = np.flatnonzero(mask)
    if len(where) == 0:
        return frame
    before = frame[column][where].to_list()
    after = [v if v is None else rewrite(v) for v in before]
    changed = [k for k, (b, a) in enumerate(zip(before, after, strict=True)) if a != b]
    if not changed:
        return frame
    places = where[changed]
    clean = frame[column]
    values = clean.clone().scatter(places, [after[k] for k in changed])
    hit = np.zeros(len(frame), dtype=np.bool_)
    hit[places] = True
    return mark(frame.with_columns(values.alias(column)), hit, defect, column, clean)


def put(frame: pl.DataFrame, column: str, mask: Bools, defect: str, values: pl.Series | str | None) -> pl.DataFrame:
    """Replace a column's values where the mask holds (a literal, a null or a parallel series); what stays as it was is not marked."""
    where = np.flatnonzero(mask)
    if len(where) == 0:
        return frame
    clean = frame[column]
    if isinstance(values, pl.Series):
        new = values[where]
    else:
        new = pl.Series([values] * len(where), dtype=pl.String)
    differs = np.zeros(len(frame), dtype=np.bool_)
    differs[where] = new.ne_missing(clean[where]).to_numpy()
    changed = clean.clone().scatter(where, new)
    return mark(frame.with_columns(changed.alias(column)), differs, defect, column, clean)


def kinds(entries: pl.Expr) -> pl.Expr:
    """`_defects` as the names alone, parted by semicolons."""
    return entries.str.replace_all(f"{PART}[^{ENTRY}]*", "").str.replace_all(ENTRY, ";")


def cells(frame: pl.DataFrame) -> pl.DataFrame:
    """One row per spoilt cell of `frame` (`at`, `column`, `defect`, `clean`): a cell spoilt twice keeps the first clean value."""
    spoilt = (
        frame.select("_defects")
        .with_row_index("at")
        .filter(pl.col("_defects").str.contains(PART, literal=True))
        .with_columns(pl.col("_defects").str.split(ENTRY))
        .explode("_defects")
        .with_columns(part=pl.col("_defects").str.split(PART))
        .filter(pl.col("part").list.len() > 1)
    )
    return (
        spoilt.select(
            "at",
            column=pl.col("part").list.get(1),
            defect=pl.col("part").list.first(),
            clean=pl.col("part").list.get(2, null_on_oob=True),
        )
        .group_by("at", "column", maintain_order=True)
        .agg(pl.col("defect").str.join(";"), pl.col("clean").first())
    )


def dirty_names(
    frame: pl.DataFrame, column: str, streams: Streams, table: str, step: int | Ints, care: float
) -> pl.DataFrame:
    """Name defects at `care` times the rates of feeds.md 3.5. A department keeps a firm's misspelling: the draw is yearly."""
    ids = frame["_eid"].to_numpy()
    for defect, rate, rewrite in NAME_DEFECTS:
        mask = streams.chance(rate * care, f"{table}.{defect}", ids, step) & (ids >= 0)
        frame = change(frame, column, mask, defect, rewrite)
    return frame


def misread(frame: pl.DataFrame, column: str, streams: Streams, table: str, step: int) -> pl.DataFrame:
    """One row in twenty-five, the first at least, with another leading digit in the column: what a clerk corrects by sending the month again."""
    mask = streams.chance(0.04, f"{table}.misread", frame["_eid"].to_numpy(), step)
    mask[:1] = True
    return change(
        frame,
        column,
        mask,
        "corrected_later",
        lambda v: f"{int(v[0]) % 9 + 1}{v[1:]}" if v[:1] in tuple("0123456789") else v,
    )


def dirty_keys(
    frame: pl.DataFrame,
    column: str,
    streams: Streams,
    table: str,
    step: int | Ints,
    care: float = 1.0,
    tabbed: bool = False,
) -> pl.DataFrame:
    """Key defects at `care` times the rates of feeds.md 3.5."""
    ids = frame["_eid"].to_numpy()
    for defect, rate, rewrite in KEY_DEFECTS:
        # A tab inside a cell of tab-separated text would be another defect: the sender's export drops it.
        if defect == "key_tab" and tabbed:
            continue
        mask = streams.chance(rate * care, f"{table}.{defect}", ids, step) & (ids >= 0)
        frame = change(frame, column, mask, defect, rewrite)
    return frame


def numeric_key(
    frame: pl.DataFrame, column: str, streams: Streams, table: str, step: int | Ints, rate: float = 0.02
) -> pl.DataFrame:
    """All-digit codes turned into spreadsheet numbers."""
    ids = frame["_eid"].to_numpy()
    return change(frame, column, streams.chance(rate * 8, f"{table}.numeric", ids, step), "key_numeric", _as_number)
