-- Which jobs did a user pause, and how many days are left until Macie cancels each of them (negative once it is past)?
SELECT
    j.account_id, a.name AS account_name, j.region, j.job_id, j.arn, j.name, j.job_type,
    j.paused_at, j.expires_at, julianday(j.expires_at) - julianday('now') AS days_left,
    j.expiration_health_event_arn, j.last_seen_at
FROM jobs AS j
LEFT JOIN accounts AS a ON a.account_id = j.account_id
WHERE j.job_status = 'USER_PAUSED' AND j.missing_since IS NULL
