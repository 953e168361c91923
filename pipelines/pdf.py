"""HTML printed to PDF by a Chromium of the machine; none is bundled, and whoever asks is told when there is none."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE_SECONDS = 120


class NoPdfError(RuntimeError):
    """No PDF could be made; the Chinese message says what is missing."""


def printed(html: Path, pdf: Path) -> None:
    """Prints a self-contained HTML file; the PDF appears whole or not at all. Raises NoPdfError."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise NoPdfError(
            f"没有生成 PDF：本机没有 {BROWSERS[0]}（Debian：apt-get install chromium fonts-noto-cjk）；HTML 可用任何浏览器打印"
        )
    with tempfile.TemporaryDirectory(prefix="huiqi-pdf-") as folder:
        target = Path(folder) / "out.pdf"
        command = [
            browser,
            "--headless",
            "--disable-gpu",
            "--disable-extensions",
            "--no-first-run",
            # Nothing is to be fetched: the page carries all it needs.
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={folder}/profile",
            "--no-pdf-header-footer",
            f"--print-to-pdf={target}",
            html.resolve().as_uri(),
        ]
        if os.geteuid() == 0:  # Chromium refuses its sandbox to root
            command.insert(2, "--no-sandbox")
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NoPdfError(f"没有生成 PDF：{browser} 未能完成（{error}）") from error
        if done.returncode or not target.exists() or not target.read_bytes().startswith(b"%PDF"):
            said = (done.stderr.strip().splitlines() or ["没有说明"])[-1]
            raise NoPdfError(f"没有生成 PDF：{browser} 退出码 {done.returncode}，{said}")
        pdf.parent.mkdir(parents=True, exist_ok=True)
        fresh = pdf.with_suffix(".pdf.partial")
        shutil.copyfile(target, fresh)
        fresh.replace(pdf)
