-- 财政厅：财政扶持到账净额（退汇已扣）、已兑现政策
WITH voucher AS (
    SELECT s.enterprise_id, p.*
    FROM raw.finance_payment p
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND p._received_at <= getvariable('known_at')
        AND p.paid_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY p.voucher_no
        ORDER BY p._received_at DESC, p._file_id DESC, p._row_no DESC
    ) = 1
), paid AS (
    -- a return is a voucher of its own, negative or flagged; either way it takes money back
    SELECT *, CASE WHEN is_returned THEN -abs(paid_yuan) ELSE paid_yuan END AS net_yuan
    FROM voucher
    WHERE _op <> 'D'
), payment AS (
    SELECT
        enterprise_id,
        sum(net_yuan) FILTER (WHERE year(paid_date) = year(getvariable('as_of')) - 1) AS last_year,
        sum(net_yuan) FILTER (WHERE year(paid_date) = year(getvariable('as_of'))) AS ytd,
        sum(net_yuan) FILTER (WHERE year(paid_date) BETWEEN year(getvariable('as_of')) - 3 AND year(getvariable('as_of')) - 1) AS last_3_years,
        arg_max(
            struct_pack(department := 'finance', table_name := 'payment', file_id := _file_id, row_no := _row_no, valid_at := paid_date, received_at := _received_at),
            (paid_date, _received_at, _file_id, _row_no)
        ) AS payment_evidence
    FROM paid
    GROUP BY enterprise_id
), ledger AS (
    SELECT s.enterprise_id, r.*
    FROM raw.finance_redemption r
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND r._received_at <= getvariable('known_at')
        AND r.paid_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, r.policy_no, r.batch_no, r.paid_date, r.bearer_level
        ORDER BY r._received_at DESC, r._file_id DESC, r._row_no DESC
    ) = 1
), policy AS (
    -- one award is paid in instalments by province and county: the policy stands once, from its first payment
    SELECT
        enterprise_id,
        policy_no,
        any_value(policy_name ORDER BY policy_name) AS policy_name,
        min(paid_date) AS first_paid,
        arg_max(
            struct_pack(department := 'finance', table_name := 'redemption', file_id := _file_id, row_no := _row_no, valid_at := paid_date, received_at := _received_at),
            (paid_date, _received_at, _file_id, _row_no)
        ) AS evidence
    FROM ledger
    WHERE _op <> 'D'
    GROUP BY enterprise_id, policy_no
), redemption AS (
    SELECT
        enterprise_id,
        list(
            struct_pack("name" := policy_no, "level" := CAST(NULL AS VARCHAR), issuer := policy_name, valid_from := first_paid, valid_to := CAST(NULL AS DATE))
            ORDER BY first_paid, policy_no
        ) AS policies,
        arg_max(evidence, (evidence.valid_at, evidence)) AS redemption_evidence
    FROM policy
    GROUP BY enterprise_id
)
SELECT
    enterprise_id,
    CAST(payment.last_year AS DECIMAL(18, 2)) AS support_received_last_year,
    CAST(payment.ytd AS DECIMAL(18, 2)) AS support_received_ytd,
    CAST(payment.last_3_years AS DECIMAL(18, 2)) AS support_received_last_3_years,
    payment.payment_evidence,
    redemption.policies AS redeemed_policies,
    redemption.redemption_evidence
FROM payment
FULL JOIN redemption USING (enterprise_id)
ORDER BY enterprise_id
