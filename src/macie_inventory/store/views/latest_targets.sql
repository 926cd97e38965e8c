-- How did the newest attempt at each account and region end, and when was it last covered?
-- A target that every run gave up before trying (not_attempted) is listed as such.
WITH ranked AS (
    SELECT
        t.*,
        row_number() OVER (
            PARTITION BY t.account_id, t.region
            ORDER BY
                CASE WHEN t.outcome = 'not_attempted' THEN 1 ELSE 0 END,
                coalesce(t.finished_at, r.started_at) DESC,
                t.run_id DESC
        ) AS newest,
        max(CASE WHEN t.outcome IN ('collected', 'macie_disabled', 'region_disabled') THEN t.finished_at END)
            OVER (PARTITION BY t.account_id, t.region) AS last_covered_at
    FROM targets AS t
    LEFT JOIN runs AS r ON r.run_id = t.run_id
)
SELECT
    n.account_id, a.name AS account_name, a.state AS account_state, n.region, n.outcome,
    n.outcome IN ('collected', 'macie_disabled', 'region_disabled') AS covered,
    n.last_covered_at, n.run_id, n.error_code, n.error_message, n.http_status, n.request_id,
    n.pages, n.jobs, n.api_calls, n.retries, n.throttles, n.started_at, n.finished_at
FROM ranked AS n
LEFT JOIN accounts AS a ON a.account_id = n.account_id
WHERE n.newest = 1
