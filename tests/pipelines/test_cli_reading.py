"""`huiqi read`: one JSON document on stdout, a draft file, and Chinese messages for what cannot be read."""

import json
import sys
from pathlib import Path

import pytest

from data.corpus import parse_item
from pipelines.cli import main

TEXT = "第一条 在我市注册、上年度营业收入2000万元以上的企业，给予最高50万元奖励。\n"


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["huiqi", "read", *arguments])
    try:
        code = main()
    except SystemExit as stop:
        return int(stop.code or 0)
    return int(code or 0)


def test_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.txt"
    file.write_text("---\ntitle: 措施\nregion: 合肥市\n---\n" + TEXT, encoding="utf-8")
    assert _run(monkeypatch, str(file), "--json") == 0
    document = json.loads(capsys.readouterr().out)
    fields = {c["field"]: c["value"] for c in document["items"][0]["conditions"]}
    assert fields["registered_region"] == ["合肥市"]
    assert fields["revenue_last_year"] == 20_000_000
    assert document["items"][0]["award"]["cap_yuan"] == 500_000


def test_draft_is_a_policy_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, draft = tmp_path / "a.txt", tmp_path / "hf-income.md"
    file.write_text(TEXT, encoding="utf-8")
    assert _run(monkeypatch, str(file), "--draft", str(draft), "--issuer", "合肥市财政局", "--title", "措施") == 0
    assert parse_item(draft.read_text(encoding="utf-8"), draft).id == "hf-income"


def test_unreadable_input_is_wrong_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _run(monkeypatch, str(tmp_path / "none.txt")) == 2
    file = tmp_path / "b.txt"
    file.write_bytes(b"\xff\xfe\x00\x81")
    assert _run(monkeypatch, str(file)) == 2
