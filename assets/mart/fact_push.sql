-- 推送明细：清单的每一行及其清单、分组、触达状态；一行是一条消息或一笔拟兑付。
WITH receipt AS (
    SELECT
        line_key,
        min(occurred_at) FILTER (WHERE status = 'delivered') AS delivered_at,
        min(occurred_at) FILTER (WHERE status = 'clicked') AS clicked_at,
        min(occurred_at) FILTER (WHERE status = 'failed') AS failed_at,
        min(occurred_at) FILTER (WHERE status = 'opted_out') AS opted_out_at
    FROM raw.sms_receipt
    WHERE _received_at <= getvariable('known_at')
    GROUP BY line_key
)
SELECT
    l.list_id,
    l.line_no,
    l.line_key,
    l.kind,
    l.enterprise_id,
    l.uscc,
    l.item_id,
    l.version,
    l.cycle,
    l.verdict,
    l.amount_yuan,
    l.deadline,
    l.score,
    l.channel,
    l.arm,
    l.probability,
    h.as_of AS listed_date,
    l.earliest_send,
    r.delivered_at,
    r.clicked_at,
    r.failed_at,
    r.opted_out_at
FROM push.line AS l
LEFT JOIN push.list AS h ON h.list_id = l.list_id
LEFT JOIN receipt AS r ON r.line_key = l.line_key
ORDER BY list_id, line_no, line_key
