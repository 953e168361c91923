"""Messages, quiet hours, cycles, groups and feeds, each by itself."""

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.push.cycle import cycle, deadline, group_cycle
from matching.push.feeds import DELIVERIES, TABLES, unfit_feeds, unfit_items
from matching.push.groups import exclusion_groups
from matching.push.message import (
    LONGEST_LINK,
    TEMPLATES,
    Field,
    MessageError,
    Template,
    link,
    money,
    portal,
    render,
    segments,
)
from matching.push.quiet import Calendar, is_quiet, next_send

DAY = dt.date(2024, 12, 18)


def test_cycles_are_named_after_the_windows_opening() -> None:
    spring, autumn = dt.date(2024, 3, 1), dt.date(2024, 9, 1)
    assert cycle("once", spring) == "once"
    assert cycle("year", spring) == "2024"
    assert cycle("month", spring) == "2024-03"
    assert cycle("batch", autumn, [spring, autumn, dt.date(2023, 3, 1)]) == "2024B2"
    # an amended version with the same window is the same batch
    assert cycle("batch", spring, [spring, spring]) == "2024B1"
    with pytest.raises(ValueError, match="weekly"):
        cycle("weekly", spring)
    assert group_cycle("2024-03", DAY) == "2024" and group_cycle("once", DAY) == "2024"


def test_the_deadline_is_the_first_of_window_validity_and_cycle() -> None:
    assert deadline("year", DAY, None, dt.date(2025, 12, 31)) == dt.date(2024, 12, 31)
    assert deadline("month", DAY, None, None) == dt.date(2024, 12, 31)
    assert deadline("month", dt.date(2024, 2, 10), None, None) == dt.date(2024, 2, 29)
    assert deadline("once", DAY, dt.date(2025, 1, 31), dt.date(2025, 1, 20)) == dt.date(2025, 1, 20)
    assert deadline("once", DAY, None, None) is None


HOLIDAYS = Calendar(
    off=frozenset({dt.date(2025, 1, 1)}), working=frozenset({dt.date(2025, 1, 26)}), years=frozenset({2025})
)


@pytest.mark.parametrize(
    ("at", "leaves"),
    [
        ("2024-12-18T09:30", "2024-12-18T09:30"),
        ("2024-12-18T07:59", "2024-12-18T08:00"),
        ("2024-12-18T20:00", "2024-12-19T08:00"),
        ("2024-12-20T23:00", "2024-12-23T08:00"),
        ("2024-12-31T21:00", "2025-01-02T08:00"),
        ("2025-01-26T10:00", "2025-01-26T10:00"),
    ],
)
def test_messages_leave_on_working_days_between_eight_and_twenty(at: str, leaves: str) -> None:
    assert next_send(dt.datetime.fromisoformat(at), HOLIDAYS) == dt.datetime.fromisoformat(leaves)


@given(st.datetimes(dt.datetime(2024, 1, 1), dt.datetime(2026, 1, 1)))
def test_the_moment_a_message_leaves_is_never_quiet(at: dt.datetime) -> None:
    leaves = next_send(at, HOLIDAYS)
    assert leaves >= at and not is_quiet(leaves, HOLIDAYS)
    assert next_send(leaves, HOLIDAYS) == leaves


@pytest.mark.parametrize(
    ("amount", "said"),
    [("8000", "8000元"), ("10000", "1万元"), ("125000", "12.5万元"), ("100000000", "1亿元"), ("9999.50", "9999.5元")],
)
def test_money_is_said_exactly(amount: str, said: str) -> None:
    assert money(Decimal(amount)) == said


TODAY = dt.date(2024, 12, 18)
VALUES = {
    "name": "海南甲有限公司", "title": "研发后补助", "deadline": dt.date(2024, 12, 31), "link": link("hn-rd-subsidy"),
}  # fmt: skip


def test_every_template_offers_the_way_out_and_fits_its_segments() -> None:
    for template in TEMPLATES.values():
        longest = {
            name: {
                "text": "国" * 60, "money": Decimal("123456789.25"), "date": dt.date(2025, 12, 31),
                "link": f"{portal()}/".ljust(LONGEST_LINK, "a"),
            }[field.kind]
            for name, field in template.fields.items()
        }  # fmt: skip
        text = render(template, longest, TODAY)
        assert text.startswith("【海易兑】") and text.endswith("回T退订")
        assert segments(text) <= template.segments


def test_segments_count_as_the_gateway_bills() -> None:
    assert [segments("字" * n) for n in (70, 71, 134, 135)] == [1, 2, 2, 3]


@pytest.mark.parametrize("bad", ["看http://x.cn", "电话13812345678", "换\n行", "{title}", "\u202e反", ""])
def test_a_field_that_is_not_fit_is_refused_without_being_repeated(bad: str) -> None:
    with pytest.raises(MessageError) as caught:
        render(TEMPLATES["invite"], VALUES | {"name": bad}, TODAY)
    assert "13812345678" not in str(caught.value)


def test_fields_are_typed_and_declared() -> None:
    with pytest.raises(MessageError, match="日期"):
        render(TEMPLATES["invite"], VALUES | {"deadline": "明天"}, TODAY)
    with pytest.raises(MessageError, match="需要变量"):
        render(TEMPLATES["invite"], VALUES | {"extra": "x"}, TODAY)
    with pytest.raises(MessageError, match="金额"):
        render(TEMPLATES["invite_amount"], VALUES | {"amount": 1.5}, TODAY)
    for elsewhere in ("evil.example/x", f"{portal()}.evil.example", f"https://{portal()}/x", f"{portal()}/x?to=y"):
        with pytest.raises(MessageError, match="办事门户自己的网址"):
            render(TEMPLATES["invite"], VALUES | {"link": elsewhere}, TODAY)
    with pytest.raises(MessageError, match="结尾"):
        Template("x", 1, "【海易兑】{name}", {"name": Field("text", 9)}, 1)
    with pytest.raises(MessageError, match="不一致"):
        Template("x", 1, "【海易兑】回T退订", {"name": Field("text", 9)}, 1)


def test_a_link_is_the_portals_and_short_enough(tmp_path: Path) -> None:
    assert link("hn-rd-subsidy") == f"{portal()}/hn-rd-subsidy" and len(portal()) < LONGEST_LINK
    assert link("x" * 60) == link("../../x") == portal()
    for bad in ("https://hyd.example", "hyd example", "a" * 40 + ".example", "hyd.example\n海易兑,hyd2.example,x"):
        path = tmp_path / "portal.csv"
        path.write_text(f"name,address,source\n海易兑,{bad},x\n", encoding="utf-8")
        with pytest.raises(ValueError, match=r"portal\.csv 的 address"):
            portal.__wrapped__(path)


def test_a_day_of_another_year_is_said_with_its_year() -> None:
    said = [render(TEMPLATES["invite"], VALUES | {"deadline": dt.date(year, 1, 31)}, TODAY) for year in (2024, 2025)]
    assert "，1月31日截止" in said[0] and "，2025年1月31日截止" in said[1]


def test_exclusion_is_mutual_and_transitive() -> None:
    assert exclusion_groups({"a": ["b"], "c": ["b"], "d": [], "e": ["f"]}) == {
        "a": "a",
        "b": "a",
        "c": "a",
        "e": "e",
        "f": "e",
    }


@given(st.dictionaries(st.sampled_from("abcdef"), st.lists(st.sampled_from("abcdef"), max_size=3)))
def test_groups_do_not_depend_on_who_wrote_the_exclusion(excludes: dict[str, list[str]]) -> None:
    turned: dict[str, list[str]] = {}
    for item, others in excludes.items():
        for other in others:
            turned.setdefault(other, []).append(item)
    assert exclusion_groups(excludes) == exclusion_groups(turned)


KNOWN_AT = dt.datetime(2024, 12, 18, 23, 59)


def feed(
    table: str, received: str, status: str = "loaded", rejected: int = 0, sequence: int = 1, controlled: bool = True
) -> dict[str, object]:
    at = dt.datetime.fromisoformat(received)
    return {"department": "tax", "table_name": table, "received_at": at, "sequence": sequence, "status": status,
            "rows_in": 100, "rows_rejected": rejected, "controlled": controlled}  # fmt: skip


def test_each_unfit_feed_says_why() -> None:
    names = ("fine", "late", "blocked", "mended", "dirty", "open", "never", "future", "bare", "sealed")
    tables = pl.DataFrame(
        [
            {
                "department": "tax",
                "table_name": name,
                "stale_after_days": 36,
                "max_reject_share": 0.1,
                "has_control": name != "open",
                "self_checking": name == "sealed",
            }
            for name in names
        ],
        schema=TABLES,
    )
    deliveries = pl.DataFrame(
        [
            feed("fine", "2024-12-10"),
            feed("late", "2024-11-10"),
            feed("blocked", "2024-11-20"),
            feed("blocked", "2024-12-15", "refused"),
            feed("mended", "2024-12-01", "refused"),
            feed("mended", "2024-12-02"),
            feed("dirty", "2024-12-10", rejected=11),
            feed("bare", "2024-11-12"),
            feed("bare", "2024-12-10", controlled=False),
            feed("sealed", "2024-12-10", controlled=False),
            feed("open", "2024-12-10"),
            feed("future", "2024-12-19"),
        ],
        schema=DELIVERIES,
    )
    said = dict(unfit_feeds(tables, deliveries, KNOWN_AT).select("table_name", "detail").iter_rows())
    assert said == {
        "late": "tax.late 已 38 天没有交付",
        "blocked": "tax.blocked 最近一次交付（2024-12-15）被拒收",
        "dirty": "tax.dirty 退回 11 行，超过允许比例",
        "open": "tax.open 没有对账文件，截断看不出来",
        "never": "tax.never 没有入库的交付",
        "future": "tax.future 没有入库的交付",
        "bare": "tax.bare 最近一次交付（2024-12-10）没有附对账文件",
    }
    unfit = unfit_items(
        [("i", 1, "tax", "late"), ("i", 1, "tax", "dirty"), ("j", 1, "tax", "fine")],
        unfit_feeds(tables, deliveries, KNOWN_AT),
    )
    assert unfit.rows() == [("i", 1, "tax.dirty 退回 11 行，超过允许比例；tax.late 已 38 天没有交付")]
