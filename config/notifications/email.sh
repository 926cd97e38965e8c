#!/bin/sh
# SMTP_URL (smtps://mail.example.com, or smtp://localhost), MAIL_FROM, MAIL_TO; a user and password of the server go to
# ~/.netrc. Options go to collect; the exit code is that of the run.
set -u
text=$(sh "$(dirname "$0")/report.sh" "$@")
code=$?
if [ -n "$text" ]; then
    {
        echo "From: $MAIL_FROM"
        echo "To: $MAIL_TO"
        echo "Subject: macie-inventory: exit code $code"
        echo "Date: $(date -R)"
        echo "Content-Type: text/plain; charset=utf-8"
        echo
        printf '%s\n' "$text"
    } | sed "s/\$/$(printf '\r')/" |
        curl --fail --silent --show-error --max-time 60 --netrc-optional --url "$SMTP_URL" \
            --mail-from "$MAIL_FROM" --mail-rcpt "$MAIL_TO" --upload-file - || echo "nobody was mailed" >&2
fi
exit "$code"
