"""What clerks found of the documents that applicants named (材料核验), read back from `control.sqlite`."""

from assets.ports import Control

NEWEST = "SELECT * FROM document_check WHERE check_id IN (SELECT max(check_id) FROM document_check GROUP BY case_no, indicator, value)"


def checked(control: Control) -> dict[tuple[str, str, str], tuple[bool, str]]:
    """(case, indicator, declared value) → (whether the document bears it out, the clerk's note); the newest word counts."""
    if not control.rows("SELECT 1 FROM sqlite_master WHERE name = 'document_check'"):
        return {}
    return {
        (row["case_no"], row["indicator"], row["value"]): (bool(row["holds"]), row["note"])
        for row in control.rows(NEWEST)
    }
