# What a user types: make demo, make test. What a developer types besides: make bench, make asan, make tsan, make fuzz.

JOBS  ?= $(shell nproc)
BUILD ?= _build/release
export MIX_REBAR3 ?= /usr/bin/rebar3
# Hex is never asked: the project has no dependency from there.
export HEX_OFFLINE = 1

.PHONY: all setup priv erl demo demo-stop test test-cpp test-erl test-elixir test-dependency lint bench asan tsan fuzz sim clean

all: setup erl

setup:
	@.ci/setup

# The program and the demo's workers, into priv/: what the OTP application ships.
priv: $(BUILD)/build.ninja
	@cmake --build $(BUILD) -j $(JOBS) --target ringnode counter
	@cmake -E copy_if_different $(BUILD)/cnode/cli/ringnode priv/ringnode
	@cmake -E copy_if_different $(BUILD)/cnode/examples/libcounter.so priv/libcounter.so

$(BUILD)/build.ninja:
	@cmake --preset release -B $(BUILD) >/dev/null

# The OTP application; its compile hook makes `priv`.
erl:
	@rebar3 compile

demo: setup erl
	@test/demo/demo.sh

demo-stop:
	@test/demo/demo.sh stop

test: setup erl test-cpp test-erl test-elixir test-dependency

test-cpp: $(BUILD)/build.ninja
	@cmake --build $(BUILD) -j $(JOBS)
	@ctest --test-dir $(BUILD) --output-on-failure

test-erl: erl
	@rebar3 ct

test-elixir: erl
	@cd test/legacy && mix test
	@cd test/elixir && mix test

# Small projects that have this one as a dependency: rebar3 (_checkouts, git) and Mix (path, git), built as releases and run.
test-dependency: erl
	@test/dependency/run.sh

# Cross references and Dialyzer over the Erlang modules. The first run makes Dialyzer's table, which takes minutes.
lint: erl
	@rebar3 xref
	@rebar3 dialyzer

# All rows, or make bench ROWS="start crash"; test/bench/run.sh names them.
bench: setup erl
	@cmake --build $(BUILD) -j $(JOBS)
	@test/bench/run.sh $(BUILD) $(ROWS)

asan tsan: setup
	@cmake --preset $@ >/dev/null
	@cmake --build _build/$@ -j $(JOBS)
	@ctest --test-dir _build/$@ --output-on-failure

# Every fuzz harness for a minute each, from a new seed, which it prints.
fuzz: setup
	@cmake --preset asan >/dev/null
	@cmake --build _build/asan -j $(JOBS)
	@for harness in _build/asan/test/fuzz/*_fuzz; do $$harness --seconds 60 || exit 1; done

# Lives of whole clusters with faults, from seeds: make sim SEEDS=10000 NODES=3-50. A failing one prints how to replay it.
sim: setup $(BUILD)/build.ninja
	@cmake --build $(BUILD) -j $(JOBS) --target ringsim
	@$(BUILD)/test/ringsim --seed 1 --seeds $(or $(SEEDS),1000) $(if $(NODES),--nodes $(NODES)) --fresh

clean:
	@rm -rf _build priv/ringnode priv/libcounter.so test/elixir/_build test/legacy/_build
