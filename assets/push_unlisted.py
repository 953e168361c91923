"""Money of finance that nothing here accounts for: no list of ours named the firm for the item, and no application was granted."""

import datetime as dt

import polars as pl

from assets.ports import Control, Warehouse
from assets.push_inputs import cases, items
from assets.push_return import payments
from matching.push.gates import PASSED
from matching.push.inputs import empty
from matching.push.settle import PAID, unlisted

# An application granted so many days before our first list may still be paid after it.
GRANTED_DAYS = 400


def unlisted_payments(warehouse: Warehouse, control: Control) -> pl.DataFrame:
    """Payments known by `known_at` from the day of our first exported award list on (PAID); what a person has explained is left out.

    Of items for persons nothing is said: finance names the employer it pays through, the list the person.
    """
    if not control.rows("SELECT 1 FROM sqlite_master WHERE name = 'payment_note'"):
        return empty(PAID)
    first = control.rows(
        "SELECT min(p.as_of) AS day FROM push_list p JOIN award a USING (list_id) WHERE p.status IN ('exported', 'reconciled')"
    )[0]["day"]
    if first is None:
        return empty(PAID)
    since = dt.date.fromisoformat(first)
    ours = pl.DataFrame(
        [(r["entity_id"], r["item_id"]) for r in control.rows("SELECT DISTINCT entity_id, item_id FROM award ORDER BY 1, 2")],
        schema={"enterprise_id": pl.String, "item_id": pl.String},
        orient="row",
    )  # fmt: skip
    granted = cases(warehouse).filter(
        (pl.col("decision") == PASSED) & (pl.col("decided_on") >= since - dt.timedelta(days=GRANTED_DAYS))
    )
    of_persons = items(warehouse).filter(pl.col("entity") == "person")["item_id"].unique()
    paid = payments(warehouse).filter(~pl.col("item_id").is_in(of_persons.implode()))
    found = unlisted(paid, pl.concat([ours, granted.select("enterprise_id", "item_id")]), since)
    explained = pl.DataFrame(
        [
            (r["enterprise_id"], r["item_id"], dt.date.fromisoformat(r["paid_on"]))
            for r in control.rows("SELECT enterprise_id, item_id, paid_on FROM payment_note ORDER BY note_id")
        ],
        schema={name: PAID[name] for name in ("enterprise_id", "item_id", "paid_on")},
        orient="row",
    )
    return found.join(explained, on=["enterprise_id", "item_id", "paid_on"], how="anti", maintain_order="left")
