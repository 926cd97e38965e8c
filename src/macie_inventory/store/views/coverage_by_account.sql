-- How much of each account is covered, when was it last, and what is the oldest news (null: a target never covered)?
SELECT
    a.account_id, a.name AS account_name, a.state AS account_state,
    count(t.account_id) AS targets,
    coalesce(sum(CASE WHEN t.outcome IN ('collected', 'macie_disabled', 'region_disabled') THEN 1 ELSE 0 END), 0)
        AS covered,
    max(t.last_covered_at) AS last_covered_at,
    CASE WHEN count(t.last_covered_at) = count(t.account_id) THEN min(t.last_covered_at) END AS oldest_covered_at
FROM (
    SELECT account_id, name, state FROM accounts
    UNION ALL
    SELECT DISTINCT account_id, NULL, NULL FROM targets AS u
    WHERE NOT EXISTS (SELECT 1 FROM accounts AS k WHERE k.account_id = u.account_id)
) AS a
LEFT JOIN latest_targets AS t ON t.account_id = a.account_id
GROUP BY a.account_id, a.name, a.state
