"""Which indicator a number is about: words beside the number, by kind of quantity (indicators.md)."""

import re
from dataclasses import dataclass

from matching.text.quantities import Quantity

_R = r"[^，。；：;\n]"


@dataclass(frozen=True)
class Cue:
    """`words` beside a quantity of one of `kinds`, counted in one of `units` if there are any, speak of `field`; `metric` names a
    long-tail measure. A weak cue (支出, 投入) counts only where its clause has no other: 研发经费近三年支出额."""

    field: str
    kinds: tuple[str, ...]
    words: re.Pattern[str]
    metric: str = ""
    units: tuple[str, ...] = ()
    weak: bool = False


# What may stand between a cue and its number is judged by distance, so that the nearest cue wins and not the greediest.
_TRAIL = re.compile(re.escape(_R) + r"\{0,\d+\}(?=\||$)")
_REACH = 22


def _cue(field: str, kinds: str, words: str, metric: str = "", units: str = "", weak: bool = False) -> Cue:
    return Cue(field, tuple(kinds.split()), re.compile(_TRAIL.sub("", words)), metric, tuple(units.split()), weak)


def _speaks(cue: Cue, kind: str, unit: str) -> bool:
    return kind in cue.kinds and (not cue.units or kind != "count" or unit in cue.units)


_REVENUE = r"(?:营业总?收入|开票(?:销售|收入)|营收|销售总?收入|主营业务收入|主营收入|经营收入|业务收入|服务收入|软件业务收入|销售额|营业额|零售额|年销售|年收入|收入总额|年营业)"
_RD = r"(?:技术开发(?=经费|费用|投入)|研究开发|研究与试验发展|研究与开发|研究和开发|研发|R&D|R＆D)(?:活动)?(?:的)?(?:费用|投入|经费|支出|资金|总额|金额|额){0,4}"

# Specific before general: where two cues end at the same word, the longer one wins, then the earlier in this list.
CUES: tuple[Cue, ...] = (
    _cue(
        "rd_ratio",
        "ratio",
        rf"{_RD}(?!、|[^，。；占]{{0,6}}企业|人员|团队|和相关|活动人员|机构|的?(?:专职|科技)?人员)(?:总额|强度)?{_R}{{0,12}}(?:占|与|和){_R}{{0,26}}(?:比例|比重|之比|比率|的比|收入|占比|总额|比)?|研发(?:投入|费用|经费)?(?:强度|占比)|研发费用率",
    ),
    _cue(
        "rd_staff_ratio",
        "ratio",
        rf"(?:研发|研究开发|科技|技术|科研)(?:和相关技术创新)?(?:活动)?(?:的)?(?:科技|专职|专业)?人员(?:数|数量)?{_R}{{0,12}}占{_R}{{0,20}}|(?:研发|科技|科研)人员(?:比例|占比|比重)",
    ),
    _cue(
        "staff_qualified_ratio",
        "ratio",
        rf"(?:大专|专科|本科|学士|硕士|中级|高级|职称|学历|持证|专业技术人员|取得{_R}{{0,8}}证书|服务人员|持证){_R}{{0,24}}占{_R}{{0,20}}|持证(?:上岗)?(?:率|比例)",
    ),
    _cue(
        "main_business_ratio",
        "ratio",
        rf"(?:主营业务|主业|主导产品|[\u4e00-\u9fa5]{{1,8}}(?:产品|业务|服务)(?=(?:销售)?收入)|鼓励类产业|鼓励类|主营|高新技术产品|离岸|主要业务|核心业务|本领域){_R}{{0,20}}(?:收入|销售额){_R}{{0,10}}占{_R}{{0,20}}|主营业务(?:收入)?占比",
    ),
    _cue("rd_expense_growth", "ratio money", rf"{_RD}{_R}{{0,10}}(?:增长|增加|增量|新增|增幅|增速){_R}{{0,8}}"),
    _cue(
        "local_contribution_growth",
        "ratio money",
        rf"(?:地方|综合|经济|财政)(?:财政|经济)?贡献{_R}{{0,14}}(?:增长|增加|增幅|增速|增量){_R}{{0,6}}",
    ),
    _cue(
        "trade_growth",
        "ratio money",
        rf"(?:进出口|出口|进口|外贸){_R}{{0,14}}(?:增长|增加|增幅|增速|增量|新增){_R}{{0,8}}",
    ),
    _cue(
        "revenue_growth_rate",
        "ratio multiple",
        rf"(?:{_REVENUE}|业绩|收入){_R}{{0,16}}(?:增长|增幅|增速|提高|增加|下降|降低|减少|下滑|降幅){_R}{{0,8}}",
    ),
    _cue(
        "other_metric",
        "ratio",
        rf"(?:产值|工业增加值|产能|用电量|投资){_R}{{0,12}}(?:增长|增幅|增速){_R}{{0,8}}",
        "增速",
    ),
    _cue("layoff_rate", "ratio", r"裁员率"),
    # amounts of increase have no indicator of their own (revenue_growth_rate is a share)
    _cue(
        "other_metric",
        "money",
        rf"(?:{_REVENUE}|产值|收入|税收|缴纳{_R}{{0,4}}税{_R}{{0,4}}|余额)(?:净?增量|净?增加额|新增额|净增长?|增加额?|较年初新增|同比增加|同比新增|同比净增|较上年(?:度)?(?:增加|新增|净增))",
        "增量",
    ),
    _cue(
        "other_metric",
        "money",
        rf"(?:{_REVENUE}|产值|增加值|收入|税收|纳税额?|利润|零售额|余额){_R}{{0,6}}(?:同比|较上年(?:度|同期)?|比上年(?:度|同期)?){_R}{{0,4}}(?:增长|增加|净增|新增)额?",
        "增量",
    ),
    # of a month or a quarter: the yearly figure is another
    _cue("other_metric", "money", rf"(?:月均?|季度?|日均?|单月|每月|单场|单店|单品牌){_REVENUE}", "月销售额"),
    _cue("other_metric", "money", r"固定资产(?:净值|原值|总额)?(?=\s?(?:在|达到?)?\s?$)", "固定资产"),
    _cue("other_metric", "money", r"每平方米(?:投资强度|投资|税收|产值)", "投资强度"),
    _cue(
        "other_metric", "money", rf"(?:净增|新增)(?:加)?(?:工业|年度|地方)?(?:{_REVENUE}|总?产值|税收)(?:合计)?", "增量"
    ),
    _cue("other_metric", "money", r"增量|增加额|新增额|增长额", "增量", weak=True),
    _cue("other_metric", "money", r"净利润|利润总额|纯收入|净收入|票房(?:收入)?|人均收入|带货额", "收益"),
    _cue("other_metric", "money", r"单台(?:\(套\))?(?:设备)?(?:价格|价值|售价|原值)|单价", "单价"),
    _cue("other_metric", "money ratio", r"(?:担保)?费率|保费率|代偿率|负债率|不良率|覆盖率", "费率"),
    _cue("other_metric", "money", r"(?:实际)?投资强度(?=[^，。；]{0,16}(?:平方米|㎡))", "投资强度"),
    _cue("other_metric", "money", r"(?:实缴|基金|管理|资金|募集)(?:资金)?规模", "规模"),
    _cue("other_metric", "count", r"游览|参观", "游览", units="个 家 处"),
    _cue("other_metric", "area", r"推广面积|示范面积|播种面积", "面积"),
    _cue("other_metric", "money", r"应纳税所得额", "应纳税所得额"),
    _cue(
        "other_metric",
        "count",
        r"观众(?:人数)?|参会(?:人员|人数)?|客流量?|观展人数|与会人员",
        "到场人数",
        units="人 人次 名 位",
    ),
    _cue("other_metric", "count", rf"(?:床位|托位|机架|标准展位|展位|工位|客房|座位){_R}{{0,8}}", "容量"),
    _cue(
        "other_metric",
        "duration",
        r"入住|从事[^，。；]{0,8}(?:工作|岗位|护理)|从业|就业|工作|任职|任教|驻村|挂牌|参训|种植|抚养",
        "年限",
    ),
    _cue(
        "other_metric",
        "duration",
        rf"(?:缴纳|参保|缴费|缴存|社会保险费?|社保|失业保险费){_R}{{0,10}}",
        "缴费月数",
    ),
    _cue("other_metric", "score", r"得分|评分|分数|分值", "得分"),
    _cue(
        "new_hires",
        "count ratio",
        rf"(?:净增(?:用工|就业|参保|员工|职工)|新招用|新招收|招用|新增就业|新增参保|新吸纳|吸纳|招录|招收|新聘用|新增用工|新增员工|带动(?:就业)?(?:人数)?|新增就业人数|安置|聘用|录用|新增职工|稳定就业|吸收|提供就业岗位){_R}{{0,24}}",
        units="人 个 人次",
    ),
    _cue(
        "rd_staff",
        "count",
        rf"(?:研发|研究开发|研究与试验发展|科研|科技)(?:活动)?(?:的)?(?:专职|全职|专业)?(?:工作)?(?:人员|团队|人才)(?:数|总数|人数)?{_R}{{0,12}}|(?:专职|全职)(?:从事)?(?:研发|研究开发|研究与试验发展|科研)(?:的)?(?:工作)?人员(?:数|总数)?",
        units="人",
    ),
    _cue(
        "employees_insured",
        "count",
        rf"(?:参保|缴纳[^，。；]{{0,6}}保险(?=人数)|缴纳社会?保险?费?|缴纳社会保险|社保缴纳|缴存社保|社会保险){_R}{{0,16}}(?:人数|职工|员工|人员)?{_R}{{0,8}}|参保人数{_R}{{0,6}}",
        units="人",
    ),
    _cue(
        "staff_qualified",
        "count",
        rf"(?:(?:管理|服务|运营)(?:(?:和|及|与)(?:管理|服务|运营))?(?:人员|团队)|持证|持有{_R}{{0,12}}证书|专业技术人员|专职(?:工作|服务|管理|从业|律师|教师|技术)?人员|专业人员|中级以上|高级职称|专职|管理人员|证书的(?:职工|员工|人员)|执业|经纪人|技术人员|服务人员|家政服务员|护理人员|(?:职称|学历|学位)(?:的)?(?:工程技术|专业技术|技术)?人员(?:数)?|具有{_R}{{0,16}}(?:资格|职称|学历)){_R}{{0,10}}",
        units="人",
    ),
    # 新招用首次来我市就业的员工50人以上
    _cue(
        "new_hires",
        "count",
        r"(?:新招用?|招用|新招录|新吸纳|新聘用|新引进)[^，。；：、;\n\d]{0,16}(?:员工|职工|人员|劳动者|工人)",
        units="人",
    ),
    _cue(
        "employees",
        "count",
        rf"(?:从业人员|在职职工|在职员工|从业人数|在职人数|职工(?:总|人)?数?|员工(?:总|人)?数?|用工(?:人数|规模)?|在岗职工|就业人数|人员规模|全职员工){_R}{{0,8}}",
        units="人",
    ),
    _cue("patents_invention", "count", rf"(?:发明专利|发明专利权|国外专利){_R}{{0,10}}"),
    _cue(
        "patent_applications",
        "count",
        rf"(?:专利|PCT){_R}{{0,8}}(?:申请){_R}{{0,8}}|申请{_R}{{0,6}}专利|PCT{_R}{{0,8}}",
    ),
    _cue(
        "ip_count",
        "count",
        rf"(?:知识产权|实用新型|外观设计|软件著作权|著作权|商标|专利|植物新品种|集成电路布图){_R}{{0,16}}",
    ),
    _cue("standards_led", "count", rf"(?:主导|参与)?制定?{_R}{{0,8}}标准{_R}{{0,6}}"),
    _cue(
        "talent_income",
        "money",
        rf"(?:本人|个人|申请人)的?(?:税前)?年?收入|应税工薪收入|工薪收入|年薪|薪酬|工资薪金|应纳税工资|年收入(?=.{{0,4}}人才)|薪资{_R}{{0,8}}",
    ),
    _cue("rd_expense", "money", rf"{_RD}{_R}{{0,10}}"),
    _cue(
        "local_contribution",
        "money",
        rf"(?:地方|综合|经济|财政|税收|本级)(?:财政|经济|综合|级)?贡献(?:度|额|总额)?{_R}{{0,10}}|(?:地方留成|地方级收入|财力贡献|形成地方财力|区级财力|留成部分){_R}{{0,10}}",
    ),
    _cue(
        "tax_per_mu",
        "money",
        rf"亩均年?(?:税收|税额|纳税|贡献){_R}{{0,8}}|每亩{_R}{{0,4}}税收{_R}{{0,8}}|税收{_R}{{0,8}}/亩",
    ),
    _cue("investment_per_mu", "money", rf"(?:亩均投资|投资强度|每亩投资){_R}{{0,10}}"),
    _cue(
        "tax_paid",
        "money",
        rf"(?:纳税|缴税|缴纳税|税收|缴纳{_R}{{0,6}}税|税款|入库税|实缴税|完税|税额|增值税){_R}{{0,14}}",
    ),
    _cue(
        "foreign_capital_actual",
        "money",
        rf"(?:实际)?到(?:资|账外资)(?:金额|额)?{_R}{{0,6}}|(?:实到|实际到位|到位|实际使用|实际利用|利用|实缴)(?:的)?(?:外资|外国资本|境外资金|外方|注册外资|到资){_R}{{0,12}}|外资{_R}{{0,6}}(?:到位|到账|到资){_R}{{0,8}}|境内(?:分配)?利润再投资{_R}{{0,8}}|外商投资{_R}{{0,10}}|(?:实际|年实际)?(?:使用)?外资金额|到资额?|实缴外资|外方出资",
    ),
    _cue(
        "registered_capital",
        "money",
        rf"(?:注册资[本金]|实缴资[本金]|实收资本|认缴|出资额|实缴货币|实缴注册资本){_R}{{0,12}}",
    ),
    _cue("outbound_investment", "money", rf"(?:境外|对外)(?:直接)?投资{_R}{{0,10}}|中方(?:协议)?投资额{_R}{{0,8}}"),
    _cue("export_value", "money", rf"(?<!进)出口(?:总?额|值|实绩|规模|业绩|创汇)?{_R}{{0,10}}"),
    _cue("import_value", "money", rf"进口(?!替代)(?:总?额|值|规模|业绩)?{_R}{{0,10}}"),
    _cue("trade_value", "money", rf"(?:进出口|外贸|货物贸易|服务贸易){_R}{{0,14}}"),
    _cue(
        "equipment_investment",
        "money",
        rf"(?:设备|软硬件|软件和设备|生产性设备|仪器) *{_R}{{0,8}}(?:投资|投入|购置|采购|金额|总额|费用|额|原值){_R}{{0,8}}",
    ),
    _cue("equipment_investment", "money", rf"(?:购置|购买|投入|更新|采购|新增){_R}{{0,10}}设备"),
    _cue(
        "fixed_asset_investment",
        "money",
        rf"固定资产(?:总)?(?:投资|投入|总额)?(?:总?额|金额)?{_R}{{0,10}}|固投{_R}{{0,6}}",
    ),
    _cue(
        "project_investment",
        "money",
        rf"(?:总投资|投资总?额|项目投资|实际投资|投入资金|投资规模|计划投资|投资|建设投入|改造投入|总投入){_R}{{0,10}}",
    ),
    _cue("project_investment", "money", r"投入|支出额?", weak=True),
    _cue("total_assets", "money", rf"(?:资产总额|总资产|净资产|资产规模){_R}{{0,8}}"),
    _cue("output_value", "money", rf"(?:总?产值){_R}{{0,10}}"),
    _cue(
        "product_sales",
        "money",
        rf"(?:产品|成果|单品|品种|首台套|新产品|转化){_R}{{0,8}}(?:销售|收入|实现)(?:总?额|收入)?{_R}{{0,10}}",
    ),
    _cue(
        "financing_amount",
        "money",
        rf"(?:融资|贷款|授信|募集|发行|担保|投资机构|股权投资){_R}{{0,6}}(?:金额|总额|额度|规模|资金|余额|额|本金)?{_R}{{0,10}}",
    ),
    _cue("revenue_last_year", "money", rf"{_REVENUE}{_R}{{0,14}}"),
    _cue("revenue_last_year", "money", r"收入", weak=True),
    _cue(
        "other_metric",
        "money",
        rf"(?:交易额|成交额|合同额|支付额|货值|设备价值|单台价值|总价值|孵化资金|种子资金|合同金额|技术交易|技术合同|交易量|订单|采购额|服务额|捐赠|保费|管理(?:资产)?规模|基金规模|结算){_R}{{0,12}}",
        "交易额",
    ),
    _cue(
        "planting_area",
        "area",
        rf"(?:种植|流转|养殖|经营|基地|连片|栽培|耕地|土地){_R}{{0,10}}(?:面积|规模)?{_R}{{0,6}}",
    ),
    _cue(
        "site_area",
        "area",
        rf"(?:建筑|营业|经营|仓储|场地|使用|办公|孵化|厂房|占地|租赁|展览|展示|库房|用房|物业|自用)?(?:总)?(?:面积|场地|场所|用房){_R}{{0,10}}|(?:租赁|自建|购买|承租|厂房|仓库){_R}{{0,10}}",
    ),
    _cue("talent_age", "age", rf"(?:年龄|男性|女性|周岁|年满)?{_R}{{0,6}}"),
    _cue(
        "commitment_stay_years",
        "duration",
        rf"(?:承诺|不(?:迁离|迁出|外迁|搬离|转移|减资|撤离)|服务期|(?:自|享受|扶持){_R}{{0,16}}在{_R}{{0,8}}经营){_R}{{0,24}}",
    ),
    _cue(
        "established_years",
        "duration",
        rf"(?:成立|注册|设立|注册登记|登记注册|(?<!保险)(?<!就业)登记(?!失业)|存续|经营|营业|正常营业|正常生产|连续生产|运营|运行|开业|成立时间|注册时间|从事){_R}{{0,16}}",
    ),
    _cue(
        "contract_term",
        "duration",
        rf"(?:合同|协议|租期|租约|租赁期|租赁|租用|承租|劳动合同|签订|签约|期限|聘期|聘用|贷款期限|存续){_R}{{0,16}}",
    ),
    _cue(
        "service_volume",
        "count",
        rf"(?:服务|接入|就餐|参训|组团|游客|载客|单团|单批次?|团队|输送|入驻|孵化|在孵|引进|培育|举办|开展|组织|辅导|受理|办理|接待|推荐|引荐|促成|帮助|对接|签约|代理|毕业|培训|登记合同数?量?){_R}{{0,24}}|检测[^，。；\d]{{0,6}}|(?:发货|发运|吞吐|作业|处理|业务|接待|发送)量",
        units="人 人次 家 户 个 项 件 次 场 单 笔 款 标箱 种 名 届 期 航次 班次 票 列 篇 门 吨 条",
    ),
)


# A measure does not reach across another number to its own.
_OTHER_NUMBER = re.compile(r"\d\s?(?:万|亿|%|‰|人|件|家|元|平)")
_OWN_NOUN = re.compile(r"[\u4e00-\u9fa5]{3,}")
_FILLER = re.compile(
    r"(?:不少于|不得?低于|不高于|不超过|超过|高于|低于|至少|以内|在)|其中|对于?|达到?|不低于|同比|平均|年均|增长|增速|增幅|较?上年度?|当年|年度|总额|累计|合计|以上|以下|企业|单位|项目|数量|比例|占比|规模|金额|每年|首次|突破|分别|且|并|的|为"
)
_CLOSED = re.compile(r"\([^()\n]{0,80}\)")
_OF = re.compile(r"(?:不低于|不少于|不高于|不超过|达到|超过|高于|低于|占到)(?P<whole>[^，。；：、\d\n%]{2,16}?)的?\s?$")


# 1件以上发明专利: the measure has a number of its own
_TAKEN = re.compile(r"\d\s?(?:件|项|人|名|个|家|篇)(?:\([^)]{1,6}\))?(?:及?以上)?的?(?:有效|授权|自主|国内|\s)*$")


_LIST_BREAK = re.compile(r"\d[^、，且并和\d]*(?:[、，且并]|并且)(?P<own>[^\d]*)$")


def _measures_another(between: str) -> bool:
    """参会人数300人以上、在五星级酒店住宿不少于2晚: between a measure and a later number stand another number and a noun of its own."""
    match = _LIST_BREAK.search(between)
    return match is not None and bool(re.search(r"[\u4e00-\u9fa5]{2,}", _FILLER.sub("，", match["own"])))


@dataclass(frozen=True)
class Hung:
    """A cue beside a quantity, and where it stands in the text."""

    cue: Cue
    start: int
    end: int


def field_of(text: str, quantity: Quantity, clause_start: int, sentence_start: int, clause_end: int) -> Hung | None:
    """The cue a quantity hangs on and its position: in its own clause before it, then behind it, then earlier in the sentence.

    In its own clause the cue that ends nearest to the number wins, the longest among those, then list order. What stands in brackets that
    close before the number explains and does not measure.
    """
    lead = _unbracketed(text[clause_start : quantity.left])
    if quantity.kind == "ratio" and (share := _OF.search(text[quantity.left : quantity.start])):
        # 工程技术人员不低于职工总数的60% asks what 占职工总数 asks
        lead += "占" + share["whole"]
    near = _best(lead, quantity.kind, quantity.unit, clause_start)
    if near and _measures_another(text[near.end : quantity.left]):
        near = None
    behind = _first_behind(text, quantity, clause_end)
    if near and behind and quantity.kind == "count" and _TAKEN.search(text[sentence_start : near.start]):
        return behind
    if near and near.end >= quantity.left - _REACH:
        return Hung(near.cue, near.start, min(near.end, quantity.left))
    if near or behind or _OWN_NOUN.search(_FILLER.sub("，", lead)):
        return near or behind
    return _best(_unbracketed(text[sentence_start:clause_start]), quantity.kind, quantity.unit, sentence_start)


def _unbracketed(words: str) -> str:
    """`words` with blanks for what stands in closed brackets: as long as before."""
    return _CLOSED.sub(lambda m: " " * len(m[0]), words) if "(" in words else words


_SUM_BETWEEN = re.compile(
    r"(?:在|达到?|不低于|不少于|超过)?\s?\d[\d,.]*\s?(?:万|亿)?元(?:\(不?含\))?(?:及?以[上下])?(?:的)?[，,](?:且|并|并且)?(?=占)"
)


def field_in(words: str, kind: str, unit: str = "") -> Cue | None:
    """The last cue for a kind of quantity in the intro of a list or the head of a column."""
    if kind == "ratio":
        # 研发费用在100万元以上，占营业收入的比重达到：
        words = _SUM_BETWEEN.sub("", words)
    found = [
        (match.end(), match.end() - match.start(), -order, cue)
        for order, cue in enumerate(CUES)
        if _speaks(cue, kind, unit)
        for match in cue.words.finditer(words)
        if match[0]
    ]
    return max(found, key=lambda f: f[:3])[3] if found else None


def _best(words: str, kind: str, unit: str, offset: int) -> Hung | None:
    """The best cue in `words`, which begin at `offset` of the text."""
    best: tuple[bool, int, int, int] | None = None
    winner: Hung | None = None
    for order, cue in enumerate(CUES):
        if not _speaks(cue, kind, unit):
            continue
        for match in cue.words.finditer(words):
            if not match[0] or _OTHER_NUMBER.search(match[0]):
                continue
            rank = (not cue.weak, match.end(), match.end() - match.start(), -order)
            if best is None or rank > best:
                best, winner = rank, Hung(cue, offset + match.start(), offset + match.end())
    return winner


def _first_behind(text: str, quantity: Quantity, end: int) -> Hung | None:
    stop = min(end, quantity.right + 18)
    found = [
        (match.start(), order, cue, match.end())
        for order, cue in enumerate(CUES)
        if _speaks(cue, quantity.kind, quantity.unit) and quantity.kind != "age"
        for match in [cue.words.search(text, quantity.right, stop)]
        if match and match[0]
    ]
    if not found:
        return None
    start, _, cue, stop = min(found, key=lambda f: (f[0], f[1]))
    return Hung(cue, start, stop)
