"""Branches at the tax bureau that stand there under their parent's number (汇总纳税): a serial of their own, a part of its sales or none."""

from __future__ import annotations

import numpy as np
import polars as pl

from data.world import defects, formats, pools
from data.world.parcel import positions
from data.world.population import Population
from data.world.streams import Bools, Floats, Ints
from data.world.views.ownership import as_branch, branch_name, branch_region_index, has_branch

DEFECT = "branch_under_parent"


def stands_under_parent(people: Population) -> Bools:
    """Four branches in ten."""
    result: Bools = has_branch(people) & people.streams.chance(0.4, "branch.tax", people.ids)
    return result


def since(people: Population) -> Ints:
    """First month on the tax register: some months after the branch was set up."""
    return people.birth_month + 8


def files_at(people: Population, month: Ints, span: Ints) -> Bools:
    """Whether the branch files a declaration of its own for the period of `span` months that ends with the month."""
    result: Bools = stands_under_parent(people) & (since(people) <= month - span)
    return result


def share(people: Population) -> Floats:
    """Its part of the parent's sales; every second one files zeros, for the parent files it all."""
    part = 0.1 + 0.05 * people.streams.below(6, "branch.share", people.ids)
    return np.where(people.streams.chance(0.5, "branch.all_in_one", people.ids), 0.0, part)


def serial(people: Population) -> pl.Series:
    """登记序号 of the branch."""
    return as_branch(people).tax_serial


def registrations(people: Population, month: int, stock: bool) -> pl.DataFrame:
    """The branches' rows of SW_DJ_NSRXX: new in the month, or closed with the parent, or all."""
    here = since(people) <= month
    changed = (since(people) == month) | (people.death_month == month)
    told = people.death_month + 12 > month if stock else changed
    sub = people.take(positions(stands_under_parent(people) & here & told))
    closed = sub.death_month <= month
    industry = pl.Series([i.code for i in pools.INDUSTRIES]).gather(sub.industry)
    region = np.array([r.code for r in pools.REGIONS])[branch_region_index(sub)]
    frame = pl.DataFrame(
        {
            "DJXH": serial(sub),
            "NSRSBH": sub.uscc,
            "SHXYDM": sub.uscc,
            "NSRMC": branch_name(sub),
            "FDDBRXM": sub.person_at(month - 4),
            "NSRZT_DM": pl.Series(np.where(closed, "07", "03").tolist(), dtype=pl.String),
            "ZZSNSRLX": pl.Series(np.where(sub.is_general_taxpayer, "1", "2").tolist(), dtype=pl.String),
            "HY_DM": industry,
            "ZGSWJ_DM": formats.whole(10_000_000_000 + region * 10_000),
            "_eid": pl.Series(sub.ids),
            "_defects": pl.Series([""] * len(sub), dtype=pl.String),
        }
    )
    return defects.mark(frame, np.ones(len(frame), dtype=np.bool_), DEFECT)
