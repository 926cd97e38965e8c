#!/bin/sh
# SLACK_WEBHOOK_URL: the address of an incoming webhook. Options go to collect; the exit code is that of the run.
set -u
text=$(sh "$(dirname "$0")/report.sh" "$@")
code=$?
if [ -n "$text" ]; then
    # Slack takes these three for markup.
    printf '%s' "$text" | jq --raw-input --slurp '{text: gsub("&"; "&amp;") | gsub("<"; "&lt;") | gsub(">"; "&gt;")}' |
        curl --fail --silent --show-error --max-time 30 --header 'Content-Type: application/json' --data-binary @- \
            "$SLACK_WEBHOOK_URL" > /dev/null || echo "slack was not told" >&2
fi
exit "$code"
