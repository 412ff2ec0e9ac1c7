#!/usr/bin/env bash
# `wasmote serve` as curl and a load generator meet it: handlers of WASI 0.2 and 0.3 in Rust, 64 connections for some
# seconds, an instance for each request. Whatever is not answered with success is a failure; how fast they were is said
# and not judged, for that is a matter of the machine.
#
#   tests/toolchains/load.sh WASMOTE [SECONDS]
set -euo pipefail
wasmote=$(realpath "$1")
seconds=${2:-5}
cd "$(dirname "$0")/../guests"
. ../toolchains/tell.sh
scratch=$(mktemp -d)
server=
trap 'stop; rm -rf "$scratch"' EXIT

stop() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    server=
}

# The address of a line of the server's log that ends with PATH.
address_of() { # PATH
    sed -n "s,.*http://\(127[^/]*\)$1\$,\1,p" "$scratch/log" | head -n 1
}

# How many responses the server has counted that have STATUS, a regular expression.
counted() { # STATUS
    curl -sS -m 10 "http://$metrics/metrics" |
        awk -v pattern="^wasmote_requests_total.*status=\"($1)\"" '$0 ~ pattern { sum += $2 } END { print sum + 0 }'
}

load() { # GUEST
    local address='' metrics='' got asked
    "$wasmote" serve --addr 127.0.0.1:0 --metrics-addr 127.0.0.1:0 "$1.wasm" 2>"$scratch/log" &
    server=$!
    for _ in $(seq 300); do
        address=$(address_of /) metrics=$(address_of /metrics)
        [ -z "$address" ] || [ -z "$metrics" ] || break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    [ -n "$address" ] && [ -n "$metrics" ] || { cat "$scratch/log" >&2 && fail "$1 was not served"; }

    got=$(curl -sS -m 60 -w ' %{http_code} %{http_version} %{content_type}' "http://$address/")
    [ "$got" = "hello 200 1.1 text/plain" ] || fail "$1 answers curl with: $got"
    got=$(curl -sS -m 60 --http2-prior-knowledge -w ' %{http_code} %{http_version}' "http://$address/")
    [ "$got" = "hello 200 2" ] || fail "$1 answers curl over HTTP/2 with: $got"

    wrk --threads 2 --connections 64 --duration "${seconds}s" --timeout 20s --latency "http://$address/" >"$scratch/wrk"
    if grep -E 'Socket errors|Non-2xx' "$scratch/wrk" >&2; then
        tail -n 20 "$scratch/log" >&2
        fail "$1 did not answer every request"
    fi
    asked=$(sed -n 's/^ *\([0-9]*\) requests in .*/\1/p' "$scratch/wrk")
    [ "$asked" -gt 0 ] || fail "$1: wrk asked for nothing"
    # What was still under way when wrk left is aborted, one of each connection at most.
    [ "$(counted '[1345]xx')" = 0 ] || fail "$1: $(counted '[1345]xx') requests failed"
    [ "$(counted 2xx)" -ge "$asked" ] || fail "$1: of $asked answers the server knows $(counted 2xx)"
    [ "$(counted aborted)" -le 64 ] || fail "$1: $(counted aborted) requests were broken off"
    kill -0 "$server" || fail "$1: the server is gone"
    echo "-- $1: $asked answers, $(awk '/Requests\/sec/ { print $2 }' "$scratch/wrk") per second," \
        "p99 $(awk '$1 == "99%" { print $2 }' "$scratch/wrk")"
    stop
}

for guest in http-hello-p2 http-hello-p3; do load "$guest"; done
