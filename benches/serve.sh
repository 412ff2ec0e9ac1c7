#!/usr/bin/env bash
# Requests a second of `wasmote serve`, and of `wasmtime serve` where there is one, in turns and on one machine.
#
#   benches/serve.sh [COMPONENT]
#
# Needs wrk, and `target/release/wasmote`. CONNECTIONS, SECONDS_EACH, ROUNDS, WASMOTE and WASMTIME may be set. The load
# generator takes its share of the processors: what is compared is one server with the other.
set -euo pipefail
cd "$(dirname "$0")/.."
component=${1:-tests/program/handler.wat}
wasmote=${WASMOTE:-${CARGO_TARGET_DIR:-target}/release/wasmote}
wasmtime=${WASMTIME:-$(command -v wasmtime || true)}
connections=${CONNECTIONS:-64}
port=18080

measure() {
    local name=$1
    shift
    port=$((port + 1))
    "$@" --addr "127.0.0.1:$port" "$component" >/dev/null 2>&1 &
    local server=$!
    for _ in $(seq 100); do
        curl -s -o /dev/null "http://127.0.0.1:$port/" && break
        sleep 0.1
    done
    wrk -t1 -c"$connections" -d1s "http://127.0.0.1:$port/" >/dev/null # warm
    echo "== $name"
    wrk -t1 -c"$connections" -d"${SECONDS_EACH:-5}s" --latency "http://127.0.0.1:$port/" \
        | grep -E '50%|99%|Requests/sec|Non-2xx|Socket errors' || true
    [ ! -r "/proc/$server/status" ] || grep VmRSS "/proc/$server/status"
    kill "$server"
    wait "$server" 2>/dev/null || true
}

for _ in $(seq "${ROUNDS:-2}"); do
    measure wasmote "$wasmote" serve --quiet
    if [ -n "$wasmtime" ]; then measure wasmtime "$wasmtime" serve; fi
done
