"""Risk before money: named signs on lines that a person should look at; a sign never decides, it is shown to the approver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import polars as pl

from matching.push.evidence import TIE_LABELS, Evidence
from matching.push.inputs import RISK

# Chosen from the shapes of known rings; each is printed with the flag, and precision and recall on planted rings judge them.
NEWBORN_DAYS: Final = 90
CLUSTER: Final = 3
CROWD: Final = 60
JUMP_SHARE: Final = 0.5
JUMP_HEADS: Final = 5
GROWTH: Final = 3
FEW_HEADS: Final = 2
# Below this nobody gains by pushing a figure over a threshold of the corpus, and small traders come and go.
WORTHWHILE_YUAN: Final = 2_000_000
STEEP: Final = 0.5
STEEP_DAYS: Final = 365
BURST: Final = 3
BURST_YUAN: Final = 1_000_000
BURST_MONTHS: Final = (2, 6)
FALLEN_BACK: Final = 0.8
# Firms of one hand: born within half a year of each other, alike in at least two of person, telephone, address and account.
GROUP_DAYS: Final = 180
GROUP_TIES: Final = 2
AWAY_DAYS: Final = 365

Sign = Callable[[Evidence], pl.DataFrame]


def _found(frame: pl.DataFrame, detail: pl.Expr) -> pl.DataFrame:
    return frame.select("enterprise_id", "item_id", detail.alias("detail"))


def _newborn(evidence: Evidence) -> pl.DataFrame:
    """Claims of firms born at most NEWBORN_DAYS before the window opened, or after it."""
    return evidence.claims.join(evidence.firms, on="enterprise_id", how="inner").filter(
        (pl.col("opening") - pl.col("established_date")).dt.total_days() <= NEWBORN_DAYS
    )


def newborn_cluster(evidence: Evidence) -> pl.DataFrame:
    """窗口前 90 天内新设的多家企业共用法定代表人、电话或地址，同报一个事项。"""
    shared = (
        _newborn(evidence)
        .join(evidence.ties.filter(pl.col("kind").is_in(["legal_person", "phone", "address"])), on="enterprise_id")
        .with_columns(pl.col("enterprise_id").n_unique().over("item_id", "kind", "value").alias("_firms"))
        .filter(pl.col("_firms") >= CLUSTER)
        .sort("enterprise_id", "item_id", "_firms", "kind", "value", descending=[False, False, True, False, False])
        .unique(subset=["enterprise_id", "item_id"], keep="first", maintain_order=True)
    )
    kind = pl.col("kind").replace_strict(TIE_LABELS, return_dtype=pl.String)
    return _found(shared, pl.format("{} 家新设企业共用同一{}", "_firms", kind))


def shell_group(evidence: Evidence) -> pl.DataFrame:
    """半年内先后设立、几乎没有员工的三家以上企业，法定代表人、电话、地址、收款账户中有两项以上相同。"""
    young = evidence.firms.filter(
        (pl.col("employees_insured") <= FEW_HEADS).fill_null(True) & pl.col("established_date").is_not_null()
    ).select("enterprise_id", "established_date")
    kinds = ["legal_person", "phone", "address", "account"]
    ties = evidence.ties.filter(pl.col("kind").is_in(kinds)).unique().join(young, on="enterprise_id", how="inner")
    # a telephone of an accountant or an office building holds too many for any of them to say something
    few = ties.filter(pl.len().over("kind", "value").is_between(CLUSTER, CROWD))
    near = (
        few.join(few, on=["kind", "value"], suffix="_other")
        .filter(
            (pl.col("enterprise_id") != pl.col("enterprise_id_other"))
            & ((pl.col("established_date") - pl.col("established_date_other")).dt.total_days().abs() <= GROUP_DAYS)
        )
        .group_by("enterprise_id", "enterprise_id_other")
        .agg(pl.col("kind").unique().sort())
        .filter(pl.col("kind").list.len() >= GROUP_TIES)
    )
    groups = (
        near.group_by("enterprise_id")
        .agg((pl.len() + 1).alias("_firms"), pl.col("kind").explode().unique().sort().alias("_kinds"))
        .filter(pl.col("_firms") >= CLUSTER)
    )
    named = pl.col("_kinds").list.eval(pl.element().replace_strict(TIE_LABELS, return_dtype=pl.String)).list.join("、")
    return _found(
        evidence.claims.join(groups, on="enterprise_id", how="inner"),
        pl.format("{} 家企业同时设立，{}相同", "_firms", named),
    )


def headcount_jump(evidence: Evidence) -> pl.DataFrame:
    """参保人数比上年平均多出一半以上且至少多 5 人，疑似截止前突击参保。"""
    now, before = pl.col("employees_insured"), pl.col("employees_insured_last_year_mean")
    jumped = evidence.claims.join(evidence.firms, on="enterprise_id", how="inner").filter(
        (now > before * (1 + JUMP_SHARE)) & (now - before >= JUMP_HEADS)
    )
    return _found(jumped, pl.format("参保 {} 人，上年平均 {} 人", now, before.round(1)))


def revenue_without_substance(evidence: Evidence) -> pl.DataFrame:
    """营业收入增至上年三倍以上且过二百万元，却没有增值税、几乎没有员工或不用电，疑似循环开票。"""
    revenue, before = pl.col("revenue_last_year"), pl.col("revenue_before_last_year")
    untaxed = pl.col("vat_paid_last_year") <= pl.lit(0).cast(pl.Decimal(18, 2))
    unmanned = pl.col("employees_insured") <= FEW_HEADS
    dark = pl.col("electricity_kwh_last_year") <= 0
    lacks = (
        untaxed.fill_null(False).cast(pl.Int8)
        + unmanned.fill_null(False).cast(pl.Int8)
        + dark.fill_null(False).cast(pl.Int8)
    )
    grown = evidence.claims.join(evidence.firms, on="enterprise_id", how="inner").filter(
        (before > pl.lit(0).cast(pl.Decimal(18, 2)))
        & (revenue >= pl.lit(WORTHWHILE_YUAN).cast(pl.Decimal(18, 2)))
        & (revenue.cast(pl.Float64) >= GROWTH * before.cast(pl.Float64))
        & (lacks >= 2)
    )
    return _found(grown, pl.format("营收由 {} 元增至 {} 元，税、人、电中 {} 项没有", before, revenue, lacks))


def shared_certificate(evidence: Evidence) -> pl.DataFrame:
    """同一证书或专利号出现在多家企业名下。"""
    return _shared(evidence, "certificate")


def shared_account(evidence: Evidence) -> pl.DataFrame:
    """多家企业的收款账户相同。"""
    return _shared(evidence, "account")


def _shared(evidence: Evidence, kind: str) -> pl.DataFrame:
    ties = evidence.ties.filter(pl.col("kind") == kind).unique(maintain_order=True)
    shared = (
        ties.with_columns(pl.col("enterprise_id").n_unique().over("value").alias("_firms"))
        .filter(pl.col("_firms") > 1)
        .group_by("enterprise_id")
        .agg(pl.col("_firms").max())
    )
    label = TIE_LABELS[kind]
    return _found(
        evidence.claims.join(shared, on="enterprise_id", how="inner"),
        pl.format("{} 家企业同一{}", "_firms", pl.lit(label)),
    )


def moved_in_to_claim(evidence: Evidence) -> pl.DataFrame:
    """窗口打开前 90 天内才迁入本地。"""
    days = (pl.col("opening") - pl.col("moved_in_date")).dt.total_days()
    moved = evidence.claims.join(evidence.firms, on="enterprise_id", how="inner").filter(
        days.is_between(-NEWBORN_DAYS, NEWBORN_DAYS)
    )
    return _found(moved, pl.format("{} 迁入，申报期 {} 开始", "moved_in_date", "opening"))


def moved_claimed_returned(evidence: Evidence) -> pl.DataFrame:
    """迁来、领到奖励、一年内又迁回原处。"""
    later = evidence.moves.rename({"moved_on": "returned_on", "before_text": "_left", "after_text": "_back"})
    stays = (
        evidence.moves.join(later, on="enterprise_id", how="inner")
        .filter(
            (pl.col("_back") == pl.col("before_text"))
            & (pl.col("returned_on") - pl.col("moved_on")).dt.total_days().is_between(1, AWAY_DAYS)
        )
        .join(evidence.payouts.select("enterprise_id", "paid_on"), on="enterprise_id", how="inner")
        .filter(pl.col("paid_on").is_between(pl.col("moved_on"), pl.col("returned_on")))
        .sort("enterprise_id", "moved_on", "paid_on")
        .unique(subset="enterprise_id", keep="first", maintain_order=True)
    )
    return _found(
        evidence.claims.join(stays, on="enterprise_id", how="inner"),
        pl.format("{} 迁来，{} 领到奖励，{} 迁回", "moved_on", "paid_on", "returned_on"),
    )


def corrected_after_payout(evidence: Evidence) -> pl.DataFrame:
    """以前领到奖励之后，把当初据以达标的税收申报改低。"""
    lowered = (
        evidence.payouts.join(evidence.corrections, on="enterprise_id", how="inner")
        .filter(
            (pl.col("corrected_on") > pl.col("paid_on")) & (pl.col("delta_yuan") < pl.lit(0).cast(pl.Decimal(18, 2)))
        )
        .group_by("enterprise_id")
        .agg(pl.col("corrected_on").min(), pl.col("delta_yuan").sum())
    )
    claimed = evidence.claims.join(lowered, on="enterprise_id", how="inner")
    return _found(claimed, pl.format("{} 起调减申报合计 {} 元", "corrected_on", "delta_yuan"))


def steep_correction(evidence: Evidence) -> pl.DataFrame:
    """近一年内把已申报的应纳税额调低一半以上，奖励所依据的申报可能不实。"""
    lowered = evidence.corrections.filter(
        (pl.col("before_yuan") > pl.lit(0).cast(pl.Decimal(18, 2)))
        & (-pl.col("delta_yuan").cast(pl.Float64) >= STEEP * pl.col("before_yuan").cast(pl.Float64))
    )
    recent = (
        evidence.claims.join(lowered, on="enterprise_id", how="inner")
        .filter((pl.col("opening") - pl.col("corrected_on")).dt.total_days().is_between(-STEEP_DAYS, STEEP_DAYS))
        .sort("enterprise_id", "item_id", "delta_yuan")
        .unique(subset=["enterprise_id", "item_id"], keep="first", maintain_order=True)
    )
    return _found(recent, pl.format("{} 把 {} 元调低 {} 元", "corrected_on", "before_yuan", -pl.col("delta_yuan")))


def sales_burst(evidence: Evidence) -> pl.DataFrame:
    """申报销售额连续几个月突增至平时三倍以上而应纳税额为零，随后回落，疑似循环开票冲门槛。"""
    usual = evidence.months.group_by("enterprise_id").agg(
        pl.col("sales_yuan").cast(pl.Float64).median().alias("_usual"), pl.col("month").max().alias("_newest")
    )
    high = (
        evidence.months.join(usual, on="enterprise_id", how="inner")
        .filter(
            (pl.col("sales_yuan").cast(pl.Float64) >= BURST * pl.col("_usual") + BURST_YUAN)
            & (pl.col("payable_yuan") <= pl.lit(0).cast(pl.Decimal(18, 2)))
        )
        .group_by("enterprise_id")
        .agg(
            pl.len().alias("_months"),
            pl.col("month").min().alias("_first"),
            pl.col("month").max().alias("_last"),
            pl.col("sales_yuan").sum().alias("_sales"),
            pl.col("_usual").first().round(2),
            pl.col("_newest").first(),
        )
        # a burst that lasts to the newest filing may be growth
        .filter(pl.col("_months").is_between(*BURST_MONTHS) & (pl.col("_last") < pl.col("_newest")))
    )
    return _found(
        evidence.claims.join(high, on="enterprise_id", how="inner"),
        pl.format(
            "{} 至 {} 有 {} 个月合计申报 {} 元、应纳税额为零，平时每月 {} 元",
            "_first",
            "_last",
            "_months",
            "_sales",
            "_usual",
        ),
    )


def insured_spike(evidence: Evidence) -> pl.DataFrame:
    """参保人数在一个月内突增一半以上且至少 5 人，次月即回落，疑似截止月突击参保。"""
    own = pl.col("enterprise_id")
    heads = evidence.heads.sort("enterprise_id", "month").with_columns(
        pl.col("insured").shift(1).over(own).alias("_before"),
        pl.col("insured").shift(-1).over(own).alias("_after"),
        (pl.col("month").shift(1).over(own).dt.offset_by("1mo") == pl.col("month")).alias("_follows"),
        (pl.col("month").shift(-1).over(own) == pl.col("month").dt.offset_by("1mo")).alias("_followed"),
    )
    jump = pl.col("insured") - pl.col("_before")
    spikes = (
        heads.filter(
            pl.col("_follows")
            & pl.col("_followed")
            & (jump >= JUMP_HEADS)
            & (jump >= JUMP_SHARE * pl.col("_before"))
            & (pl.col("insured") - pl.col("_after") >= FALLEN_BACK * jump)
        )
        .sort("enterprise_id", "month", descending=[False, True])
        .unique(subset="enterprise_id", keep="first", maintain_order=True)
    )
    return _found(
        evidence.claims.join(spikes, on="enterprise_id", how="inner"),
        pl.format("{} 参保 {} 人，前一月 {} 人，后一月 {} 人", "month", "insured", "_before", "_after"),
    )


def split_project(evidence: Evidence) -> pl.DataFrame:
    """同一企业同月开工、同额、除期次外同名的项目分开备案，疑似拆分申报。"""
    base = pl.col("project_name").str.replace_all(
        r"[（(][一二三四五六七八九十0-9]+期[）)]|[一二三四五六七八九十0-9]+期$", ""
    )
    twins = (
        evidence.projects.with_columns(base.alias("_base"))
        .group_by("enterprise_id", "_base", "started_on", "investment_yuan")
        .agg(pl.col("project_code").n_unique().alias("_codes"))
        .filter(pl.col("_codes") > 1)
        .sort("enterprise_id", "_base", "started_on", "investment_yuan")
        .unique(subset="enterprise_id", keep="first", maintain_order=True)
    )
    return _found(
        evidence.claims.join(twins, on="enterprise_id", how="inner"),
        pl.format("{} 个代码备案同一项目 {}，均为 {} 元", "_codes", "_base", "investment_yuan"),
    )


SIGNS: Final[dict[str, Sign]] = {
    sign.__name__: sign
    for sign in (
        newborn_cluster,
        shell_group,
        headcount_jump,
        revenue_without_substance,
        shared_certificate,
        shared_account,
        moved_in_to_claim,
        moved_claimed_returned,
        corrected_after_payout,
        steep_correction,
        sales_burst,
        insured_spike,
        split_project,
    )
}


def meaning(flag: str) -> str:
    """What a flag says, in Chinese: the docstring of its function; the flag itself if an older list bears one we no longer have."""
    sign = SIGNS.get(flag)
    return (sign.__doc__ or "").strip() if sign else flag


def flags(evidence: Evidence) -> pl.DataFrame:
    """(enterprise_id, item_id, flag, detail) of every sign on every claim, each at most once, in a fixed order."""
    parts = [sign(evidence).with_columns(pl.lit(name).alias("flag")) for name, sign in SIGNS.items()]
    return (
        pl.concat(part.select(*RISK) for part in parts)
        .unique(subset=["enterprise_id", "item_id", "flag"], keep="first", maintain_order=True)
        .sort("item_id", "enterprise_id", "flag")
    )
