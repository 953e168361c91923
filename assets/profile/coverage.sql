-- 覆盖率：每个指标有多少户已知、多少户不适用、占全部企业的比例，及其部门；申报类指标另记申报过的户数
WITH counted AS (
    SELECT
        indicator,
        count(*) FILTER (WHERE state = 'known') AS known,
        count(*) FILTER (WHERE state = 'not_applicable') AS not_applicable,
        count(*) FILTER (WHERE state = 'known' AND row_no IS NULL) AS known_by_absence
    FROM profile.sourced
    GROUP BY indicator
), said AS (
    SELECT indicator, count(*) AS declared FROM profile.declaration GROUP BY indicator
), everybody AS (
    SELECT count(*) AS enterprises FROM registry.enterprise
)
SELECT
    c.indicator,
    c.label,
    c.department,
    c.table_name,
    e.enterprises,
    coalesce(counted.known, 0) AS known,
    coalesce(counted.known_by_absence, 0) AS known_by_absence,
    coalesce(counted.not_applicable, 0) AS not_applicable,
    coalesce(said.declared, 0) AS declared,
    CAST(coalesce(counted.known, 0) / greatest(e.enterprises, 1) AS DECIMAL(9, 6)) AS known_ratio
FROM profile.catalogue c
CROSS JOIN everybody e
LEFT JOIN counted USING (indicator)
LEFT JOIN said USING (indicator)
ORDER BY c.indicator
