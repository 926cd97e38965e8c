# The changes of a run as text, twenty at most; the input is what `changes --format json` prints.
# A job's name is whatever somebody typed: control characters must not make lines of their own.
def plain: tostring | gsub("[[:cntrl:]]"; " ");
def line: "\(.change) \(.account_name // .account_id | plain) \(.region) \(.job_name // .job_id | plain)"
  + (if .change == "updated" then ": \(.field) \(.old_value | plain) -> \(.new_value | plain)" else "" end);
(.[:20][] | line), (if length > 20 then "and \(length - 20) more: macie-inventory changes" else empty end)
