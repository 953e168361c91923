"""Studies others have published with their data: Medicaid, castle doctrine, the House of Representatives, Head Start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluation.effects import DidResult, did, rdd
from tests.evaluation.two_way import Floats, comparisons, two_way

DATA = Path(__file__).parent / "data"
MEDICAID = pl.read_csv(DATA / "ehec.csv")
CASTLE = pl.read_csv(DATA / "castle.csv")
PANELS = {
    "ehec": (MEDICAID, ("stfips", "year", "yexp2", "dins"), "W"),
    "castle": (CASTLE, ("sid", "year", "effyear", "l_homicide"), "popwt"),
}
THRESHOLDS = {
    "lee08": (pl.read_csv(DATA / "lee08.csv"), "margin"),
    "headst": (pl.read_csv(DATA / "headst.csv"), "povrate"),
}
# Roth's exercise for Mixtape Sessions, solution in R (did): ATT(g, t) for t = 2009 … 2019, not-yet-treated controls.
MEDICAID_CELLS = {
    2014: (-0.0065, 0.0111, 0.0015, 0.0016, 0.0009, 0.0467, 0.0692, 0.0785, 0.0725, 0.0738, 0.0803),
    2015: (0.0071, -0.0245, -0.0027, 0.0003, -0.0100, -0.0020, 0.0491, 0.0526, 0.0682, 0.0663, 0.0738),
    2016: (0.0022, 0.0511, -0.0262, -0.0276, 0.0440, -0.0322, 0.0409, 0.0317, 0.0368, 0.0645, 0.0825),
    2017: (0.0102, -0.0161, 0.0019, 0.0177, 0.0012, -0.0063, 0.0036, 0.0398, 0.0471, 0.0681, 0.0650),
    2019: (0.0189, -0.0269, -0.0244, 0.0024, 0.0129, 0.0003, -0.0108, -0.0182, 0.0093, 0.0062, 0.0365),
}


def effects(name: str, frame: pl.DataFrame | None = None, **options: Any) -> DidResult:
    panel, (unit, time, cohort, outcome), _ = PANELS[name]
    return did(panel if frame is None else frame, unit, time, cohort, outcome, **options)


def as_arrays(name: str, frame: pl.DataFrame) -> tuple[Floats, Floats, Floats]:
    """First treated period by unit (inf: never), the periods, the outcome (units, periods)."""
    _, (unit, time, cohort, outcome), _ = PANELS[name]
    ordered = frame.sort(unit, time)
    times = ordered[time].unique().sort().cast(pl.Float64).to_numpy()
    first = ordered.gather_every(len(times))[cohort].cast(pl.Float64).fill_null(np.inf).to_numpy()
    return first, times, ordered[outcome].to_numpy().reshape(-1, len(times))


def dose(first: Floats, times: Floats) -> Floats:
    return (times[None, :] >= first[:, None]).astype(np.float64)


def test_medicaid_and_insurance_cell_by_cell() -> None:
    result = effects("ehec", control="notyet")
    found = dict(result.att_gt.group_by("cohort", maintain_order=True).agg("att").iter_rows())
    assert set(found) == set(MEDICAID_CELLS)
    for cohort, cells in MEDICAID_CELLS.items():
        assert found[cohort] == pytest.approx(cells, abs=5.1e-5), cohort


def test_medicaid_summed_up_with_and_without_states_that_never_expanded() -> None:
    """Printed: .068 (.008); without the never treated .0728 (.0092); with a growing effect .0917 (.0093). Their errors are bootstrapped."""
    whole = effects("ehec", control="notyet").simple
    ever = MEDICAID.filter(pl.col("yexp2").is_not_null())
    growing = ever.with_columns(dins=pl.col("dins") + 0.01 * (pl.col("year") - pl.col("yexp2")).clip(0))
    alone, grown = (effects("ehec", frame).simple for frame in (ever, growing))
    assert (whole.att, alone.att, grown.att) == pytest.approx((0.068, 0.0728, 0.0917), abs=5.1e-5)
    assert (whole.se, alone.se, grown.se) == pytest.approx((0.008, 0.0092, 0.0093), rel=0.06)


def test_two_way_fixed_effects_of_medicaid_and_the_comparisons_behind_them() -> None:
    first, times, outcome = as_arrays("ehec", MEDICAID)
    assert two_way(dose(first, times), outcome) == pytest.approx((0.070321, 0.007401), abs=5.1e-7)
    table = comparisons(first, times, outcome)
    assert table.height == 25 and float((table["estimate"] * table["weight"]).sum()) == pytest.approx(
        0.070321, abs=5.1e-7
    )
    kinds = {row["kind"]: (row["weight"], row["estimate"]) for row in by_kind(table).iter_rows(named=True)}
    assert kinds["earlier as treated"] == pytest.approx((0.14911, 0.06983), abs=5.1e-6)
    assert kinds["later as treated"] == pytest.approx((0.05827, 0.04486), abs=5.1e-6)
    assert kinds["never"] == pytest.approx((0.79262, 0.07228), abs=5.1e-6)
    one = table.filter((pl.col("treated") == 2014) & pl.col("untreated").is_null()).row(0, named=True)
    assert (one["estimate"], one["weight"]) == pytest.approx((0.074935691, 0.6215420836), abs=5.1e-10)

    ever = np.isfinite(first)
    assert two_way(dose(first[ever], times), outcome[ever]) == pytest.approx((0.062817, 0.007653), abs=5.1e-7)
    forbidden = by_kind(comparisons(first[ever], times, outcome[ever])).filter(pl.col("kind") == "later as treated")
    assert forbidden["weight"][0] == pytest.approx(0.28098, abs=5.1e-6)


def test_two_way_fixed_effects_miss_a_growing_effect_of_medicaid() -> None:
    """The printed solution forgets to use the grown outcome in its regression; here it is used, and the gap is what the exercise is about."""
    ever = MEDICAID.filter(pl.col("yexp2").is_not_null())
    growing = ever.with_columns(dins=pl.col("dins") + 0.01 * (pl.col("year") - pl.col("yexp2")).clip(0))
    first, times, outcome = as_arrays("ehec", growing)
    wrong, _ = two_way(dose(first, times), outcome)
    assert wrong < effects("ehec", growing).simple.att - 0.02


def test_castle_doctrine_as_the_decomposition_package_prints_it() -> None:
    """bacondecomp's own example: .08181162 = .05976 × −.00554 + .03190 × .07032 + .90834 × .08796."""
    first, times, outcome = as_arrays("castle", CASTLE)
    assert two_way(dose(first, times), outcome)[0] == pytest.approx(0.08181162, abs=5.1e-9)
    kinds = {
        row["kind"]: (row["weight"], row["estimate"])
        for row in by_kind(comparisons(first, times, outcome)).iter_rows(named=True)
    }
    assert kinds["earlier as treated"] == pytest.approx((0.05976, -0.00554), abs=5.1e-6)
    assert kinds["later as treated"] == pytest.approx((0.03190, 0.07032), abs=5.1e-6)
    assert kinds["never"] == pytest.approx((0.90834, 0.08796), abs=5.1e-6)


def by_kind(table: pl.DataFrame) -> pl.DataFrame:
    weighed = (pl.col("estimate") * pl.col("weight")).sum() / pl.col("weight").sum()
    return table.group_by("kind").agg(estimate=weighed, weight=pl.col("weight").sum())


@pytest.mark.parametrize(
    "row", pl.read_csv(DATA / "csdid_others.csv").to_dicts(), ids=lambda row: "-".join(map(str, list(row.values())[:5]))
)
def test_small_cohorts_and_many_periods_give_what_the_port_gives(row: dict[str, Any]) -> None:
    weights = PANELS[row["data"]][2] if row["weighted"] else None
    result = effects(
        row["data"], control=row["control"], base=row["base"], anticipation=row["anticipation"], weights=weights
    )
    for kind in ("simple", "group", "event", "calendar"):
        aggregate = getattr(result, kind)
        assert (aggregate.att, aggregate.se) == pytest.approx((row[kind], row[f"{kind}_se"]), rel=1e-7), kind


def test_head_start_as_two_authors_print_it() -> None:
    """Kolesár's tests of RDHonest, after Armstrong and Kolesár (2020): uniform kernel, 18 points of poverty either side."""
    head, running = THRESHOLDS["headst"]
    plain = rdd(head, running, "mortHS", 0, kernel="uniform", h=18, vce="hc0")
    near = rdd(head, running, "mortHS", 0, kernel="uniform", h=18)
    assert (plain.att, plain.se, near.se) == pytest.approx((-1.1982581306, 0.6608206598, 0.6955768728), abs=5.1e-11)


@pytest.mark.parametrize(
    "row", pl.read_csv(DATA / "rdrobust_others.csv").to_dicts(), ids=lambda row: f"{row['outcome']}-{row['options']}"
)
def test_other_thresholds_give_what_the_authors_software_gives(row: dict[str, Any]) -> None:
    frame, running = THRESHOLDS[row["data"]]
    options = json.loads(row["options"])
    options |= {"h": tuple(options["h"])} if isinstance(options.get("h"), list) else {}
    result = rdd(frame, running, row["outcome"], 0, **options)
    widths = [width if isinstance(width, tuple) else (width, width) for width in (result.h, result.b)]
    assert result.n_effective == (row["n_left"], row["n_right"])
    found = (result.att, result.robust.coef, result.se, result.robust.se, *widths[0], *widths[1])
    names = ("conventional", "robust", "se", "robust_se", "h_left", "h_right", "b_left", "b_right")
    assert found == pytest.approx([row[name] for name in names], rel=1e-6)


@pytest.mark.parametrize(
    ("name", "outcome", "p"), [("lee08", "voteshare", 0.15200884104139023), ("headst", "mortHS", 0.8418164458488486)]
)
def test_density_tests_of_other_thresholds(name: str, outcome: str, p: float) -> None:
    frame, running = THRESHOLDS[name]
    density = rdd(frame, running, outcome, 0).density
    assert density is not None and density.p == pytest.approx(p, rel=1e-8)
