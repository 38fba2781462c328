#!/bin/sh
# The demo: three C++ nodes and an Elixir client on 127.0.0.1. `demo.sh` runs it, `demo.sh stop` ends one left up by KEEP=1.
# Everything it starts is written down in the run directory and ended by its process id.
set -eu
cd "$(dirname "$0")/../.."
root=$(pwd)
state="$root/_build/demo"
run="$state/run"

stop_all() {
  [ -d "$run/pids" ] || return 0
  for file in "$run"/pids/*; do
    [ -f "$file" ] || continue
    case "$file" in */epmd) continue ;; esac
    kill "$(cat "$file")" 2>/dev/null || true
  done
  # A moment for orderly ends, then without asking; epmd last.
  tries=0
  while [ $tries -lt 50 ] && any_alive; do sleep 0.1; tries=$((tries + 1)); done
  for file in "$run"/pids/*; do
    [ -f "$file" ] || continue
    case "$file" in */epmd) continue ;; esac
    kill -9 "$(cat "$file")" 2>/dev/null || true
  done
  [ -f "$run/pids/epmd" ] && kill "$(cat "$run/pids/epmd")" 2>/dev/null || true
  rm -rf "$run"
}

any_alive() {
  for file in "$run"/pids/*; do
    case "$file" in */epmd) continue ;; esac
    kill -0 "$(cat "$file" 2>/dev/null)" 2>/dev/null && return 0
  done
  return 1
}

if [ "${1:-}" = stop ]; then
  [ -d "$run/pids" ] || { echo "no demo cluster is up"; exit 0; }
  stop_all
  echo "the demo cluster is down"
  exit 0
fi

if [ -d "$run/pids" ] && any_alive; then
  echo "a demo cluster is up already (make demo KEEP=1); end it with: make demo-stop" >&2
  exit 1
fi
rm -rf "$run"
mkdir -p "$run/pids"
trap 'stop_all' EXIT
trap 'exit 130' INT TERM

umask 077
head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$run/cookie"

# An epmd of our own only where none runs.
epmd=$(command -v epmd || ls /usr/lib/erlang/erts-*/bin/epmd | head -n 1)
if ! "$epmd" -names >/dev/null 2>&1; then
  "$epmd" -address 127.0.0.1 >/dev/null 2>&1 &
  echo $! >"$run/pids/epmd"
  tries=0
  until "$epmd" -names >/dev/null 2>&1; do
    tries=$((tries + 1))
    [ $tries -lt 50 ] || { echo "epmd did not start" >&2; exit 1; }
    sleep 0.1
  done
fi

export DEMO_ROOT="$root" DEMO_RUN="$run" DEMO_KEEP="${KEEP:-}"
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then export DEMO_COLOR=1; fi
ebin="$root/_build/default/lib/supervisorring/ebin"

if [ -z "${KEEP:-}" ]; then
  elixir -pa "$ebin" "$root/test/demo/demo.exs"
else
  # The client outlives this script, so that there is something to attach to.
  setsid elixir -pa "$ebin" "$root/test/demo/demo.exs" >"$run/out" 2>&1 </dev/null &
  demo=$!
  echo $demo >"$run/pids/elixir"
  tail -n +1 -f --pid=$demo "$run/out" &
  tail=$!
  while [ ! -f "$run/kept" ] && kill -0 $demo 2>/dev/null; do sleep 0.2; done
  sleep 0.3
  kill $tail 2>/dev/null || true
  [ -f "$run/kept" ] || exit 1
  trap - EXIT
fi
