"""The first page a leader opens, cold: a server just started, a browser just started, a publication of any number of enterprises.

    python -m benchmarks.first_page --home HOME [--enterprises 300000] [--starts 5] [--path /] [--work DIR]

HOME is one that `huiqi run` has published. Its publication is copied, and every row of `mart`, `match` and `push` that belongs to an enterprise
is repeated under new names until there are enough enterprises. Each start is a new server process and a new Chromium. Prints milliseconds from
navigation to load, and until every chart is drawn, the bytes over the wire, and the server's CPU seconds for that page.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
from playwright.sync_api import Browser, sync_playwright

from pipelines.published import POINTER, current

# mart.md asks for a first page within this, cold.
AIM_MS = 1_500
# Columns that name what belongs to one enterprise: repeated rows get names of their own.
NAMES = ("enterprise_id", "uscc", "case_no", "line_key", "ticket_no", "voucher_no", "batch_no", "contact_hash")
DRAWN = "document.querySelectorAll('.plot[data-drawn=yes]').length === document.querySelectorAll('figure.chart script.option').length"
# Chromium's own switches for a machine without a screen or a network.
FLAGS = ("--no-sandbox", "--headless=new", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def grow(home: Path, work: Path, enterprises: int) -> tuple[int, int]:
    """A home at `work` whose publication has `enterprises` of them or a few more. Returns how many, and the file's bytes."""
    published = current(home)
    copy = work / published.path.name
    shutil.copyfile(published.path, copy)
    con = duckdb.connect(str(copy), config={"memory_limit": "4GB", "temp_directory": str(work / "spill")})
    con.execute("SET preserve_insertion_order = false")
    have = int(con.execute("SELECT count(*) FROM mart.dim_enterprise").fetchall()[0][0])
    times = -(-enterprises // have)
    columns: dict[str, list[str]] = {}
    for schema, table, column in con.execute(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns "
        "WHERE table_schema IN ('mart', 'match', 'push') ORDER BY table_schema, table_name, ordinal_position"
    ).fetchall():
        columns.setdefault(f'{schema}."{table}"', []).append(column)
    for table, held in columns.items():
        if "enterprise_id" in held and times > 1:
            said = ", ".join(f'"{name}" || \'-\' || k AS "{name}"' for name in NAMES if name in held)
            con.execute(f"CREATE TEMP TABLE once AS SELECT * FROM {table}")
            con.execute(f"INSERT INTO {table} SELECT once.* REPLACE ({said}) FROM once, range(1, {times}) AS copies(k)")
            con.execute("DROP TABLE once")
    con.execute("CHECKPOINT")
    con.close()
    pointer = json.loads((home / POINTER).read_text(encoding="utf-8"))
    pointer["bytes"] = copy.stat().st_size
    (work / POINTER).write_text(json.dumps(pointer), encoding="utf-8")
    return have * times, copy.stat().st_size


@contextmanager
def _server(home: Path) -> Iterator[tuple[str, int]]:
    """The address of a dashboard in a process of its own that answers, and that process's number."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-c", "from pipelines.cli import main; main()", "dashboard", "--port", str(port)]
    process = subprocess.Popen([*command, "--home", str(home)], stdout=subprocess.DEVNULL, env=dict(os.environ))
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with socket.socket() as door:
                if door.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                raise SystemExit(f"看板没有启动，退出码 {process.returncode}")
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(20)


def _cpu(pid: int) -> float:
    """CPU seconds of a process so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def visit(browser: Browser, address: str, path: str) -> tuple[float, float, int]:
    """Milliseconds to load and to the last chart, bytes over the wire."""
    page = browser.new_page(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    wire: list[int] = []
    page.on("requestfinished", lambda request: wire.append(request.sizes()["responseBodySize"]))
    start = time.perf_counter()
    answer = page.goto(address + path, wait_until="load")
    loaded = time.perf_counter() - start
    page.wait_for_function(DRAWN)
    drawn = time.perf_counter() - start
    if answer is None or not answer.ok:
        raise SystemExit(f"{path} 没有打开：{answer.status if answer else '没有回答'}")
    page.wait_for_load_state("networkidle")
    page.close()
    return loaded * 1000, drawn * 1000, sum(wire)


def main() -> None:
    parser = argparse.ArgumentParser(description="首屏：冷启动到图表画完")
    parser.add_argument("--home", type=Path, required=True, help="已发布过结果的数据目录（只读）")
    parser.add_argument("--enterprises", type=int, default=300_000)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--path", default="/")
    parser.add_argument("--work", type=Path, help="放大后的发布放在哪里，可再用（默认临时目录，用后删除）")
    asked = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("没有 chromium；先运行 make test-ui")
    with tempfile.TemporaryDirectory(prefix="huiqi-page-") as scratch:
        work = asked.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        if not (work / POINTER).exists():
            grown, size = grow(asked.home, work, asked.enterprises)
            sys.stdout.write(f"{grown:,} 家企业的发布，{size / 2**30:.2f} GB\n")
        loads, draws = [], []
        with sync_playwright() as playwright:
            for place in range(1, asked.starts + 1):
                with _server(work) as (address, pid):
                    browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
                    before = _cpu(pid)
                    loaded, drawn, weight = visit(browser, address, asked.path)
                    spent = _cpu(pid) - before
                    browser.close()
                loads.append(loaded)
                draws.append(drawn)
                sys.stdout.write(
                    f"第 {place} 次：载入 {loaded:.0f} 毫秒，画完 {drawn:.0f} 毫秒，{weight / 1000:.0f} kB，服务端 CPU {spent:.2f} 秒\n"
                )
                sys.stdout.flush()
    sys.stdout.write(
        f"载入中位 {statistics.median(loads):.0f}、最长 {max(loads):.0f} 毫秒；画完最长 {max(draws):.0f} 毫秒（目标 {AIM_MS}）\n"
    )


if __name__ == "__main__":
    main()
