#!/bin/sh
# SNS_TOPIC_ARN: the topic; the collector needs sns:Publish on it. Options go to collect; the exit code is that of the run.
set -u
text=$(sh "$(dirname "$0")/report.sh" "$@")
code=$?
if [ -n "$text" ]; then
    aws sns publish --topic-arn "$SNS_TOPIC_ARN" --subject "macie-inventory: exit code $code" --message "$text" \
        > /dev/null || echo "sns was not told" >&2
fi
exit "$code"
