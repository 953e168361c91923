"""What a month may suffer: kills at random moments, the same delivery twice, a run without news, steps asked for again."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from datetime import time as time_of_day
from pathlib import Path
from typing import Any, TypeVar

from pipelines import steps
from pipelines.approval import Desk
from pipelines.docket import RefusedError

Answer = TypeVar("Answer")


@dataclass
class Faults:
    """`kills` per long step; what happened is counted in `seen`."""

    kills: int
    random: random.Random
    seen: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def harass(self, what: str, words: Sequence[str], cwd: Path, environment: dict[str, str]) -> None:
        """Starts a program `kills` times and kills it and its children with SIGKILL somewhere within the time it took last."""
        for _ in range(self.kills):
            patience = self.random.uniform(0.3, self.seconds.get(what, 30.0))
            process = subprocess.Popen(
                words,
                cwd=cwd,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            try:
                process.wait(patience)
                self.seen[f"{what}在被杀前完成"] += 1
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                self.seen[f"{what}被杀"] += 1

    def timed(self, what: str, step: Callable[[], Answer]) -> Answer:
        """The step's answer; how long it took is when it may be killed next time."""
        begun = time.monotonic()
        answer = step()
        self.seconds[what] = time.monotonic() - begun
        return answer

    def deliver_again(self, home: Path, day: date) -> None:
        """Lays accepted files back at the door, one of them money: the same bytes under the same name, come on `day`."""
        files = sorted(p for p in (home / "accepted").glob("*/*/*") if p.suffix in (".csv", ".jsonl", ".xlsx"))
        money = [p for p in files if p.name.startswith("CZT_ZFMX")]
        departments = {"CZT": "finance", "SBXT": "apply", "DXWG": "sms", "SWJ": "tax", "RSJ": "labor", "KJT": "science"}
        for path in [self.random.choice(money), *self.random.sample(files, 2)]:
            department = departments.get(path.name.split("_", 1)[0])
            if department is None:
                continue
            folder = home / "landing" / department / f"{day:%Y%m%d}"
            folder.mkdir(parents=True, exist_ok=True)
            again = Path(shutil.copy(path, folder / path.name))
            noon = datetime.combine(day, time_of_day(12)).timestamp()
            os.utime(again, (noon, noon))
            self.seen["重复交付"] += 1

    def ask_again(self, home: Path, desk: Desk, officer: str, phrase: str, at: datetime) -> None:
        """Submits, approves, freezes and exports every list of the day a second time; each must be refused."""
        rows = desk.control.rows(
            "SELECT list_id, sha256, kind FROM push_list WHERE status IN ('exported', 'reconciled') ORDER BY as_of DESC, list_id LIMIT 20"
        )
        for row in rows:
            name = row["list_id"]
            again: dict[str, Callable[[], Any]] = {
                "提交": lambda name=name: steps.submit(home, desk, name, officer, phrase, at),
                "冻结": lambda name=name: steps.freeze(home, desk, name, officer, phrase, at),
                "导出": lambda name=name: steps.release(home, desk, name, officer, phrase, at),
            }
            for what, step in again.items():
                try:
                    step()
                except RefusedError:
                    self.seen[f"重复{what}被拒"] += 1
                except steps.UnknownListError:
                    self.seen[f"重复{what}：最新发布已无此单"] += 1
                else:
                    self.seen[f"重复{what}未被拒"] += 1

    def repeated_run(self, run: Callable[[], str], first: str) -> None:
        """The same deliveries give the same build and the same lists."""
        again, before = json.loads(run()), json.loads(first)
        same = all(again[name] == before[name] for name in ("build_id", "lists", "verdicts"))
        self.seen["重跑相同" if same else "重跑不同"] += 1
