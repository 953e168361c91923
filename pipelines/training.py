"""Training of the match score on what became of past applications and invitations, with the features as they stood on that day."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import polars as pl

from assets.match import profiles, program_in_force
from assets.match_score import ages, scopes
from assets.push_inputs import cases, conditions, items
from matching.rules import evaluate
from matching.score.features import Materials, featured
from matching.score.similarity import text_similarity
from pipelines.control import ControlStore
from pipelines.replay import replayed
from pipelines.scope import resolve
from pipelines.warehouse import DuckWarehouse

OBTAINED: Final = "通过"
REFUSED: Final = "不通过"
# An invitation that has not led to an application by then has led to none.
PATIENCE: Final = dt.timedelta(days=60)
OUTCOMES: Final = {"enterprise_id": pl.String, "item_id": pl.String, "day": pl.Date, "obtained": pl.Boolean}


def outcomes(decided: pl.DataFrame, invited: pl.DataFrame, as_of: dt.date) -> pl.DataFrame:
    """What is known to have come of it (OUTCOMES), one row per firm, item and day.

    `decided` are cases (enterprise_id, item_id, applied_on, decision), `invited` messages (enterprise_id, item_id, sent_on). An application
    counts on the day it was made, unless an invitation of the PATIENCE before led to it: then on the day of the first such invitation. Withdrawn
    and undecided cases teach nothing, and neither does an invitation that may still be answered: those who answered at once would stand alone.
    """
    known = decided.filter(pl.col("decision").is_in([OBTAINED, REFUSED])).select(
        "enterprise_id", "item_id", "applied_on", (pl.col("decision") == OBTAINED).alias("obtained")
    )
    key = ["enterprise_id", "item_id"]
    first = invited.group_by(key).agg(pl.col("sent_on").min())
    answered = pl.col("applied_on").is_between(pl.col("sent_on"), pl.col("sent_on") + PATIENCE).fill_null(False)
    young = answered & (pl.col("sent_on") + PATIENCE > as_of)
    applied = (
        known.join(first, on=key, how="left")
        .filter(~young)
        .select(
            *key, pl.when(answered).then(pl.col("sent_on")).otherwise(pl.col("applied_on")).alias("day"), "obtained"
        )
    )
    anybody = decided.select(*key, "applied_on").join(first, on=key, how="inner").filter(answered)
    silent = first.filter(pl.col("sent_on") + PATIENCE <= as_of).join(anybody, on=key, how="anti")
    without = silent.select(*key, pl.col("sent_on").alias("day"), pl.lit(False).alias("obtained"))
    return pl.concat([applied, without]).group_by(*key, "day").agg(pl.col("obtained").any()).sort("day", *key)


def day_before_month_of(day: dt.date) -> dt.date:
    """The last day before the month of `day`: what was known when somebody could have decided to write."""
    return day.replace(day=1) - dt.timedelta(days=1)


def examples(home: Path, months: int, say: Callable[[str], None] = lambda text: None) -> pl.DataFrame:
    """OUTCOMES of the newest `months` months with every feature as of the end of the month before, for pairs not judged FALSE then.

    Rules are today's, facts and what had been received are that day's. Each month rebuilds the profiles of its own firms (pipelines.replay).
    """
    scope = resolve(home)
    scope.seal()
    held = DuckWarehouse(home=home, scope=scope)
    decided, item_rows, condition_rows = cases(held), items(held), conditions(held)
    control = ControlStore(home / "control.sqlite")
    sent = control.rows("SELECT enterprise_id, item_id, sent_on FROM sent_message ORDER BY 1, 2, 3")
    invited = pl.DataFrame(
        [(row["enterprise_id"], row["item_id"], dt.date.fromisoformat(row["sent_on"])) for row in sent],
        schema={"enterprise_id": pl.String, "item_id": pl.String, "sent_on": pl.Date},
        orient="row",
    )
    program = program_in_force(scope)
    known = outcomes(decided, invited, scope.as_of).filter(pl.col("item_id").is_in(sorted(program.by_id)))
    tags = held.frame("SELECT item_id, version, facet, tag FROM policy.tag ORDER BY ALL")
    texts = held.frame("SELECT item_id, version, title, text FROM policy.item ORDER BY item_id, version")
    parts: list[pl.DataFrame] = []
    by_month = known.with_columns(pl.col("day").dt.truncate("1mo").alias("_month")).sort("_month")
    for (month,), batch in list(by_month.group_by("_month", maintain_order=True))[-months:]:
        assert isinstance(month, dt.date)
        day = day_before_month_of(month)
        say(f"{month:%Y-%m}：{batch.height} 件")
        slice_ = replayed(home, sorted(set(batch["enterprise_id"])), day, dt.datetime.combine(day, dt.time(23, 59, 59)))
        firms = slice_.frame("SELECT * FROM profile.enterprise ORDER BY enterprise_id")
        wanted = sorted(set(batch["item_id"]))
        pairs = evaluate(program, profiles(slice_, program), day).pairs(wanted, everything=True)
        asked = pairs.filter(pl.col("verdict") != "ineligible").join(
            batch.select("enterprise_id", "item_id").unique(), on=["enterprise_id", "item_id"], how="semi"
        )
        if asked.is_empty():
            continue
        earlier = decided.filter(pl.col("decided_on") <= day).select("enterprise_id", "item_id", "decision")
        features = featured(
            Materials(
                pairs=asked,
                items=item_rows,
                conditions=condition_rows,
                firms=firms,
                as_of=day,
                tags=tags,
                ages=ages(slice_),
                cases=earlier,
                similarity=text_similarity(asked, scopes(slice_), texts),
            )
        )
        parts.append(
            features.join(batch.drop("_month"), on=["enterprise_id", "item_id"], how="inner", maintain_order="left")
        )
    return pl.concat(parts) if parts else pl.DataFrame(schema=OUTCOMES)


def card_text(card: dict[str, Any]) -> str:
    """The model card in Chinese, as it is kept beside the model."""
    names = {"model": "模型", "weighted": "公开权重", "popularity": "事项通过率"}
    rows = [
        f"| {names[name]} | {one['pr_auc']} | {one['ndcg_at_10']} | {one['ece']} |"
        for name, one in card["measured"].items()
    ]
    parts = [f"| {name} | {first} 至 {last} | {n} |" for name, (first, last, n) in card["trained_on"].items()]
    return "\n".join(
        [
            f"# 匹配分模型 {card['file']}",
            "",
            f"训练日 {card['day']}，sha256 {card['sha256']}。{card['limits']}",
            "",
            "| 数据段 | 日期 | 件数 |",
            "|---|---|---|",
            *parts,
            "",
            f"全部样本中获得奖励的占 {card['obtained_share']:.1%}。按时间切分，后段不教前段；每件的特征取当时已收到的数据。",
            "",
            "最新一段上的表现：",
            "",
            "| | PR-AUC | NDCG@10 | ECE |",
            "|---|---|---|---|",
            *rows,
            "",
            "特征（+ 表示分数只随它升高）：",
            "",
            *(f"- {name}{' +' if card['monotone'][name] else ''}：{said}" for name, said in card["features"].items()),
            "",
        ]
    )
