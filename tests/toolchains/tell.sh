# What the scripts here say of what they tried. To be sourced.

skipped=0
skip() {
    skipped=$((skipped + 1))
    echo "-- skipped: $*"
}

fail() {
    echo "-- $*" >&2
    exit 1
}

# The last line, where it is not what it seems.
tell_skipped() {
    if [ "$skipped" != 0 ]; then echo "-- NOT ALL WAS TRIED: $skipped skipped, see above"; fi
}
