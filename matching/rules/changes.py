"""What changed between two evaluations: a night's difference, by XOR of planes, so that only changed pairs become rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from matching.rules.kernel import ItemPlanes
from matching.rules.planes import positions
from matching.rules.verdicts import VERDICTS, Verdicts, picked

_EXISTED = "_existed"


def changes(before: Verdicts, after: Verdicts) -> pl.DataFrame:
    """Every (subject, item) whose verdict differs: `<subject>, item_id, before, after`, ordered by item and row of `after`.

    Items are compared by id, whatever their version; an item only one side knows is left out, because no verdict changed into another.
    A subject the earlier evaluation did not have has `before` NULL; one that is gone has no row.
    """
    subject = after.subject
    earlier = before.profiles.rename({before.subject: subject}).with_columns(pl.lit(True).alias(_EXISTED))
    aligned = after.profiles.select(subject).join(earlier, on=subject, how="left", maintain_order="left")
    existed = aligned.get_column(_EXISTED).fill_null(False).to_numpy()
    block = after.kernel.block
    then = Verdicts(before.program, aligned, before.as_of, subject=subject, block=block)
    if then.kernel.block != block:
        # a program of many more tests has shorter blocks; both are read side by side
        after = Verdicts(after.program, after.profiles, after.as_of, subject=subject, block=then.kernel.block)
    shared = sorted({item.text.id for item in before.program.items} & {item.text.id for item in after.program.items})
    frames: dict[str, list[pl.DataFrame]] = {item: [] for item in shared}
    named = (plan.item.text.id for plan in then.kernel.plans)
    places = {item: at for at, item in enumerate(item for item in named if item in frames)}
    for (_, old), (_, new) in zip(then.found(shared), after.found(shared), strict=True):
        for found in new:
            item = found.plan.item.text.id
            was, now = old[places[item]].planes, found.planes
            differs = (was.eligible ^ now.eligible) | (was.declarable ^ now.declarable) | (was.unknown ^ now.unknown)
            fresh = ~existed[found.start : found.start + found.height]
            at = np.union1d(positions(differs), np.flatnonzero(fresh))
            if at.size:
                frames[item].append(
                    pl.DataFrame(
                        {
                            subject: after.profiles.get_column(subject).gather(at + found.start),
                            "item_id": pl.Series([item] * at.size, dtype=pl.String),
                            "before": _words(was, at, existed[at + found.start]),
                            "after": _words(now, at, np.ones(at.size, bool)),
                        }
                    )
                )
    parts = [frame for item in shared for frame in frames[item]]
    schema = {subject: pl.String, "item_id": pl.String, "before": pl.String, "after": pl.String}
    return pl.concat(parts) if parts else pl.DataFrame(schema=schema)


def _words(planes: ItemPlanes, at: npt.NDArray[np.int64], known: npt.NDArray[np.bool_]) -> pl.Series:
    verdict = np.full(at.size, "ineligible", dtype=object)
    for name in VERDICTS[:3]:
        verdict[picked(getattr(planes, name), at)] = name
    verdict[~known] = None
    return pl.Series(verdict.tolist(), dtype=pl.String)
