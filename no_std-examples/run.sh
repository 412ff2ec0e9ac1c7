#!/usr/bin/env bash
# Builds an example, runs it in QEMU, and compares what it printed with its golden file.
#
#   run.sh BOARD [BIN] [FEATURES]     BOARD: cortex-m or riscv; BIN: wasmote-BOARD (the default), stack, bare
#
#   BLESS=1     writes the golden file instead of comparing
#   BUILD=1     only builds, and prints the path of the ELF
#   TIMEOUT=n   seconds that QEMU may take (180)
#
# Uses rustup's cargo where its toolchain has the target, and otherwise Debian's, which builds `core`
# itself from the package rust-src.
set -euo pipefail

board=${1:?usage: run.sh BOARD [BIN] [FEATURES]}
bin=${2:-wasmote-$board}
features=${3:-p1,validate}
case $board in
cortex-m) target=thumbv7em-none-eabi ;;
riscv) target=riscv32imac-unknown-none-elf ;;
*) echo "run.sh: no board is called '$board': there are cortex-m and riscv" >&2 && exit 2 ;;
esac
cd "$(dirname "$0")/$board"

first_of() { for tool in "$@"; do command -v "$tool" && return; done; }

cargo=cargo
build_std=()
if [ ! -d "$(rustc --print sysroot 2>/dev/null)/lib/rustlib/$target/lib" ]; then
    if [ ! -d /usr/lib/rustlib/src/rust/library ] || [ ! -x /usr/bin/cargo ]; then
        echo "run.sh: no toolchain here builds for $target: rustup target add $target," >&2
        echo "        or on Debian: apt-get install cargo rustc rust-src lld" >&2
        exit 2
    fi
    cargo=/usr/bin/cargo
    export RUSTC=/usr/bin/rustc RUSTDOC=/usr/bin/rustdoc RUSTC_BOOTSTRAP=1
    build_std=(-Zbuild-std=core,alloc,compiler_builtins -Zbuild-std-features=compiler-builtins-mem)
    linker=$(first_of rust-lld ld.lld ld.lld-19 ld.lld-18 ld.lld-17 ld.lld-16) || true
    [ -n "$linker" ] || { echo "run.sh: no LLVM linker: apt-get install lld" >&2 && exit 2; }
    name=CARGO_TARGET_$(tr 'a-z-' 'A-Z_' <<<"$target")_LINKER
    export "$name=$linker"
fi

options=(--release --bin "$bin" --no-default-features --features "$features" "${build_std[@]}")
"$cargo" build -q "${options[@]}"
if [ -n "${BUILD:-}" ]; then
    echo "$(realpath "${CARGO_TARGET_DIR:-target}")/$target/release/$bin"
    exit
fi

said=$(mktemp)
trap 'rm -f "$said"' EXIT
code=0
timeout "${TIMEOUT:-180}" "$cargo" run -q "${options[@]}" </dev/null >"$said" || code=$?
if [ "$code" -ne 0 ]; then
    cat "$said"
    echo "run.sh: $board/$bin ended with exit code $code" >&2
    exit 1
fi
golden=golden/$bin.txt
if [ -n "${BLESS:-}" ]; then
    mkdir -p golden && cp "$said" "$golden"
    cat "$said"
elif ! diff -u "$golden" "$said"; then
    echo "run.sh: $board/$bin printed something else than $golden (BLESS=1 accepts it)" >&2
    exit 1
else
    cat "$said"
    echo "run.sh: $board/$bin: as $golden has it" >&2
fi
