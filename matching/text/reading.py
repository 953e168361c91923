"""Reading a policy: the text as items with conditions and awards, what an official then confirms (policies.md §8).

What cannot be mapped goes to `other_requirement`; the mode is not in the text and is not invented.
"""

import dataclasses
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from matching.text import awards, soft
from matching.text.fields import field_of
from matching.text.outline import Paragraph, Span, clauses, outline, sentences
from matching.text.plain import plain
from matching.text.quantities import Quantity, quantities


@dataclass(frozen=True)
class Condition:
    """One thing a third party could check: `start:end` in the text and the fields of policies.md §8."""

    start: int
    end: int
    field: str
    op: str
    value: Any
    extra: dict[str, Any] = dataclasses.field(default_factory=dict)

    def to_dict(self, text: str) -> dict[str, Any]:
        return {
            "text": text[self.start : self.end],
            "field": self.field,
            "op": self.op,
            "value": self.value,
            **self.extra,
        }


@dataclass(frozen=True)
class ReadItem:
    """One thing an applicant can receive under one set of conditions."""

    name: str
    conditions: tuple[Condition, ...]
    award: dict[str, Any]
    start: int
    end: int


@dataclass(frozen=True)
class Reading:
    """What the machine read; `to_dict` is the document of policies.md §8."""

    text: str
    title: str
    issuer: str
    region: str
    date: str
    tags: dict[str, Any]
    departments: list[str]
    validity: dict[str, Any]
    common_conditions: tuple[Condition, ...]
    rules: tuple[str, ...]
    items: tuple[ReadItem, ...]

    def to_dict(self) -> dict[str, Any]:
        return {
            "title": self.title,
            "issuer": self.issuer,
            "region": self.region,
            "date": self.date,
            "tags": self.tags,
            "departments": self.departments,
            "validity": self.validity,
            "common_conditions": [c.to_dict(self.text) for c in self.common_conditions],
            "rules": list(self.rules),
            "items": [
                {"name": i.name, "conditions": [c.to_dict(self.text) for c in i.conditions], "award": i.award}
                for i in self.items
            ],
        }


Tagger = Callable[[str, str, str], dict[str, Any]]

_PERIOD = re.compile(
    r"上一?(?:个)?(?:会计|纳税|自然)?年度?|上年度?|前一年度?|当年度?|本年度|近[一二两三四五六\d]+(?:个)?(?:会计|自然)?年(?:度)?(?:内|来)?|"
    r"最近[一二两三四五\d]+(?:个)?(?:会计|自然)?年(?:度)?内?|连续[一二两三四五\d]+(?:个)?(?:会计|自然)?(?:年度?|个?月)(?:以上)?|前[一二两三\d]+年(?:度)?|"
    r"20\d\d年(?:度)?(?!\d{0,2}月)|(?:首个|第一个|每个?)(?:完整)?(?:会计|自然|纳税)年度|任一(?:年度|年)|累计|年度|每年|年(?=营业|销售|纳税|产值|主营|出口|进出口)|(?:申报|申请|认定)(?:前|当)年"
)
_STACKING = re.compile(
    r"[^。；\n]*(?:就高不重复|不重复享受|不得重复|不重复支持|补差|差额|只享受一次|择优|从高|就高|不叠加|可叠加|叠加享受)[^。；\n]*"
)
_SECTION_CONDITIONS = re.compile(
    r"(?:申[报请领](?:对象|条件|范围|主体|要求|单位)|支持(?:对象|范围|条件)|适用(?:对象|范围|条件)|认定(?:条件|标准)|奖补(?:对象|条件)|补[贴助](?:对象|条件|范围)|享受(?:对象|条件|主体)|政策对象|基本条件|服务对象|条件要求|受理条件|资格条件|扶持对象|奖励对象)"
)
_SECTION_AWARD = re.compile(
    r"(?:奖励|补[贴助]|奖补|支持|扶持|资助|兑现)(?:标准|金额|方式|内容|措施|额度|政策|比例|力度)|政策内容|服务内容|优惠内容"
)
_SECTION_SKIP = re.compile(
    r"(?:申[报请](?:材料|程序|流程|时间|方式|资料)|办理(?:流程|程序|材料|时限)|提交材料|所需材料|监督(?:管理|检查)|绩效|责任追究|组织(?:保障|实施)|资金来源|政策依据|咨询|联系(?:方式|电话)|受理(?:部门|时间)|工作要求|职责分工|保障措施)"
)
_WHEN = re.compile(r"(?:其中|对于|对)[，,]?(?P<who>[^，。；]{2,24}?(?:企业|单位|项目|机构))[，,]?(?:的)?")
_APPLY = re.compile(r"材料|证明|复印件|原件|盖章|申请表|报送|公示|提交")


def read(
    text: str, title: str = "", issuer: str = "", region: str = "", date: str = "", tagger: Tagger | None = None
) -> Reading:
    """Reads one policy text.

    `region` and `issuer` say what 我市 and 本区 stand for. `tagger(text, title, issuer)` supplies the tags of the document. Never raises on any text:
    what it does not understand it leaves out of the conditions or keeps as `other_requirement`.
    """
    flat = plain(text)
    here = _here(region, issuer, title, flat)
    found = quantities(flat)
    root = outline(flat)
    units = _units(flat, root)
    common: list[Condition] = []
    items: list[ReadItem] = []
    pending: list[Condition] = []
    by_article: dict[int, list[Condition]] = {}
    for unit in units:
        conditions, amounts = _read_unit(flat, unit, found, here)
        if unit.skip:
            continue
        if not amounts:
            if unit.common:
                common += conditions
            else:
                by_article.setdefault(unit.owner, []).extend(conditions)
                pending += conditions
            continue
        inherited = by_article.get(unit.owner, [])
        items += _items(flat, unit, conditions, amounts, inherited)
    items = _guide_shape(items, pending, by_article)
    if not items and pending:
        items = [ReadItem(title, tuple(_distinct(pending)), {}, 0, len(flat))]
    bound = _bounds_defined(flat)
    closed = [
        replace(i, conditions=tuple(_grouped(flat, [_rebound(flat, c, bound) for c in i.conditions]))) for i in items
    ]
    return Reading(
        text=text,
        title=title,
        issuer=issuer,
        region=region,
        date=date,
        tags=(tagger or _rule_tags)(flat, title, issuer),
        departments=_departments(flat, issuer),
        validity=_validity(flat, date),
        common_conditions=tuple(_rebound(flat, c, bound) for c in _distinct(common)),
        rules=tuple(dict.fromkeys(m[0].strip() for m in _STACKING.finditer(flat) if len(m[0].strip()) > 4)),
        items=tuple(closed),
    )


def _rule_tags(text: str, title: str, issuer: str) -> dict[str, Any]:
    """The facets of policies.md §8: lists, and one word for the mode."""
    from matching.text.tags import names, rule_tags

    found = rule_tags(title, text, issuer)
    mode = names(found, "mode")
    return {
        **{facet: list(names(found, facet)) for facet in ("theme", "industry", "size", "method")},
        "mode": mode[0] if mode else "未说明",
    }


@dataclass(frozen=True)
class _Unit:
    """A stretch that is read as one: a leaf paragraph or an introduction, with the article it belongs to."""

    start: int
    end: int
    owner: int
    name: str
    common: bool
    skip: bool


def _units(text: str, root: Paragraph) -> list[_Unit]:
    """Leaf paragraphs in order; the words of a parent before its children are a unit of their own owned by that parent."""
    units: list[_Unit] = []
    for node in root.walk():
        if node.end <= node.body and node is not root:
            continue
        own_end = min(node.end, node.children[0].start) if node.children else node.end
        if own_end <= node.body or not text[node.body : own_end].strip():
            continue
        headings = [text[a.body : a.body + 40].split("\n")[0] for a in [node, *node.ancestors()] if a.rank >= 0]
        owner_node = node if node.children or node.parent is None else node.parent
        heading = " ".join(headings)
        units.append(
            _Unit(
                start=node.body,
                end=own_end,
                owner=id(owner_node) if owner_node.rank >= 0 else id(root),
                name=_name(headings[0] if headings else text[:30]),
                common=bool(
                    re.search(
                        r"总则|适用(?:范围|对象)|基本条件|附则|申报主体|支持对象|本(?:办法|措施|政策|细则|规定)(?:所称|适用|支持)",
                        heading + text[node.body : node.body + 30],
                    )
                ),
                skip=bool(_SECTION_SKIP.search(" ".join(h[:14] for h in headings))),
            )
        )
    return units


def _name(heading: str) -> str:
    return re.split(r"[。；：:，\n]", heading.strip())[0][:40]


def _read_unit(text: str, unit: _Unit, found: list[Quantity], here: str) -> tuple[list[Condition], list[awards.Amount]]:
    conditions: list[Condition] = []
    amounts: list[awards.Amount] = []
    # 500万元至1000万元的，奖励…；1000万元以上的，奖励…: a later tier names no measure, it goes on with the one before.
    carried: dict[str, Condition] = {}
    for sentence in sentences(text, unit.start, unit.end):
        schedule = awards.is_schedule(text, sentence)
        inside = [q for q in found if sentence.start <= q.start < sentence.end]
        spans = clauses(text, sentence.start, sentence.end)
        last: Condition | None = None
        for quantity in inside:
            clause = next((c for c in spans if c.start <= quantity.start < c.end), Span(sentence.start, sentence.end))
            if schedule and quantity.kind == "ratio":
                continue
            if awards.is_award(text, quantity, sentence, clause) or _continues_award(text, amounts, quantity, sentence):
                amounts.append(awards.amount_of(text, quantity, sentence, clause))
                continue
            condition = _numeric(text, quantity, clause, sentence, last, carried.get(quantity.kind))
            if condition is not None:
                conditions.append(condition)
                last = carried[quantity.kind] = condition
        conditions += [
            Condition(s.start, s.end, s.field, s.op, s.value, {"period": s.period} if s.period else {})
            for s in soft.soft_conditions(text, sentence.start, sentence.end, here)
            if not _APPLY.search(text[s.start : s.end])
        ]
    return sorted(conditions, key=lambda c: (c.start, c.end)), amounts


def _continues_award(text: str, amounts: list[awards.Amount], quantity: Quantity, sentence: Span) -> bool:
    """30 万元、50 万元、100 万元: what follows an amount by 、 is an amount."""
    if not amounts or amounts[-1].quantity.kind != quantity.kind or amounts[-1].sentence.start != sentence.start:
        return False
    return bool(
        re.fullmatch(
            r"\s?(?:、|和|及|或|;|以及)\s?(?:最高|不超过|分别)?", text[amounts[-1].quantity.right : quantity.left]
        )
    )


def _numeric(
    text: str, quantity: Quantity, clause: Span, sentence: Span, last: Condition | None, carried: Condition | None
) -> Condition | None:
    follows = bool(
        last
        and re.fullmatch(r"[\s、和及或;,，至]*(?:以上|不足|但|且|、)*[\s、和及或,，]*", text[last.end : quantity.left])
        and last.extra.get("_kind") == quantity.kind
    )
    if stay := _stay(text, quantity, clause):
        return stay
    if not quantity.op and quantity.high is None and not follows:
        return None
    if _is_window(text, quantity) or _limits_award(text, quantity, clause):
        return None
    opens = bool(
        re.fullmatch(
            r"[\s(]*(?:[一二三四五六七八九十\d]+[)、.]?\s*)?(?:对|其中|达到?|凡)?[，,]?",
            text[sentence.start : quantity.left],
        )
    )
    if not follows and opens and carried is not None:
        follows, last = True, carried
    if follows and last is not None:
        name, op, start = last.field, quantity.op or last.op, quantity.left
        extra = {k: v for k, v in last.extra.items() if k in ("metric", "period")}
    else:
        hung = field_of(text, quantity, clause.start, sentence.start, clause.end)
        if hung is None:
            return None
        cue, left, right = hung
        name, op = cue.field, quantity.op
        start = min(left, quantity.left) if left >= clause.start or right > quantity.right else quantity.left
        extra = {"metric": cue.metric} if cue.metric else {}
        before = text[max(sentence.start, start - 14) : quantity.start]
        if match := list(_PERIOD.finditer(before)):
            extra["period"] = match[-1][0]
            start = min(start, max(sentence.start, start - 14) + match[-1].start())
        if name == "talent_age" and not re.search(r"岁", text[quantity.start : quantity.end]):
            return None
    if op == "" and quantity.high is None and follows and last is not None:
        op = last.op
    end = max(quantity.right, quantity.end)
    extra["_kind"] = quantity.kind
    if quantity.unit == "USD" or quantity.kind in ("count", "area", "duration", "age"):
        extra["unit"] = quantity.unit
    if quantity.kind == "money" and quantity.unit != "元":
        extra["unit"] = quantity.unit
    if quantity.high is not None:
        bounds = "[" + (")" if quantity.closed is False else "]")
        return Condition(
            start, end, name, "between", [_value(quantity.value), _value(quantity.high)], {**extra, "bounds": bounds}
        )
    return Condition(start, end, name, op, _value(quantity.value), extra)


def _stay(text: str, quantity: Quantity, clause: Span) -> Condition | None:
    """承诺五年内不迁离: the length of the promise, always at least."""
    if quantity.kind != "duration" or quantity.unit != "年":
        return None
    if not re.match(
        r"(?:内|以上|期)?[^，。；\d]{0,8}不(?:迁离|迁出|外迁|搬离|搬迁|迁移|转移|变更|撤离|改变)",
        text[quantity.end : clause.end],
    ):
        return None
    start = text.rfind("承诺", clause.start, quantity.start)
    extra = {"unit": "年", "_kind": "duration"}
    return Condition(
        start if start >= 0 else quantity.left,
        quantity.right,
        "commitment_stay_years",
        ">=",
        _value(quantity.value),
        extra,
    )


def _limits_award(text: str, quantity: Quantity, clause: Span) -> bool:
    """补贴面积最高不超过500平方米, 期限最长不超过2年: a limit of what is given, not a test of who asks."""
    if quantity.kind == "ratio" or quantity.op not in ("<=", ""):
        return False
    return bool(
        re.search(
            r"(?:补贴|补助|奖励|资助|扶持|享受|支持|贴息|减免|免租|返还|累计|期限)[^，。；]{0,10}$",
            text[clause.start : quantity.left],
        )
    )


def _is_window(text: str, quantity: Quantity) -> bool:
    """近三年内, 三年内, 自…起两年: a time in which, not a length that is tested."""
    before = text[max(0, quantity.start - 4) : quantity.start]
    return quantity.kind == "duration" and (
        bool(re.search(r"近|最近|前|连续|自|每|第|未来|后|有效期|办法|给予|分|最长|为期", before))
        or (quantity.op == "<=" and quantity.word in ("以内", "之内"))
    )


def _value(value: Any) -> int | float:
    number = float(value)
    return int(number) if number == int(number) else round(number, 6)


def _items(
    text: str, unit: _Unit, conditions: list[Condition], amounts: list[awards.Amount], inherited: list[Condition]
) -> list[ReadItem]:
    """One item per sentence that gives, unless its neighbours are tiers of the same test."""
    groups: list[tuple[list[Condition], list[awards.Amount]]] = []
    for sentence in sentences(text, unit.start, unit.end):
        asked = [c for c in conditions if sentence.start <= c.start < sentence.end]
        given = [a for a in amounts if a.sentence.start == sentence.start]
        if not given:
            if groups and not asked:
                continue
            (inherited := [*inherited, *asked]) if not groups else groups[-1][0].extend(asked)
            continue
        numeric = {c.field for c in asked if c.op in (">=", ">", "<", "<=", "between")}
        separate = bool(
            re.match(
                r"\s*(?:[一二三四五六七八九十\d(][^对凡]{0,8})?(?:对|凡|属于)", text[sentence.start : sentence.end]
            )
        )
        if groups and (
            (not asked and not separate)
            or (numeric and numeric == {c.field for c in groups[-1][0] if c.op in (">=", ">", "<", "<=", "between")})
        ):
            groups[-1][0].extend(asked)
            groups[-1][1].extend(given)
        else:
            groups.append((asked, given))
    items = []
    for asked, given in groups:
        whole = _tiered(_distinct([*inherited, *asked]), given)
        start = min([a.sentence.start for a in given])
        items.append(
            ReadItem(unit.name, tuple(whole), awards.award(given, text), start, max(a.sentence.end for a in given))
        )
    return items


def _tiered(conditions: list[Condition], given: list[awards.Amount]) -> list[Condition]:
    """Thresholds of one field in a row are tiers when there are as many as there are amounts."""
    by_field: dict[str, list[Condition]] = {}
    for condition in conditions:
        if condition.op in (">=", ">", "between") and not isinstance(condition.value, bool):
            by_field.setdefault(condition.field, []).append(condition)
    tiers: dict[int, int] = {}
    for same in by_field.values():
        if len(same) > 1 and len({str(c.value) for c in same}) == len(same):
            for n, condition in enumerate(same, start=1):
                tiers[condition.start] = n
    return [
        replace(c, extra={**c.extra, "tier": tiers[c.start]})
        if c.start in tiers and c.op in (">=", ">", "between")
        else c
        for c in conditions
    ]


def _guide_shape(
    items: list[ReadItem], pending: list[Condition], by_article: dict[int, list[Condition]]
) -> list[ReadItem]:
    """A guide tells conditions in one section and the award in another: an item alone in its document takes them all."""
    if len(items) == 1:
        only = items[0]
        return [replace(only, conditions=tuple(_distinct([*pending, *only.conditions])))]
    return items


def _distinct(conditions: list[Condition]) -> list[Condition]:
    seen: set[tuple[str, str, str]] = set()
    kept = []
    for condition in sorted(conditions, key=lambda c: (c.start, c.end)):
        key = (condition.field, condition.op, str(condition.value))
        if key not in seen:
            seen.add(key)
            kept.append(condition)
    return kept


def _grouped(text: str, conditions: list[Condition]) -> list[Condition]:
    """Marks conditions between which the text says 或 as one OR group; drops our own working marks."""
    out: list[Condition] = []
    group = 0
    for condition in conditions:
        extra = {k: v for k, v in condition.extra.items() if not k.startswith("_")}
        if out and 0 <= condition.start - out[-1].end <= 6 and re.search(r"或", text[out[-1].end : condition.start]):
            if "any_of" not in out[-1].extra:
                group += 1
                out[-1] = replace(out[-1], extra={**out[-1].extra, "any_of": group})
            extra["any_of"] = out[-1].extra["any_of"]
        out.append(replace(condition, extra=extra))
    return out


def _bounds_defined(text: str) -> dict[str, bool]:
    """What a closing article says of 以上 and 以下 for the whole document: included or not."""
    said: dict[str, bool] = {}
    for match in re.finditer(
        r"(?:所称|所指|中|提到)?[\"“”‘’]?(?P<words>(?:以上|以下|以内|超过|不足|、|[\"“”‘’,，和])+)[\"“”‘’]?(?:均|都|,|，)?(?P<not>不)?(?:包括|包含|含)(?:本数|本级)",
        text,
    ):
        for word in ("以上", "以下", "以内", "超过", "不足"):
            if word in match["words"]:
                said[word] = match["not"] is None
    return said


def _rebound(text: str, condition: Condition, said: dict[str, bool]) -> Condition:
    words = text[condition.start : condition.end]
    extra = {k: v for k, v in condition.extra.items() if k != "_kind"}
    op = condition.op
    if not re.search(r"含", words):
        for word, included in said.items():
            if word in words and op in (">=", ">", "<", "<="):
                op = (
                    {">=": ">=", ">": ">=", "<=": "<=", "<": "<="}[op]
                    if included
                    else {">=": ">", ">": ">", "<=": "<", "<": "<"}[op]
                )
    return replace(condition, op=op, extra=extra)


def _here(region: str, issuer: str, title: str, text: str) -> str:
    if region:
        return region
    for words in (issuer, title, text[:200]):
        if match := re.search(r"([\u4e00-\u9fa5]{2,8}?(?:自治区|自治县|新区|开发区|高新区|省|市|区|县|州))", words):
            return match[1]
    return ""


def _departments(text: str, issuer: str) -> list[str]:
    names = re.findall(
        r"(?:省|市|区|县)?[\u4e00-\u9fa5]{2,10}?(?:局|厅|委员会|管委会|办公室|发改委|工信委)(?=[、，。；:：负会牵)\s])",
        text,
    )
    return list(dict.fromkeys([issuer, *names] if issuer else names))[:12]


def _validity(text: str, date: str) -> dict[str, Any]:
    said: dict[str, Any] = {}
    match = re.search(
        r"[^。；\n]*(?:有效期|有效至|施行至|执行至|截止|自[^。；\n]{0,20}(?:起|之日)[^。；\n]{0,6}(?:施行|实施|执行|生效))[^。；\n]*",
        text,
    )
    if not match:
        return said
    said["text"] = match[0].strip()
    dates = re.findall(r"(20\d\d)年(\d{1,2})月(\d{1,2})日", match[0])
    iso = [f"{y}-{int(m):02d}-{int(d):02d}" for y, m, d in dates]
    if iso and re.search(r"自20|从20", match[0]):
        said["from"] = iso[0]
        iso = iso[1:]
    elif date and re.search(r"(?:印发|发布|公布)之日", match[0]):
        said["from"] = date
    if iso and re.search(r"至|止|截止", match[0]):
        said["to"] = iso[-1]
    if years := re.search(r"有效期(?:为)?([一二三四五六七八九十\d]+)年", match[0]):
        from matching.text.quantities import chinese_number

        n = int(years[1]) if years[1].isdigit() else int(chinese_number(years[1]) or 0)
        said["years"] = n
    return said
