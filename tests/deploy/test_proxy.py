"""The shipped proxy before a real nginx: what may reach Dagster and what may not (reliability.md, row 48).

Needs nginx (HUIQI_NGINX names the program); where there is none the tests are skipped, the rules of the file are read all the same.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

CONFIG = Path(__file__).resolve().parents[2] / "deploy" / "nginx.conf"
NGINX = os.environ.get("HUIQI_NGINX") or shutil.which("nginx") or ""
OURS, JSON = "https://huiqi.example", "application/json"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Upstream(BaseHTTPRequestHandler):
    """Stands for Dagster: says which instance was reached, by which way."""

    def _answer(self) -> None:
        said = f"{self.server.server_port} {self.command} {self.path}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _answer

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, dict[str, int]]]:
    """(the proxy's port, upstream ports) of the shipped file with its names and ports filled in, without TLS."""
    if not NGINX:
        pytest.skip("没有 nginx")
    folder = tmp_path_factory.mktemp("nginx")
    servers = {name: ThreadingHTTPServer(("127.0.0.1", 0), Upstream) for name in ("8710", "3000", "3001")}
    for server in servers.values():
        threading.Thread(target=server.serve_forever, daemon=True).start()
    port = free_port()
    text = re.sub(r"^\s*ssl_.*$", "", CONFIG.read_text(encoding="utf-8"), flags=re.M)
    text = text.replace("HUIQI_HOST", "huiqi.example").replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    for name, server in servers.items():
        text = re.sub(rf"\b{name}\b", str(server.server_port), text)
    own = f"pid {folder}/pid; error_log {folder}/error.log; daemon off;\n"
    own_http = "".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    path = folder / "nginx.conf"
    path.write_text(own + text.replace("http {", f"http {{ access_log off; {own_http}", 1), encoding="utf-8")
    running = subprocess.Popen([NGINX, "-c", str(path), "-p", str(folder)], stderr=subprocess.PIPE, text=True)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        assert running.poll() is None, running.stderr.read() if running.stderr else ""
        time.sleep(0.05)
    yield port, {name: server.server_port for name, server in servers.items()}
    running.terminate()
    running.wait(10)
    for server in servers.values():
        server.shutdown()


def asked(port: int, method: str, path: str, **headers: str) -> tuple[int, str]:
    con = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    con.request(method, path, body=b"{}" if method == "POST" else None, headers={"Host": "huiqi.example", **sent})
    answer = con.getresponse()
    said = answer.read().decode("utf-8", "replace")
    con.close()
    return answer.status, said


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/dagster/graphql?query=mutation{launch}", {"Origin": OURS}),
        ("GET", "/dagster/graphql?query=mutation{launch}", {}),
        ("GET", "/dagster/%67raphql?query=mutation{launch}", {}),
        ("GET", "/dagster//graphql?query=mutation{launch}", {}),
        ("GET", "/dagster/x/../graphql?query=mutation{launch}", {}),
        ("GET", "/dagster/graphql/", {"Origin": OURS}),
        ("POST", "/dagster/graphql", {"Content_Type": JSON}),
        ("POST", "/dagster/graphql", {"Content_Type": JSON, "Origin": "https://evil.example"}),
        ("POST", "/dagster/graphql", {"Content_Type": JSON, "Origin": "https://huiqi.example.evil.example"}),
        ("POST", "/dagster/graphql", {"Content_Type": JSON, "Origin": "null"}),
        ("POST", "/dagster/graphql", {"Content_Type": "text/plain", "Origin": OURS}),
        ("POST", "/dagster/graphql", {"Content_Type": "application/x-www-form-urlencoded", "Origin": OURS}),
        ("POST", "/dagster/graphql?query=mutation{launch}", {"Content_Type": JSON, "Origin": OURS}),
        ("GET", "/dagster/graphql", {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "https://evil.example"}),
        ("POST", "/dagster/report_asset_materialization/raw", {"Content_Type": JSON, "Origin": OURS}),
        ("GET", "/dagster/report_asset_check/raw", {"Origin": OURS}),
        ("POST", "/dagster/runs", {"Content_Type": JSON, "Origin": OURS}),
        ("DELETE", "/dagster/runs", {"Origin": OURS}),
        ("POST", "/view/graphql", {"Content_Type": JSON, "Origin": "https://evil.example"}),
    ],
)  # fmt: skip
def test_what_could_start_a_run_from_elsewhere_is_refused(
    door: tuple[int, dict[str, int]], method: str, path: str, headers: dict[str, str]
) -> None:
    assert asked(door[0], method, path, **headers)[0] == 403


@pytest.mark.parametrize(
    ("method", "path", "headers", "upstream"),
    [
        ("GET", "/dagster/runs", {}, "3000"),
        ("POST", "/dagster/graphql", {"Content_Type": JSON, "Origin": OURS}, "3000"),
        ("POST", "/dagster/graphql", {"Content_Type": f"{JSON}; charset=utf-8", "Origin": OURS}, "3000"),
        ("GET", "/dagster/graphql", {"Upgrade": "websocket", "Connection": "Upgrade", "Origin": OURS}, "3000"),
        ("GET", "/view/runs", {}, "3001"),
        ("POST", "/view/graphql", {"Content_Type": JSON, "Origin": OURS}, "3001"),
        ("GET", "/pushes", {}, "8710"),
        ("POST", "/sign-in", {"Content_Type": "application/x-www-form-urlencoded"}, "8710"),
    ],
)
def test_people_reach_their_own_instance(
    door: tuple[int, dict[str, int]], method: str, path: str, headers: dict[str, str], upstream: str
) -> None:
    status, said = asked(door[0], method, path, **headers)
    assert (status, said) == (200, f"{door[1][upstream]} {method} {path}")


def test_nothing_but_the_proxy_listens_outside() -> None:
    """The direct ports are not reachable from elsewhere: every server of ours binds 127.0.0.1, and the proxy speaks to nothing else."""
    text = CONFIG.read_text(encoding="utf-8")
    assert set(re.findall(r"proxy_pass http://([^:;]+)", text)) == {"127.0.0.1"}
    makefile = (CONFIG.parents[1] / "Makefile").read_text(encoding="utf-8")
    assert "dagster dev -w workspace.yaml -h 127.0.0.1" in makefile and "0.0.0.0" not in makefile
    assert "--read-only --path-prefix /view" in text
