"""Whatever is tried in whatever order, nothing is paid twice, no budget is exceeded, and every fen is accounted for."""

import contextlib
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from matching.push.fingerprint import award_key
from pipelines.control import ControlStore
from pipelines.ledger import SCHEMA, Award, LedgerError, Pool, fen, grant, open_fund, open_pool, reverse

BUDGET = Decimal("1000.00")
GROUPS = {"a": "a", "b": "a", "c": None}


def award(entity: str, item: str, unit: str = "", amount: Decimal = Decimal("300.00"), cycle: str = "2024") -> Award:
    return Award(award_key(entity, item, cycle, unit), entity, entity, item, cycle, unit, GROUPS[item], "2024", amount)


class Ledger(RuleBasedStateMachine):
    """Grants and reversals at random against a plain model of who holds what."""

    @initialize(folder=st.just(None))
    def begin(self, folder: None) -> None:
        import tempfile

        self.folder = tempfile.TemporaryDirectory()
        self.control = ControlStore(Path(self.folder.name) / "control.sqlite")
        with self.control.transaction() as db:
            for item in GROUPS:
                open_fund(db, item, "2024", BUDGET)
        self.held: dict[tuple[str, str, str], Decimal] = {}

    def allowed(self, one: Award) -> bool:
        same = (one.entity_id, one.item_id, one.claim_unit) in self.held or (
            one.claim_unit != "" and any((item, unit) == (one.item_id, one.claim_unit) for _, item, unit in self.held)
        )
        rival = any(
            entity == one.entity_id
            and item != one.item_id
            and GROUPS[item] is not None
            and GROUPS[item] == one.exclusion_group
            for entity, item, _ in self.held
        )
        spent = sum((amount for (_, item, _), amount in self.held.items() if item == one.item_id), Decimal(0))
        return not same and not rival and spent + one.amount_yuan <= BUDGET

    @rule(
        entity=st.sampled_from(["E1", "E2"]),
        item=st.sampled_from(sorted(GROUPS)),
        unit=st.sampled_from(["", "p1", "p2"]),
        amount=st.sampled_from([Decimal("0.01"), Decimal("300.00"), Decimal("999.99")]),
    )
    def try_grant(self, entity: str, item: str, unit: str, amount: Decimal) -> None:
        one = award(entity, item, unit, amount)
        try:
            with self.control.transaction() as db:
                grant(db, one, "L", "2024-12-18")
        except LedgerError:
            assert not self.allowed(one)
        else:
            assert self.allowed(one)
            self.held[(entity, item, unit)] = amount

    @rule(index=st.integers(0, 5))
    def undo(self, index: int) -> None:
        rows = self.control.rows("SELECT award_id, entity_id, item_id, claim_unit FROM active_award ORDER BY award_id")
        with contextlib.suppress(IndexError):
            row = rows[index]
            with self.control.transaction() as db:
                reverse(db, row["award_id"], "依据撤回", "2024-12-19")
            del self.held[(row["entity_id"], row["item_id"], row["claim_unit"])]

    @invariant()
    def books_balance(self) -> None:
        if not hasattr(self, "control"):
            return
        active = self.control.rows("SELECT entity_id, item_id, claim_unit, amount_fen FROM active_award")
        assert {
            (r["entity_id"], r["item_id"], r["claim_unit"]): Decimal(r["amount_fen"]) / 100 for r in active
        } == self.held
        units = self.control.rows("SELECT item_id, claim_unit FROM claimed_unit")
        assert sorted((r["item_id"], r["claim_unit"]) for r in units) == sorted((i, u) for _, i, u in self.held if u)
        for row in self.control.rows(
            "SELECT f.committed_fen, f.budget_fen, (SELECT coalesce(sum(amount_fen), 0) FROM award a WHERE a.item_id = f.item_id) AS net"
            " FROM fund f"
        ):
            assert row["committed_fen"] == row["net"] <= row["budget_fen"]

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.folder.cleanup()


TestLedger = Ledger.TestCase
TestLedger.settings = settings(
    max_examples=12, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest.fixture
def control(tmp_path: Path) -> ControlStore:
    return ControlStore(tmp_path / "control.sqlite")


def test_a_reversal_needs_a_reason_and_happens_once(control: ControlStore) -> None:
    with control.transaction() as db:
        grant(db, award("E1", "c"), "L", "2024-12-18")
    with pytest.raises(LedgerError, match="原因"), control.transaction() as db:
        reverse(db, 1, " ", "2024-12-19")
    with control.transaction() as db:
        reverse(db, 1, "退回", "2024-12-19")
    with pytest.raises(LedgerError, match="已冲销"), control.transaction() as db:
        reverse(db, 1, "再退", "2024-12-19")
    rows = control.rows("SELECT kind, amount_fen, reverses FROM award ORDER BY award_id")
    assert rows == [
        {"kind": "award", "amount_fen": 30000, "reverses": None},
        {"kind": "reversal", "amount_fen": -30000, "reverses": 1},
    ]


@pytest.mark.parametrize("amount", ["0", "-1", "0.001", "NaN", "Infinity"])
def test_only_exact_positive_money_enters(amount: str) -> None:
    with pytest.raises(LedgerError, match="金额"):
        fen(Decimal(amount))


def test_a_budget_cannot_be_cut_below_what_is_committed(control: ControlStore) -> None:
    with control.transaction() as db:
        open_fund(db, "c", "2024", BUDGET)
        grant(db, award("E1", "c"), "L", "2024-12-18")
    with pytest.raises(LedgerError, match="低于已安排"), control.transaction() as db:
        open_fund(db, "c", "2024", Decimal("299.99"))
    with control.transaction() as db:
        open_fund(db, "c", "2024", Decimal("300.00"))


def test_money_is_an_integer_in_the_books(control: ControlStore) -> None:
    import sqlite3

    with pytest.raises(sqlite3.IntegrityError), control.transaction() as db:
        db.execute(
            "INSERT INTO award (award_key, kind, entity_id, item_id, cycle, claim_unit, exclusion_group, group_cycle,"
            " generation, amount_fen, list_id, as_of) VALUES ('k', 'award', 'E', 'c', '2024', '', 'c', '2024', 0, 1.5, 'L', 'd')"
        )


def test_a_unit_is_paid_once_whoever_asks_and_in_whatever_year(control: ControlStore) -> None:
    with control.transaction() as db:
        grant(db, award("E1", "c", "ZL1"), "L1", "2024-12-18")
    for other in (award("E2", "c", "ZL1"), award("E1", "c", "ZL1", cycle="2025")):
        with pytest.raises(LedgerError, match="兑现单元已经兑付过"), control.transaction() as db:
            grant(db, other, "L2", "2025-12-18")
    with control.transaction() as db:
        grant(db, award("E2", "c", "ZL2"), "L2", "2024-12-18")
    for attack in ("DELETE FROM claimed_unit", "UPDATE claimed_unit SET claim_unit = 'ZL3'"):
        with pytest.raises(sqlite3.IntegrityError), control.transaction() as db:
            db.execute(attack)
    with control.transaction() as db:
        reverse(db, 1, "退回", "2025-01-02")
        grant(db, award("E2", "c", "ZL1"), "L3", "2025-01-03")
    assert control.rows("SELECT claim_unit, award_id FROM claimed_unit ORDER BY 1") == [
        {"claim_unit": "ZL1", "award_id": 4},
        {"claim_unit": "ZL2", "award_id": 2},
    ]


def test_a_pool_holds_for_all_its_items_together(control: ControlStore) -> None:
    pool = Pool("jobs", Decimal("700.00"), ("a", "c"), "2024-01-01")
    with control.transaction() as db:
        open_pool(db, pool)
        grant(db, award("E1", "a"), "L1", "2024-12-18")
        grant(db, award("E1", "c"), "L2", "2024-12-18")
    with pytest.raises(LedgerError, match="超出资金池可用余额"), control.transaction() as db:
        grant(db, award("E2", "c"), "L3", "2024-12-18")
    with pytest.raises(LedgerError, match="先补充资金池"), control.transaction() as db:
        open_pool(db, Pool("jobs", Decimal("599.99"), ("a", "c"), "2024-01-01"))
    with control.transaction() as db:
        reverse(db, 1, "退回", "2024-12-19")
        grant(db, award("E2", "c"), "L3", "2024-12-19")
    assert control.rows("SELECT pool, limit_fen, committed_fen FROM pool") == [
        {"pool": "jobs", "limit_fen": 70000, "committed_fen": 60000}
    ]
    with control.transaction() as db:  # counted anew from a later opening
        open_pool(db, Pool("jobs", Decimal("700.00"), ("a", "c"), "2024-12-19"))
    assert control.rows("SELECT committed_fen FROM pool") == [{"committed_fen": 30000}]


OPERATION = st.one_of(
    st.tuples(
        st.just("grant"),
        st.sampled_from(["E1", "E2", "E3"]),
        st.sampled_from("ac"),
        st.sampled_from(["0.01", "300.00", "650.00"]),
    ),
    st.tuples(st.just("reverse"), st.integers(0, 4)),
    st.tuples(st.just("limit"), st.sampled_from(["0.00", "300.00", "700.00", "1500.00"])),
    st.tuples(st.just("again"), st.integers(0, 4)),
)


@settings(max_examples=80)
@given(st.lists(OPERATION, max_size=25))
def test_a_pool_is_never_overdrawn_by_any_order_of_grants_reversals_replays_and_limits(
    operations: list[tuple[Any, ...]],
) -> None:
    """`again` replays a grant that stands: refused, and it takes nothing from the pool a second time."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.row_factory = sqlite3.Row
    db.executescript(SCHEMA)

    def tried(step: Callable[..., None], *given: Any) -> bool:
        db.execute("BEGIN IMMEDIATE")
        try:
            step(db, *given)
        except LedgerError:
            db.execute("ROLLBACK")
            return False
        db.execute("COMMIT")
        return True

    limit = Decimal("700.00")
    assert tried(open_pool, Pool("jobs", limit, ("a", "c"), "2024-01-01"))
    for kind, *said in operations:
        active = db.execute("SELECT * FROM active_award ORDER BY award_id").fetchall()
        held = sum((Decimal(row["amount_fen"]) / 100 for row in active), Decimal(0))
        if kind == "grant":
            amount = Decimal(said[2])
            new = not any((row["entity_id"], row["item_id"]) == (said[0], said[1]) for row in active)
            assert tried(grant, award(said[0], said[1], amount=amount), "L", "2024-12-18") == (
                new and held + amount <= limit
            )
        elif kind == "limit":
            if tried(open_pool, Pool("jobs", Decimal(said[0]), ("a", "c"), "2024-01-01")):
                limit = Decimal(said[0])
            else:
                assert held > Decimal(said[0])
        elif said[0] < len(active):
            row = active[said[0]]
            if kind == "reverse":
                assert tried(reverse, row["award_id"], "退回", "2024-12-19")
            else:
                one = award(row["entity_id"], row["item_id"], amount=Decimal(row["amount_fen"]) / 100)
                assert not tried(grant, one, "L2", "2024-12-18")
        committed, cap = db.execute("SELECT committed_fen, limit_fen FROM pool").fetchone()
        net = db.execute("SELECT coalesce(sum(amount_fen), 0) FROM award").fetchone()[0]
        assert committed == net <= cap == limit * 100
    db.close()


def test_an_item_of_a_group_is_paid_in_each_of_its_own_cycles_and_no_other_beside_it(tmp_path: Path) -> None:
    control = ControlStore(tmp_path / "control.sqlite")
    with control.transaction() as db:
        for item, cycle in (("a", "2024-11"), ("a", "2024-12"), ("b", "2024"), ("b", "2024-12")):
            open_fund(db, item, cycle, BUDGET)
        grant(db, award("E1", "a", cycle="2024-11"), "L1", "2024-11-30")
        grant(db, award("E1", "a", cycle="2024-12"), "L2", "2024-12-31")
    for refused in (award("E1", "a", cycle="2024-12"), award("E1", "b"), award("E1", "b", cycle="2024-12")):
        with pytest.raises(LedgerError), control.transaction() as db:
            grant(db, refused, "L3", "2024-12-31")
    assert len(control.rows("SELECT * FROM active_award")) == 2
