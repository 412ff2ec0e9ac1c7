#!/usr/bin/env bash
# Makes what the boards run of its sources here: hello.wasm of hello.c, every other .wasm of its .wat, and the bundles.
#
# Needs clang with a WASI libc ($WASI_SDK_PATH, or Debian's clang-16 lld-16 wasi-libc libclang-rt-16-dev-wasm32), and
# cargo. What is committed is of Debian's; another clang gives the same program in other bytes. Run it on the boards
# then (`no_std-examples/run.sh`).
set -euo pipefail
cd "$(dirname "$0")"

if [[ -n ${WASI_SDK_PATH:-} ]]; then
    clang=("$WASI_SDK_PATH/bin/clang" "--sysroot=$WASI_SDK_PATH/share/wasi-sysroot")
else
    clang=(clang-16)
fi
# One page, with the stack below the data, so that running off it traps.
"${clang[@]}" --target=wasm32-wasi -Oz -flto -Wl,--strip-all -Wl,--stack-first -Wl,-z,stack-size=8192 \
    -Wl,--initial-memory=65536 -Wl,--max-memory=65536 -o hello.wasm hello.c

cd ../../..
BLESS=1 cargo test --locked --all-features --test bundle what_the_boards_run_is_current
