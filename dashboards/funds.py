"""资金池: what every pool holds, its book, and the treasury payments that still wait for somebody to name their item, or that no list accounts for."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from dashboards.pages import Pages
from matching.push.payout import STATES as PAYOUT_STATES
from matching.push.pools import KINDS, STATES

WAITING = 50


def funds_page(pages: Pages, request: Request) -> Response:
    """All pools, or one with its book (`?pool=`)."""
    wanted = request.query_params.get("pool", "")
    with pages.opened() as mart:
        held = mart.row(
            "SELECT count(*) AS n FROM information_schema.tables WHERE table_schema = 'push' AND table_name IN ('fund', 'payout')"
        )
        if held is None or held["n"] < 2:
            raise HTTPException(404, "这次发布还没有资金池，下一次运行后可看")
        pools = mart.rows("SELECT * FROM push.fund ORDER BY pool")
        if wanted and wanted not in {pool["pool"] for pool in pools}:
            raise HTTPException(404, f"没有资金池 {wanted}")
        book = mart.rows(
            "SELECT m.*, i.title FROM push.fund_movement AS m LEFT JOIN (SELECT item_id, arg_max(title, version) AS title"
            " FROM policy.item GROUP BY item_id) AS i USING (item_id) WHERE m.pool = $pool ORDER BY m.day DESC, m.kind, m.item_id",
            {"pool": wanted},
        )
        waiting = mart.rows(
            "SELECT voucher_no, paid_on, paid_yuan, budget_unit, purpose, p.item_id, i.title, confidence, because FROM push.payout AS p"
            " LEFT JOIN (SELECT item_id, arg_max(title, version) AS title FROM policy.item GROUP BY item_id) AS i USING (item_id)"
            f" WHERE state = 'unsure' ORDER BY abs(paid_yuan) DESC, voucher_no LIMIT {WAITING}"
        )
        strays = (
            mart.rows(
                "SELECT s.*, e.uscc, e.name, i.title FROM push.unlisted AS s LEFT JOIN profile.enterprise AS e USING (enterprise_id)"
                " LEFT JOIN (SELECT item_id, arg_max(title, version) AS title FROM policy.item GROUP BY item_id) AS i USING (item_id)"
                f" ORDER BY s.paid_yuan DESC, s.enterprise_id, s.item_id LIMIT {WAITING}"
            )
            if mart.row(
                "SELECT 1 FROM information_schema.tables WHERE table_schema = 'push' AND table_name = 'unlisted'"
            )
            else []
        )
        counts = mart.rows(
            "SELECT state, count(*) AS n, sum(paid_yuan) AS yuan FROM push.payout GROUP BY state ORDER BY state"
        )
        return pages.render(
            request,
            "funds.html",
            mart,
            pools=pools,
            pool=wanted,
            book=book,
            waiting=waiting,
            strays=strays,
            counts=counts,
            names=STATES,
            kinds=KINDS,
            payout_names=PAYOUT_STATES,
        )
