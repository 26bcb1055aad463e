#!/usr/bin/env bash
# Fuzzes the parsers of what others write. fuzz/src/lib.rs says how they are reached.
#
# tools/fuzz.sh short [TARGET...]            the same inputs every time, some thousands for each target
# tools/fuzz.sh long SECONDS [TARGET...]     for so long each; what was found interesting is kept in target/fuzz and begun with the next time
#
# An input that breaks a promise is written to target/fuzz/found. Give it to the target's program alone to see it again, and make a named test of it.
set -euo pipefail
cd "$(dirname "$0")/.."
mode=$1
shift
if [ "$mode" = long ]; then
    seconds=$1
    shift
fi
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
    for seeds in fuzz/seeds/*/; do
        targets+=("$(basename "$seeds")")
    done
fi

mkdir -p target/fuzz/found
cargo metadata --locked --format-version 1 --manifest-path fuzz/Cargo.toml >/dev/null
# Without a sanitizer: the parsers have no unsafe code, and a stable compiler builds it.
PATH=$PWD/.tools/cargo/bin:$PATH cargo fuzz build --sanitizer none --target-dir target/fuzz 2>target/fuzz-build.log || {
    cat target/fuzz-build.log >&2
    exit 1
}
host=$(rustc -vV | sed -n 's/^host: //p')

run() {
    local target=$1 corpus=$2
    shift 2
    local log=target/fuzz/$target.log
    if ! "target/fuzz/$host/release/$target" "$corpus" "fuzz/seeds/$target" -max_len=4096 -rss_limit_mb=1024 -timeout=10 \
        -artifact_prefix="target/fuzz/found/$target-" -print_final_stats=1 "$@" >"$log" 2>&1; then
        grep -B1 -A8 -m1 'panicked\|ERROR: libFuzzer' "$log" >&2 || tail -n 20 "$log" >&2
        echo "$target: $(grep -o 'Test unit written to .*' "$log" || echo "see $log")" >&2
        return 1
    fi
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") inputs, $(find "$corpus" -type f | wc -l) of them kept"
}

failed=
for target in "${targets[@]}"; do
    if [ "$mode" = short ]; then
        corpus=$(mktemp -d)
        run "$target" "$corpus" -runs=20000 -seed=1 || failed=yes
        rm -r "$corpus"
    else
        mkdir -p "target/fuzz/corpus/$target"
        run "$target" "target/fuzz/corpus/$target" -max_total_time="$seconds" || failed=yes
    fi
done
[ -z "$failed" ]
