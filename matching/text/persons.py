"""What a person must be, have or have learned (学历、职称、户籍、无房), and which place among its kind something must hold."""

import dataclasses
import re

from matching.text.model import Soft
from matching.text.numerals import chinese_number

_TALENT = re.compile(
    r"(?P<level>[A-F]类?(?:[、和及][A-F]类?)*(?:及以上)?(?:高层次)?人才|领军人才|高层次人才|拔尖人才|急需紧缺人才|顶尖人才)"
)


_EDUCATION = re.compile(
    r"(?P<degree>博士后|博士|硕士|本科|学士|大专|专科)(?:(?:研究生)?(?:\(?含\)?)?(?:(?:学历|学位)(?:学位)?(?:及?以上)?|(?:及?以上)(?:学历|学位)?)|研究生|毕业生|生(?!产))"
)
_JOB_TITLE = re.compile(r"(?P<title>正高级|副高级|(?<!正)(?<!副)高级|中级)(?:专业技术)?(?:职称|职务)")


# 位列同行业前三位; 全省第一位
_RANK = re.compile(
    r"(?:排名|位列|位居|居|名列|列|进入|占有率|额|产值|收入|税收|产量|销量)[^，。；：\d\n]{0,20}?前(?P<n>\d{1,2}|[一二三四五六七八九十]{1,2})(?:位|名)|(?:全[国省市区县]|国内|省内|市内|同品种|同行业)[^，。；：\d\n]{0,8}前(?P<m>\d{1,2}|[一二三四五六七八九十]{1,2})[位名家]|(?:位列|位居|居|名列|或者?)(?:全[国省市区县]|本[省市区县]|行业)[^，。；\d\n]{0,6}第(?P<one>一)(?:位|名)?"
)


def ranks(text: str, start: int, end: int) -> list[Soft]:
    found = []
    for match in _RANK.finditer(text, start, end):
        word = match["n"] or match["m"] or match["one"]
        number = int(word) if word.isdigit() else int(chinese_number(word) or 0)
        if number:
            extra: dict[str, object] = {"metric": "名次"}
            found.append(Soft(match.start(), match.end(), "other_metric", "<=", number, extra=extra))
    return found


def _degrees(text: str, found: list[Soft]) -> list[Soft]:
    """博士、硕士研究生、本科生: any of them will do, so the lowest is what is asked."""
    out: list[Soft] = []
    for soft in found:
        if (
            out
            and out[-1].field == soft.field == "talent_education"
            and len(between := text[out[-1].end : soft.start]) <= 24
            and re.search(r"[、和及或，]", between)
            and not re.search(r"[。；\d]", between)
        ):
            low = min((str(out[-1].value), str(soft.value)), key=_DEGREES.index)
            out[-1] = dataclasses.replace(out[-1], end=soft.end, value=low)
            continue
        out.append(soft)
    return out


_DEGREES = ("大专", "本科", "硕士", "博士", "博士后")
_STATUS = re.compile(
    r"(?P<home>无(?:任何)?(?:自有)?(?:产权)?(?:商品)?住房|无房)"
    r"|户籍(?:所在地)?(?:在|为)(?P<at>[本我][市县区省旗])|(?:具有|持有|拥有|取得)(?P<hukou>[本我][市县区省旗](?:常住)?户[籍口])|(?P<own>[本我][市县区省旗](?:常住)?户籍)"
    r"|(?P<first>首次(?:来|在)[\u4e00-\u9fa5]{1,4}(?:就业|工作|创业))"
    r"|(?P<full>全职(?:引进|在岗|工作|来))"
    r"|(?P<grad>毕业[一二三五两\d]年(?:以?内)?的?(?:普通)?(?:高等?校|高校)毕业生|应届(?:高校|高等学校)?毕业生|毕业年度(?:内)?高校毕业生)"
)


def _statuses(text: str, start: int, end: int) -> list[Soft]:
    found = []
    for match in _STATUS.finditer(text, start, end):
        lead = text[max(start, match.start() - 24) : match.start()]
        if re.search(r"(?:招用|招|吸纳|招录|聘用|安置|带动|接收)[^，。；]{0,20}$", lead) or re.search(
            r"无(?:年龄|限制)", match[0]
        ):
            continue
        if match["at"] or match["hukou"] or match["own"]:
            words = re.sub(r"^我|常住|口$", "", match["at"] or match["hukou"] or match["own"])
            name = ("本" + words if not words.startswith("本") else words).removesuffix("户籍").removesuffix(
                "户"
            ) + "户籍"
        else:
            name = (
                "无自有住房"
                if match["home"]
                else "全职"
                if match["full"]
                else re.sub(r"(?<=年)以?内的?(?:普通)?", "内", match[0])
            )
        found.append(Soft(match.start(), match.end(), "person_status", "in", [name]))
    return found


_CRAFT = re.compile(
    r"(?P<title>初级工|中级工|高级工|高级技师|特级技师|技师)(?:\([^()]{1,8}\))?(?=及?以上|证书|资格|职业|等级|的)"
)


def persons(text: str, start: int, end: int) -> list[Soft]:
    found = _statuses(text, start, end)
    found += [Soft(m.start(), m.end(), "talent_title", "in", [m["title"]]) for m in _CRAFT.finditer(text, start, end)]
    return _degrees(text, sorted(found + _qualified(text, start, end), key=lambda s: s.start))


def _levels(words: str) -> list[str]:
    """A类、B类、C类人才 are three levels; one alone keeps its own name."""
    parts = re.split(r"[、和及]", words.removesuffix("人才"))
    return [p if p.endswith("类") else p + "类" for p in parts] if len(parts) > 1 else [words]


def _qualified(text: str, start: int, end: int) -> list[Soft]:
    found = [
        Soft(m.start(), m.end(), "talent_level", "in", _levels(m["level"])) for m in _TALENT.finditer(text, start, end)
    ]
    for match in _EDUCATION.finditer(text, start, end):
        if re.match(r"[^，。；]{0,24}(?:占|不低于|不少于)", text[match.end() : match.end() + 28]):
            continue
        degree = {"学士": "本科", "专科": "大专"}.get(match["degree"], match["degree"])
        found.append(Soft(match.start(), match.end(), "talent_education", ">=", degree))
    for match in _JOB_TITLE.finditer(text, start, end):
        if not re.match(r"[^，。；]{0,12}(?:占|不低于|不少于)", text[match.end() : match.end() + 16]):
            found.append(Soft(match.start(), match.end(), "talent_title", "in", [match["title"]]))
    return found
