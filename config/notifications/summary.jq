# One run as text; the input is what `collect --format json` prints. Nothing of it needs escaping: ids, counts, regions.
"macie-inventory: \(.status), \(.targets.covered) of \(.targets.total) targets covered",
"\(.jobs.seen) jobs seen: \(.jobs.appeared) appeared, \(.jobs.updated) updated, \(.jobs.disappeared) disappeared, \(.jobs.reappeared) reappeared",
(.gaps | group_by(.outcome)[]
  | "\(length) x \(.[0].outcome): " + ([.[:5][] | "\(.account_id) \(.region)"] | join(", "))
  + (if length > 5 then " and \(length - 5) more" else "" end)),
"macie-inventory runs show \(.run_id)"
