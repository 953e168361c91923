"""Pre-filled application forms: which fields we fill, from whose data of which day, and which materials need not be handed in."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

import polars as pl

from matching.push.inputs import FACTS, Inputs, shaped
from matching.push.kinds import MESSAGE

# A material that proves what a department has already told us: words in its name → the indicator that says the same.
PROVEN_BY: Final[tuple[tuple[tuple[str, ...], str], ...]] = (
    (("营业执照", "统一社会信用代码证", "登记证书"), "business_status"),
    (("高新技术企业证书", "高企证书"), "is_hnte"),
    (("专精特新", "小巨人"), "specialised_level"),
    (("科技型中小企业",), "is_tech_sme"),
    (("纳税证明", "完税证明"), "tax_paid_last_year"),
    (("纳税申报表", "所得税汇算清缴", "所得税年度纳税申报"), "revenue_last_year"),
    (("社保缴纳证明", "社会保险缴费", "参保证明", "社保证明"), "employees_insured"),
    (("专利证书",), "patents_invention"),
    (("海关备案", "报关单位备案"), "has_customs_registration"),
    (("安全生产许可证",), "has_safety_permit"),
    (("资质证书", "施工资质"), "construction_qualification"),
    (("信用报告", "信用承诺", "失信查询"), "is_dishonest"),
    (("进出口", "报关单"), "trade_value_usd_last_year"),
    (("研发费用加计扣除",), "rd_expense_last_year"),
)
BASICS: Final = ("uscc", "name", "region")


def proof_of(material: str) -> str | None:
    """The indicator that already proves what a material would; None if the firm must hand it in."""
    return next((indicator for words, indicator in PROVEN_BY if any(word in material for word in words)), None)


def saving(form: Mapping[str, Any]) -> dict[str, int]:
    """What a form spares the firm: fields filled of all fields, materials struck of all materials."""
    fields, materials = form["fields"], form["materials"]
    return {
        "fields": len(fields),
        "filled": sum(field["value"] is not None for field in fields),
        "materials": len(materials),
        "struck": sum(material["proof"] is not None for material in materials),
    }


def _known(inputs: Inputs, enterprises: Sequence[str]) -> dict[str, dict[str, dict[str, Any]]]:
    facts = shaped(inputs.facts, FACTS, "依据").filter(pl.col("enterprise_id").is_in(sorted(set(enterprises))))
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in facts.iter_rows(named=True):
        found.setdefault(row["enterprise_id"], {})[row["indicator"]] = row
    return found


def forms(kept: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """(row, form) for the lines that invite to apply: a JSON object `fields, materials, saving`.

    A field is every indicator the item's conditions name plus the firm's basics; its value comes with department, table and
    day, or is null and asked for. A material is struck off only if its proof is a fact we hold for this very firm.
    """
    invited = kept.filter(pl.col("kind").is_in(sorted(MESSAGE)))
    wanted: dict[tuple[str, int], list[str]] = {}
    for item, version, indicator in (
        inputs.indicators_of.select("item_id", "version", "indicator")
        .unique()
        .sort("item_id", "version", "indicator")
        .iter_rows()
    ):
        wanted.setdefault((item, version), []).append(indicator)
    known = _known(inputs, invited["enterprise_id"].to_list())
    texts: list[str] = []
    for row in invited.iter_rows(named=True):
        facts = known.get(row["enterprise_id"], {})
        fields = [
            {"field": name, "value": row[name], "department": "market", "table": "baseinfo", "valid_at": None}
            for name in BASICS
        ]
        fields += [_field(name, facts.get(name)) for name in wanted.get((row["item_id"], row["version"]), [])]
        materials = [
            {"material": material, "proof": proof if proof in facts else None}
            for material in row["materials"] or []
            for proof in [proof_of(material)]
        ]
        form = {"fields": fields, "materials": materials}
        texts.append(json.dumps({**form, "saving": saving(form)}, ensure_ascii=False, sort_keys=True))
    return invited.select("row", pl.Series("form", texts, dtype=pl.String))


def _field(name: str, fact: Mapping[str, Any] | None) -> dict[str, Any]:
    if fact is None:
        return {"field": name, "value": None, "department": None, "table": None, "valid_at": None}
    day = fact["valid_at"]
    return {
        "field": name,
        "value": fact["value"],
        "department": fact["department"],
        "table": fact["table_name"],
        "valid_at": day.isoformat() if day else None,
    }
