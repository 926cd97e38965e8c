-- Which accounts and regions have we not seen at the newest attempt, why, and when did we last?
SELECT
    t.account_id, t.account_name, t.account_state, t.region, t.outcome, t.error_code, t.error_message,
    t.http_status, t.request_id, t.last_covered_at, t.run_id, t.finished_at
FROM latest_targets AS t
WHERE t.outcome NOT IN ('collected', 'macie_disabled', 'region_disabled')
