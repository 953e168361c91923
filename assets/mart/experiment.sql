-- 推送试验：已冻结名单中随机分组的每一对企业与事项，分组之后三十天内是否申报（按分组计，不论是否真的送达）。
SELECT
    a.enterprise_id,
    a.item_id,
    a.cycle,
    a.arm,
    a.assigned_date,
    a.pushes,
    a.assigned_date + 30 <= getvariable('as_of') AS mature,
    CASE WHEN c.applied_date BETWEEN a.assigned_date AND a.assigned_date + 30 THEN 1.0 ELSE 0.0 END AS applied
FROM mart.arm AS a
LEFT JOIN mart.fact_case AS c USING (enterprise_id, item_id, cycle)
ORDER BY enterprise_id, item_id, cycle
