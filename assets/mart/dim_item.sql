-- 事项维：每个事项每个版本一行，附是否现行（规则日）、是否最新版本。
SELECT
    i.item_id,
    i.version,
    i.title,
    i.issuer,
    i.level,
    i.zone,
    i.basis,
    i.mode,
    i.entity,
    i.cycle,
    i.promise_days,
    i.valid_from,
    i.valid_to,
    i.window_from,
    i.window_to,
    i.budget_yuan,
    i.award_expr,
    i.logic,
    i.valid_from <= getvariable('rules_as_of')
        AND (i.valid_to IS NULL OR i.valid_to >= getvariable('rules_as_of')) AS is_current,
    row_number() OVER (PARTITION BY i.item_id ORDER BY i.version DESC) = 1 AS is_latest
FROM policy.item AS i
ORDER BY item_id, version
