"""The register's own words on an entity: its name in force, its type, and a row of E_BASEINFO as it stands at a month's end."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.world import calendar, defects, formats, pools, state
from data.world.entity import COLLECTIVE, COOP, FOREIGN, INDIVIDUAL, SOLE
from data.world.population import Population
from data.world.streams import Ints
from data.world.value_defects import dirty_values

# As the system really has them: what holds words and misspelt figures is text there (PostgreSQL would refuse the dump otherwise).
TYPES = {
    "PRIPID": "varchar(36)", "UNISCID": "varchar(18)", "REGNO": "varchar(15)", "ENTNAME": "varchar(300)",
    "ENTTYPE": "varchar(4)", "INDUSTRYPHY": "varchar(1)", "INDUSTRYCO": "varchar(8)", "LEREP": "varchar(100)",
    "REGCAP": "varchar(30)", "REGCAPCUR": "varchar(3)", "ESTDATE": "date", "APPRDATE": "varchar(20)", "OPFROM": "date",
    "OPTO": "date", "DOM": "varchar(600)", "DOMDISTRICT": "varchar(6)", "OPSCOPE": "varchar(4000)", "REGORG": "varchar(9)",
    "REGSTATE": "varchar(60)", "TEL": "varchar(30)", "EMPNUM": "integer", "S_EXT_OP": "varchar(1)", "S_EXT_TIME": "timestamp",
}  # fmt: skip
# Two ways to say each state, and its code: in business, the four ends (`lives.ENDS`), at rest, being wound up (which has no code).
STATE_WORDS = (
    ("存续（在营、开业、在册）", "在营", "1"),
    ("注销", "注销", "3"),
    ("吊销未注销", "吊销", "2"),
    ("撤销登记", "撤销", "4"),
    ("已迁出企业", "迁出", "5"),
    ("歇业", "歇业", "7"),
    ("清算", "清算", "清算"),
)
# The code list has it since July 2024 only, when the first of those at rest are entered.
NEW_CODE = "7"


def current_name(people: Population, month: int) -> pl.Series:
    """The registered name in force at the month."""
    frame = pl.DataFrame({"a": people.name, "b": people.new_name, "c": pl.Series(people.renamed_month <= month)})
    return frame.select(pl.when("c").then("b").otherwise("a").alias("n"))["n"]


def enterprise_type(people: Population) -> pl.Series:
    llc = np.array(["1130", "1151", "1150", "1153", "1140", "1110", "1190"])
    weights = (0.5, 0.22, 0.06, 0.12, 0.04, 0.02, 0.04)
    drawn = llc[people.streams.pick(weights, "enttype", people.ids)]
    stock = people.streams.chance(0.03, "name.stock", people.ids)
    drawn = np.where(stock & people.is_firm, "1223", drawn)
    for kind, code in ((INDIVIDUAL, "9500"), (COOP, "9100"), (COLLECTIVE, "9900"), (SOLE, "4540")):
        drawn = np.where(people.kind == kind, code, drawn)
    foreign = np.array(["6150", "5310", "6110"])[people.streams.pick((0.6, 0.25, 0.15), "enttype.foreign", people.ids)]
    return pl.Series(np.where(people.kind == FOREIGN, foreign, drawn))


def _capital(people: Population, month: int) -> pl.Series:
    value = np.where(people.change_at(month, 0), people.capital_wan * 2, people.capital_wan)
    return formats._scaled(value * 1_000_000, 6)


def scope(people: Population, month: int) -> pl.Series:
    """Business scope in force at the end of the month: of its own line, and of a second one after a change of scope."""
    items = pl.Series([i.scope for i in pools.INDUSTRIES])
    other = items.gather(people.streams.below(len(items), "scope.second", people.ids))
    frame = pl.DataFrame({"a": items.gather(people.industry), "b": other, "c": pl.Series(people.change_at(month, 2))})
    more = pl.when(pl.col("c") & (pl.col("a") != pl.col("b"))).then(pl.concat_str(pl.lit("；"), "b"))
    said = pl.concat_str(pl.lit("一般项目："), "a", more.otherwise(pl.lit("")), pl.lit(pools.SCOPE_TAIL), pl.lit("。"))
    return frame.select(said.alias("s"))["s"]


def baseinfo(people: Population, keep: Ints, month: int, op: str, stamp_day: Ints, second: Ints) -> pl.DataFrame:
    """Rows of E_BASEINFO as the register stands at the end of the month, for the kept positions."""
    sub = people.take(keep)
    industry = pl.Series([i.letter for i in pools.INDUSTRIES]).gather(sub.industry)
    code = pl.Series([i.code for i in pools.INDUSTRIES]).gather(sub.industry)
    gone = sub.death_month <= month
    still = sub.standstill_at(month)
    status = np.where(gone, 1 + sub.death_kind, np.where(still > 0, 4 + still, 0))
    words = pl.Series([word for line in STATE_WORDS for word in line]).gather(status * 3 + _state_style(sub))
    region = formats.whole(sub.region_at(month))
    appr = np.maximum(
        sub.birth_day,
        np.where(sub.renamed_month <= month, calendar.day_number(np.minimum(sub.renamed_month, 900), sub.ids % 27), 0),
    )
    frame = pl.DataFrame(
        {
            "PRIPID": sub.pripid,
            "UNISCID": sub.uscc,
            "REGNO": sub.regno,
            "ENTNAME": current_name(sub, month),
            "ENTTYPE": enterprise_type(sub),
            "INDUSTRYPHY": industry,
            "INDUSTRYCO": code,
            "LEREP": sub.person_at(month),
            "REGCAP": _capital(sub, month),
            "REGCAPCUR": pl.Series(np.where((sub.kind == FOREIGN) & (sub.ids % 3 == 0), "840", "156")),
            "ESTDATE": formats.dates(sub.birth_day),
            "APPRDATE": formats.dates(np.minimum(appr, stamp_day)),
            "OPFROM": formats.dates(sub.birth_day),
            "OPTO": formats.dates(np.where(sub.ids % 5 == 0, sub.birth_day + 7305, 999_999)),
            "DOM": sub.address_at(month),
            "DOMDISTRICT": region,
            "OPSCOPE": scope(sub, month),
            "REGORG": formats.whole(sub.registrar),
            "REGSTATE": words,
            "TEL": sub.phone,
            "EMPNUM": formats.whole(state.staff(sub, month)),
            "S_EXT_OP": pl.Series([op] * len(sub), dtype=pl.String),
            "S_EXT_TIME": formats.stamps(stamp_day, second),
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
        }
    )
    frame = dirty_values(
        frame, sub.streams, "market.baseinfo", month, numbers=("REGCAP",), dates=("APPRDATE",), care=0.3
    )
    return _dirty(frame, sub)


def _state_style(people: Population) -> Ints:
    """0 and 1 display words, 2 the code: provinces and years differ."""
    return people.streams.pick((0.05, 0.05, 0.9), "regstate.style", people.ids)


def _dirty(frame: pl.DataFrame, people: Population) -> pl.DataFrame:
    streams, ids = people.streams, people.ids
    frame = defects.change(
        frame,
        "OPSCOPE",
        streams.chance(0.06, "scope.break", ids),
        "line_break_in_cell",
        lambda s: s.replace("；", "；\r\n", 1),
    )
    frame = defects.change(
        frame,
        "ENTNAME",
        streams.chance(0.03, "entname.brackets", ids),
        "half_width_brackets",
        lambda s: s.replace("（", "(").replace("）", ")"),
    )
    frame = defects.put(frame, "DOMDISTRICT", streams.chance(0.02, "district.blank", ids), "district_blank", "")
    frame = defects.change(
        frame,
        "INDUSTRYCO",
        streams.chance(0.03, "industry.lettered", ids),
        "industry_code_with_letter",
        lambda c: "F" + c if c.startswith("5") else c,
    )
    frame = defects.put(frame, "INDUSTRYCO", streams.chance(0.01, "industry.blank", ids), "industry_blank", "")
    words = ~frame["REGSTATE"].str.contains(r"^\d$").to_numpy()
    frame = defects.mark(frame, words, "status_in_words")
    frame = defects.mark(frame, (frame["REGSTATE"] == NEW_CODE).to_numpy(), "code_list_extended")
    late = streams.chance(0.005, "estdate.after", ids)
    return defects.put(frame, "ESTDATE", late, "established_after_approved", "2099-01-01")
