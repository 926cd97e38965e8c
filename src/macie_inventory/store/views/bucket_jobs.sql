-- Which jobs look at a bucket by its name, and who owns the job?
SELECT
    b.bucket_name, b.bucket_account_id, j.account_id, a.name AS account_name, j.region, j.job_id, j.arn,
    j.name, j.job_type, j.job_status, j.last_run_error_code, j.last_seen_at
FROM job_buckets AS b
JOIN jobs AS j ON j.account_id = b.account_id AND j.region = b.region AND j.job_id = b.job_id
LEFT JOIN accounts AS a ON a.account_id = j.account_id
WHERE j.missing_since IS NULL
