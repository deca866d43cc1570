#!/bin/sh
# Stands for the application: it takes what it needs from the environment, and knows nothing of hoziron.
set -eu
: "${DATABASE_URL:?}" "${SESSION_SECRET:?}" "${STRIPE_API_KEY:?}"
echo "ready, with the database ${DATABASE_URL##*@} and ${#SESSION_SECRET} characters to sign with"
