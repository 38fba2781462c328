#!/bin/sh
# make bench: the benchmarks, side by side in one run. Arguments: the build directory; then, where not all are wanted, names of rows:
# cores client native find calls startup takeover neighbour start crash adopt memory gossip join (make bench ROWS="start crash").
# BENCH_KILLS: how often `neighbour` kills, 10 unless it is given.
set -eu
build=$(cd "$1" && pwd)
shift
rows="$*"
wanted() { [ -z "$rows" ] || case " $rows " in *" $1 "*) ;; *) return 1 ;; esac; }
cd "$(dirname "$0")"
dir=$(mktemp -d)
epmd_pid=""
node_pid=""
cleanup() {
  [ -z "$node_pid" ] || kill "$node_pid" 2>/dev/null || true
  [ -z "$epmd_pid" ] || kill "$epmd_pid" 2>/dev/null || true
  rm -rf "$dir"
}
trap cleanup EXIT

# An epmd of its own, so that nothing else on the machine is touched.
export ERL_EPMD_PORT=${BENCH_EPMD_PORT:-24369}
epmd=$(command -v epmd || ls /usr/lib/erlang/erts-*/bin/epmd | head -n 1)
"$epmd" -address 127.0.0.1 >/dev/null 2>&1 &
epmd_pid=$!

umask 077
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$dir/cookie"
mkdir "$dir/ebin"
erlc -W0 -o "$dir/ebin" bench.erl bench_member.erl bench_gossip.erl bench_join.erl ../../erl/*.erl
mkdir "$dir/join"  # what members need that are not ours
cp "$dir/ebin/bench.beam" "$dir/ebin/bench_join.beam" "$dir/join"

export BENCH_DIR="$dir" BENCH_EBIN="$dir/ebin" BENCH_JOIN_EBIN="$dir/join"
export BENCH_RINGNODE="$build/cnode/cli/ringnode" BENCH_WORKERS="$build/cnode/examples/libcounter.so"
export BENCH_APPLICATION="$PWD/../../erl/supervisorring.app.src" BENCH_ROWS="$rows"

# Legacy members: the stand-in, with Elixir beside it; or the originals in LEGACY_EBINS (HACKING.md), which stand last: the last folder is searched first.
if wanted gossip || wanted join; then
  (cd ../legacy && MIX_ENV=prod mix compile >"$dir/legacy.log" 2>&1) || { cat "$dir/legacy.log" >&2; exit 1; }
  elixir=$(elixir -e 'IO.write(:code.lib_dir(:elixir))')
  BENCH_LEGACY="${elixir%/*}/logger/ebin:$elixir/ebin:$(cd ../legacy && pwd)/_build/prod/lib/legacy/ebin${LEGACY_EBINS:+:$LEGACY_EBINS}"
  export BENCH_LEGACY
fi

echo "load of the machine: $(cut -d' ' -f1-3 /proc/loadavg) on $(nproc) processors; only figures of one run compare"
echo
if wanted cores; then
  echo "== cores: medians of five, wall time (and time of the processor)"
  "$build/test/bench/core_bench" --benchmark_min_time=0.05 --benchmark_repetitions=5 --benchmark_report_aggregates_only=true \
    --benchmark_format=csv >"$dir/cores.csv" 2>"$dir/cores.log" || { tail -n 5 "$dir/cores.log" >&2; exit 1; }
  awk -f core_table.awk "$dir/cores.csv"
  echo
fi
if wanted client; then
  echo "== one pipelined C++ client, window 256, native children on their strands"
  "$build/test/bench/bench_node" bench_native@127.0.0.1 "$dir/cookie" 64 >"$dir/bench_node.log" 2>&1 &
  node_pid=$!
  "$build/test/bench/pipelined_client" --node bench_native@127.0.0.1 --cookie-file "$dir/cookie" --children 64 --window 256 ||
    { cat "$dir/bench_node.log" >&2; exit 1; }
  kill "$node_pid"; wait "$node_pid" 2>/dev/null || true; node_pid=""
  echo
fi
if wanted native; then
  echo "== one node, its native children in C++"
  "$build/test/bench/bench_supervision" bench_supervision@127.0.0.1 "$dir/cookie" 100000 2>"$dir/bench_supervision.log" ||
    { tail -n 5 "$dir/bench_supervision.log" >&2; exit 1; }
  echo
fi
# The rows above need no BEAM.
wanted find || wanted calls || wanted startup || wanted takeover || wanted neighbour || wanted start || wanted crash || wanted adopt || wanted memory ||
  wanted gossip || wanted join || exit 0
echo "== with BEAMs (OTP $(erl -noshell -eval 'io:format("~s", [erlang:system_info(otp_release)]), halt().'))"
# Members are killed one by one: no other connection is to go for that.
erl -noshell -kernel prevent_overlapping_partitions false -pa "$dir/ebin" -s bench main
