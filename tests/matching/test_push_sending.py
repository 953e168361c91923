"""What happens to messages whose list was signed late: the caps, the deadlines and the quiet hours are those of the day they really leave."""

import datetime as dt
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching.push.inputs import Limits
from matching.push.quiet import Calendar, calendar, is_quiet
from matching.push.sending import leaving, timed

AT = dt.datetime(2025, 1, 27, 10)
PLAIN = Calendar()


def message(firm: str, item: str = "a", **changes: Any) -> dict[str, Any]:
    return {
        "line_key": f"{firm}.{item}", "kind": "invite", "channel": "sms", "enterprise_id": firm, "item_id": item, "cycle": "2025",
        "earliest_send": "2025-01-20T08:00:00", "latest_send": "2025-01-31T20:00:00", "covers": None, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        ("2025-01-27T10:00:00", "2025-01-27T10:00:00"),
        ("2025-01-27T20:30:00", "2025-01-28T08:00:00"),  # after eight in the evening
        ("2025-01-25T09:00:00", "2025-01-27T08:00:00"),  # a Saturday
    ],
)
def test_a_late_export_does_not_wake_anybody(at: str, leaves: str) -> None:
    found, withheld = leaving([message("E1")], [], dt.datetime.fromisoformat(at), PLAIN, Limits())
    assert (found.isoformat(), withheld) == (leaves, {})
    assert timed([message("E1")], found)[0]["earliest_send"] == leaves
    assert timed([message("E1", channel="portal", earliest_send=None)], found)[0]["earliest_send"] is None


def test_what_comes_too_late_or_too_often_stays_in_the_house() -> None:
    rows = [message("E1"), message("E2"), message("E3", latest_send="2025-01-26T20:00:00"), message("E4")]
    rows.append(message("E5", kind="digest", item_id="*", latest_send=None))
    rows.append(message("E6"))
    told = [("E2", "b", "2025", dt.date(2025, 1, 21)), ("E2", "c", "2025", dt.date(2025, 1, 27))]
    told += [("E1", "b", "2025", dt.date(2025, 1, 20)), ("E1", "c", "2025", dt.date(2025, 1, 27))]
    told += [("E4", "a", "2024", dt.date(2025, 1, 14)), ("E5", "b", "2025", AT.date())]
    told += [("E6", "a", "2025", dt.date(2024, 11, day)) for day in (1, 15, 29)]
    told += [("E1", "a", "2024", dt.date(2024, 11, day)) for day in (1, 15, 29)]
    _, withheld = leaving(rows, told, AT, PLAIN, Limits())
    assert set(withheld) == {"E2.a", "E3.a", "E4.a", "E6.a"}
    assert "本周期已提醒过 3 次" in withheld["E6.a"]
    assert "7 天内已发 2 条" in withheld["E2.a"] and "已过最晚发送时间" in withheld["E3.a"]
    assert "14 天内" in withheld["E4.a"]


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.sampled_from("abcde"),
            st.sets(st.sampled_from(["E1", "E2", "E3"]), min_size=1),
            st.integers(0, 24 * 60),
        ),
        max_size=14,
    )
)
def test_no_window_of_seven_days_holds_more_than_the_cap_however_lists_are_signed(
    lists: list[tuple[str, set[str], int]],
) -> None:
    """Lists leave at any hour of sixty days around the Spring Festival of 2025, in any order of signing."""
    days, limits, told = calendar(), Limits(), []
    for item, firms, hours in lists:
        at = dt.datetime(2025, 1, 10) + dt.timedelta(hours=hours)
        rows = [message(firm, item, latest_send="2025-12-31T20:00:00") for firm in sorted(firms)]
        leaves, withheld = leaving(rows, told, at, days, limits)
        assert not is_quiet(leaves, days) and leaves >= at
        told += [
            (row["enterprise_id"], item, row["cycle"], leaves.date()) for row in rows if row["line_key"] not in withheld
        ]
    for firm in {firm for firm, _, _, _ in told}:
        sent = sorted(day for one, _, _, day in told if one == firm)
        for first in sent:
            assert sum(first <= day < first + dt.timedelta(days=7) for day in sent) <= limits.messages_per_week
        for item in "abcde":
            own = sorted(day for one, of, _, day in told if (one, of) == (firm, item))
            assert len(own) <= limits.messages_per_cycle
            assert all((later - sooner).days >= limits.item_days for sooner, later in pairwise(own))
