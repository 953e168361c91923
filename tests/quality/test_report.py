"""The quality report: what is shown, that nothing delivered can become markup, and that it calls nobody."""

from datetime import datetime

from quality.report import page

KNOWN = datetime(2024, 12, 31, 23, 59)


def test_every_section_shows_its_rows_and_says_when_there_are_none() -> None:
    text = page(
        KNOWN,
        [{"department": "税务局", "table": "增值税申报", "contact": "数据科", "files": 3, "refused": 1, "rows": 12345, "rejects": 2, "latest": "202411"}],
        [{"name": "a.csv", "department": "税务局", "received_at": KNOWN, "reason": "控制文件写 50 行，实际 49 行"}],
        [],
        [{"department": "税务局", "table": "欠税", "label": "余额不为负", "level": "row", "row_count": 9, "bad_rows": 1, "broken": None}],
        [{"department": "税务局", "table": "增值税申报", "period": "202411", "alarm": "迟到", "detail": "应在 2024-12-17 前后收到"}],
    )  # fmt: skip
    assert "12,345" in text
    assert "数据科" in text
    assert "控制文件写 50 行，实际 49 行" in text
    assert "余额不为负" in text
    assert "应在 2024-12-17 前后收到" in text
    assert "退回的行（按原因）</h2><p>没有。" in text


def test_a_file_name_cannot_become_markup_and_nothing_is_fetched() -> None:
    text = page(KNOWN, [], [{"name": "<script>x</script>", "reason": "=1&2"}], [], [])
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "http" not in text
    assert "src=" not in text
