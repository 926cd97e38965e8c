-- Which jobs were there at a moment (:as_of), and what were they like?
-- A value at that moment is what the first change after it replaced, or today's when nothing changed since.
WITH later AS (
    SELECT
        account_id, region, job_id, change, field, old_value,
        row_number() OVER (
            PARTITION BY account_id, region, job_id, field ORDER BY observed_at, run_id
        ) AS place
    FROM job_changes
    WHERE observed_at > :as_of AND change <> 'appeared'
),
undone AS (
    SELECT
        account_id, region, job_id,
        max(CASE WHEN change <> 'updated' THEN change END) AS next_presence,
        max(field = 'name') AS n_name,
        max(CASE WHEN field = 'name' THEN json_extract(old_value, '$') END) AS name,
        max(field = 'job_type') AS n_job_type,
        max(CASE WHEN field = 'job_type' THEN json_extract(old_value, '$') END) AS job_type,
        max(field = 'job_status') AS n_job_status,
        max(CASE WHEN field = 'job_status' THEN json_extract(old_value, '$') END) AS job_status,
        max(field = 'created_at') AS n_created_at,
        max(CASE WHEN field = 'created_at' THEN json_extract(old_value, '$') END) AS created_at,
        max(field = 'last_run_error_code') AS n_last_run_error_code,
        max(CASE WHEN field = 'last_run_error_code' THEN json_extract(old_value, '$') END) AS last_run_error_code,
        max(field = 'paused_at') AS n_paused_at,
        max(CASE WHEN field = 'paused_at' THEN json_extract(old_value, '$') END) AS paused_at,
        max(field = 'expires_at') AS n_expires_at,
        max(CASE WHEN field = 'expires_at' THEN json_extract(old_value, '$') END) AS expires_at,
        max(field = 'expiration_health_event_arn') AS n_expiration_health_event_arn,
        max(CASE WHEN field = 'expiration_health_event_arn' THEN json_extract(old_value, '$') END)
            AS expiration_health_event_arn,
        max(field = 'bucket_selection') AS n_bucket_selection,
        max(CASE WHEN field = 'bucket_selection' THEN json_extract(old_value, '$') END) AS bucket_selection,
        max(field = 'bucket_count') AS n_bucket_count,
        max(CASE WHEN field = 'bucket_count' THEN json_extract(old_value, '$') END) AS bucket_count
    FROM later
    WHERE place = 1
    GROUP BY account_id, region, job_id
)
SELECT
    j.account_id, a.name AS account_name, j.region, j.job_id, j.arn,
    CASE WHEN u.n_name THEN u.name ELSE j.name END AS name,
    CASE WHEN u.n_job_type THEN u.job_type ELSE j.job_type END AS job_type,
    CASE WHEN u.n_job_status THEN u.job_status ELSE j.job_status END AS job_status,
    CASE WHEN u.n_created_at THEN u.created_at ELSE j.created_at END AS created_at,
    CASE WHEN u.n_last_run_error_code THEN u.last_run_error_code ELSE j.last_run_error_code END
        AS last_run_error_code,
    CASE WHEN u.n_paused_at THEN u.paused_at ELSE j.paused_at END AS paused_at,
    CASE WHEN u.n_expires_at THEN u.expires_at ELSE j.expires_at END AS expires_at,
    CASE WHEN u.n_expiration_health_event_arn THEN u.expiration_health_event_arn
        ELSE j.expiration_health_event_arn END AS expiration_health_event_arn,
    CASE WHEN u.n_bucket_selection THEN u.bucket_selection ELSE j.bucket_selection END AS bucket_selection,
    CASE WHEN u.n_bucket_count THEN u.bucket_count ELSE j.bucket_count END AS bucket_count,
    j.first_seen_at
FROM jobs AS j
LEFT JOIN undone AS u ON u.account_id = j.account_id AND u.region = j.region AND u.job_id = j.job_id
LEFT JOIN accounts AS a ON a.account_id = j.account_id
WHERE
    j.first_seen_at <= :as_of
    AND CASE u.next_presence WHEN 'disappeared' THEN 1 WHEN 'reappeared' THEN 0 ELSE j.missing_since IS NULL END
