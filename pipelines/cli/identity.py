"""`huiqi who review`: which enterprise a code or name means, and what clerks still have to decide."""

from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli import output
from pipelines.cli.naming import branch_of, department_names, found
from pipelines.cli.output import Home, Json, Stop
from pipelines.cli.review import review
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
# Relation → (what the other one is where we are the first, where we are the second).
RELATIONS = {
    "branch": ("总公司", "分支机构"),
    "shareholder": ("所投企业", "股东"),
    "group": ("控股企业", "集团母公司"),
    "succession": ("个转企前身", "个转企后的企业"),
    "move": ("换码前", "换码后"),
}
EVENTS = {"merge": "并入", "split": "拆出", "moved": "改归"}


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
        told = [_card(con, enterprise_id) for enterprise_id in found(con, key)]
    written = classify(key)
    if not told:
        if parent := _parent(home, written.code or key.strip()):
            raise Stop(
                f"{key} 是 {parent['name']}（{parent['uscc'] or '无信用代码'}）的分支机构 {parent['branch_name']}，登记簿没有为它单列主体；"
                f"查总公司：huiqi who {parent['uscc'] or parent['name']}",
                output.ATTENTION,
            )
        kind = KINDS[written.kind] if written.kind != "none" else "名称"
        note = f"（{kind}{'，' + written.why if written.why and written.kind != 'none' else ''}）"
        raise Stop(f"没有找到“{key}”{note}：写统一社会信用代码、任何一种编码，或企业全称", output.WRONG_USE)
    if len(told) > 1:
        listed = "；".join(f"{t['uscc'] or '无信用代码'} {t['name']}" for t in told[:5])
        if json:
            output.print_json(told)
        raise Stop(f"{key} 可能是 {len(told)} 家：{listed}。请用统一社会信用代码指明", output.ATTENTION)
    one = told[0]
    if site := branch_of(key, one["name"]):
        listed = any(b["branch_name"] == key.strip() for b in one["branches"])
        one["note"] = (
            f"{key.strip()} 是分支机构名称（{site}），登记簿{'列有此分支，但没有' if listed else '没有列出此分支，也没有'}为它单列主体；"
            "下面是它的总公司。只写名称的分支行不会自动归到总公司，须人工复核"
        )
    if json:
        output.print_json(one)
        return
    named = department_names()
    if "note" in one:
        output.messages.print(one["note"], markup=False)
    output.console.print(f"{one['name']}  {one['uscc'] or '无信用代码'}  {one['enterprise_id']}", markup=False)
    output.print_table(
        [
            k | {"kind": KINDS.get(k["kind"], k["kind"]), "department": named.get(k["department"], k["department"])}
            for k in one["keys"]
        ],
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
            one["relations"],
            {"what": "关系", "name": "企业", "uscc": "信用代码", "valid_from": "起", "valid_to": "止"},
            title="关系（从不合并）",
        )
    if one["branches"]:
        output.print_table(
            one["branches"],
            {"branch_name": "分支机构", "branch_uscc": "信用代码", "valid_from": "起", "valid_to": "止"},
            title="登记的分支机构（代码不算作企业自己的）",
        )
    if one["events"]:
        output.print_table(
            [e | {"kind": EVENTS.get(e["kind"], e["kind"])} for e in one["events"]],
            {"kind": "变动", "role": "方向", "name": "另一方", "rows": "称呼数", "build_id": "运行"},
            title="归一变动（企业编号不变）",
        )


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
    for relation in card["relations"]:
        relation["what"] = RELATIONS.get(relation["kind"], (relation["kind"],) * 2)[relation.pop("second")]
    card["branches"] = con.sql(BRANCHED, params=at).pl().to_dicts() if _has(con, "branch") else []
    card["events"] = con.sql(HAPPENED, params=at).pl().to_dicts()
    return card


def _has(con: Any, table: str) -> bool:
    """Whether the published copy holds registry.<table>: one published by an older version may not."""
    return bool(
        con.execute(
            "SELECT 1 FROM duckdb_tables() WHERE schema_name = 'registry' AND table_name = $t", {"t": table}
        ).fetchall()
    )


def _parent(home: Path | None, code: str) -> dict[str, Any] | None:
    """The enterprise whose branch has this code or name, if the register lists the branch without an entry of its own."""
    with closing(open_published(output.home_of(home))) as con:
        if not code or not _has(con, "branch"):
            return None
        rows = con.sql(
            "SELECT e.uscc, e.name, b.branch_name FROM registry.branch b JOIN registry.enterprise e USING (enterprise_id) "
            "WHERE $c IN (b.branch_uscc, b.branch_regno, b.branch_name) ORDER BY ALL LIMIT 1",
            params={"c": code},
        )
        return next(iter(rows.pl().to_dicts()), None)


RELATED = """
SELECT r.kind, CAST(r.enterprise_id <> $e AS INTEGER) AS second, o.uscc, o.name, r.valid_from, r.valid_to
FROM registry.relation r
JOIN registry.enterprise o ON o.enterprise_id = CASE WHEN r.enterprise_id = $e THEN r.other_id ELSE r.enterprise_id END
WHERE $e IN (r.enterprise_id, r.other_id)
ORDER BY ALL
"""

BRANCHED = """
SELECT branch_name, branch_uscc, branch_regno, valid_from, valid_to FROM registry.branch WHERE enterprise_id = $e ORDER BY ALL
"""

HAPPENED = """
SELECT v.kind, CASE WHEN v.enterprise_id = $e THEN '去往' ELSE '来自' END AS role, o.name, v.rows, v.build_id
FROM registry.event v JOIN registry.enterprise o ON o.enterprise_id = CASE WHEN v.enterprise_id = $e THEN v.other_id ELSE v.enterprise_id END
WHERE $e IN (v.enterprise_id, v.other_id)
ORDER BY ALL
"""


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
