-- What changed from one observation of a job to the next, newest first?
SELECT
    c.observed_at, c.account_id, a.name AS account_name, c.region, c.job_id, j.name AS job_name,
    c.change, c.field, c.old_value, c.new_value, c.run_id
FROM job_changes AS c
LEFT JOIN jobs AS j ON j.account_id = c.account_id AND j.region = c.region AND j.job_id = c.job_id
LEFT JOIN accounts AS a ON a.account_id = c.account_id
ORDER BY c.observed_at DESC, c.run_id DESC, c.account_id, c.region, c.job_id, c.change, c.field
