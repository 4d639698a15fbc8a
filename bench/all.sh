#!/bin/sh
# Runs every bench and prints their tables, then one table of all: bench/all.sh [NAME ...]. About fifteen minutes, and
# on a quiet machine; a bench that fails does not end the others. It needs tools/install.sh bench, and
# ninja -C build lemmy simulated_cluster render_bench.
set -u
cd "$(dirname "$0")/.."
for program in lemmy simulated_cluster render_bench; do
  [ -x "build/$program" ] || { echo "bench: build/$program is missing: ninja -C build $program" >&2; exit 1; }
done
echo "$(date -u +%Y-%m-%d), $(nproc) cores of $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), load before: $(cut -d' ' -f1 /proc/loadavg)"
BENCH_SUMMARY=$(mktemp)
export BENCH_SUMMARY
failed=
[ "$#" != 0 ] || set -- intake render click live start memory scale history
for name in "$@"; do
  printf '\n## bench/%s.py\n\n' "$name"
  python3 "bench/$name.py" || failed="$failed $name"
done
printf '\n## All\n\n| bench | figure | aim | |\n|---|---|---|---|\n'
cat "$BENCH_SUMMARY"
rm -f "$BENCH_SUMMARY"
[ -z "$failed" ] || { echo "bench: failed:$failed" >&2; exit 1; }
