#!/bin/sh
# Collect; print a message when there is something to tell: gaps, a failure, or jobs that changed.
# Options go to collect; the database is named by the configuration. The exit code is that of the run.
set -u
here=$(dirname "$0")
run=$(macie-inventory collect --format json "$@")
code=$?
if [ -z "$run" ]; then
    # It failed before its first target; the reason is on stderr.
    echo "macie-inventory: failed with exit code $code before its first target"
    exit "$code"
fi
changes=$(macie-inventory changes --format json)
if [ "$code" -ne 0 ] || [ "$changes" != "[]" ]; then
    printf '%s\n' "$run" | jq --raw-output --from-file "$here/summary.jq"
    printf '%s\n' "$changes" | jq --raw-output --from-file "$here/changes.jq"
fi
exit "$code"
