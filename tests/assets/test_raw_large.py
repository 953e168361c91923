"""A delivery read in parts ends in the same tables, to the bit, as one read whole, and takes no more memory for being larger."""

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from assets.raw import large
from assets.raw.large import Large
from data import contract
from data.contract import Form, Table
from data.readers import Reading, RefusedFile, parts, pool, source
from data.readers import text as delimited

sys.path.insert(0, str(Path(__file__).parent))
from raw_home import BASE, DAY, VAT, Home, control, csv, vat

TABLES = ("market_baseinfo", "tax_vat", "finance_payment", "reform_penalty")
LATER = "2024-03-03T09:00:00+08:00"
WRITTEN = ("raw.delivery_load", "raw.subject", "quality.reject", "quality.check")


def in_this_process(self: object, path: Path, form: Form, table: Table) -> Iterator[Reading | RefusedFile]:
    try:
        yield from parts(path, form, table)
    except RefusedFile as error:
        yield error


@pytest.fixture
def in_parts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every delivery counts as large, a part is a few rows; what was read so is listed."""
    seen: list[str] = []
    taken = Large.take

    def take(self: Large, reading: Reading, text: pl.DataFrame, key: bytes) -> None:
        seen.append(self.file.arrival["name"])
        taken(self, reading, text, key)

    monkeypatch.setattr(large, "LARGE_BYTES", 0)
    monkeypatch.setattr(large, "COMPARED", 20)
    monkeypatch.setattr(Large, "take", take)
    monkeypatch.setattr(pool.Pool, "parts", in_this_process)
    for where, name, size in ((source, "CHUNK", 900), (source, "KEEP", 0), (delimited, "BLOCK_BYTES", 900), (delimited, "_HEAD_BYTES", 1800)):  # fmt: skip
        monkeypatch.setattr(where, name, size)
    return seen


# Without quotes, and with a comma in the address.
COMMA = "c{},91460100MA4Q8NMD0P,460100012397356,海南祥链有限公司,1151,E,5013,王某,1.0,156,2021-12-14,2021-12-14,2021-12-14,9999-12-31,和平大道30号,145室,460108,零售。,460100,3,10093506773,0,U,2023-04-05 11:32:42"


def market() -> bytes:
    """Repeats near and far, faults of every level, a broken line, a record over two lines, a subject named again, commas nobody quoted."""
    rows = [{**BASE, "PRIPID": f"p{i}", "ENTNAME": f"海南{i % 7}有限公司"} for i in range(60)]
    rows[30]["ENTNAME"] = "海南\n三有限公司"
    rows += [
        rows[0],
        rows[59],
        {**BASE, "PRIPID": "q1", "ESTDATE": "2026-02-30"},
        {**BASE, "PRIPID": "q2", "REGCAP": "-1"},
    ]
    lines = csv(*rows).replace(b'"p40"', b'"p40,"').split(b"\r\n")
    for place in (8, 52):
        lines.insert(place, COMMA.format(place).encode("gb18030"))
    return b"\r\n".join(lines)


def deliveries(home: Home) -> None:
    home.land(DAY, market())
    tax = vat(*[str(i) for i in range(80)], "79")
    home.land(VAT, tax, received=LATER, control=control(tax, 81, str(sum(range(80)) + 79)))
    wrong = vat(*[str(i) for i in range(80)])
    home.land(
        VAT.replace("202401", "202402"), wrong, LATER, control=control(wrong, 80, "1").replace("202401", "202402")
    )
    home.land(
        "SCJG_E_BASEINFO_20240103_I_01.csv", csv(*[{**BASE, "PRIPID": f"b{i}", "ESTDATE": "不详"} for i in range(40)])
    )
    home.land("SCJG_E_BASEINFO_20240104_I_01.csv", market() + "\r\n海南".encode()[:-1])
    home.land("CZT_ZFMX_20240105_I_01.csv", payments(), LATER)
    fields = ("cf_xdr_mc", "cf_xdr_shxym", "cf_wsh", "cf_wfxw", "cf_nr_fk", "cf_jdrq", "cf_gsjzq", "cf_xyxf")
    penalties = [
        {
            **dict.fromkeys(fields, "1" if i % 9 else None),
            "cf_wsh": f"琼罚{i}",
            "cf_xdr_mc": f"海南{i % 5}有限公司",
            "cf_jdrq": "2024-01-01" if i != 7 else "去年",
            "cf_gsjzq": "长期",
            "cf_xyxf": "未修复",
            "updated_at": f"2024-01-0{1 + i % 3} 10:00:00",
            **({"cf_frdb": "王某"} if i > 20 else {}),
        }
        for i in (*range(40), 3)
    ]
    lines = [json.dumps(p, ensure_ascii=False) for p in penalties]
    lines[12] = lines[12][:-5]
    home.land("FGW_XZCF_20240105_I_01.jsonl", "\n".join(lines).encode())
    columns = [c.header for c in contract.table("market", "baseinfo").columns.values()]
    copied = [
        "\t".join(str({**BASE, "PRIPID": f"d{i % 44}", "ENTNAME": "海\\t南"}.get(c, "\\N")) for c in columns)
        for i in range(50)
    ]
    script = ["SET x;", f"COPY public.e_baseinfo ({', '.join(columns)}) FROM stdin;", *copied, "1\t2", "\\.", "-- end"]
    home.land("SCJG_E_BASEINFO_2024Q1_F_01.sql.gz", gzip.compress("\n".join(script).encode(), mtime=0))


def payments() -> bytes:
    """One voucher told twice with two amounts, far apart; one told twice alike; pages with subtotals."""
    names = [c.header for c in contract.table("finance", "payment").columns.values()]
    row = {
        "支付日期": "2024-01-05",
        "收款人全称": "海南甲有限公司",
        "支付金额": "1,234.50",
        "收款人账号": "6222",
        "退回标志": "正常",
    }
    rows = [{**row, "支付凭证号": f"V{i:03d}"} for i in range(50)]
    rows += [{**row, "支付凭证号": "V001", "支付金额": "9.00"}, rows[3]]
    lines = [",".join(f'"{r.get(n, "")}"' for n in names) for r in rows]
    for place in (20, 40):
        lines.insert(place, '"本页合计"' + "," * (len(names) - 1))
    return "\r\n".join([",".join(names), *lines, ""]).encode("gb18030")


def told(home: Home) -> dict[str, pl.DataFrame]:
    home.refresh(*TABLES)
    names = [*WRITTEN, *(f"raw.{key}" for key in TABLES)]
    return {name: home.warehouse.frame(f"SELECT * FROM {name} ORDER BY ALL") for name in names}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, pl.DataFrame]]:
    home = Home(tmp_path_factory.mktemp("whole"))
    deliveries(home)
    return home.folder, told(home)


def test_parts_and_the_whole_end_in_the_same_tables(
    whole: tuple[Path, dict[str, pl.DataFrame]], tmp_path: Path, in_parts: list[str]
) -> None:
    home = Home(tmp_path)
    (tmp_path / "keys").mkdir()
    # Personal values are hashed with the home's own key.
    (tmp_path / "keys" / "personal.key").write_bytes((whole[0] / "keys" / "personal.key").read_bytes())
    deliveries(home)
    found = told(home)
    assert in_parts.count(DAY) > 5
    assert in_parts.count(VAT) > 5
    for name, frame in whole[1].items():
        assert found[name].equals(frame), name
    loaded = dict(found["raw.delivery_load"].sort("name").select("name", "status").iter_rows())
    assert [n for n, status in loaded.items() if status == "refused"] == [
        "SCJG_E_BASEINFO_20240103_I_01.csv",
        "SCJG_E_BASEINFO_20240104_I_01.csv",
        VAT.replace("202401", "202402"),
    ]
    assert home.rows("SELECT pripid, address FROM raw.market_baseinfo WHERE pripid LIKE 'c%' ORDER BY 1") == [
        ("c52", "和平大道30号,145室"),
        ("c8", "和平大道30号,145室"),
    ]
    notes = home.rows(f"SELECT notes FROM raw.delivery_load WHERE name = '{DAY}'")[0][0]
    assert "；2 行因格内有未加引号的分隔符" in notes
    counts = "SELECT rows_in, rows_loaded, rows_rejected, rows_duplicate, rows_total FROM raw.delivery_load WHERE name LIKE 'CZT%'"
    assert home.rows(counts) == [(54, 49, 2, 1, 2)]
    assert not list((tmp_path / "spill").glob("delivery-*")), "nothing is left behind"


def test_a_part_that_cannot_be_trusted_takes_the_others_with_it(tmp_path: Path, in_parts: list[str]) -> None:
    home = Home(tmp_path)
    raw = market()
    home.land(DAY, raw[:-40] + b"\xff\xff" + raw[-40:])
    home.refresh()
    assert in_parts.count(DAY) > 3
    assert home.rows("SELECT status, rows_in, rows_loaded FROM raw.delivery_load") == [("refused", 0, 0)]
    assert home.rows("SELECT count(*) FROM raw.market_baseinfo") == [(0,)]
    assert home.rows("SELECT count(*) FROM raw.subject") == [(0,)]
    assert home.rows("SELECT row_no FROM quality.reject") == [(0,)]
