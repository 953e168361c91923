"""The decision service under load on loopback: one enterprise against every item, latency and rate, from a load generator of its own.

    python benchmarks/service.py [HOME] [--seconds 10] [--connections 16]

HOME (else HUIQI_HOME, else warehouse/) is one that `huiqi run` has published. A request is one decision: one enterprise against all items in
force; pairs per second are that times the items. Each request asks for an enterprise drawn at random. No answer is cached as text.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import resource
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
DECISIONS_A_SECOND = 2_300
"""The load of a provincial health code: 69,000 people in 30 seconds."""
P99_MS = 20.0


def serve(home: Path, port: int) -> None:
    import uvicorn

    from dashboards.app import create

    uvicorn.run(create(home), host="127.0.0.1", port=port, log_level="warning", server_header=False, access_log=False)


class Caller(asyncio.Protocol):
    """One kept-alive connection that sends the next request when an answer is whole, or when its time has come."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.buffer = bytearray()
        self.sent_at = 0.0
        self.wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.send()

    def send(self) -> None:
        due = self.run.next_due()
        now = time.perf_counter()
        if due is None:
            self.transport.close()
            self.run.closed()
        elif due > now:
            asyncio.get_running_loop().call_later(due - now, self._send, due)
        else:
            self._send(due)

    def _send(self, due: float) -> None:
        # timed from when it was due: a server that lags may not slow the clock that measures it
        self.sent_at = due
        self.transport.write(self.run.request())

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.wanted:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            head = bytes(self.buffer[:end]).lower()
            if not head.startswith(b"http/1.1 200"):
                raise RuntimeError(bytes(self.buffer).decode("utf-8", "replace"))
            at = head.index(b"content-length:") + 15
            self.wanted = end + 4 + int(head[at:].split(b"\r\n", 1)[0])
        if len(self.buffer) >= self.wanted:
            self.run.done(time.perf_counter() - self.sent_at, self.wanted)
            self.buffer.clear()
            self.wanted = 0
            self.send()


class Run:
    """One measurement: as fast as the connections allow, or at a given rate of requests per second."""

    def __init__(self, requests: list[bytes], seconds: float, rate: float | None, seed: int = 7) -> None:
        self.requests = requests
        self.random = random.Random(seed)
        self.seconds = seconds
        self.rate = rate
        self.latencies: list[float] = []
        self.bytes = 0
        self.issued = 0
        self.start = 0.0
        self.open = 0
        self.finished: asyncio.Future[None] | None = None

    def next_due(self) -> float | None:
        now = time.perf_counter()
        due = now if self.rate is None else self.start + self.issued / self.rate
        if max(due, now) > self.start + self.seconds:
            return None
        self.issued += 1
        return due

    def request(self) -> bytes:
        return self.random.choice(self.requests)

    def done(self, latency: float, size: int) -> None:
        self.latencies.append(latency)
        self.bytes += size

    def closed(self) -> None:
        self.open -= 1
        if self.open == 0 and self.finished is not None and not self.finished.done():
            self.finished.set_result(None)

    async def measure(self, port: int, connections: int) -> dict[str, float]:
        loop = asyncio.get_running_loop()
        self.finished = loop.create_future()
        self.open = connections
        self.start = time.perf_counter()
        for _ in range(connections):
            await loop.create_connection(lambda: Caller(self), "127.0.0.1", port)
        await self.finished
        taken = time.perf_counter() - self.start
        found = sorted(self.latencies)
        return {
            "requests": len(found),
            "per_second": len(found) / taken,
            "p50_ms": found[len(found) // 2] * 1e3,
            "p99_ms": found[int(len(found) * 0.99)] * 1e3,
            "max_ms": found[-1] * 1e3,
            "mb_per_second": self.bytes / taken / 1e6,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", nargs="?", type=Path, default=Path(os.environ.get("HUIQI_HOME", ROOT / "warehouse")))
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    home = args.home.resolve()
    if args.serve:
        serve(home, args.serve)
        return
    if not (home / "CURRENT").exists():
        # not a failure: `make bench` runs every benchmark, published or not
        print(f"not measured: {home} has nothing published; `make run` first, or name a home")
        return
    with tempfile.TemporaryDirectory(prefix="huiqi-bench-") as folder:
        # the token must not end up in the measured home: its published copy is borrowed
        aside = Path(folder)
        said = json.loads((home / "CURRENT").read_text(encoding="utf-8"))
        (aside / said["file"]).symlink_to(home / said["file"])
        (aside / "CURRENT").write_text(json.dumps(said), encoding="utf-8")
        measure(aside, args.seconds, args.connections)


def measure(home: Path, seconds: float, connections: int) -> None:
    from pipelines import tokens
    from pipelines.decisions import Desk

    token = tokens.add(home, "bench", 1_000_000)
    with Desk(home) as desk:
        keys = desk.frame("SELECT uscc FROM profile.enterprise WHERE uscc IS NOT NULL ORDER BY 1")["uscc"].to_list()
        items = len(desk.program.items)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    requests = [
        f"GET /v1/enterprises/{quote(key)}/matches HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        for key in keys
    ]
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).resolve()), str(home), "--serve", str(port)], cwd=ROOT
    )
    try:
        warm = wait(port, requests[0])
        print(
            f"{len(keys):,} enterprises x {items} items; first answer (the publication read and decided) after {warm:.1f} s"
        )
        print(f"{'':34}{'requests/s':>11}{'pairs/s':>12}{'p50 ms':>8}{'p99 ms':>8}{'max ms':>8}{'MB/s':>7}")
        asyncio.run(Run(requests, 1.0, None).measure(port, connections))
        before = cpu_seconds(server.pid)
        full = asyncio.run(Run(requests, seconds, None).measure(port, connections))
        spent = cpu_seconds(server.pid) - before
        report(f"as fast as {connections} connections ask", full, items)
        steady = asyncio.run(Run(requests, seconds, DECISIONS_A_SECOND).measure(port, connections * 2))
        report(f"{DECISIONS_A_SECOND} a second, timed when due", steady, items)
    finally:
        server.terminate()
        server.wait()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"server: {used.ru_maxrss / 1024:.0f} MB at most; 1 process; load generator on the same machine ({os.cpu_count()} cores)"
    )
    if spent:
        each = spent / full["requests"]
        print(
            f"server CPU: {each * 1e3:.3f} ms a request, so {1 / each:,.0f} requests per CPU-second whatever else the machine does"
        )
    print(f"load while measured: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    held = steady["p99_ms"] <= P99_MS and steady["per_second"] >= 0.99 * DECISIONS_A_SECOND
    print(
        f"one enterprise x all items at {DECISIONS_A_SECOND}/s with p99 <= {P99_MS:.0f} ms: {'held' if held else 'NOT held'}"
    )


def report(label: str, found: dict[str, float], items: int) -> None:
    print(
        f"{label:34}{found['per_second']:>11,.0f}{found['per_second'] * items:>12,.0f}{found['p50_ms']:>8.1f}{found['p99_ms']:>8.1f}"
        f"{found['max_ms']:>8.1f}{found['mb_per_second']:>7.0f}"
    )


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far; 0 where there is no /proc."""
    place = Path(f"/proc/{pid}/stat")
    if not place.exists():
        return 0.0
    fields = place.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait(port: int, request: bytes) -> float:
    started = time.perf_counter()
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=600) as link:
                link.sendall(request)
                if not link.recv(64).startswith(b"HTTP/1.1 200"):
                    raise RuntimeError("the service refuses the benchmark's first request")
                return time.perf_counter() - started
        except ConnectionRefusedError:
            if time.perf_counter() - started > 120:
                raise
            time.sleep(0.05)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
