#!/usr/bin/env bash
# Builds an example, runs it in QEMU, and compares what it prints with its golden file.
#
#   run.sh BOARD [BIN] [FEATURES]     BOARD: cortex-m or riscv; BIN: hello (the default), stack, bundle, core-bundle,
#                                     components, plugin, plugin-bundle, http, bare
#   run.sh --core                     prints which `core` it would link: `prebuilt` or `source`
#
#   BLESS=1      writes the golden file instead of comparing
#   BUILD=1      only builds, and prints the path of the ELF
#   CORE=source  compiles `core` and `alloc` from source, even where rustup has them compiled
#   TIMEOUT=n    seconds that QEMU may take (180)
#
# Lines that begin with `#` are figures that vary with the compiler. They are shown and not compared: the
# firmware itself holds them against bounds.
#
# Uses rustup's cargo where its toolchain has the target. Otherwise the distribution's, which compiles
# `core` and `alloc` from its source package.
set -euo pipefail

board=${1:?usage: run.sh BOARD [BIN] [FEATURES]}
if [ "$board" = --core ]; then
    only_core=1
    board=cortex-m
fi
bin=${2:-hello}
case $bin in
bundle) features=p1,bundle ;;
core-bundle) features=bundle ;;
components) features=p1,validate,components,plugin ;;
plugin) features=p1,validate,components,plugin ;;
http) features=http,validate ;;
plugin-bundle) features=plugin,bundle ;;
bare) features=bare,p1,validate ;;
*) features=p1,validate ;;
esac
features=${3:-$features}
case $board in
cortex-m) target=thumbv7em-none-eabi ;;
riscv) target=riscv32imac-unknown-none-elf ;;
*) echo "run.sh: no board is called '$board'; there are cortex-m and riscv" >&2 && exit 2 ;;
esac
cd "$(dirname "$0")/$board"

first_of() { for tool in "$@"; do command -v "$tool" && return; done; }

cargo=cargo
build_std=()
core=${CORE:-prebuilt}
[ -d "$(rustc --print sysroot 2>/dev/null)/lib/rustlib/$target/lib" ] || core=source
[ -z "${only_core:-}" ] || { echo "$core" && exit; }
if [ "$core" = source ]; then
    if [ ! -x /usr/bin/cargo ] || [ ! -d "$(/usr/bin/rustc --print sysroot)/lib/rustlib/src/rust/library" ]; then
        echo "run.sh: no toolchain here builds for $target." >&2
        echo "  with rustup: rustup target add $target" >&2
        echo "  on Debian:   apt-get install cargo-web rustc-web rust-web-src lld-16" >&2
        exit 2
    fi
    cargo=/usr/bin/cargo
    export RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1
    build_std=(-Zbuild-std=core,alloc,compiler_builtins -Zbuild-std-features=compiler-builtins-mem)
    linker=$(first_of rust-lld ld.lld ld.lld-19 ld.lld-18 ld.lld-17 ld.lld-16) || true
    [ -n "$linker" ] || { echo "run.sh: no LLVM linker here: apt-get install lld-16" >&2 && exit 2; }
    export "CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<<"$target")_LINKER=$linker"
fi

# A folder for each board, so that both build at once; and for each `core`, so that none takes the other's.
[ -z "${CARGO_TARGET_DIR:-}" ] || export CARGO_TARGET_DIR=$CARGO_TARGET_DIR/$board
[ "$core" = prebuilt ] || export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-target}/$core

options=(--release --locked --bin "$bin" --no-default-features --features "$features" "${build_std[@]}")
"$cargo" build -q "${options[@]}" >&2
if [ -n "${BUILD:-}" ]; then
    echo "$(realpath "${CARGO_TARGET_DIR:-target}")/$target/release/$bin"
    exit
fi

said=$(mktemp)
trap 'rm -f "$said"' EXIT
code=0
input=../firmware/$bin.input.txt # what comes over the UART
[ -f "$input" ] || input=/dev/null
timeout "${TIMEOUT:-180}" "$cargo" run -q "${options[@]}" <"$input" >"$said" || code=$?
cat "$said"
if [ "$code" -ne 0 ]; then
    echo "run.sh: $board $bin ended with exit code $code" >&2
    exit 1
fi
golden=$bin.golden.txt
if [ -n "${BLESS:-}" ]; then
    grep -v '^#' "$said" >"$golden"
elif ! grep -v '^#' "$said" | diff -u "$golden" - >&2; then
    echo "run.sh: $board $bin printed something else than $board/$golden (BLESS=1 accepts it)" >&2
    exit 1
else
    echo "run.sh: $board $bin: as $board/$golden has it" >&2
fi
