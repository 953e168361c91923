-- 推送试验：已冻结名单中随机分组的每一对企业与事项，分组之后三十天内是否申报（按分组计，不论是否真的送达）；能否比较看对照组是否存在、是否在三十天内已补发，以及分组前是否已推送
SELECT
    a.enterprise_id,
    a.item_id,
    a.cycle,
    a.arm,
    a.assigned_date,
    a.pushes,
    a.assigned_date + 30 <= getvariable('as_of') AS mature,
    NOT a.was_pushed
    AND bool_or(a.arm = 'holdout') OVER (PARTITION BY a.item_id, a.cycle)
    -- a control group that has been told is none, for its whole wave
    AND coalesce(
        min(a.first_push_date) FILTER (WHERE a.arm = 'holdout') OVER (PARTITION BY a.item_id, a.cycle, a.assigned_date) > a.assigned_date + 30,
        TRUE
    ) AS comparable,
    CASE WHEN c.applied_date BETWEEN a.assigned_date AND a.assigned_date + 30 THEN 1.0 ELSE 0.0 END AS applied
FROM mart.arm AS a
LEFT JOIN mart.fact_case AS c USING (enterprise_id, item_id, cycle)
ORDER BY enterprise_id, item_id, cycle
