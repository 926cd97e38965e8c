-- Which jobs ended their last run in an error?
SELECT
    j.account_id, a.name AS account_name, j.region, j.job_id, j.arn, j.name, j.job_type, j.job_status,
    j.last_run_error_code, j.created_at, j.last_seen_at
FROM jobs AS j
LEFT JOIN accounts AS a ON a.account_id = j.account_id
WHERE j.last_run_error_code = 'ERROR' AND j.missing_since IS NULL
