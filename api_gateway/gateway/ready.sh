#!/usr/bin/env bash
# Readiness: somebody is logged in and the brokerage session stands. For a person to call, never for a restart policy.
set -euo pipefail

port=${GATEWAY_PORT:-5000}
answer=$(curl --silent --show-error --max-time 8 --cacert "${GATEWAY_PUBLIC:-/public}/gateway-ca.pem" \
  --data '' "https://localhost:$port/v1/api/iserver/auth/status") || exit 1
answer=$(tr -d '[:space:]' <<<"$answer")

says() { [[ $answer == *"\"$1\":$2"* ]]; }

if says competing true; then
  echo "not ready: another session of the same user is active"
elif ! says connected true; then
  echo "not ready: log in at https://localhost:$port"
elif ! says authenticated true || says established false; then
  echo "not ready: logged in, without a brokerage session"
else
  echo "ready"
  exit 0
fi
exit 1
