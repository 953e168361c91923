-- 农业农村厅：龙头企业、示范社、农村集体经济组织、两品一标与南繁认证
WITH leading_row AS (
    SELECT s.enterprise_id, l.*
    FROM raw.agri_leading l
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND l._received_at <= getvariable('known_at')
        -- the lists carry no dates: one speaks of the days since it was handed over
        AND l._period = (
            SELECT max(period)
            FROM raw.delivery
            WHERE department = 'agri' AND table_name = 'leading' AND status = 'loaded'
                AND received_at <= getvariable('known_at') AND received_at::DATE <= getvariable('as_of')
        )
    -- each list is complete: the newest replaces all before it
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, l.level
        ORDER BY l._received_at DESC, l._file_id DESC, l._row_no DESC
    ) = 1
), leader AS (
    SELECT
        enterprise_id,
        CASE max(CASE level WHEN 'national' THEN 3 WHEN 'provincial' THEN 2 WHEN 'municipal' THEN 1 END)
            WHEN 3 THEN '国家级' WHEN 2 THEN '省级' WHEN 1 THEN '市级'
        END AS best_level,
        list(
            struct_pack(
                "name" := '农业产业化龙头企业',
                "level" := CASE level WHEN 'national' THEN '国家级' WHEN 'provincial' THEN '省级' WHEN 'municipal' THEN '市级' END,
                issuer := '农业农村厅', valid_from := CAST(NULL AS DATE), valid_to := CAST(NULL AS DATE)
            )
            ORDER BY level
        ) AS leading_list,
        arg_max(
            struct_pack(department := 'agri', table_name := 'leading', file_id := _file_id, row_no := _row_no, valid_at := _received_at::DATE, received_at := _received_at),
            (CASE level WHEN 'national' THEN 3 WHEN 'provincial' THEN 2 WHEN 'municipal' THEN 1 ELSE 0 END, _received_at, _file_id, _row_no)
        ) AS leading_evidence
    FROM leading_row
    -- 监测不合格 loses the title; 递补 gains it; no conclusion yet keeps it
    WHERE _op <> 'D' AND NOT coalesce(monitoring, '') LIKE '%不合格%' AND NOT coalesce(remark, '') SIMILAR TO '.*(取消|撤销).*'
    GROUP BY enterprise_id
), coop_row AS (
    SELECT s.enterprise_id, c.*
    FROM raw.agri_coop c
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND c._received_at <= getvariable('known_at')
        AND c._period = (
            SELECT max(period)
            FROM raw.delivery
            WHERE department = 'agri' AND table_name = 'coop' AND status = 'loaded'
                AND received_at <= getvariable('known_at') AND received_at::DATE <= getvariable('as_of')
        )
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, c.level
        ORDER BY c._received_at DESC, c._file_id DESC, c._row_no DESC
    ) = 1
), coop AS (
    SELECT
        enterprise_id,
        CASE max(CASE level WHEN 'national' THEN 3 WHEN 'provincial' THEN 2 WHEN 'municipal' THEN 1 END)
            WHEN 3 THEN '国家级' WHEN 2 THEN '省级' WHEN 1 THEN '市级'
        END AS best_level,
        arg_max(member_count, (_received_at, _file_id, _row_no)) AS members,
        arg_max(revenue_yuan, (_received_at, _file_id, _row_no)) AS revenue,
        list(
            struct_pack(
                "name" := '农民专业合作社示范社',
                "level" := CASE level WHEN 'national' THEN '国家级' WHEN 'provincial' THEN '省级' WHEN 'municipal' THEN '市级' END,
                issuer := '农业农村厅', valid_from := CAST(NULL AS DATE), valid_to := CAST(NULL AS DATE)
            )
            ORDER BY level
        ) AS coop_list,
        arg_max(
            struct_pack(department := 'agri', table_name := 'coop', file_id := _file_id, row_no := _row_no, valid_at := _received_at::DATE, received_at := _received_at),
            (CASE level WHEN 'national' THEN 3 WHEN 'provincial' THEN 2 WHEN 'municipal' THEN 1 ELSE 0 END, _received_at, _file_id, _row_no)
        ) AS coop_evidence
    FROM coop_row
    WHERE _op <> 'D'
    GROUP BY enterprise_id
), collective AS (
    SELECT s.enterprise_id, c.*,
        struct_pack(department := 'agri', table_name := 'collective', file_id := c._file_id, row_no := c._row_no, valid_at := c._received_at::DATE, received_at := c._received_at) AS collective_evidence
    FROM raw.agri_collective c
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND c._received_at <= getvariable('known_at')
        AND c._period <= strftime(getvariable('as_of'), '%Y%m%d')
        AND c._op <> 'D'
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id
        ORDER BY c._received_at DESC, c._file_id DESC, c._row_no DESC
    ) = 1
), certificate AS (
    SELECT s.enterprise_id, c.*,
        CASE
            WHEN c.certificate_no || coalesce(c.product, '') LIKE '%绿色%' OR c.certificate_no SIMILAR TO '(LB|GF).*' THEN '绿色食品'
            WHEN c.certificate_no || coalesce(c.product, '') LIKE '%有机%' OR c.certificate_no SIMILAR TO '(OGA|COFCC|YJ).*' THEN '有机农产品'
            WHEN c.certificate_no || coalesce(c.product, '') LIKE '%地理标志%' OR c.certificate_no SIMILAR TO '(AGI|DB).*' THEN '农产品地理标志'
            WHEN c.certificate_no || coalesce(c.product, '') LIKE '%南繁%' OR c.certificate_no SIMILAR TO 'NF.*' THEN '南繁基地'
        END AS title
    FROM raw.agri_certification c
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND c._received_at <= getvariable('known_at')
        AND c._period = (
            SELECT max(period)
            FROM raw.delivery
            WHERE department = 'agri' AND table_name = 'certification' AND status = 'loaded'
                AND received_at <= getvariable('known_at') AND received_at::DATE <= getvariable('as_of')
        )
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, c.certificate_no, c.product
        ORDER BY c._received_at DESC, c._file_id DESC, c._row_no DESC
    ) = 1
), certification AS (
    SELECT
        enterprise_id,
        sum(area_mu) AS area,
        list(
            struct_pack("name" := title, "level" := CAST(NULL AS VARCHAR), issuer := '农业农村厅', valid_from := CAST(NULL AS DATE), valid_to := valid_to_date)
            ORDER BY valid_to_date, certificate_no, product
        ) FILTER (WHERE title IS NOT NULL) AS certification_list,
        arg_max(
            struct_pack(department := 'agri', table_name := 'certification', file_id := _file_id, row_no := _row_no, valid_at := _received_at::DATE, received_at := _received_at),
            (_received_at, _file_id, _row_no)
        ) AS certification_evidence
    FROM certificate
    WHERE _op <> 'D' AND coalesce(valid_to_date >= getvariable('as_of'), TRUE)
    GROUP BY enterprise_id
)
SELECT
    enterprise_id,
    leader.best_level AS agri_leading_level,
    leader.leading_list,
    leader.leading_evidence,
    coop.best_level AS coop_demo_level,
    coalesce(coop.members, collective.member_count) AS member_count,
    CAST(coop.revenue AS DECIMAL(18, 2)) AS coop_revenue_last_year,
    coop.coop_list,
    coalesce(coop.coop_evidence, collective.collective_evidence) AS coop_evidence,
    CAST(collective.assets_yuan AS DECIMAL(18, 2)) AS collective_assets_yuan,
    collective.collective_evidence,
    CAST(certification.area AS DECIMAL(18, 6)) AS certified_area_mu,
    certification.certification_list,
    certification.certification_evidence
FROM leader
FULL JOIN coop USING (enterprise_id)
FULL JOIN collective USING (enterprise_id)
FULL JOIN certification USING (enterprise_id)
ORDER BY enterprise_id
