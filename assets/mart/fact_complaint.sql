-- 诉求：12345 政企直通工单，归到企业与事项，附转办、办结期限（法定工作日）和现在的状态。期限按类别取自 data/reference/complaint_deadline.csv，没有写明的类别取“其他”。
WITH ticket AS (
    SELECT *
    FROM raw.hotline_call
    WHERE _received_at <= getvariable('known_at')
    QUALIFY row_number() OVER (
        PARTITION BY ticket_no
        ORDER BY closed_at DESC NULLS LAST, transferred_at DESC NULLS LAST, _received_at DESC, _file_id DESC, _row_no DESC
    ) = 1
),
due AS (
    SELECT
        c.*,
        s.enterprise_id,
        handed.day AS transfer_due_date,
        done.day AS close_due_date
    FROM ticket AS c
    LEFT JOIN registry.subject AS s ON s._subject_id = c._subject_id
    LEFT JOIN mart.dim_complaint AS d ON d.category = c.category
    LEFT JOIN mart.dim_complaint AS o ON o.category = '其他'
    LEFT JOIN mart.dim_date AS t ON t.day = CAST(c.accepted_at AS DATE)
    LEFT JOIN mart.dim_date AS handed
        ON handed.is_workday AND handed.workday_no = t.workday_no + coalesce(d.transfer_workdays, o.transfer_workdays)
    LEFT JOIN mart.dim_date AS done
        ON done.is_workday AND done.workday_no = t.workday_no + coalesce(d.close_workdays, o.close_workdays)
)
SELECT
    ticket_no,
    enterprise_id,
    coalesce(lower(trim(item_id)), '-') AS item_id,
    category,
    accepted_at,
    transferred_at,
    closed_at,
    satisfaction,
    transfer_due_date,
    close_due_date,
    CASE
        WHEN closed_at IS NOT NULL AND CAST(closed_at AS DATE) > close_due_date THEN 'closed_late'
        WHEN closed_at IS NOT NULL THEN 'closed'
        WHEN close_due_date < getvariable('as_of') THEN 'overdue'
        WHEN transferred_at IS NULL AND transfer_due_date < getvariable('as_of') THEN 'not_transferred'
        ELSE 'open'
    END AS state
FROM due
ORDER BY ticket_no
