"""The dated gazetteer: codes across their reforms, what lies below what, and places in texts."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import gazetteer


@pytest.mark.parametrize(
    ("code", "on", "expected"),
    [
        ("460003", "2001-01-01", "460003"),
        ("460003", "2010-01-01", "469003"),
        ("460003", "2024-01-01", "460400"),
        ("469003", "2015-02-18", "469003"),
        ("469003", "2015-02-19", "460400"),
        ("460021", "2024-01-01", "460107"),
        ("460001", "2024-01-01", "469001"),
        ("460321", "2024-01-01", "460302"),
        ("460400499", "2024-01-01", "460400499"),
        ("460106012", "2024-01-01", "460106"),
        ("469024101200", "2024-01-01", "469024"),
        ("999999", "2024-01-01", None),
    ],
)
def test_current_follows_the_reforms(code: str, on: str, expected: str | None) -> None:
    assert gazetteer.current(code, date.fromisoformat(on)) == expected


def test_hainan_has_its_published_county_set() -> None:
    today = date(2025, 1, 1)
    below = {
        r.code
        for r in gazetteer.regions()
        if r.level == "county" and r.code.startswith("46") and r.holds(today) and r.short
    }
    assert below == (
        {f"4601{n:02d}" for n in (5, 6, 7, 8)}
        | {f"4602{n:02d}" for n in (2, 3, 4, 5)}
        | {"460302", "460303"}
        | {f"4690{n:02d}" for n in (1, 2, 5, 6, 7, *range(21, 31))}
    )


def test_descendants_hold_old_codes_and_functional_areas() -> None:
    assert gazetteer.descendants("460400") == {"460400", "460400499", "469003", "460003", "460029"}
    assert {"460106", "460103", "469004"} <= gazetteer.descendants("460100")
    assert "460300" not in gazetteer.descendants("460400")
    assert gazetteer.descendants("460000") >= gazetteer.descendants("460400") | gazetteer.descendants("469000")


def test_the_registrar_of_yangpu_is_not_sansha() -> None:
    assert gazetteer.registrar("460300") == "460400499"
    assert gazetteer.region("460300").name == "三沙市"
    assert gazetteer.registrar("460106") == "460106"
    assert gazetteer.registrar("310141") is None


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("海南省儋州市洋浦经济开发区控股大道1号", ("460400499", "park-yangpu")),
        ("海口市江东新区兴洋大道181号", ("460100", "park-jiangdong")),
        ("海口市美兰区江东新区兴洋大道", ("460108", "park-jiangdong")),
        ("海南生态软件园孵化楼三楼", ("469023", "park-ecosoft")),
        ("陵水黎安国际教育创新试验区", ("469028", "park-lian")),
        ("乐东县九所镇", ("469027", None)),
        ("北京市朝阳区建国路", ("110000", None)),
        ("某路1号", (None, None)),
    ],
)
def test_located(address: str, expected: tuple[str | None, str | None]) -> None:
    assert gazetteer.located(address) == expected


def test_every_successor_and_parent_exists() -> None:
    codes = {r.code for r in gazetteer.regions()}
    for r in gazetteer.regions():
        assert r.source
        assert not r.parent or r.parent in codes, r
        assert not r.successor or r.successor in codes, r
        assert r.valid_to is None or r.successor, f"{r.code} 已失效而无继任区划"
    assert {p.region for p in gazetteer.parks()} <= codes


@given(st.sampled_from([r.code for r in gazetteer.regions()]), st.dates(date(1988, 4, 13), date(2030, 1, 1)))
def test_current_is_idempotent_and_below_its_ancestors(code: str, on: date) -> None:
    now = gazetteer.current(code, on)
    assert now is not None
    assert gazetteer.current(now, on) == now
    assert all(code in gazetteer.descendants(above) for above in gazetteer.ancestors(code))
