-- 海口海关：进出口额与增速、备案与信用等级、零关税减免
WITH trade AS (
    SELECT
        enterprise_id,
        sum(export_usd) FILTER (WHERE year(month) = year(getvariable('as_of')) - 1) AS export_last,
        sum(export_usd) FILTER (WHERE year(month) = year(getvariable('as_of')) - 2) AS export_before,
        sum(export_usd) FILTER (WHERE year(month) = year(getvariable('as_of'))) AS export_ytd,
        sum(import_usd) FILTER (WHERE year(month) = year(getvariable('as_of')) - 1) AS import_last,
        sum(import_usd) FILTER (WHERE year(month) = year(getvariable('as_of')) - 2) AS import_before,
        sum(import_usd) FILTER (WHERE year(month) = year(getvariable('as_of'))) AS import_ytd,
        sum(trade_usd) FILTER (WHERE year(month) = year(getvariable('as_of')) - 1) AS trade_last,
        sum(trade_usd) FILTER (WHERE year(month) = year(getvariable('as_of')) - 2) AS trade_before,
        sum(trade_usd) FILTER (WHERE year(month) = year(getvariable('as_of'))) AS trade_ytd,
        sum(trade_yuan) FILTER (WHERE year(month) = year(getvariable('as_of')) - 1) AS yuan_last,
        sum(trade_yuan) FILTER (WHERE year(month) = year(getvariable('as_of')) - 2) AS yuan_before,
        sum(trade_yuan) FILTER (WHERE year(month) = year(getvariable('as_of'))) AS yuan_ytd,
        len(list_distinct(flatten(list(countries) FILTER (WHERE year(month) = year(getvariable('as_of')) - 1)))) AS markets,
        arg_max(trade_month_evidence, month) AS trade_month_evidence
    FROM profile.customs_month
    GROUP BY enterprise_id
), filed AS (
    SELECT s.enterprise_id, r.*
    FROM raw.customs_registration r
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND r._received_at <= getvariable('known_at')
        AND coalesce(r.registered_date, r._received_at::DATE) <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, r.customs_code
        ORDER BY r._received_at DESC, r._file_id DESC, r._row_no DESC
    ) = 1
), registration AS (
    SELECT *, coalesce(status NOT SIMILAR TO '.*(注销|失效|暂停|撤销).*', TRUE) AS is_valid
    FROM filed
    WHERE _op <> 'D'
    QUALIFY row_number() OVER (
        PARTITION BY enterprise_id
        ORDER BY coalesce(status NOT SIMILAR TO '.*(注销|失效|暂停|撤销).*', TRUE) DESC, registered_date DESC NULLS LAST, _received_at DESC, _file_id DESC, _row_no DESC
    ) = 1
), declared AS (
    SELECT s.enterprise_id, z.*
    FROM raw.customs_zero_tariff z
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND z._received_at <= getvariable('known_at')
        AND z.declared_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, z.customs_code, z.declared_date, z.goods_yuan
        ORDER BY z._received_at DESC, z._file_id DESC, z._row_no DESC
    ) = 1
), covered AS (
    -- corrections reach back before the first delivery: a year the feed lacks a month of is not a sum
    SELECT
        coalesce(len(list_filter(any_value(months), lambda m: starts_with(m, CAST(year(getvariable('as_of')) - 1 AS VARCHAR)))) = 12, FALSE) AS last_year,
        coalesce(len(list_filter(any_value(months), lambda m: starts_with(m, CAST(year(getvariable('as_of')) - 2 AS VARCHAR)))) = 12, FALSE) AS year_before,
        coalesce(max(last_month) >= strftime(any_value(due.month), '%Y%m'), FALSE) AS to_date
    FROM profile.feed
    CROSS JOIN profile.due due
    WHERE department = 'customs' AND table_name = 'trade_month'
), zero_tariff AS (
    SELECT
        enterprise_id,
        sum(duty_saved_yuan) FILTER (WHERE year(declared_date) = year(getvariable('as_of')) - 1) AS saved,
        arg_max(
            struct_pack(department := 'customs', table_name := 'zero_tariff', file_id := _file_id, row_no := _row_no, valid_at := declared_date, received_at := _received_at),
            (declared_date, _received_at, _file_id, _row_no)
        ) AS zero_tariff_evidence
    FROM declared
    WHERE _op <> 'D'
    GROUP BY enterprise_id
)
SELECT
    enterprise_id,
    CAST(CASE WHEN covered.last_year THEN trade.export_last END AS DECIMAL(18, 2)) AS export_value_usd_last_year,
    CAST(CASE WHEN covered.year_before THEN trade.export_before END AS DECIMAL(18, 2)) AS export_value_usd_before_last_year,
    CAST(CASE WHEN covered.to_date THEN trade.export_ytd END AS DECIMAL(18, 2)) AS export_value_usd_ytd,
    CAST(CASE WHEN covered.last_year THEN trade.import_last END AS DECIMAL(18, 2)) AS import_value_usd_last_year,
    CAST(CASE WHEN covered.year_before THEN trade.import_before END AS DECIMAL(18, 2)) AS import_value_usd_before_last_year,
    CAST(CASE WHEN covered.to_date THEN trade.import_ytd END AS DECIMAL(18, 2)) AS import_value_usd_ytd,
    CAST(CASE WHEN covered.last_year THEN trade.trade_last END AS DECIMAL(18, 2)) AS trade_value_usd_last_year,
    CAST(CASE WHEN covered.year_before THEN trade.trade_before END AS DECIMAL(18, 2)) AS trade_value_usd_before_last_year,
    CAST(CASE WHEN covered.to_date THEN trade.trade_ytd END AS DECIMAL(18, 2)) AS trade_value_usd_ytd,
    CAST(CASE WHEN covered.last_year THEN trade.yuan_last END AS DECIMAL(18, 2)) AS trade_value_yuan_last_year,
    CAST(CASE WHEN covered.year_before THEN trade.yuan_before END AS DECIMAL(18, 2)) AS trade_value_yuan_before_last_year,
    CAST(CASE WHEN covered.to_date THEN trade.yuan_ytd END AS DECIMAL(18, 2)) AS trade_value_yuan_ytd,
    TRY_CAST(CASE WHEN covered.last_year AND covered.year_before AND trade.trade_before > 0 THEN (coalesce(trade.trade_last, 0) - trade.trade_before) / trade.trade_before END AS DECIMAL(18, 6)) AS trade_growth_ratio,
    CAST(CASE WHEN covered.last_year AND covered.year_before THEN coalesce(trade.trade_last, 0) - coalesce(trade.trade_before, 0) END AS DECIMAL(18, 2)) AS trade_growth_usd_delta,
    TRY_CAST(CASE WHEN covered.last_year AND covered.year_before AND trade.export_before > 0 THEN (coalesce(trade.export_last, 0) - trade.export_before) / trade.export_before END AS DECIMAL(18, 6)) AS export_growth_ratio,
    CASE WHEN covered.last_year THEN trade.markets END AS trade_markets_last_year,
    trade.trade_month_evidence,
    registration.is_valid AS has_customs_registration,
    CASE WHEN registration.is_valid THEN
        CASE registration.credit_level
            WHEN 'aeo_advanced' THEN '高级认证企业' WHEN 'aeo_general' THEN '一般认证企业'
            WHEN 'general' THEN '其他企业' WHEN 'dishonest' THEN '失信企业'
        END
    END AS customs_credit_level,
    CASE WHEN registration.enterprise_id IS NOT NULL THEN
        struct_pack(department := 'customs', table_name := 'registration', file_id := registration._file_id, row_no := registration._row_no, valid_at := registration.registered_date, received_at := registration._received_at)
    END AS registration_evidence,
    CAST(zero_tariff.saved AS DECIMAL(18, 2)) AS zero_tariff_relief_last_year,
    zero_tariff.zero_tariff_evidence,
    list_concat(
        CASE WHEN covered.year_before AND coalesce(trade.trade_before, 0) <= 0 THEN ['trade_growth_ratio'] ELSE [] END,
        CASE WHEN covered.year_before AND coalesce(trade.export_before, 0) <= 0 THEN ['export_growth_ratio'] ELSE [] END
    ) AS not_applicable
FROM trade
FULL JOIN registration USING (enterprise_id)
FULL JOIN zero_tariff USING (enterprise_id)
CROSS JOIN covered
ORDER BY enterprise_id
