-- 科技厅：高新技术企业（取消资格追溯到年度）、科技型中小企业、研发人员、技术交易额
WITH certificate AS (
    SELECT s.enterprise_id, h.*
    FROM raw.science_hnte h
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND h._received_at <= getvariable('known_at')
        AND h.issued_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, h.certificate_no
        ORDER BY h.status = 'cancelled' DESC, h._received_at DESC, h._file_id DESC, h._row_no DESC
    ) = 1
), held AS (
    SELECT *,
        -- a cancellation reaches back to the first day of its year, whenever it arrived
        CASE
            WHEN status = 'cancelled' THEN make_date(coalesce(cancelled_year, year(_received_at)), 1, 1) - INTERVAL 1 DAY
            ELSE issued_date + to_years(CAST(coalesce(valid_years, 3) AS INTEGER)) - INTERVAL 1 DAY
        END::DATE AS held_to
    FROM certificate
    WHERE _op <> 'D'
), hnte AS (
    SELECT
        enterprise_id,
        bool_or(held_to >= getvariable('as_of')) AS is_valid,
        max(held_to) FILTER (WHERE held_to >= getvariable('as_of')) AS valid_to,
        min(year(issued_date)) AS first_year,
        list(
            struct_pack("name" := '高新技术企业', "level" := '国家级', issuer := '科技厅', valid_from := issued_date, valid_to := held_to)
            ORDER BY issued_date, certificate_no
        ) AS hnte_list,
        arg_max(
            struct_pack(department := 'science', table_name := 'hnte', file_id := _file_id, row_no := _row_no, valid_at := issued_date, received_at := _received_at),
            (held_to >= getvariable('as_of'), issued_date, _received_at, _file_id, _row_no)
        ) AS hnte_evidence,
        arg_min(
            struct_pack(department := 'science', table_name := 'hnte', file_id := _file_id, row_no := _row_no, valid_at := issued_date, received_at := _received_at),
            (issued_date, _received_at, _file_id, _row_no)
        ) AS hnte_first_evidence
    FROM held
    GROUP BY enterprise_id
), entry AS (
    SELECT s.enterprise_id, t.*
    FROM raw.science_tech_sme t
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND t._received_at <= getvariable('known_at')
        AND t.listed_year <= year(getvariable('as_of'))
        -- the batches of a year are published from April to August; the row bears no day but that of its arrival
        AND (t.listed_year < year(getvariable('as_of')) OR t._received_at::DATE <= getvariable('as_of'))
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, t.registration_no
        ORDER BY t._received_at DESC, t._file_id DESC, t._row_no DESC
    ) = 1
), tech_sme AS (
    SELECT
        enterprise_id,
        bool_or(listed_year = year(getvariable('as_of'))) AS is_listed,
        list(
            struct_pack("name" := '科技型中小企业', "level" := CAST(NULL AS VARCHAR), issuer := '科技厅', valid_from := make_date(listed_year, 1, 1), valid_to := make_date(listed_year, 12, 31))
            ORDER BY listed_year, registration_no
        ) AS tech_sme_list,
        arg_max(
            struct_pack(department := 'science', table_name := 'tech_sme', file_id := _file_id, row_no := _row_no, valid_at := make_date(listed_year, 1, 1), received_at := _received_at),
            (listed_year, _received_at, _file_id, _row_no)
        ) AS tech_sme_evidence
    FROM entry
    WHERE _op <> 'D' AND NOT coalesce(is_revoked, FALSE)
    GROUP BY enterprise_id
), rd_input AS (
    SELECT enterprise_id, rd_staff_count, hightech_revenue_yuan, rd_input_evidence
    FROM profile.science_year
    WHERE year = year(getvariable('as_of')) - 1
), contract AS (
    SELECT s.enterprise_id, t.*
    FROM raw.science_tech_contract t
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND t._received_at <= getvariable('known_at')
        AND t.registered_date <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, t.contract_no
        ORDER BY t._received_at DESC, t._file_id DESC, t._row_no DESC
    ) = 1
), tech_contract AS (
    SELECT
        enterprise_id,
        sum(technology_yuan) FILTER (WHERE year(registered_date) = year(getvariable('as_of')) - 1) AS technology,
        arg_max(
            struct_pack(department := 'science', table_name := 'tech_contract', file_id := _file_id, row_no := _row_no, valid_at := registered_date, received_at := _received_at),
            (registered_date, _received_at, _file_id, _row_no)
        ) AS tech_contract_evidence
    FROM contract
    WHERE _op <> 'D'
    GROUP BY enterprise_id
)
SELECT
    enterprise_id,
    hnte.is_valid AS is_hnte,
    hnte.valid_to AS hnte_valid_to,
    CAST(hnte.first_year AS BIGINT) AS hnte_first_year,
    hnte.hnte_first_evidence,
    hnte.hnte_list,
    hnte.hnte_evidence,
    tech_sme.is_listed AS is_tech_sme,
    tech_sme.tech_sme_list,
    tech_sme.tech_sme_evidence,
    rd_input.rd_staff_count AS rd_staff,
    rd_input.hightech_revenue_yuan AS high_tech_income_last_year,
    rd_input.rd_input_evidence,
    CAST(tech_contract.technology AS DECIMAL(18, 2)) AS tech_contract_value_last_year,
    tech_contract.tech_contract_evidence,
    CASE WHEN hnte.enterprise_id IS NOT NULL AND NOT hnte.is_valid THEN ['hnte_valid_to'] ELSE [] END AS not_applicable
FROM hnte
FULL JOIN tech_sme USING (enterprise_id)
FULL JOIN rd_input USING (enterprise_id)
FULL JOIN tech_contract USING (enterprise_id)
ORDER BY enterprise_id
