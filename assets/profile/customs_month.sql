-- 海口海关月度：每户每月进出口额；同一月份按监管方式、商品、国别取最近一次送来的数，负数为更正差额，另行相加
WITH standing AS (
    SELECT s.enterprise_id, t.*
    FROM raw.customs_trade_month t
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND t._received_at <= getvariable('known_at')
        AND t.trade_month <= getvariable('as_of')
    -- a figure sent again replaces the earlier one; a negative one is a difference of its own delivery and adds up
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, t.customs_code, t.trade_month, t.direction, t.supervision_mode, t.hs_code, t.country,
            CASE WHEN t.value_usd < 0 OR t.value_yuan < 0 THEN t._period END
        ORDER BY t._received_at DESC, t._file_id DESC, t._row_no DESC
    ) = 1
)
SELECT
    enterprise_id,
    CAST(date_trunc('month', trade_month) AS DATE) AS month,
    CAST(sum(CASE WHEN direction = 'export' THEN value_usd ELSE 0 END) AS DECIMAL(18, 2)) AS export_usd,
    CAST(sum(CASE WHEN direction = 'import' THEN value_usd ELSE 0 END) AS DECIMAL(18, 2)) AS import_usd,
    CAST(sum(value_usd) AS DECIMAL(18, 2)) AS trade_usd,
    CAST(sum(value_yuan) AS DECIMAL(18, 2)) AS trade_yuan,
    list_sort(list_distinct(list(country) FILTER (WHERE country IS NOT NULL))) AS countries,
    arg_max(
        struct_pack(department := 'customs', table_name := 'trade_month', file_id := _file_id, row_no := _row_no, valid_at := trade_month, received_at := _received_at),
        (_received_at, _file_id, _row_no)
    ) AS trade_month_evidence
FROM standing
WHERE _op <> 'D'
GROUP BY enterprise_id, date_trunc('month', trade_month)
ORDER BY enterprise_id, month
