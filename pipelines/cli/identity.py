"""`huiqi who review`: which enterprise a code or name means, and what clerks still have to decide."""

import getpass
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from pipelines.cli import output
from pipelines.cli.output import Home, Json, Stop
from pipelines.published import open_published

KINDS = {
    "uscc": "统一社会信用代码",
    "reg15": "注册号",
    "org9": "组织机构代码",
    "tax15": "15 位纳税人识别号",
    "tax20": "以身份证为基础的纳税人识别号",
    "customs10": "海关编码",
    "trade13": "进出口企业代码",
    "permit22": "排污许可证编号",
    "project24": "投资项目代码",
    "other18": "18 位,非信用代码",
    "none": "不是编码",
    "pripid": "主体身份代码",
    "djxh": "税务登记序号",
    "labor_unit": "社保单位编号",
}
RELATIONS = {"branch": "分支机构", "shareholder": "股东", "succession": "承继"}


def register(app: typer.Typer) -> None:
    app.command("who", help="一个编码或名称是哪家企业，它还有哪些编码、名称和关系。示例：huiqi who 91460100MA5T000001")(
        who
    )
    app.command(
        "review",
        help="身份复核队列；给出称呼编号则看候选，--same/--different 记下判定（只追加，下次运行生效）。"
        "示例：huiqi review 3f2a… --same 91460100MA5T000001 --by 张三 --why 核对营业执照",
    )(review)
    app.command(
        "train-identity",
        hidden=True,
        help="用编码归一的称呼重新训练名称模型（须经决定,见 docs/decisions）。示例：huiqi train-identity --out matching/identity/model.json",
    )(train_identity)


def who(
    key: Annotated[str, typer.Argument(help="任何编码（信用代码、注册号、组织机构代码、税号、海关编码…）或企业名称")],
    home: Home = None,
    json: Json = False,
) -> None:
    from matching.identity.keys import classify

    with closing(open_published(output.home_of(home))) as con:
        found = _found(con, key)
        told = [_card(con, enterprise_id) for enterprise_id in found]
    written = classify(key)
    if not told:
        kind = KINDS[written.kind] if written.kind != "none" else "名称"
        note = f"（{kind}{'，' + written.why if written.why and written.kind != 'none' else ''}）"
        raise Stop(f"没有找到“{key}”{note}：写统一社会信用代码、任何一种编码，或企业全称", output.WRONG_USE)
    if len(told) > 1:
        listed = "；".join(f"{t['uscc'] or '无信用代码'} {t['name']}" for t in told[:5])
        if json:
            output.print_json(told)
        raise Stop(f"{key} 可能是 {len(told)} 家：{listed}。请用统一社会信用代码指明", output.ATTENTION)
    one = told[0]
    if json:
        output.print_json(one)
        return
    output.console.print(f"{one['name']}  {one['uscc'] or '无信用代码'}  {one['enterprise_id']}", markup=False)
    output.print_table(
        [k | {"kind": KINDS.get(k["kind"], k["kind"])} for k in one["keys"]],
        {
            "kind": "种类",
            "code": "编码",
            "valid": "有效",
            "department": "部门",
            "valid_from": "首见",
            "valid_to": "停用",
        },
        title="编码",
    )
    output.print_table(one["names"], {"name": "名称", "valid_from": "启用", "valid_to": "停用"}, title="名称")
    if one["relations"]:
        output.print_table(
            [r | {"kind": RELATIONS.get(r["kind"], r["kind"])} for r in one["relations"]],
            {"kind": "关系", "role": "方向", "name": "企业", "uscc": "信用代码"},
            title="关系",
        )


def _found(con: Any, key: str) -> list[str]:
    """The enterprises a code or name may mean, best reading first."""
    import polars as pl

    from matching.identity import names
    from matching.identity.keys import classify

    code = classify(key)
    tries = [(code.kind, code.code)]
    if code.holder:
        tries.append(("uscc", code.holder))
    if code.kind in ("tax15", "trade13") and code.org9:
        tries.append(("org9", code.org9))
    for kind, text in tries:
        rows = con.execute(
            "SELECT DISTINCT enterprise_id FROM registry.key WHERE kind = $k AND code = $c ORDER BY 1",
            {"k": kind, "c": text},
        ).fetchall()
        rows = (
            rows
            or con.execute(
                "SELECT enterprise_id FROM registry.enterprise WHERE uscc = $c ORDER BY 1", {"c": text}
            ).fetchall()
        )
        if rows:
            return [r[0] for r in rows]
    rows = con.execute(
        "SELECT DISTINCT enterprise_id FROM registry.key WHERE code = $c ORDER BY 1", {"c": key.strip()}
    ).fetchall()
    if rows:
        return [r[0] for r in rows]
    clean = names.parsed(pl.Series([key]))["nm"][0]
    rows = con.execute(
        "SELECT DISTINCT enterprise_id FROM registry.name WHERE clean_name = $n OR name = $k OR enterprise_id = $k ORDER BY 1",
        {"n": clean, "k": key.strip()},
    ).fetchall()
    if not rows and len(key.strip()) >= 2 and code.kind == "none":
        rows = con.execute(
            "SELECT DISTINCT enterprise_id FROM registry.name WHERE contains(name, $k) ORDER BY 1 LIMIT 20",
            {"k": key.strip()},
        ).fetchall()
    return [r[0] for r in rows]


def _card(con: Any, enterprise_id: str) -> dict[str, Any]:
    from matching.identity.keys import classify

    at = {"e": enterprise_id}
    card: dict[str, Any] = (
        con.sql(
            "SELECT enterprise_id, uscc, name, status, region FROM registry.enterprise WHERE enterprise_id = $e",
            params=at,
        )
        .pl()
        .row(0, named=True)
    )
    keys = con.sql(
        "SELECT kind, code, department, valid_from, valid_to FROM registry.key WHERE enterprise_id = $e ORDER BY ALL",
        params=at,
    )
    card["keys"] = [
        k | {"valid": classify(k["code"]).valid if k["kind"] in ("uscc", "reg15", "org9") else True}
        for k in keys.pl().to_dicts()
    ]
    card["names"] = (
        con.sql(
            "SELECT name, valid_from, valid_to FROM registry.name WHERE enterprise_id = $e ORDER BY valid_to DESC NULLS FIRST, name",
            params=at,
        )
        .pl()
        .to_dicts()
    )
    card["relations"] = con.sql(RELATED, params=at).pl().to_dicts()
    return card


RELATED = """
SELECT r.kind, CASE WHEN r.enterprise_id = $e THEN '是其' ELSE '其' END AS role, o.uscc, o.name, r.valid_from, r.valid_to
FROM registry.relation r
JOIN registry.enterprise o ON o.enterprise_id = CASE WHEN r.enterprise_id = $e THEN r.other_id ELSE r.enterprise_id END
WHERE $e IN (r.enterprise_id, r.other_id)
ORDER BY ALL
"""

QUEUE = """
SELECT q._subject_id AS subject_id, q.department, q.table_name AS "table", q.said_name, q.said_code, q.reason, q.score, q.why,
  e.name AS candidate, e.uscc
FROM registry.review q LEFT JOIN registry.enterprise e USING (enterprise_id)
WHERE q.rank = 1 AND ($department = '' OR q.department = $department) AND ($reason = '' OR contains(q.reason, $reason))
ORDER BY q.score DESC NULLS LAST, q._subject_id
LIMIT $limit
"""

CANDIDATES = """
SELECT q.rank, q.enterprise_id, e.uscc, e.name, e.status, q.score, q.reason, q.why, q.department, q.table_name AS "table", q.said_name, q.said_code
FROM registry.review q LEFT JOIN registry.enterprise e USING (enterprise_id)
WHERE starts_with(q._subject_id, $subject)
ORDER BY q._subject_id, q.rank
"""


def review(
    subject: Annotated[str, typer.Argument(help="称呼编号（可只写前几位）；不给则列队列")] = "",
    home: Home = None,
    same: Annotated[str, typer.Option("--same", help="判定为同一主体：候选的编码或企业编号", show_default=False)] = "",
    different: Annotated[str, typer.Option("--different", help="判定不是同一主体", show_default=False)] = "",
    by: Annotated[str, typer.Option("--by", help="判定人（默认当前系统用户）", show_default=False)] = "",
    why: Annotated[str, typer.Option("--why", help="依据", show_default=False)] = "",
    department: Annotated[str, typer.Option("--department", help="只看一个部门", show_default=False)] = "",
    reason: Annotated[str, typer.Option("--reason", help="只看一种送审原因", show_default=False)] = "",
    limit: Annotated[int, typer.Option("--limit", help="最多列几条", min=1)] = 20,
    json: Json = False,
) -> None:
    where = output.home_of(home)
    if same and different:
        raise Stop("--same 与 --different 只能给一个")
    if (same or different) and not subject:
        raise Stop("请给出要判定的称呼编号")
    with closing(open_published(where)) as con:
        if not subject:
            rows = con.sql(QUEUE, params={"department": department, "reason": reason, "limit": limit}).pl().to_dicts()
            total = con.execute("SELECT count(DISTINCT _subject_id) FROM registry.review").fetchall()[0][0]
        else:
            rows = con.sql(CANDIDATES, params={"subject": subject}).pl().to_dicts()
            ids = con.execute(
                "SELECT DISTINCT _subject_id FROM registry.subject WHERE starts_with(_subject_id, $s) ORDER BY 1 LIMIT 2",
                {"s": subject},
            ).fetchall()
        chosen = _found(con, same or different) if same or different else []
    if not subject:
        if json:
            output.print_json(rows)
        else:
            output.print_table(
                rows,
                {"subject_id": "称呼编号", "department": "部门", "said_name": "所写名称", "said_code": "所写编码", "reason": "原因",
                 "candidate": "首选候选", "score": "把握", "why": "理由"},
                title=f"身份复核队列：共 {total} 条",
            )  # fmt: skip
        raise typer.Exit(output.ATTENTION if total else output.DONE)
    if len(ids) != 1:
        raise Stop(f"{subject} {'对应不止一个称呼，请多写几位' if ids else '不是已知的称呼编号'}")
    if same or different:
        _record(where, ids[0][0], chosen, same or different, is_same=bool(same), by=by, why=why)
        return
    if json:
        output.print_json(rows)
    else:
        output.print_table(
            rows,
            {
                "rank": "次序",
                "uscc": "信用代码",
                "name": "名称",
                "status": "状态",
                "score": "把握",
                "reason": "原因",
                "why": "理由",
            },
            title=f"{rows[0]['said_name'] or ''} {rows[0]['said_code'] or ''}（{rows[0]['department']}）"
            if rows
            else subject,
        )


def _record(where: Path, subject_id: str, chosen: list[str], key: str, *, is_same: bool, by: str, why: str) -> None:
    from matching.identity import judgements
    from pipelines.control import ControlStore

    if len(chosen) != 1:
        raise Stop(f"{key} {'可能是多家企业，请用统一社会信用代码指明' if chosen else '不是已知的企业'}")
    if not why.strip():
        raise Stop("请用 --why 写明依据：判定会一直生效，须经得起复查")
    # The moment a person decides is a fact of its own, like a receipt; it is stored, and runs read it through known_at.
    moment = datetime.now(ZoneInfo("Asia/Shanghai")).replace(tzinfo=None)
    with ControlStore(where / "control.sqlite").transaction() as db:
        judgements.prepare(db)
        number = judgements.judge(
            db, subject_id, chosen[0], same=is_same, who=by or getpass.getuser(), why=why, at=moment
        )
    output.messages.print(f"已记下第 {number} 号判定，下次运行生效", markup=False)


def train_identity(
    out: Annotated[Path, typer.Option("--out", help="模型文件")],
    version: Annotated[str, typer.Option("--version", help="模型版本，如 2026.11-1")],
    home: Home = None,
    seed: Annotated[int, typer.Option("--seed", help="抽样种子")] = 7,
) -> None:
    import json as text

    from assets.registry import register_of
    from matching.identity import training
    from matching.identity.resolve import resolve
    from pipelines.scope import resolve as scope_of
    from pipelines.warehouse import DuckWarehouse

    where = output.home_of(home)
    warehouse = DuckWarehouse(where, scope_of(where))
    register = register_of(warehouse)
    subjects = warehouse.frame(
        "SELECT * FROM raw.subject WHERE coalesce(local_kind, '') <> 'pripid' AND first_received_at <= getvariable('known_at') ORDER BY _subject_id"
    )
    said, known, pairs = training.lessons(subjects, resolve(subjects, register).subject, register)
    trained = training.train(said, known, pairs, seed)
    trained["version"] = version
    trained["trained_on"] = {"pairs": pairs.height, "register": known.height, "seed": seed}
    out.write_text(text.dumps(trained, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    output.messages.print(f"{pairs.height} 对编码归一的称呼，{known.height} 个登记名称 → {out}", markup=False)
