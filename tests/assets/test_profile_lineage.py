"""The lineage that is kept belongs to the statements that run."""

from assets.profile import lineage
from assets.profile.plan import statements


def test_the_lineage_that_is_kept_was_traced_from_these_statements():
    assert lineage.kept_fingerprints() == lineage.fingerprints(), "run: python -m assets.profile.lineage"
    assert set(lineage.kept()) >= set(statements()) - {"sourced", "evidence", "coverage", "due"}
    assert ("raw.tax_arrears", "balance_yuan") in lineage.kept()["tax"]["tax_arrears_yuan"]
    assert ("profile.tax", "tax_arrears_yuan") in lineage.kept()["enterprise"]["tax_arrears_yuan"]
