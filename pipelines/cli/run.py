"""`huiqi run`: the whole job in this process, with progress by step and a summary an analyst understands."""

import os
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from matching.push.kinds import KINDS
from pipelines.cli import output
from pipelines.cli.output import AsOf, Home, Json, KnownAt
from pipelines.control import ControlStore
from pipelines.deliveries import REFUSALS, open_refusals, settled
from pipelines.published import NotPublishedError, current, open_published
from pipelines.scope import PROJECT, RunScope, resolve

LAYERS = {
    "raw": "接收与入库",
    "quality": "质量",
    "registry": "身份归一",
    "profile": "一企一档",
    "policy": "政策",
    "match": "判定",
    "push": "清单",
    "mart": "评价集市",
}
VERDICTS = {"eligible": "符合", "declarable": "待申明", "unknown": "缺数据", "ineligible": "不符合"}


def register(app: typer.Typer) -> None:
    app.command("run", help="运行整个作业并汇总。示例：huiqi run --as-of 2025-01-25")(run)


def run(
    home: Home = None,
    as_of: AsOf = None,
    known_at: KnownAt = None,
    rules_as_of: str = typer.Option("", "--rules-as-of", help="适用规则的日期（默认同 --as-of）", show_default=False),
    json: Json = False,
) -> None:
    """Runs every asset on one home. Exit code 1 when the run finished but something asks for attention, 4 when a step failed."""
    where = output.home_of(home)
    try:
        scope = resolve(where, as_of or "", known_at or "", rules_as_of)
    except ValueError as error:
        given = (("--as-of", as_of), ("--known-at", known_at), ("--rules-as-of", rules_as_of))
        said = " ".join(f"{name} {value}" for name, value in given if value)
        raise output.Stop(f"日期应写作 2024-06-30（--known-at 可带时刻 2024-07-15T12:00:00），实际为 {said}") from error
    started = time.monotonic()
    before = _last_published(where)
    failed = _execute(where, scope)
    if failed:
        for step, reason in failed:
            output.messages.print(f"[red]失败[/red] {step}：{reason}")
        output.messages.print("上一次发布的结果不受影响，仍可查询。修正后重新运行 `huiqi run`。")
        raise typer.Exit(output.FAILED)
    summary = {**summarised(where), "seconds": round(time.monotonic() - started, 1)}
    if json:
        output.print_json(summary)
    else:
        _print(summary, where, before)
    raise typer.Exit(output.ATTENTION if summary["attention"] else output.DONE)


def _execute(home: Path, scope: RunScope) -> list[tuple[str, str]]:
    """Runs the job in this process, telling each step as it ends; returns the failed steps with their reasons."""
    say = output.messages.print
    say(f"目录 {home}")
    say(f"事实日期 {scope.as_of}，截至 {scope.known_at:%Y-%m-%d %H:%M:%S} 已收到的交付，规则日期 {scope.rules_as_of}")
    say("装载资产图 …")
    from pipelines.definitions import JOB, assets, build
    from pipelines.history import opened

    os.environ.setdefault("DAGSTER_HOME", str(PROJECT / ".dagster"))
    job = build(home).resolve_job_def(JOB)
    dates = {
        "as_of": scope.as_of.isoformat(),
        "known_at": scope.known_at.isoformat(),
        "rules_as_of": scope.rules_as_of.isoformat(),
    }
    config = {
        "resources": {"scope": {"config": dates}},
        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    }
    run_id = str(uuid.uuid4())
    layer_of_step = {d.op.name: min(d.keys, key=lambda k: k.path).path[0] for d in assets()}
    with opened() as instance, _progress(instance, run_id, layer_of_step):
        result = job.execute_in_process(instance=instance, run_id=run_id, run_config=config, raise_on_error=False)
    return [(event.step_key or "", _reason(event)) for event in result.all_events if event.is_step_failure]


def _reason(event: Any) -> str:
    """The innermost reason of a failed step: our own words where the step gave them."""
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error else "原因不明"


class _Layers:
    """Steps done and seconds spent per layer; tells a layer when its last step has ended."""

    def __init__(self, layer_of_step: Mapping[str, str]) -> None:
        self._layer = layer_of_step
        self._left = Counter(layer_of_step.values())
        self._steps: Counter[str] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def ended(self, step: str, seconds: float) -> str:
        """Counts one step; returns its layer's Chinese name."""
        layer = self._layer.get(step, step.split("__")[0])
        self._left[layer] -= 1
        self._steps[layer] += 1
        self._seconds[layer] += seconds
        if self._left[layer] == 0:
            output.messages.print(
                f"  {LAYERS.get(layer, layer)}（{layer}）完成：{self._steps[layer]} 步，{self._seconds[layer]:.1f} 秒"
            )
        return LAYERS.get(layer, layer)


@contextmanager
def _progress(instance: Any, run_id: str, layer_of_step: Mapping[str, str]) -> Iterator[None]:
    """A line per layer as it ends, and a bar on a terminal; the events are read beside the run, never inside it."""
    stop = threading.Event()
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        console=output.messages,
        transient=True,
        disable=not output.messages.is_terminal,
    ) as bar:
        task = bar.add_task("开始", total=len(layer_of_step))
        layers = _Layers(layer_of_step)

        def tell(step: str, seconds: float) -> None:
            bar.update(task, advance=1, description=f"{layers.ended(step, seconds)} · {step}")

        watcher = threading.Thread(target=_watch, args=(instance, run_id, stop, tell), daemon=True)
        watcher.start()
        try:
            yield
        finally:
            stop.set()
            watcher.join(timeout=10)


def _watch(instance: Any, run_id: str, stop: threading.Event, tell: Callable[[str, float], None]) -> None:
    cursor: str | None = None
    while True:
        last = stop.is_set()
        batch = instance.get_records_for_run(run_id, cursor=cursor)
        cursor = batch.cursor
        for record in batch.records:
            event = record.event_log_entry.dagster_event
            if event is None or not event.step_key:
                continue
            if event.event_type_value == "STEP_SUCCESS":
                tell(event.step_key, event.step_success_data.duration_ms / 1000)
            elif event.event_type_value in ("STEP_FAILURE", "STEP_SKIPPED"):
                tell(event.step_key, 0.0)
        if last:
            return
        time.sleep(0.3)


def summarised(home: Path) -> dict[str, Any]:
    """What the newest publication holds, as `huiqi run --json` prints it (without `seconds`)."""
    publication = current(home)
    with closing(open_published(home)) as con:

        def one(sql: str) -> Any:
            return con.execute(sql).fetchall()[0]

        def many(sql: str) -> list[dict[str, Any]]:
            return con.sql(sql).pl().to_dicts()

        files, refused, held, rows, rejects = one(
            "SELECT count(*) FILTER (status NOT IN ('refused', 'held')), count(*) FILTER (status = 'refused'),"
            " count(*) FILTER (status = 'held'),"
            " coalesce(sum(rows_loaded), 0)::BIGINT, coalesce(sum(rows_rejected), 0)::BIGINT FROM raw.delivery"
        )
        verdicts: dict[str, dict[str, int]] = {}
        for row in many(
            "SELECT i.mode, t.verdict, sum(t.n)::BIGINT AS n FROM match.total t JOIN policy.item i USING (item_id, version)"
            " GROUP BY ALL ORDER BY ALL"
        ):
            verdicts.setdefault(row["mode"], {})[row["verdict"]] = row["n"]
        lists = many(
            "SELECT list_id, kind, item_id, row_count AS rows, amount_yuan FROM push.list ORDER BY kind, list_id"
        )
        summary = {
            "build_id": publication.build_id,
            "as_of": publication.as_of,
            "deliveries": files,
            "refused": refused,
            "held": held,
            "rows": rows,
            "rejects": rejects,
            "enterprises": one("SELECT count(*) FROM profile.enterprise")[0],
            "verdicts": verdicts,
            "lists": lists,
        }
        asking = open_refusals(many(REFUSALS), settled(ControlStore(home / "control.sqlite")))
    summary["attention"] = len(asking)
    return summary


def _last_published(home: Path) -> tuple[str, int] | None:
    """Build and number of deliveries of the publication before this run."""
    try:
        publication = current(home)
        with closing(open_published(home)) as con:
            row = con.execute("SELECT count(*) FILTER (status <> 'refused') FROM raw.delivery").fetchone()
    except (NotPublishedError, OSError):
        return None
    return publication.build_id, row[0] if row else 0


def _paid_first(home: Path) -> str:
    """The first enterprise and item of the lists that pay, as `huiqi explain` takes them; empty if no list pays."""
    with closing(open_published(home)) as con:
        row = con.execute(
            "SELECT uscc || ' ' || item_id FROM push.line WHERE kind = 'auto_award' ORDER BY list_id, line_no LIMIT 1"
        ).fetchone()
    return str(row[0]) if row else ""


def _print(summary: dict[str, Any], home: Path, before: tuple[str, int] | None) -> None:
    say = output.console.print
    say()
    say(f"[bold]汇总[/bold]  事实日期 {summary['as_of']}  构建 {summary['build_id']}  用时 {summary['seconds']} 秒")
    say(
        f"  交付 {summary['deliveries']:,} 份（另拒收 {summary['refused']:,} 份、待放行 {summary['held']:,} 份），入库 {summary['rows']:,} 行，退回 {summary['rejects']:,} 行"
    )
    if before:
        build, deliveries = before
        same = "，结果与上次发布完全相同" if build == summary["build_id"] else ""
        say(f"  与上次发布相比：新到交付 {summary['deliveries'] - deliveries:,} 份{same}")
    say(f"  企业 {summary['enterprises']:,} 户")
    output.print_table(
        [{"mode": mode, **{v: counts.get(v, 0) for v in VERDICTS}} for mode, counts in summary["verdicts"].items()],
        {"mode": "兑现方式", **VERDICTS},
        title="判定（企业 × 事项）",
    )
    kinds: dict[str, list[Any]] = {}
    for row in summary["lists"]:
        seen = kinds.setdefault(row["kind"], [0, 0, Decimal(0)])
        seen[0] += 1
        seen[1] += row["rows"]
        seen[2] += row["amount_yuan"] or Decimal(0)
    output.print_table(
        [
            {"kind": KINDS.get(kind, kind), "lists": n, "rows": rows, "yuan": yuan}
            for kind, (n, rows, yuan) in kinds.items()
        ],
        {"kind": "清单种类", "lists": "清单", "rows": "行", "yuan": "金额（元）"},
        title="推送清单（草稿，待审批）",
    )
    say("东西在哪里")
    say(f"  已发布的数据   {current(home).path}", soft_wrap=True)
    say(f"  交付原件       {home / 'accepted'}（拒收的在 {home / 'refused'}）", soft_wrap=True)
    say("接下来")
    say("  make dashboard   打开看板（总览、事项、企业、清单、数据质量）")
    say("  make ui          打开 Dagster，看资产图与每一步")
    say("  huiqi lists      看清单；huiqi list show <编号> 看一份")
    if example := _paid_first(home):
        say(f"  huiqi explain {example} 看这一户为什么", soft_wrap=True)
    if summary["attention"]:
        say(
            f"[yellow]注意[/yellow] 有 {summary['attention']} 份交付被拒收或待放行而未处置，原因见 `huiqi feeds --refused`"
        )
