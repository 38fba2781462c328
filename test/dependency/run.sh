#!/bin/sh
# Small user projects that have this repository as a dependency, each way there is, built as releases and run. Offline:
# git is asked by a file:// URL, the program is the one in priv/.
#
#   test/dependency/run.sh [rebar_checkouts] [mix_path] [rebar_git] [mix_git]      default: all
set -eu
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

export MIX_REBAR3="${MIX_REBAR3:-/usr/bin/rebar3}" HEX_OFFLINE=1 MIX_ENV=prod
export SUPERVISORRING_RINGNODE="$root/priv/ringnode"
export SUPERVISORRING_URL="file://$dir/supervisorring" SUPERVISORRING_PATH="$root"

# What git has of the working tree, as it is now, as a repository of one commit.
make_repository() {
  [ ! -d "$dir/supervisorring" ] || return 0
  mkdir "$dir/supervisorring"
  (cd "$root" && git ls-files -z | xargs -0 tar -c) | tar -x -C "$dir/supervisorring"
  (cd "$dir/supervisorring" && git init -q -b main && git add -A &&
    git -c user.name=test -c user.email=test@localhost commit -qm "as it is")
}

# One step of a project, quiet when it succeeds.
step() {
  timeout 180 "$@" >"$dir/log" 2>&1 || { cat "$dir/log"; echo "failed: $*"; exit 1; }
}

# What IEx shows with `h`.
documented() {
  step "$@"
  grep -q '^documented$' "$dir/log" || { cat "$dir/log"; echo "no documentation: $*"; exit 1; }
}

# The project prints what it found in its release.
check() {
  if ! timeout 60 "$@" >"$dir/log" 2>&1 || ! grep -q '^supervisorring works$' "$dir/log"; then
    cat "$dir/log"
    echo "failed: $*"
    exit 1
  fi
}

rebar_release() {
  step rebar3 release
  test -x _build/default/rel/rebar_user/lib/supervisorring-*/priv/ringnode
  check _build/default/rel/rebar_user/bin/rebar_user -noshell
  documented erl -noshell -pa _build/default/lib/*/ebin _build/default/checkouts/*/ebin -eval \
    '{ok, {docs_v1, _, _, _, _, _, Docs}} = code:get_doc(supervisorring),
     {_, _, _, #{}, _} = lists:keyfind({function, find, 2}, 1, Docs),
     io:format("documented~n"), halt().'
}

rebar_checkouts() {
  cp -r "$here/rebar_user" "$dir/rebar_checkouts" && cd "$dir/rebar_checkouts"
  mkdir _checkouts && ln -s "$root" _checkouts/supervisorring
  rebar_release
}

rebar_git() {
  make_repository
  cp -r "$here/rebar_user" "$dir/rebar_git" && cd "$dir/rebar_git"
  rebar_release
}

mix_release() {
  step mix deps.get
  documented mix run --no-start -e \
    '{:docs_v1, _, _, _, %{}, _, _} = Code.fetch_docs(Supervisorring); IO.puts("documented")'
  step mix release
  test -x _build/prod/rel/mix_user/lib/supervisorring-*/priv/ringnode
  check _build/prod/rel/mix_user/bin/mix_user eval 'MixUser.check()'
}

mix_path() {
  cp -r "$here/mix_user" "$dir/mix_path" && cd "$dir/mix_path"
  unset SUPERVISORRING_URL
  mix_release
}

mix_git() {
  make_repository
  cp -r "$here/mix_user" "$dir/mix_git" && cd "$dir/mix_git"
  mix_release
}

[ $# -gt 0 ] || set -- rebar_checkouts mix_path rebar_git mix_git
for way in "$@"; do
  start=$(date +%s)
  ("$way")
  echo "$way: works ($(($(date +%s) - start)) s)"
done
