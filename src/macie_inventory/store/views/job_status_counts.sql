-- How many jobs of each type and status does each account have in each region?
SELECT
    j.account_id, a.name AS account_name, j.region, j.job_type, j.job_status, count(*) AS jobs
FROM jobs AS j
LEFT JOIN accounts AS a ON a.account_id = j.account_id
WHERE j.missing_since IS NULL
GROUP BY j.account_id, a.name, j.region, j.job_type, j.job_status
