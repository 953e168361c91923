-- 未推送明细：够得上清单却没有推送的每一对企业与事项，各有一个原因。
SELECT
    s.kind,
    s.enterprise_id,
    s.uscc,
    s.item_id,
    s.version,
    s.cycle,
    s.verdict,
    s.reason,
    s.detail,
    s.amount_yuan,
    s.arm
FROM push.suppression AS s
ORDER BY item_id, version, cycle, kind, enterprise_id, reason
