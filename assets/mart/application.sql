-- 申报件：申报系统里每一件的最新状态（截至知悉时点），归到企业与事项；已撤销的不在内，归不到企业的企业编号为空。
SELECT
    c.case_no,
    s.enterprise_id,
    lower(trim(c.item_id)) AS item_id,
    c.applied_date,
    c.accepted_date,
    coalesce(c.supplement_count, 0) AS supplement_count,
    c.decision,
    c.decided_date,
    c.refusal_reason,
    c.approved_yuan,
    c.promise_days,
    c.source,
    c.updated_at,
    c._file_id AS file_id,
    c._row_no AS row_no
FROM (
    SELECT *
    FROM raw.apply_case
    WHERE _received_at <= getvariable('known_at') AND applied_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY case_no ORDER BY updated_at DESC NULLS LAST, _received_at DESC, _file_id DESC, _row_no DESC
    ) = 1
) AS c
LEFT JOIN registry.subject AS s ON s._subject_id = c._subject_id
WHERE c._op IS DISTINCT FROM 'D'
ORDER BY case_no
