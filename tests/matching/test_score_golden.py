"""Two hundred golden pairs: a new dictionary, library or weight that moves a score is seen here before it is seen in a list (reliability.md, row 51)."""

import json
from pathlib import Path

import polars as pl

from matching.score.features import FEATURES
from matching.score.similarity import text_similarity
from matching.score.weighted import weighted

GOLD = Path(__file__).with_name("gold") / "scores.json"
TRADES = (
    "药品生产；医学研究和试验发展", "道路货物运输；低温仓储", "软件开发；信息系统集成服务", "水产养殖；水产品冷冻加工", "酒店管理；餐饮服务",
    "货物进出口；国际货物运输代理", "集成电路设计；半导体器件专用设备制造", "热带水果种植；农产品初加工", "建筑工程施工；市政设施管理", "知识产权服务；专利代理",
    "新能源汽车整车销售；充电桩运营", "会议及展览服务；旅行社服务", "船舶修理；海洋工程装备制造", "人力资源服务；职业中介", "互联网销售；供应链管理服务",
    "检验检测服务；标准化服务", "演出经纪；数字内容制作", "金属制品制造；机械设备租赁", "环境保护监测；污水处理", "融资租赁；商业保理",
)  # fmt: skip
TOPICS = (
    ("生物医药研发券", "从事药品、医疗器械研发和生产的企业，按研发费用给予支持。"), ("冷链物流补助", "新购冷藏运输车辆、建设冷库的物流企业给予补助。"),
    ("软件企业稳增长奖励", "软件和信息技术服务业企业，软件业务收入增长的给予奖励。"), ("水产加工贷款贴息", "水产养殖和加工企业的流动资金贷款给予贴息。"),
    ("酒店住宿业纾困", "限额以上住宿、餐饮企业营业额增长的给予奖励。"), ("外贸企业出口奖励", "进出口企业出口额增长的给予奖励，支持国际货运代理。"),
    ("集成电路产业扶持", "集成电路设计、制造企业购置设备给予补助。"), ("知识产权质押融资补贴", "以专利、商标质押取得贷款的企业给予利息补贴。"),
    ("新能源汽车推广", "充电基础设施建设和新能源汽车销售给予补助。"), ("会展业发展专项", "举办会议、展览的企业按规模给予补助。"),
)  # fmt: skip


def scored() -> list[list[float]]:
    """[similarity, score] of every trade with every topic, the other features a fixed pattern with gaps."""
    firms = [f"E{n:02d}" for n in range(len(TRADES))]
    scopes = pl.DataFrame({"enterprise_id": firms, "business_scope": [f"一般项目：{trade}。" for trade in TRADES]})
    named = [f"t{n}" for n in range(len(TOPICS))]
    items = pl.DataFrame(
        {
            "item_id": named,
            "version": [1] * len(TOPICS),
            "title": [t for t, _ in TOPICS],
            "text": [t for _, t in TOPICS],
        }
    )
    pairs = pl.DataFrame(
        [(firm, item) for firm in firms for item in named], schema=["enterprise_id", "item_id"], orient="row"
    )
    like = pairs.join(
        text_similarity(pairs, scopes, items), on=["enterprise_id", "item_id"], how="left", maintain_order="left"
    )
    row = pl.int_range(pl.len())
    others = [
        pl.when((row + 3 * n) % 11 != 0).then((row * (n + 2) % 17) / 16.0).alias(name)
        for n, name in enumerate(FEATURES)
        if name != "text_similarity"
    ]
    features = like.with_columns(others)
    return [[a, b] for a, b in zip(features["text_similarity"].fill_null(-1.0), weighted(features), strict=True)]


def test_the_scores_of_the_golden_pairs_have_not_moved() -> None:
    expected, now = json.loads(GOLD.read_text(encoding="utf-8")), scored()
    moved = [
        n
        for n, (was, is_) in enumerate(zip(expected, now, strict=True))
        if max(abs(a - b) for a, b in zip(was, is_, strict=True)) > 2e-6
    ]
    assert len(expected) == 200 and not moved, (
        f"{len(moved)} 对的分数变了，如第 {moved[0]} 对：{expected[moved[0]]} → {now[moved[0]]}"
    )


def test_the_golden_pairs_tell_trades_apart() -> None:
    """Else they would stand still whatever happened to the words."""
    like = [similarity for similarity, _ in scored()]
    best = [max(range(10), key=lambda t, n=n: like[10 * n + t]) for n in (0, 3, 4, 5, 6, 10, 11)]
    assert best == [0, 3, 4, 5, 6, 8, 9]
