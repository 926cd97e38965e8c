-- Which classification jobs are there now, and whose are they?
SELECT
    j.account_id, a.name AS account_name, a.state AS account_state, j.region, j.job_id, j.arn, j.name,
    j.job_type, j.job_status, j.created_at, j.last_run_error_code, j.paused_at, j.expires_at,
    j.expiration_health_event_arn, j.bucket_selection, j.bucket_count,
    j.first_seen_at, j.last_seen_at, j.first_seen_run, j.last_seen_run, j.raw
FROM jobs AS j
LEFT JOIN accounts AS a ON a.account_id = j.account_id
WHERE j.missing_since IS NULL
