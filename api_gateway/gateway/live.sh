#!/usr/bin/env bash
# Liveness: the process accepts connections. It says nothing of a login, which only a person can make.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/${GATEWAY_PORT:-5000}"
