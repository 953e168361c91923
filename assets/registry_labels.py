"""What an analyst reads of the columns of registry.*; their order is the order of the tables."""

from collections.abc import Mapping

ENTERPRISE_LABELS: Mapping[str, str] = {
    "enterprise_id": "企业编号:首个主体身份代码的 UUIDv5,永不改变",
    "uscc": "统一社会信用代码(校验通过的最新一个)",
    "name": "企业名称",
    "pripid": "首个主体身份代码",
    "regno": "注册号",
    "legal_person": "法定代表人",
    "region": "住所区划",
    "address": "住所",
    "phone_hash": "联系电话散列",
    "enterprise_type": "企业类型",
    "status": "登记状态",
    "established_date": "成立日期",
    "origin": "来源:register 登记簿、department 登记簿以外(农村集体经济组织等,凭信用代码)",
    "is_deleted": "登记簿是否已删除",
    "first_received_at": "首次收到",
    "file_id": "交付文件",
    "row_no": "文件行号",
}
KEY_LABELS: Mapping[str, str] = {
    "enterprise_id": "企业编号",
    "kind": "编码种类",
    "code": "编码",
    "valid_from": "首见于",
    "valid_to": "被替换于;空为现行",
    "department": "部门",
    "file_id": "交付文件",
    "row_no": "文件行号",
}
NAME_LABELS: Mapping[str, str] = {
    "enterprise_id": "企业编号",
    "name": "名称",
    "clean_name": "归一后的名称:区划、字号、行业、组织形式",
    "valid_from": "启用日期",
    "valid_to": "停用日期;空为现行",
}
SUBJECT_LABELS: Mapping[str, str] = {
    "_subject_id": "部门对主体的一种称呼",
    "enterprise_id": "企业编号;空为未归一",
    "tier": "归一方式:judgement 人工、key 编码、repair 编码更正、name 名称、local 部门编号、model 模型、review 待复核、outside 库外、none 无从归一",
    "score": "把握",
    "why": "理由",
}
SAID_LABELS: Mapping[str, str] = {
    "_subject_id": "部门对主体的一种称呼",
    "department": "部门",
    "table_name": "表",
    "first_received_at": "首次收到",
}
REVIEW_LABELS: Mapping[str, str] = {
    "_subject_id": "部门对主体的一种称呼",
    "rank": "候选次序",
    "enterprise_id": "候选企业",
    "score": "把握",
    "reason": "送审原因",
    "why": "理由",
    "department": "部门",
    "table_name": "表",
    "said_name": "部门所写名称",
    "said_code": "部门所写编码",
}
EVENT_LABELS: Mapping[str, str] = {
    "build_id": "发生在哪次运行",
    "kind": "merge 并入、split 拆出、moved 改归",
    "enterprise_id": "原企业",
    "other_id": "现企业",
    "rows": "涉及的称呼数",
}
