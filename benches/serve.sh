#!/usr/bin/env bash
# Requests a second of `wasmote serve`, and of `wasmtime serve` where there is one, in turns and on one machine; and the
# processor time that each takes for a request, which other work on the machine moves less.
#
#   benches/serve.sh [COMPONENT]
#
# Needs wrk, and `target/release/wasmote`. CONNECTIONS, SECONDS_EACH, ROUNDS, WASMOTE and WASMTIME may be set, and more
# arguments for either: WASMOTE_ARGS='--reuse 100', WASMTIME_ARGS='-W component-model-async=y -S p3,http'. The load
# generator takes its share of the processors: what is compared is one server with the other.
set -euo pipefail
cd "$(dirname "$0")/.."
component=${1:-tests/program/handler.wat}
wasmote=${WASMOTE:-${CARGO_TARGET_DIR:-target}/release/wasmote}
wasmtime=${WASMTIME:-$(command -v wasmtime || true)}
connections=${CONNECTIONS:-64}
seconds=${SECONDS_EACH:-5}
port=18080
ticks=$(getconf CLK_TCK)

# Processor time of a process so far, in ticks.
processor() { awk '{ print $14 + $15 }' "/proc/$1/stat"; }

measure() {
    local name=$1 server before after out
    shift
    port=$((port + 1))
    "$@" --addr "127.0.0.1:$port" "$component" >/dev/null 2>&1 &
    server=$!
    for _ in $(seq 100); do
        curl -s -o /dev/null "http://127.0.0.1:$port/" && break
        sleep 0.1
    done
    wrk -t1 -c"$connections" -d1s "http://127.0.0.1:$port/" >/dev/null # warm
    before=$(processor "$server")
    out=$(wrk -t1 -c"$connections" -d"${seconds}s" --latency "http://127.0.0.1:$port/")
    after=$(processor "$server")
    echo "== $name"
    echo "$out" | grep -E '50%|99%|Requests/sec|Non-2xx|Socket errors' || true
    echo "$out" | awk -v used=$((after - before)) -v ticks="$ticks" \
        '/requests in/ { printf "  processor time for each: %.1f us\n", used * 1e6 / ticks / $1 }'
    grep VmRSS "/proc/$server/status" || true
    kill "$server"
    wait "$server" 2>/dev/null || true
}

for _ in $(seq "${ROUNDS:-2}"); do
    # shellcheck disable=SC2086 # arguments are words
    measure wasmote "$wasmote" serve --quiet ${WASMOTE_ARGS:-}
    # shellcheck disable=SC2086
    if [ -n "$wasmtime" ]; then measure wasmtime "$wasmtime" serve ${WASMTIME_ARGS:-}; fi
done
