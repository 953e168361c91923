"""The award of one item as policies.md §8 writes it: sums, shares, ceilings and steps put together."""

import re

from matching.text.awards import Amount
from matching.text.model import plain_number
from matching.text.plain import Flat


def award(amounts: list[Amount], made: Flat) -> dict[str, object]:
    """The award of one item, as policies.md §8 writes it; empty when nothing is given.

    Shares become `rate`, the sum that limits a share becomes `cap_yuan`; several sums or shares at one level are tiers; a sum after 每增加 is a step.
    """
    if not amounts:
        return {}
    first, last = amounts[0], amounts[-1]
    said: dict[str, object] = {"text": made.quote(first.sentence.start, last.sentence.end)}
    steps = [a for a in amounts if a.step and a.quantity.kind == "money"]
    plain_sums = [a for a in amounts if not a.step and a.quantity.kind == "money"]
    caps = [a for a in plain_sums if a.cap]
    sums = [a for a in plain_sums if not a.cap]
    rates = [a for a in amounts if a.quantity.kind == "ratio"]
    tiers = [*_rate_tiers(rates, caps), *_sum_tiers(sums, caps if not rates else [])]
    if tiers:
        said |= {"kind": "tiered", "tiers": tiers}
    else:
        said["kind"] = "rate" if rates else "fixed"
    if rates and not any("rate" in tier for tier in tiers):
        said["rate"] = plain_number(rates[0].quantity.high or rates[0].quantity.value)
        if rates[0].quantity.high is not None:
            said["rate_min"] = plain_number(rates[0].quantity.value)
    if base := next((r.base for r in rates if r.base), ""):
        said["base"] = base
    if sums:
        said["amount_yuan"] = plain_number(max(s.quantity.high or s.quantity.value for s in sums))
    if caps:
        said["cap_yuan"] = plain_number(max(c.quantity.value for c in caps))
        said["cap_text"] = made.quote(caps[-1].quantity.left, caps[-1].quantity.right)
        said.update(_further_caps(made.text, caps, said))
    if per := next((a.per for a in amounts if a.per), ""):
        said["per"] = per
    if steps:
        said["step"] = {"per": steps[0].per, "amount_yuan": plain_number(steps[0].quantity.value)}
        if not sums and not caps and not rates:
            said["amount_yuan"] = plain_number(steps[0].quantity.value)
        if len({s.quantity.value for s in steps}) > 1:
            said["tiers"] = [*tiers, *({"amount_yuan": plain_number(s.quantity.value)} for s in steps)]
    if any(a.reduction for a in amounts):
        said["kind"] = "reduction"
    if any(a.loan for a in amounts):
        said["note"] = "loan ceiling, not a grant"
    return said


Tier = dict[str, int | float]


def _rate_tiers(rates: list[Amount], caps: list[Amount]) -> list[Tier]:
    """Several shares, each with its own cap where there are as many."""
    if len({(r.quantity.value, r.quantity.high) for r in rates}) < 2:
        return []
    tiers: list[Tier] = []
    for n, rate in enumerate(rates):
        tier: Tier = {"rate": plain_number(rate.quantity.high or rate.quantity.value)}
        if rate.quantity.high is not None:
            tier["rate_min"] = plain_number(rate.quantity.value)
        if len(caps) == len(rates):
            tier["cap_yuan"] = plain_number(caps[n].quantity.value)
        tiers.append(tier)
    return tiers


def _sum_tiers(sums: list[Amount], caps: list[Amount]) -> list[Tier]:
    """Several sums, or the ends of a range of sums; else several caps that are the award itself."""
    values = [v for s in sums for v in (s.quantity.value, s.quantity.high) if v is not None]
    if len(set(values)) > 1:
        return [{"amount_yuan": plain_number(value)} for value in values]
    if not sums and len({c.quantity.value for c in caps}) > 1:
        return [{"cap_yuan": plain_number(c.quantity.value)} for c in caps]
    return []


def _further_caps(text: str, caps: list[Amount], said: dict[str, object]) -> dict[str, object]:
    """The caps beside the highest one: per project, per year, else the tiers' own."""
    tiers: list[Tier] = said.get("tiers", [])  # type: ignore[assignment]
    if any("cap_yuan" in tier for tier in tiers):
        return {}
    further: dict[str, object] = {}
    rest = [c for c in caps if plain_number(c.quantity.value) != said["cap_yuan"]]
    for cap in rest:
        lead = text[max(cap.sentence.start, cap.quantity.left - 14) : cap.quantity.left]
        name = "cap_annual" if re.search(r"年", lead) else "cap_per_voucher" if "券" in lead else "cap_project"
        further.setdefault(name, plain_number(cap.quantity.value))
    if len({c.quantity.value for c in rest}) > len(further):
        further["tiers"] = [*tiers, *({"cap_yuan": plain_number(c.quantity.value)} for c in caps)]
    return further
