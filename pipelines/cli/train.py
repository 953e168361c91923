"""`huiqi train`: the match score learned from what became of past applications and invitations."""

from typing import Annotated

import typer

from matching.score.model import ModelError, load, save, train
from pipelines.cli import output
from pipelines.cli.output import Home, Json, Stop
from pipelines.scope import resolve
from pipelines.training import card_text, examples


def register(app: typer.Typer) -> None:
    app.command("train", help="用历史申报和邀请的结果训练匹配分，写出模型卡。示例：huiqi train --months 12")(train_)


def train_(
    home: Home = None,
    months: Annotated[int, typer.Option("--months", min=3, max=60, help="用最近几个月的结果")] = 24,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只训练和评测，不更换在用的模型")] = False,
    json: Json = False,
) -> None:
    where = output.home_of(home)
    if not (where / "warehouse.duckdb").exists():
        raise Stop(f"{where} 还没有数据；先运行 huiqi run")
    found = examples(where, months, lambda text: output.messages.print(text, markup=False))
    try:
        model = train(found)
    except ModelError as error:
        raise Stop(f"没有训练：{error}", output.REFUSED) from error
    card = {**model.card, "file": "（未保存）", "sha256": "", "day": resolve(where).as_of.isoformat()}
    if not dry_run:
        save(model, where / "models", resolve(where).as_of)
        kept = load(where / "models")
        assert kept is not None
        card = dict(kept.card)
        (where / "models" / str(card["file"]).replace(".skops", ".md")).write_text(card_text(card), encoding="utf-8")
    if json:
        output.print_json(card)
    else:
        output.console.print(card_text(card), markup=False, soft_wrap=True)
    better = card["measured"]["model"]["pr_auc"] >= card["measured"]["weighted"]["pr_auc"]
    calibrated = card["measured"]["model"]["ece"] <= 0.03
    raise typer.Exit(output.DONE if better and calibrated else output.ATTENTION)
