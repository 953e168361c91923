-- 变化事件：迁移、更名、登记状态变化、资质取得与到期、规上在库起始、划型变化；触发重新匹配
WITH register AS (
    SELECT
        s.enterprise_id,
        coalesce(b.op_at::DATE, b.approved_date, b._received_at::DATE) AS day,
        b.name,
        b.status,
        region.current_code AS region,
        lag(b.name) OVER history AS name_before,
        lag(b.status) OVER history AS status_before,
        lag(region.current_code) OVER history AS region_before,
        b._file_id AS file_id,
        b._row_no AS row_no
    FROM raw.market_baseinfo b
    JOIN registry.subject s USING (_subject_id)
    LEFT JOIN profile.region region ON region.code = b.region_code
    WHERE s.enterprise_id IS NOT NULL
        AND b._received_at <= getvariable('known_at')
        AND b._op <> 'D'
        AND coalesce(b.op_at::DATE, b.approved_date, b._received_at::DATE) <= getvariable('as_of')
    WINDOW history AS (
        PARTITION BY s.enterprise_id, b.pripid ORDER BY b.op_at NULLS FIRST, b._received_at, b._file_id, b._row_no
    )
), certificate AS (
    SELECT enterprise_id, unnest(hnte_list) AS entry, hnte_evidence AS evidence FROM profile.science
    UNION ALL
    SELECT enterprise_id, unnest(gradient_list), gradient_evidence FROM profile.industry
), change AS (
    SELECT enterprise_id, day, 'renamed' AS kind, name_before AS before, name AS after, file_id, row_no
    FROM register WHERE translate(name, '()', '（）') <> translate(name_before, '()', '（）')
    UNION ALL
    SELECT enterprise_id, day, 'moved', region_before, region, file_id, row_no FROM register WHERE region <> region_before
    UNION ALL
    SELECT enterprise_id, day, 'status', status_before, status, file_id, row_no FROM register WHERE status <> status_before
    UNION ALL
    SELECT enterprise_id, entry.valid_from, 'certified', NULL, entry.name, evidence.file_id, evidence.row_no
    FROM certificate WHERE entry.valid_from <= getvariable('as_of')
    UNION ALL
    SELECT enterprise_id, entry.valid_to + 1, 'certificate_ended', entry.name, NULL, evidence.file_id, evidence.row_no
    FROM certificate WHERE entry.valid_to < getvariable('as_of')
    UNION ALL
    SELECT enterprise_id, above_scale_since, 'above_scale', NULL, NULL, above_scale_evidence.file_id, above_scale_evidence.row_no
    FROM profile.derived WHERE above_scale_since IS NOT NULL
    UNION ALL
    -- a year's figures are judged in the year after it
    SELECT enterprise_id, make_date(CAST(year AS INTEGER) + 1, 1, 1), 'size_class', size_before, size, staff_evidence.file_id, staff_evidence.row_no
    FROM (
        SELECT *, lag(size) OVER (PARTITION BY enterprise_id ORDER BY year) AS size_before
        FROM profile.size_year
        WHERE size IS NOT NULL AND year < year(getvariable('as_of'))
    )
    WHERE size <> size_before
)
SELECT enterprise_id, day, kind, before, after, file_id, row_no
FROM change
ORDER BY enterprise_id, day, kind, after, before, file_id, row_no
