-- 资金来源维：兑现台账里的承担级次与支付凭证里的资金来源，附出现的笔数与起止日。
SELECT
    kind,
    source,
    count(*) AS payments,
    min(paid_date) AS first_date,
    max(paid_date) AS last_date
FROM (
    SELECT '承担级次' AS kind, coalesce(bearer_level, '未写明') AS source, paid_date FROM mart.fact_payment
    UNION ALL
    SELECT '支付凭证', coalesce(fund_source, '未写明'), paid_date
    FROM raw.finance_payment
    WHERE _received_at <= getvariable('known_at') AND paid_date <= getvariable('as_of')
)
GROUP BY kind, source
ORDER BY kind, source
