-- 企业申报值：每户每个指标最近一次申报的值，带办件、证明材料和承诺书编号；只是申报，不进入 profile.enterprise，部门已有数的以部门为准
WITH said AS (
    SELECT
        s.enterprise_id,
        d.indicator,
        d.value,
        d.proof,
        d.commitment_no,
        d.case_no,
        d._op,
        struct_pack(department := 'apply', table_name := 'declaration', file_id := d._file_id, row_no := d._row_no, valid_at := d.submitted_at::DATE, received_at := d._received_at) AS declaration_evidence
    FROM raw.apply_declaration d
    JOIN registry.subject s USING (_subject_id)
    WHERE s.enterprise_id IS NOT NULL
        AND d._received_at <= getvariable('known_at')
        AND d.submitted_at::DATE <= getvariable('as_of')
    QUALIFY row_number() OVER (
        PARTITION BY s.enterprise_id, d.indicator
        ORDER BY d.submitted_at DESC, d._received_at DESC, d._file_id DESC, d._row_no DESC
    ) = 1
)
SELECT
    said.enterprise_id,
    said.indicator,
    said.value,
    -- what a department holds is not replaced by what an applicant says
    CASE WHEN held.indicator IS NOT NULL THEN 'held_by_department' ELSE 'declared' END AS state,
    held.department AS held_by,
    said.proof,
    said.commitment_no,
    said.case_no,
    said.declaration_evidence
FROM said
LEFT JOIN profile.evidence held ON held.enterprise_id = said.enterprise_id AND held.indicator = said.indicator
WHERE said._op <> 'D' AND said.value IS NOT NULL
ORDER BY said.enterprise_id, said.indicator
