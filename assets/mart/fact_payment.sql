-- 兑付明细：财政兑现台账的每一笔，归到企业与事项（政策编号不分大小写）；负数为退回。
WITH latest AS (
    SELECT *
    FROM raw.finance_redemption
    WHERE _received_at <= getvariable('known_at') AND paid_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY policy_no, batch_no, _subject_id, paid_date, bearer_level, paid_yuan
        ORDER BY _received_at DESC, _file_id DESC, _row_no DESC
    ) = 1
)
SELECT
    lower(trim(p.policy_no)) AS item_id,
    s.enterprise_id,
    p.batch_no,
    p.bearer_level,
    p.paid_date,
    p.approved_yuan,
    p.paid_yuan,
    i.item_id IS NOT NULL AS item_known,
    coalesce(e.area, '000000') AS area,
    coalesce(e.section, '?') AS section,
    coalesce(e.size, '未定') AS size,
    p._file_id AS file_id,
    p._row_no AS row_no,
    getvariable('build_id') AS build_id,
    getvariable('rules_as_of') AS rules_as_of,
    getvariable('as_of') AS as_of,
    getvariable('known_at') AS known_at
FROM latest AS p
LEFT JOIN registry.subject AS s ON s._subject_id = p._subject_id
LEFT JOIN (SELECT DISTINCT item_id FROM mart.dim_item) AS i ON i.item_id = lower(trim(p.policy_no))
LEFT JOIN mart.dim_enterprise AS e ON e.enterprise_id = s.enterprise_id
ORDER BY p.paid_date, item_id, s.enterprise_id, p.batch_no, p.bearer_level, p._file_id, p._row_no
