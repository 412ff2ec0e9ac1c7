#!/usr/bin/env bash
# What wasmote costs on a device: flash and static RAM by feature set, heap and stack of a run.
#
#   sizes.sh            measures, and writes what it measured into SIZES.md
#   sizes.sh --check    fails where something grew by more than 5 % over SIZES.md, or past its bound
#
# Sizes depend on how `core` was compiled, and there are two ways: rustup's comes compiled for speed
# (`prebuilt`), and Debian's compiler compiles it with the example, for size (`source`). Each row of SIZES.md
# says which. Measured and checked is what this machine has, or CORE=source asks for; what has no row for
# `source` is held to the one for `prebuilt`, which is the larger.
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")"

# BOARD, BIN, the most flash that it may take (0: no bound), and how the row is called: by the binary, and what it has.
rows() {
    local board
    for board in cortex-m riscv; do
        echo "$board bare 0 bare: wasmi alone, validation"
        echo "$board hello $([ $board = cortex-m ] && echo 696320 || echo 0) hello: WASI 0.1, validation"
        echo "$board bundle $([ $board = cortex-m ] && echo 491520 || echo 0) bundle: WASI 0.1, bundles"
        echo "$board components 0 components: WASI 0.1, 0.2, 0.3, validation"
        echo "$board plugin 0 plugin: a component, validation"
        echo "$board core-bundle 0 core-bundle: core modules without WASI, bundles"
        echo "$board plugin-bundle 0 plugin-bundle: a component, bundles"
        echo "$board http 0 http: WASI 0.2, 0.3, HTTP, validation"
    done
}

# The most flash that the Component Model may add to what runs core modules alone, on Cortex-M.
component_flash=225280

# Sections that are written to flash, and those that take RAM from the start. The arena of the heap
# (.uninit) is the example's choice and not counted.
sections() {
    readelf -SW "$1" | sed 's/^ *\[ *[0-9]*\] *//' | awk '
        function hex(s,   i, n) { n = 0; for (i = 1; i <= length(s); i++) n = n * 16 + index("0123456789abcdef", substr(s, i, 1)) - 1; return n }
        $2 == "PROGBITS" && $7 ~ /A/ { flash += hex($5) }
        $7 ~ /A/ && $7 ~ /W/ && $1 != ".uninit" { ram += hex($5) }
        END { print flash + 0, ram + 0 }'
}

# The figures that the firmware printed on lines `# NAME: N B`.
figures() { sed -n "s/^# $2: \([0-9]*\) B.*/\1/p" "$1"; }

# What it printed of one guest.
section() { awk -v title="== $2" '/^== / { on = $0 == title } on' "$1"; }

measure() {
    local board bin bound name elf flash ram said stack heap core_flash=0 guest
    said=$(mktemp)
    while read -r board bin bound name; do
        elf=$(BUILD=1 ./run.sh "$board" "$bin")
        read -r flash ram < <(sections "$elf")
        ./run.sh "$board" "$bin" >"$said"
        flash=$((flash - $(figures "$said" "guests in flash")))
        stack=$(figures "$said" "native stack" | sort -n | tail -n 1)
        heap=$(figures "$said" "heap beyond guest memory" | head -n 1)
        echo "| $board | $name | $core | $flash | $ram | $stack | $heap |"
        if [ "$bin" = hello ]; then
            for guest in "greet" "greet, with the C library's malloc"; do
                heap=$(section "$said" "$guest" | figures /dev/stdin "heap beyond guest memory")
                echo "| $board | hello: the same, guest $guest | $core | $flash | $ram | $stack | $heap |"
            done
        fi
        [ "$bin" != core-bundle ] || core_flash=$flash
        [ "$board $bin" != "cortex-m plugin-bundle" ] || [ $((flash - core_flash)) -le "$component_flash" ] || {
            echo "sizes.sh: components add $((flash - core_flash)) B of flash, and $component_flash is the bound" >&2
            false
        }
        [ "$bound" = 0 ] || [ "$flash" -le "$bound" ] || {
            echo "sizes.sh: $board, $name: $flash B of flash, and $bound is the bound" >&2
            false
        }
    done < <(rows)
    rm -f "$said"
}

core=$(./run.sh --core)
measured=$(measure)
if [ "${1:-}" != --check ]; then
    others=$(sed -n "/^| [a-z-]* | [^|]* | [a-z]* | [0-9]/{/ | $core | /!p}" SIZES.md)
    cat >SIZES.md <<TABLE
# What wasmote costs on a device

Bytes, written by \`sizes.sh\`; CI fails when one grows by more than 5 % without this file saying so.
Release profile of the examples: the interpreter at \`opt-level = "s"\`, everything else at \`"z"\`, fat
LTO, \`panic = "abort"\`, panics that say where and not what. Flash is everything the image holds, drivers,
allocator and the example's own code included, and only the guests left out. The native stack is the deepest of
all guests, loading and validating included. The heap is the peak of the first guest, from its bytes to its exit,
without its linear memory. A row begins with the name of its binary in \`firmware\`.

With the C library's \`malloc\` a program that takes arguments does not fit in 48 KiB of heap: that is one function of
7,046 bytes, and before its first instruction runs, the interpreter holds it three times, as WebAssembly, in the buffer that
it translates into (16,384 B), and translated (16,144 B); that buffer and some 8 KB more it keeps for the next function. It
has no setting for either. \`tests/guests/src/greet.c\` brings an allocator of its own, and fits.

What the Component Model adds to a device is \`plugin-bundle\` less \`core-bundle\`: at most 220 KiB on Cortex-M.

\`core\` is \`prebuilt\` as rustup has it (1.95.0), or compiled from \`source\` with the example (Debian's 1.96.0).

| board | what | core | flash | static RAM | native stack | heap beyond guest memory |
|---|---|---|--:|--:|--:|--:|
$(printf '%s\n' "$measured" "$others" | sed '/^$/d' | sort -s -t'|' -k2,2 -k4,4)
TABLE
    cat SIZES.md
    exit
fi
echo "$measured"
awk -F' *[|] *' '
    NR == FNR { if ($5 ~ /^[0-9]+$/) for (i = 5; i <= 8; i++) was[$2, $3, $4, i] = $i; next }
    {
        for (i = 5; i <= 8; i++) {
            if (!(($2, $3, $4, i) in was)) was[$2, $3, $4, i] = was[$2, $3, "prebuilt", i]
            if (was[$2, $3, $4, i] == "") { print "sizes.sh: SIZES.md has no row for " $2 ", " $3 ", " $4; bad = 1; break }
            if ($i > was[$2, $3, $4, i] * 1.05) {
                split("flash,static RAM,native stack,heap", what, ",")
                printf "sizes.sh: %s, %s: %s grew from %d to %d B\n", $2, $3, what[i - 4], was[$2, $3, $4, i], $i
                bad = 1
            }
        }
    }
    END { exit bad }' SIZES.md <(echo "$measured") >&2
