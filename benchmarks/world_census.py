"""What feeds.md names as wrong, counted in worlds: python -m benchmarks.world_census HOME [HOME …] prints the table of docs/world.md.

Ends with 1 where a kind that is named there has no row in the last world given, or where a world holds a kind the table does not name.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import polars as pl

from data.world import report
from data.world.views import register

Count = Callable[[Path], int]


def _clean(home: Path, table: str) -> pl.LazyFrame:
    return pl.scan_parquet(home / "truth" / "truth_clean" / f"{table}.parquet")


def _rows(table: str, condition: pl.Expr) -> Count:
    """Rows of a department's table as they should have been: of those kept, which are those of files below 100,000 rows."""
    return lambda home: int(_clean(home, table).filter(condition).select(pl.len()).collect().item())


def _truth(name: str, condition: pl.Expr) -> Count:
    return lambda home: pl.read_parquet(home / "truth" / f"truth_{name}.parquet").filter(condition).height


def _several_units(home: Path) -> int:
    """Firms with unit numbers in several offices, in the last register of units."""
    units = _clean(home, "labor_AB01").select("file", "eid").collect()
    last = units.filter(pl.col("file") == units["file"].sort()[-1])
    return last.group_by("eid").len().filter(pl.col("len") > 1).height


def _vanished(home: Path) -> int:
    """Licences of ⑩ that stood in a snapshot and not in the next."""
    rows = _clean(home, "housing_t_sgxk").select("file", "xkzh").unique().collect()
    order = rows.select("file").unique().sort("file").with_row_index("n")
    placed = rows.join(order, on="file")
    following = placed.with_columns(n=pl.col("n") - 1)
    return placed.filter(pl.col("n") < len(order) - 1).join(following, on=["n", "xkzh"], how="anti").height


def _shared(column: str) -> Count:
    """Entities whose value in the column another has as well."""

    def count(home: Path) -> int:
        told = pl.read_parquet(home / "truth" / "truth_entity.parquet", columns=[column])[column]
        return int((told.is_duplicated() & told.is_not_null()).sum())

    return count


class Named(NamedTuple):
    """One kind that feeds.md names: in which words, which kinds of row or file carry it, or how it is counted instead."""

    where: str
    words: str
    rows: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    count: Count | None = None


_RARE_STATES = [word for line in register.STATE_WORDS[3:] for word in line]
_FAR, _SALES = pl.col("OPTO").str.starts_with("9999"), pl.col("YSXSE")
NAMED: tuple[Named, ...] = (
    Named("1.5", "迟到的行、迟到的文件", ("late", "late_sheet"), ("late",)),
    Named("1.5", "从未送达的一期", (), ("silent",)),
    Named("1.5", "更正申报、旧件作废", ("corrected_filing", "voided")),
    Named("1.5", "红字", ("red_letter", "negative_correction")),
    Named("1.5", "一月重送而行有改动", ("corrected_later",), ("resent_changed", "resent_after_correction")),
    Named("1.5", "整批以同名重送", (), ("resent", "duplicate_of_earlier")),
    Named("1.5", "D 标志的删除", (), (), _rows("market_E_BASEINFO", pl.col("S_EXT_OP") == "D")),
    Named("1.5 ⑩", "全量里悄悄不见的行", (), (), _vanished),
    Named("1.5 ④", "信用修复", ("repaired",)),
    Named("1.5 ⑥", "撤销认定，追溯到发证日", ("cancelled_retroactively",)),
    Named("1.5", "单位：元、千元、万元（悄悄改动、字里带万、公顷）", ("unit_changed_silently", "ten_thousands", "area_in_hectares"), ("unit_changed_silently",)),
    Named("1.5", "日期写法：斜线、点、年月日", ("date_with_slashes", "date_with_points", "date_in_chinese")),
    Named("1.5", "电子表格序号", ("excel_serial",)),
    Named("1.5", "1900-01-00 与不可能的日期", ("zero_date", "impossible_date", "date_far_ahead")),
    Named("1.5", "9999-12-31 与长期", (), (), _rows("market_E_BASEINFO", _FAR)),
    Named("1.5", "千分位", ("thousands_separator",)),
    Named("1.5", "全角数字与全角编码", ("full_width_digits", "key_full_width")),
    Named("1.5", "以 — / 0.00 表示不知道", ("dash_for_unknown", "slash_for_unknown", "zero_for_unknown")),
    Named("1.5", "负数加括号、数字前后空白", ("negative_in_brackets", "number_blanks")),
    Named("1.5", "读不出的数", ("letters_in_number", "two_decimal_points", "spreadsheet_error", "required_blank", "out_of_range")),
    Named("1.5", "NBSP、全角空格、TAB、前置撇号", ("nbsp", "ideographic_space", "key_tab", "key_apostrophe")),
    Named("1.5", "生僻字超出代码页", ("outside_code_page",)),
    Named("1.5", "生僻字写作造字区字形", ("private_use_glyph",)),
    Named("1.5 3.5", "繁体字", ("traditional",)),
    Named("1.5 ①", "单元格内换行", ("line_break_in_cell",)),
    Named("1.5 3.5", "15 位：税号、注册号", ("tax_id_15", "regno_only")),
    Named("1.5 3.5", "只有组织机构代码", ("org_code_only",)),
    Named("1.5 3.5", "编码空白（只有名称）", ("key_blank",)),
    Named("1.5 ②", "20 位税号", ("tax_id_20",)),
    Named("1.5 3.5", "编码被当作数", ("key_numeric",)),
    Named("1.5 3.5", "别家的编码", ("wrong_firms_key",)),
    Named("1.5 ①", "一家两码（个转企、吸收合并）", (), (), _truth("succession", pl.lit(True))),
    Named("1.5 ②", "上级的编码写在分支机构的行上", ("parent_code_on_branch", "branch_under_parent")),
    Named("1.5 3.5", "O/0、I/1 与单字误录、小写", ("key_letter_o", "key_letter_i", "key_typo", "key_lower_case")),
    Named("1.5 3.5", "曾用名", ("former_name",)),
    Named("1.5 3.5", "简称", ("abbreviation",)),
    Named("1.5", "括号、（本级）、（筹）", ("brackets", "half_width_brackets", "in_preparation")),
    Named("1.5 3.5", "分公司后缀", ("branch_suffix",)),
    Named("1.5 3.5", "个体以经营者姓名为名（户）", (), (), _truth("link", pl.col("kind") == "trades_in_person")),
    Named("1.5 ⑨", "联合申请人", ("joint_applicants",)),
    Named("1.5", "列改名、加列、列换次序、一列分成两列", (), ("column_renamed", "column_added", "column_reordered", "column_split")),
    Named("1.5", "代码表增加新码", ("code_list_extended",), ("code_list_extended",)),
    Named("1.5", "改为 zip 包（此后每期都是）", (), ("packed_as_zip",), lambda home: len(list((home / "landing").rglob("*.zip")))),
    Named("1.5 4.6", "缺 `.ok`", (), ("missing_flag",)),
    Named("4.6", "一日两批", (), ("second_batch",)),
    Named("1.5 4.6", "编码页更换、声明的编码不实", ("declared_gb2312",), ("encoding_changed", "declared_gb2312")),
    Named("1.5 4.6", "控制文件不符、缺失；缺回执", (), ("wrong_control", "missing_control", "missing_receipt", "resent_with_right_control")),
    Named("4.6", "截断", (), ("truncated", "resent_after_truncation")),
    Named("4.6", "内容调换、期次不对", (), ("swapped_content", "wrong_period", "resent_after_mistake")),
    Named("3.5", "组织形式", ("orgform",)),
    Named("3.5", "地区字样", ("region_word",)),
    Named("3.5", "空格", ("blank",)),
    Named("3.5", "同音字", ("homophone",)),
    Named("3.5", "形近字", ("shape",)),
    Named("3.5", "掉字、换位、截断", ("dropped_character", "swapped_characters", "truncated")),
    Named("3.5", "同一电话（户）", (), (), _shared("phone")),
    Named("3.5", "同一法定代表人（户）", (), (), _shared("legal_person")),
    Named("3.5", "注销一年后名称再用（户）", (), (), _truth("link", pl.col("kind") == "name_again")),
    Named("1.6 ①", "一日多次更新", ("several_updates_a_day",)),
    Named("1.6 ①", "状态用字而非代码", ("status_in_words",)),
    Named("1.3 ①", "撤销、迁出、歇业、清算", (), (), _rows("market_E_BASEINFO", pl.col("REGSTATE").is_in(_RARE_STATES))),
    Named("1.6 ①", "区划空白、行业空白、行业带字母", ("district_blank", "industry_blank", "industry_code_with_letter")),
    Named("1.6 ①", "成立日期晚于核准日期", ("established_after_approved",)),
    Named("1.6 ①", "集群注册地址（户）", (), (), _truth("entity", pl.col("cluster") >= 0)),
    Named("1.6 ①", "未加引号的逗号", ("unquoted_comma",)),
    Named("1.6 ①", "年报离谱", ("wild_report",)),
    Named("1.6 ②", "零申报", (), (), _rows("tax_SB_ZZS", (_SALES == "0.00") & (pl.col("MSXSE") == "0.00"))),
    Named("1.6 ②", "按季申报", (), (), _rows("tax_SB_ZZS", pl.col("SKSSQQ").str.slice(5, 2) != pl.col("SKSSQZ").str.slice(5, 2))),
    Named("1.6 ②", "退库", ("refund",)),
    Named("1.6 ②", "迁移后两个主管税务机关都报", ("two_tax_offices",)),
    Named("1.6 ②", "卡在门槛下", ("threshold_bunching",)),
    Named("1.6 ③", "有人数而未缴费", ("insured_but_unpaid",)),
    Named("1.6 ③", "一家多个单位编号（户）", (), (), _several_units),
    Named("1.6 ③⑦", "合计、小计行", ("total_line",)),
    Named("1.6 ④", "同一决定两级公示", ("published_by_two_levels", "document_brackets")),
    Named("1.6 ④", "撤下、证件号打码", ("withdrawn", "key_masked")),
    Named("1.6 ④", "自然人（有的与个体同名）", ("natural_person",)),
    Named("1.6 ④", "一个项目拆成两个", ("ring_split_project",)),
    Named("1.6 ⑤", "备注里撤名、再次印发", ("withdrawn_in_remarks", "status_resent")),
    Named("1.6 ⑥", "登记编号写在信用代码栏", ("registration_number_as_key",)),
    Named("1.6 ⑥", "一证两家", ("ring_shared_certificate",)),
    Named("1.6 ⑥", "更名对照", (), (), _rows("science_GQ", pl.col("状态") == "更名")),
    Named("1.6 ⑦", "退回、再付、付给上级", ("returned", "paid_again", "paid_to_parent")),
    Named("1.6 ⑦", "年度写错", ("wrong_year",)),
    Named("1.6 ⑧", "累计数", ("cumulative",)),
    Named("1.6 ⑧", "英文名", ("english_name",)),
    Named("1.6 ⑨", "申请号误录", ("patent_number_typo",)),
    Named("1.6 ⑨", "专利转让", (), (), _rows("ip_PATENT_LS", pl.col("code") == "转让")),
    Named("1.6 ⑩", "省外企业", ("out_of_province",)),
    Named("1.6 ⑪", "同上、漏写县名", ("ditto", "county_omitted")),
    Named("1.6 ⑪", "N 字头编码", (), (), _rows("agri_JTJJ", pl.lit(True))),
    Named("1.6 ⑫", "迁移后海关编码更换", ("customs_code_given_up",)),
    Named("1.6 ⑫", "写成报关行", ("agent_named",)),
)  # fmt: skip


def table(homes: list[Path]) -> tuple[list[str], int]:
    """Markdown lines, and the number of kinds that lack a row in the last world or are named nowhere."""
    counted = [report.census(home) for home in homes]
    lines = [
        f"| feeds.md | 内容 | 种类 | {' | '.join(home.name for home in homes)} |",
        f"|---|---|---|{'---|' * len(homes)}",
    ]
    wrong = 0
    for named in NAMED:
        kinds = [f"`{k}`" for k in named.rows] + [f"`{k}`（文件）" for k in named.files]
        parts = []
        for home, census in zip(homes, counted, strict=True):
            numbers = [census["rows"].get(k, 0) for k in named.rows] + [census["files"].get(k, 0) for k in named.files]
            numbers += [named.count(home)] if named.count else []
            parts.append("；".join(f"{n:,}" for n in numbers))
        wrong += "0" in parts[-1].split("；")
        lines.append(f"| {named.where} | {named.words} | {'；'.join(kinds) or '另数'} | {' | '.join(parts)} |")
    known = {k for named in NAMED for k in named.rows}, {k for named in NAMED for k in named.files}
    for part, names in zip(("rows", "files"), known, strict=True):
        loose = sorted({k for census in counted for k, n in census[part].items() if n and k not in names})
        wrong += len(loose)
        lines += [f"未列入：{'、'.join(loose)}（{part}）"] if loose else []
    return lines, wrong


def main(homes: list[Path]) -> int:
    """Print the table; 1 if something is missing."""
    lines, wrong = table(homes)
    print("\n".join(lines))
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main([Path(a) for a in sys.argv[1:]]))
