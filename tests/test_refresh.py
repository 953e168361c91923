"""A refresh as the bureau lives it: again with nothing new, from nothing but the evidence, with bad deliveries among good ones."""

import gzip
import hashlib
import json
import shutil
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipelines.published import open_published
from tests.conftest import Ran, huiqi

DEPARTMENTS = {
    "market", "tax", "labor", "reform", "industry", "science", "finance", "commerce", "ip", "housing", "agri", "customs",
}  # fmt: skip

# What names the newest delivery of a feed changes when another copy of a file comes; the order of attention reads how fresh it is.
ABOUT_FEEDS = ("feed", "evidence", "key", "score")


def contents(home: Path, schema: str) -> dict[str, str]:
    """sha256 of every published table's rows, in the order they are kept."""
    with closing(open_published(home)) as con:
        tables = con.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = $s ORDER BY 1", {"s": schema}
        ).fetchall()
        return {
            name: hashlib.sha256(con.sql(f'FROM "{schema}"."{name}"').pl().write_json().encode()).hexdigest()
            for (name,) in tables
            if name != "publication"
        }


def rows(home: Path, sql: str) -> list[tuple[Any, ...]]:
    with closing(open_published(home)) as con:
        return con.execute(sql).fetchall()


def test_the_summary_tells_what_an_analyst_needs(ran: Ran) -> None:
    summary = ran.summary
    assert summary["enterprises"] > 1_500
    assert summary["rows"] > 100_000
    assert set(summary["verdicts"]) == {"免申即享", "即申即享", "承诺兑现"}
    assert all(counts.get("eligible") for counts in summary["verdicts"].values())
    assert {row["kind"] for row in summary["lists"]} >= {"auto_award", "invite", "nudge"}
    assert summary["seconds"] > 0


def test_all_twelve_departments_were_read(ran: Ran) -> None:
    read = {d for (d,) in rows(ran.home, "SELECT DISTINCT department FROM raw.delivery WHERE rows_loaded > 0")}
    assert read >= DEPARTMENTS


def test_no_row_is_lost(ran: Ran) -> None:
    lost = rows(
        ran.home,
        "SELECT name, rows_in, rows_loaded, rows_rejected, rows_duplicate, rows_total FROM raw.delivery"
        " WHERE status <> 'refused' AND rows_in <> rows_loaded + rows_rejected + rows_duplicate + rows_total",
    )
    assert lost == []


def test_the_mart_has_its_tables(ran: Ran) -> None:
    tables = {
        t for (t,) in rows(ran.home, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'mart'")
    }
    assert len(tables) >= 6
    assert {"fact_match", "fact_case", "fact_push", "feed_day", "metric"} <= tables


@pytest.fixture(scope="module")
def copy(ran: Ran, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home after the run, free to be changed."""
    home = tmp_path_factory.mktemp("copy") / "home"
    shutil.copytree(ran.home, home, symlinks=True)
    return home


def test_again_with_nothing_new_gives_the_same_bytes(ran: Ran, copy: Path) -> None:
    again = huiqi("run", "--json", home=copy)
    assert again.returncode in (0, 1), again.stderr
    assert json.loads(again.stdout)["build_id"] == ran.summary["build_id"]
    for schema in ("mart", "push", "match", "profile", "registry"):
        assert contents(copy, schema) == contents(ran.home, schema), schema


def test_bad_deliveries_and_a_lost_warehouse_change_no_verdict(ran: Ran, copy: Path) -> None:
    """Rebuilt from the evidence alone, with hostile files at the door: each is named, and every fact and verdict stays."""
    (copy / "warehouse.duckdb").unlink()
    accepted = {path.name: path for path in (copy / "accepted").rglob("*") if path.is_file()}
    landing = copy / "landing" / "hostile"
    landing.mkdir(parents=True, exist_ok=True)

    def put(name: str, data: bytes) -> None:
        (landing / name).write_bytes(data)
        receipt = {
            "file": name,
            "sha256": hashlib.sha256(data).hexdigest(),
            "bytes": len(data),
            "received_at": "2025-01-25T08:00:00+08:00",
            "sequence": 900_000,
        }
        (landing / f"{name}.receipt.json").write_text(json.dumps(receipt), encoding="utf-8")

    daily = next(p for n, p in sorted(accepted.items()) if n.startswith("SCJG_E_BASEINFO") and n.endswith("_I_01.csv"))
    text = daily.read_bytes()
    put("SCJG_E_BASEINFO_20250124_I_91.csv", text[: len(text) - 25])
    put("SCJG_E_BASEINFO_20250124_I_92.csv", text.decode("gb18030").encode("utf-16"))
    put("SCJG_E_BASEINFO_20250124_I_93.csv", text.replace(b'"UNISCID"', b'"UNISCCID"', 1))
    put("SCJG_E_BASEINFO_20250124_I_94.csv", b"")
    vat = next(p for n, p in sorted(accepted.items()) if n.startswith("SWJ_SB_ZZS") and n.endswith(".gz"))
    put("SWJ_SB_ZZS_202412_I_95.txt.gz", gzip.compress(gzip.decompress(vat.read_bytes())[:-40]))
    told = accepted[f"{vat.name}.ctl"].read_text(encoding="utf-8")
    (landing / "SWJ_SB_ZZS_202412_I_95.txt.gz.ctl").write_text(told, encoding="utf-8")
    put("不认识的文件.csv", b"a,b\n1,2\n")
    put(daily.name.replace("_01.csv", "_96.csv"), text)
    done = huiqi("run", "--json", home=copy)
    assert done.returncode == 1, done.stderr
    reasons = dict(rows(copy, "SELECT name, reason FROM raw.delivery WHERE status = 'refused' AND reason IS NOT NULL"))
    for name in ("SCJG_E_BASEINFO_20250124_I_92.csv", "SCJG_E_BASEINFO_20250124_I_94.csv", "不认识的文件.csv"):
        assert name in reasons, (name, reasons)
    assert "UNISCID" in reasons["SCJG_E_BASEINFO_20250124_I_93.csv"]
    assert "SWJ_SB_ZZS_202412_I_95.txt.gz" in reasons
    for schema in ("match", "profile", "registry"):
        before, after = contents(ran.home, schema), contents(copy, schema)
        for name in ABOUT_FEEDS:
            before.pop(name, None), after.pop(name, None)
        assert after == before, schema


def test_commands_read_the_publication_while_a_run_would_hold_the_warehouse(ran: Ran) -> None:
    done = huiqi("feeds", "--json", home=ran.home)
    assert done.returncode in (0, 1), done.stderr
    assert json.loads(done.stdout)


def test_one_pair_is_explained(ran: Ran) -> None:
    uscc, item = rows(
        ran.home,
        "SELECT uscc, item_id FROM match.pair WHERE verdict = 'eligible' AND uscc IS NOT NULL ORDER BY uscc, item_id LIMIT 1",
    )[0]
    told = json.loads(huiqi("explain", uscc, item, "--json", home=ran.home).stdout)
    assert told["verdict"] == "eligible"
    assert told["conditions"] and all(c["verdict"] for c in told["conditions"])
    assert all(c["sentence"] for c in told["conditions"])
