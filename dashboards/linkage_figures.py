"""The charts of the page on identity: per department what was put on an enterprise, and on what grounds."""

from __future__ import annotations

from dashboards.charts import BLUE, CLAY, GREY, SAND, TEAL, Chart, Column, horizontal_stacks

_SERIES = (
    ("linked", "已归一", BLUE),
    ("queued", "待复核", CLAY),
    ("outside", "库外主体", SAND),
    ("unlinked", "无从归一", GREY),
)
NAMED = "coalesce((SELECT min(name) FROM mart.dim_department AS d WHERE d.department = l.department), l.department)"
_SUMS = ", ".join(
    f"CAST(sum({c}) AS BIGINT) AS {c}"
    for c in (
        "subjects", "linked", "linked_by_code", "linked_by_repair", "linked_by_name", "linked_by_local_number", "linked_by_model",
        "linked_by_judgement", "queued", "outside", "unlinked",
    )
)  # fmt: skip
_WAYS = (
    ("linked_by_code", "编码", BLUE),
    ("linked_by_repair", "编码更正", "#7fa6c4"),
    ("linked_by_local_number", "部门编号", TEAL),
    ("linked_by_name", "名称", SAND),
    ("linked_by_model", "名称模型", CLAY),
    ("linked_by_judgement", "人工", GREY),
)
LINKAGE_CHARTS = (
    Chart(
        "linkage_by_department",
        "各部门的称呼归到企业没有",
        f"SELECT {NAMED} AS label, {_SUMS} FROM mart.linkage AS l GROUP BY l.department ORDER BY l.department",
        (
            Column("label", "部门"),
            Column("subjects", "称呼", "种"),
            *(Column(c, name, "种") for c, name, _ in _SERIES),
        ),
        horizontal_stacks("label", "subjects", _SERIES, "种"),
        note="称呼 = 部门对一个主体的一种写法（编码、编号、名称的组合），同一写法只归一次。",
        height=420,
    ),
    Chart(
        "linkage_by_way",
        "凭什么归一",
        f"SELECT {NAMED} AS label, {_SUMS} FROM mart.linkage AS l GROUP BY l.department ORDER BY l.department",
        (Column("label", "部门"), Column("linked", "已归一", "种"), *(Column(c, name, "种") for c, name, _ in _WAYS)),
        horizontal_stacks("label", "linked", _WAYS, "种"),
        height=420,
    ),
)
