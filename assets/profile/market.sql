-- 市场监督管理局：主体登记的最新状态、变更、经营异常与严重违法名录
WITH history AS (
    SELECT
        s.enterprise_id,
        b.*,
        coalesce(b.op_at::DATE, b.approved_date, b._received_at::DATE) AS valid_at,
        coalesce(b.enterprise_type, CASE WHEN b.enterprise_type_source SIMILAR TO '[1-9]\d{3}' THEN b.enterprise_type_source END) AS type_code,
        -- a date of founding after the approval (2099-01-01) is a slip; the term of operation starts on the same day
        CASE WHEN b.established_date <= coalesce(b.approved_date, getvariable('as_of')) THEN b.established_date
            WHEN b.operating_from_date <= coalesce(b.approved_date, getvariable('as_of')) THEN b.operating_from_date
        END AS founded_date
    FROM raw.market_baseinfo b
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND b._received_at <= getvariable('known_at')
        AND coalesce(b.op_at::DATE, b.approved_date, b._received_at::DATE) <= getvariable('as_of')
), step AS (
    SELECT enterprise_id, valid_at, region.current_code AS code, lag(region.current_code) OVER (
        PARTITION BY enterprise_id, pripid ORDER BY op_at NULLS FIRST, _received_at, _file_id, _row_no
    ) AS code_before
    FROM history
    JOIN profile.region region ON region.code = history.region_code
), move AS (
    SELECT enterprise_id, max(valid_at) AS moved FROM step WHERE code <> code_before GROUP BY enterprise_id
), version AS (
    SELECT * FROM history
    -- several changes of one day: the later stamp holds, then the later delivery, then the later row
    QUALIFY row_number() OVER (
        PARTITION BY enterprise_id, pripid
        ORDER BY op_at DESC NULLS LAST, _received_at DESC, _file_id DESC, _row_no DESC
    ) = 1
), base AS (
    SELECT * FROM version
    WHERE _op <> 'D'
    QUALIFY row_number() OVER (
        PARTITION BY enterprise_id
        ORDER BY status = 'active' DESC NULLS LAST, valid_at DESC, _received_at DESC, _file_id DESC, _row_no DESC
    ) = 1
), located AS (
    SELECT
        b.enterprise_id,
        arg_max(p.park, (length(p.word), p.park)) AS park,
        arg_max(p.name, (length(p.word), p.park)) AS park_name,
        arg_max(p.region, (length(p.word), p.park)) AS park_region,
        arg_max(p.valid_from, (length(p.word), p.park)) AS park_from
    FROM base b
    JOIN profile.park p ON contains(b.address, p.word) AND p.valid_from <= getvariable('as_of')
    GROUP BY b.enterprise_id
), placed AS (
    -- no district code: the deepest place the address names in full
    SELECT b.enterprise_id, arg_max(w.current_code, (w.depth, length(w.word), w.current_code)) AS code
    FROM base b
    JOIN profile.region_word w ON length(w.word) > 2 AND contains(b.address, w.word)
    WHERE b.region_code IS NULL
    GROUP BY b.enterprise_id
), alteration AS (
    SELECT
        s.enterprise_id,
        max(a.alter_date) FILTER (WHERE a.alter_item = 'move') AS moved,
        bool_or(a.alter_item = 'name' AND a.alter_date > getvariable('as_of') - INTERVAL 3 YEAR) AS renamed,
        arg_max(
            struct_pack(department := 'market', table_name := 'alter', file_id := a._file_id, row_no := a._row_no, valid_at := a.alter_date, received_at := a._received_at),
            (a.alter_date, a._received_at, a._file_id, a._row_no)
        ) AS alter_evidence
    FROM raw.market_alter a
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND a._received_at <= getvariable('known_at')
        AND a.alter_date <= getvariable('as_of')
        AND a._op <> 'D'
    GROUP BY s.enterprise_id
), listing AS (
    SELECT s.enterprise_id, a.*
    FROM raw.market_abnormal a
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND a._received_at <= getvariable('known_at')
        AND a.listed_date <= getvariable('as_of')
    -- the removal arrives as the same listing sent again with its end
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, a.pripid, a.listed_date, a.listed_reason
        ORDER BY a.removed_date IS NOT NULL DESC, a._received_at DESC, a._file_id DESC, a._row_no DESC
    ) = 1
), abnormal AS (
    SELECT
        enterprise_id,
        coalesce(bool_or(NOT contains(coalesce(listed_reason, ''), '严重违法')) FILTER (WHERE coalesce(removed_date > getvariable('as_of'), TRUE)), FALSE) AS listed,
        coalesce(bool_or(contains(coalesce(listed_reason, ''), '严重违法')) FILTER (WHERE coalesce(removed_date > getvariable('as_of'), TRUE)), FALSE) AS serious,
        arg_max(
            struct_pack(department := 'market', table_name := 'abnormal', file_id := _file_id, row_no := _row_no, valid_at := listed_date, received_at := _received_at),
            (listed_date, _received_at, _file_id, _row_no)
        ) AS abnormal_evidence
    FROM listing
    WHERE _op <> 'D'
    GROUP BY enterprise_id
), kind AS (
    SELECT
        enterprise_id,
        CASE
            WHEN type_code SIMILAR TO '(2|43|44|47|58|59|68|69|73|92|965).*' THEN '分支机构'
            WHEN type_code SIMILAR TO '1110' THEN '国有独资公司'
            WHEN type_code SIMILAR TO '11.*|1000' THEN '有限责任公司'
            WHEN type_code SIMILAR TO '12.*' THEN '股份有限公司'
            WHEN type_code SIMILAR TO '3.*' THEN '非公司企业法人'
            WHEN type_code SIMILAR TO '454.*|4600' THEN '个人独资企业'
            WHEN type_code SIMILAR TO '4.*' THEN '合伙企业'
            WHEN type_code SIMILAR TO '6.*' THEN '港澳台投资企业'
            WHEN type_code SIMILAR TO '[57].*' THEN '外商投资企业'
            WHEN type_code SIMILAR TO '9[13].*' THEN '农民专业合作社'
            WHEN type_code SIMILAR TO '9[56].*' THEN '个体工商户'
            WHEN uscc LIKE '92%' THEN '个体工商户'
            WHEN uscc LIKE '93%' THEN '农民专业合作社'
            WHEN type_code IS NOT NULL OR uscc LIKE 'N%' THEN '其他'
        END AS enterprise_type,
        type_code SIMILAR TO '(54|64).*' AS is_foreign_partnership
    FROM base
)
SELECT
    b.enterprise_id,
    CASE
        WHEN located.park = 'park-yangpu' THEN located.park_region
        -- 洋浦 is no district: who is registered by its own office in 儋州 and at an address that names no park is there
        WHEN located.park IS NULL AND b.registrar_code = '460300' AND coalesce(region.current_code, placed.code) = '460400' THEN '460400499'
        ELSE coalesce(region.current_code, placed.code)
    END AS registered_region,
    located.park AS registered_park,
    CASE WHEN b.address IS NOT NULL THEN
        CASE WHEN located.park IS NULL THEN []
            ELSE [struct_pack("name" := located.park, "level" := CAST(NULL AS VARCHAR), issuer := located.park_name, valid_from := greatest(located.park_from, b.founded_date), valid_to := CAST(NULL AS DATE))]
        END
    END AS park_residency,
    CASE
        WHEN regexp_extract(b.industry_code, '(\d{2,4})', 1) <> '' THEN regexp_extract(b.industry_code, '(\d{2,4})', 1)
        WHEN upper(trim(coalesce(b.industry_code, b.industry_letter))) SIMILAR TO '[A-T]' THEN upper(trim(coalesce(b.industry_code, b.industry_letter)))
    END AS registered_industry,
    coalesce(
        section.section,
        CASE WHEN upper(trim(b.industry_letter)) SIMILAR TO '[A-T]' THEN upper(trim(b.industry_letter)) END
    ) AS registered_section,
    CASE
        WHEN kind.enterprise_type = '分支机构' THEN '分支机构'
        WHEN kind.enterprise_type = '个体工商户' THEN '个体工商户'
        WHEN kind.enterprise_type = '农民专业合作社' THEN '农民专业合作社'
        WHEN b.uscc LIKE 'N%' THEN '农村集体经济组织'
        WHEN b.uscc LIKE '5%' THEN '社会组织'
        WHEN b.uscc LIKE '1%' THEN '事业单位'
        WHEN section.division IN ('66', '68') THEN '金融机构'
        WHEN kind.enterprise_type IS NOT NULL OR b.uscc LIKE '91%' THEN '企业'
    END AS applicant_type,
    CASE
        WHEN kind.enterprise_type IN ('分支机构', '合伙企业', '个人独资企业', '个体工商户') OR kind.is_foreign_partnership THEN FALSE
        WHEN b.uscc LIKE 'N%' THEN TRUE
        WHEN kind.enterprise_type = '其他' THEN NULL
        WHEN kind.enterprise_type IS NOT NULL THEN TRUE
    END AS legal_entity,
    kind.enterprise_type,
    kind.enterprise_type IN ('外商投资企业', '港澳台投资企业') AS is_foreign_invested,
    kind.enterprise_type = '分支机构' AS is_branch,
    b.founded_date AS established_date,
    CAST(datesub('year', b.founded_date, getvariable('as_of')) + date_diff(
        'day',
        (b.founded_date + to_years(CAST(datesub('year', b.founded_date, getvariable('as_of')) AS INTEGER)))::DATE,
        getvariable('as_of')
    ) / date_diff(
        'day',
        (b.founded_date + to_years(CAST(datesub('year', b.founded_date, getvariable('as_of')) AS INTEGER)))::DATE,
        (b.founded_date + to_years(CAST(datesub('year', b.founded_date, getvariable('as_of')) + 1 AS INTEGER)))::DATE
    ) AS DECIMAL(18, 6)) AS established_years,
    datesub('month', b.founded_date, getvariable('as_of')) AS established_months,
    greatest(alteration.moved, move.moved) AS moved_in_date,
    b.founded_date > getvariable('as_of') - INTERVAL 1 YEAR
        OR coalesce(greatest(alteration.moved, move.moved) > getvariable('as_of') - INTERVAL 1 YEAR, FALSE) AS newly_settled,
    CASE WHEN coalesce(b.capital_currency, CASE WHEN b.capital_currency_source IS NULL THEN 'CNY' END) = 'CNY' THEN b.capital_amount END AS registered_capital,
    CASE b.status
        WHEN 'active' THEN '存续'
        WHEN 'suspended' THEN CASE WHEN b.status_source LIKE '%清算%' THEN '清算' ELSE '歇业' END
        WHEN 'revoked' THEN '吊销'
        WHEN 'cancelled' THEN CASE WHEN b.status_source IN ('撤销', '撤销登记', '4') THEN '撤销' ELSE '注销' END
        WHEN 'moved_out' THEN '迁出'
    END AS business_status,
    b.status = 'active' AS in_business,
    alteration.renamed AS renamed_last_3_years,
    alteration.alter_evidence,
    b.staff_count AS registered_staff,
    struct_pack(department := 'market', table_name := 'baseinfo', file_id := b._file_id, row_no := b._row_no, valid_at := b.valid_at, received_at := b._received_at) AS baseinfo_evidence,
    abnormal.listed AS is_abnormal_listed,
    abnormal.serious AS is_serious_illegal,
    abnormal.abnormal_evidence,
    list_concat(
        CASE WHEN b.address IS NOT NULL AND located.park IS NULL THEN ['registered_park'] ELSE [] END,
        CASE WHEN greatest(alteration.moved, move.moved) IS NULL THEN ['moved_in_date'] ELSE [] END
    ) AS not_applicable
FROM base b
JOIN kind USING (enterprise_id)
LEFT JOIN located USING (enterprise_id)
LEFT JOIN alteration USING (enterprise_id)
LEFT JOIN move USING (enterprise_id)
LEFT JOIN placed USING (enterprise_id)
LEFT JOIN abnormal USING (enterprise_id)
LEFT JOIN profile.region region ON region.code = b.region_code
LEFT JOIN profile.division section ON section.division = left(regexp_extract(b.industry_code, '(\d{2,4})', 1), 2)
ORDER BY b.enterprise_id
