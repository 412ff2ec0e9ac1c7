#!/usr/bin/env bash
# What wasmote costs on a device: flash and static RAM by feature set, heap and stack of a run.
#
#   sizes.sh            writes SIZES.md
#   sizes.sh --check    fails where something grew by more than 5 % over SIZES.md
set -euo pipefail
shopt -s inherit_errexit
cd "$(dirname "$0")"

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

# BOARD, BIN, and how the row is called.
rows() {
    for board in cortex-m riscv; do
        echo "$board bare bare wasmi, validation"
        echo "$board hello WASI 0.1, validation"
    done
}

measure() {
    local board bin name elf flash ram said stack heap
    said=$(mktemp)
    while read -r board bin name; do
        elf=$(BUILD=1 ./run.sh "$board" "$bin")
        read -r flash ram < <(sections "$elf")
        ./run.sh "$board" "$bin" >"$said"
        flash=$((flash - $(figures "$said" "guests in flash")))
        stack=$(figures "$said" "native stack" | sort -n | tail -n 1)
        heap=$(figures "$said" "heap beyond guest memory" | head -n 1)
        echo "| $board | $name | $flash | $ram | $stack | $heap |"
    done < <(rows)
    rm -f "$said"
}

measured=$(measure)
if [ "${1:-}" != --check ]; then
    cat >SIZES.md <<TABLE
# What wasmote costs on a device

Bytes, written by \`sizes.sh\`; CI fails when one grows by more than 5 % without this file saying so.
Release profile of the examples: the interpreter at \`opt-level = "s"\`, everything else at \`"z"\`, fat
LTO, \`panic = "abort"\`. Flash is everything the image holds, drivers, allocator and the example's own code
included, and only the guests left out. The native stack is the deepest of all guests, loading and validating
included. The heap is the peak of the hello guest, from its bytes to its exit, without its linear memory.

| board | what | flash | static RAM | native stack | heap beyond guest memory |
|---|---|--:|--:|--:|--:|
$measured
TABLE
    cat SIZES.md
    exit
fi
echo "$measured"
awk -F' *[|] *' '
    NR == FNR { if ($4 ~ /^[0-9]+$/) for (i = 4; i <= 7; i++) was[$2, $3, i] = $i; next }
    {
        for (i = 4; i <= 7; i++) {
            if (!(($2, $3, i) in was)) { print "sizes.sh: SIZES.md has no row for " $2 ", " $3; bad = 1; break }
            if ($i > was[$2, $3, i] * 1.05) {
                split("flash,static RAM,native stack,heap", what, ",")
                printf "sizes.sh: %s, %s: %s grew from %d to %d B\n", $2, $3, what[i - 3], was[$2, $3, i], $i
                bad = 1
            }
        }
    }
    END { exit bad }' SIZES.md <(echo "$measured") >&2
