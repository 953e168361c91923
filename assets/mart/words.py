"""Dimensions whose rows are words of this system: why a pair was not pushed, through which channel, in which arm, and 12345's time limits."""

from typing import Final

import dagster as dg
import polars as pl

from assets.mart.reference import REFERENCE
from assets.ports import Warehouse
from assets.sql import table_metadata
from matching.push.kinds import REASONS

# What a reader can do about it: (group, reasons). A reason that is filed nowhere counts as UNFILED.
REASON_GROUPS: Final = (
    (
        "缺数据",
        (
            "verdict_unknown",
            "bar_unknown",
            "feed_unfit",
            "amount_unknown",
            "unit_unknown",
            "series_gap",
            "row_rejected",
            "standing_disputed",
        ),
    ),
    ("联系不上", ("no_contact", "opted_out", "shared_phone")),
    ("排除情形", ("barred", "not_pilot_region", "not_current", "not_money")),
    ("时机未到", ("window_closed", "cooling_off", "quiet_hours", "cap", "outranked")),
    ("已在办理", ("already_paid", "already_applied", "already_listed", "exclusion_group", "unit_claimed")),
    ("预算已用完", ("budget_exhausted", "pool_exhausted")),
    ("规则待核", ("rule_too_wide",)),
    ("对照组", ("holdout",)),
)
UNFILED: Final = "其他"
CHANNELS: Final = (("sms", "短信"), ("portal", "门户消息"), ("finance", "财政兑付"), ("department", "部门工作台"))
ARMS: Final = (("treated", "推送组"), ("holdout", "对照组（截止前补发）"))


def reasons() -> pl.DataFrame:
    """reason, label, reason_group: every reason for which an entitled pair is on no list."""
    group = {reason: name for name, members in REASON_GROUPS for reason in members}
    rows = [(reason, label, group.get(reason, UNFILED)) for reason, label in REASONS.items()]
    return pl.DataFrame(rows, schema=["reason", "label", "reason_group"], orient="row").sort("reason")


def _labels(name: str, rows: tuple[tuple[str, str], ...]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=[name, "label"], orient="row").sort(name)


def complaint_limits() -> pl.DataFrame:
    """category, transfer_workdays, close_workdays, source: counted from the day a call was accepted."""
    schema = {"transfer_workdays": pl.Int64, "close_workdays": pl.Int64}
    return pl.read_csv(REFERENCE / "complaint_deadline.csv", schema_overrides=schema).sort("category")


def words() -> dict[str, tuple[pl.DataFrame, str]]:
    """Table → (its rows, its Chinese description)."""
    return {
        "dim_reason": (reasons(), "原因维：应享而未推送的原因，归为能采取同一种办法的几类。"),
        "dim_channel": (_labels("channel", CHANNELS), "渠道维：名单经什么渠道送出。"),
        "dim_arm": (_labels("arm", ARMS), "试验分组维：推送组与随机对照组。"),
        "dim_complaint": (complaint_limits(), "诉求类别维：12345 工单自受理起的转办与办结期限（法定工作日）及其出处。"),
    }


def _asset(name: str, description: str) -> dg.AssetsDefinition:
    @dg.asset(key=["mart", name], group_name="mart", kinds={"polars"}, description=description)
    def materialized(warehouse: dg.ResourceParam[Warehouse]) -> dg.MaterializeResult[None]:
        with warehouse.write() as w:
            return dg.MaterializeResult(metadata=table_metadata(w.replace(f"mart.{name}", words()[name][0])))

    return materialized


WORD_ASSETS = [_asset(name, description) for name, (_, description) in words().items()]
