"""The profile against the mock world's planted state: exact agreement per indicator and source, on the last days of months.

    python -m benchmarks.profile_truth HOME --truth WORLD/truth [--days 2024-12-31,...] [--known-after 25]

HOME must have run through `registry`; its `profile.*` are rebuilt for each day in turn (in a copy, if you need them).
A value is compared only where the profile knows one; the table says from which delivered table it came, because an annual report is
rounded to 万元 and one in twenty is wild by design, while a tax return is exact.
"""

import argparse
import datetime as dt
from pathlib import Path

import polars as pl

from assets.profile.plan import build
from pipelines.scope import RunScope
from pipelines.warehouse import DuckWarehouse

# profile column → truth column; the rest of truth_state has other definitions (employees of the month, industry only above scale)
COMPARED = {
    "registered_region": "registered_region",
    "industry": "industry",
    "established_date": "established_date",
    "revenue_last_year": "revenue_last_year",
    "revenue_before_last_year": "revenue_before_last_year",
    "rd_expense_last_year": "rd_expense_last_year",
    "total_assets": "total_assets",
    "employees_insured": "employees_insured",
    "enterprise_size": "enterprise_size",
    "is_hnte": "is_hnte",
    "is_tech_sme": "is_tech_sme",
    "specialised_level": "gradient_level",
    "is_dishonest": "is_dishonest",
    "tax_credit_level": "tax_credit_level",
    "tax_arrears_yuan": "tax_arrears",
}
LEVELS = {"无": 0, "创新型中小企业": 1, "专精特新中小企业": 2, "专精特新小巨人企业": 3}


def compared(home: Path, truth: pl.DataFrame, day: dt.date, known_after: int) -> pl.DataFrame:
    """indicator, source table, agrees (0/1), one row per enterprise and indicator that both sides know on the day."""
    known_at = dt.datetime.combine(day + dt.timedelta(days=known_after), dt.time(23, 59, 59))
    scope = RunScope(home, day, known_at, day)
    warehouse = DuckWarehouse(home=home, scope=scope)
    build(warehouse, scope)
    profile = warehouse.frame("SELECT * FROM profile.enterprise")
    source = warehouse.frame(
        "SELECT enterprise_id, indicator, table_name, row_no IS NULL AS is_absence FROM profile.evidence"
    )
    profile = profile.with_columns(pl.col("specialised_level").replace_strict(LEVELS, return_dtype=pl.Int64))
    true = truth.filter(pl.col("month") == day).select(
        "uscc", *(pl.col(t).alias(f"true_{p}") for p, t in COMPARED.items())
    )
    joined = true.join(profile, on="uscc")
    parts = []
    for name in COMPARED:
        both = joined.filter(pl.col(name).is_not_null() & pl.col(f"true_{name}").is_not_null())
        parts.append(
            both.select(
                "enterprise_id",
                indicator=pl.lit(name),
                agrees=(pl.col(name) == pl.col(f"true_{name}")).cast(pl.Int64),
            )
        )
    return pl.concat(parts).join(source, on=["enterprise_id", "indicator"], how="left").with_columns(day=pl.lit(day))


def main() -> None:
    parser = argparse.ArgumentParser(description="画像与模拟世界真值的逐项一致率")
    parser.add_argument("home", type=Path)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--days", default="")
    parser.add_argument("--known-after", type=int, default=25)
    asked = parser.parse_args()
    truth = pl.read_parquet(asked.truth / "truth_state.parquet")
    days = [dt.date.fromisoformat(d) for d in asked.days.split(",") if d] or sorted(truth["month"].unique())[-12:]
    rows = pl.concat([compared(asked.home, truth, day, asked.known_after) for day in days])
    table = (
        rows.group_by("indicator", "table_name", "is_absence")
        .agg(known=pl.len(), agrees=pl.col("agrees").mean().round(4), differs=(1 - pl.col("agrees")).sum())
        .sort("indicator", "known", descending=[False, True])
    )
    with pl.Config(tbl_rows=200, fmt_str_lengths=40):
        print(f"{len(days)} 天：{days[0]} … {days[-1]}，各在其后 {asked.known_after} 天所知")
        print(table)


if __name__ == "__main__":
    main()
