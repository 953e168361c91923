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
    p._received_at AS known_from,
    p._file_id AS file_id,
    p._row_no AS row_no
FROM latest AS p
LEFT JOIN registry.subject AS s ON s._subject_id = p._subject_id
LEFT JOIN (SELECT DISTINCT item_id FROM mart.dim_item) AS i ON i.item_id = lower(trim(p.policy_no))
ORDER BY paid_date, item_id, enterprise_id, batch_no, bearer_level, file_id, row_no
