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
    s.arm,
    coalesce(e.area, '000000') AS area,
    coalesce(e.section, '?') AS section,
    coalesce(e.size, '未定') AS size,
    getvariable('build_id') AS build_id,
    getvariable('rules_as_of') AS rules_as_of,
    getvariable('as_of') AS as_of,
    getvariable('known_at') AS known_at
FROM push.suppression AS s
LEFT JOIN mart.dim_enterprise AS e ON e.enterprise_id = s.enterprise_id
ORDER BY s.item_id, s.version, s.cycle, s.kind, s.enterprise_id, s.reason
