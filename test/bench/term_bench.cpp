// Encoding and decoding, ours beside erl_interface's, in one run.
#include <benchmark/benchmark.h>
#include <ei.h>

#include <string>

#include "supervisorring/external_format.h"

namespace supervisorring {
namespace {

Term call_message() {
  const Term node = atom("dev1@127.0.0.1");
  const std::uint32_t words[] = {251606, 2353790977, 2845613096};
  const Term reference = Term::reference(node, 1795295999, words);
  return tuple(atom("$gen_call"), tuple(Term::pid(node, 536, 0, 1795295999), Term::list({atom("alias")}, reference)), atom("increment"));
}

Term lww_set(int members) {
  std::vector<Term::Pair> pairs;
  for (int i = 0; i < members; ++i) pairs.emplace_back(tuple(atom("member" + std::to_string(i) + "@127.0.0.1"), tuple(integer(1795), integer(263012), integer(728744 + i))), Term());
  const auto map_set = [](Term map) {
    return Term::map({{atom("__struct__"), atom("Elixir.MapSet")}, {atom("map"), std::move(map)}, {atom("version"), integer(2)}});
  };
  return Term::map({{atom("__struct__"), atom("Elixir.LWWElemSet")}, {atom("add_set"), map_set(Term::map(std::move(pairs)))}, {atom("rem_set"), map_set(Term::map({}))}});
}

Term gossip(int members) {
  const Term ring = Term::map({{atom("__struct__"), atom("Elixir.NanoRing")}, {atom("node_set"), lww_set(members)}, {atom("up_set"), lww_set(members)}});
  const Term node = atom("dev1@127.0.0.1");
  const std::uint32_t words[] = {210542, 3968598018, 1463188688};
  return tuple(atom("$gen_cast"), tuple(atom("reconcile"), ring, Term::pid(node, 124, 0, 7), Term::reference(node, 7, words)));
}

void decode_term(benchmark::State& state, const Term& term) {
  const Bytes bytes = external_form(term);
  for (auto _ : state) benchmark::DoNotOptimize(decode(bytes)->bytes_used);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}

void encode_term(benchmark::State& state, const Term& term) {
  Bytes out;
  for (auto _ : state) {
    out.clear();
    encode(term, AtomEncoding::minor_version_2, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(out.size()));
}

void term_decode_call(benchmark::State& state) { decode_term(state, call_message()); }
void term_encode_call(benchmark::State& state) { encode_term(state, call_message()); }
void term_decode_gossip_50(benchmark::State& state) { decode_term(state, gossip(50)); }
void term_encode_gossip_50(benchmark::State& state) { encode_term(state, gossip(50)); }
BENCHMARK(term_decode_call);
BENCHMARK(term_encode_call);
BENCHMARK(term_decode_gossip_50);
BENCHMARK(term_encode_gossip_50);

// The same call message by the functions of ei, into variables: no term is built.
void ei_decode_call(benchmark::State& state) {
  const Bytes bytes = external_form(call_message());
  for (auto _ : state) {
    int at = 0, version = 0, arity = 0, failed = 0;
    char tag[MAXATOMLEN_UTF8], alias[MAXATOMLEN_UTF8], request[MAXATOMLEN_UTF8];
    erlang_pid pid;
    erlang_ref ref;
    failed |= ei_decode_version(bytes.data(), &at, &version);
    failed |= ei_decode_tuple_header(bytes.data(), &at, &arity);
    failed |= ei_decode_atom_as(bytes.data(), &at, tag, sizeof tag, ERLANG_UTF8, nullptr, nullptr);
    failed |= ei_decode_tuple_header(bytes.data(), &at, &arity);
    failed |= ei_decode_pid(bytes.data(), &at, &pid);
    failed |= ei_decode_list_header(bytes.data(), &at, &arity);
    failed |= ei_decode_atom_as(bytes.data(), &at, alias, sizeof alias, ERLANG_UTF8, nullptr, nullptr);
    failed |= ei_decode_ref(bytes.data(), &at, &ref);
    failed |= ei_decode_atom_as(bytes.data(), &at, request, sizeof request, ERLANG_UTF8, nullptr, nullptr);
    if (failed != 0) state.SkipWithError("ei could not read the message");
    benchmark::DoNotOptimize(pid);
    benchmark::DoNotOptimize(ref);
  }
}
BENCHMARK(ei_decode_call);

void ei_encode_call(benchmark::State& state) {
  erlang_pid pid{};
  const std::string node = "dev1@127.0.0.1";
  node.copy(pid.node, node.size());
  pid.num = 536;
  pid.creation = 1795295999;
  erlang_ref ref{};
  node.copy(ref.node, node.size());
  ref.len = 3;
  ref.creation = 1795295999;
  ei_x_buff out;
  ei_x_new(&out);
  for (auto _ : state) {
    out.index = 0;
    ei_x_encode_version(&out);
    ei_x_encode_tuple_header(&out, 3);
    ei_x_encode_atom_as(&out, "$gen_call", ERLANG_UTF8, ERLANG_UTF8);
    ei_x_encode_tuple_header(&out, 2);
    ei_x_encode_pid(&out, &pid);
    ei_x_encode_list_header(&out, 1);
    ei_x_encode_atom_as(&out, "alias", ERLANG_UTF8, ERLANG_UTF8);
    ei_x_encode_ref(&out, &ref);
    ei_x_encode_atom_as(&out, "increment", ERLANG_UTF8, ERLANG_UTF8);
    benchmark::DoNotOptimize(out.buff);
  }
  ei_x_free(&out);
}
BENCHMARK(ei_encode_call);

void term_compare_atoms(benchmark::State& state) {
  const Term a = atom("member1@127.0.0.1"), b = atom("member2@127.0.0.1");
  for (auto _ : state) benchmark::DoNotOptimize(compare(a, b));
}
BENCHMARK(term_compare_atoms);

void term_hash_call(benchmark::State& state) {
  const Term term = call_message();
  for (auto _ : state) benchmark::DoNotOptimize(term.hash());
}
BENCHMARK(term_hash_call);

}  // namespace
}  // namespace supervisorring
