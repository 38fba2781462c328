// Peer messages, child specs, supervisor flags and what init/1 returned, from whoever sends them.
//
// An input is one external term; it goes to every reader. Beyond not crashing: an error is one line, and what was understood is written so that it
// reads the same again.
#include <array>
#include <string>
#include <vector>

#include "driver.h"
#include "sup/child_spec.h"
#include "sup/join_check.h"
#include "sup/peer_messages.h"
#include "supervisorring/external_format.h"
#include "supervisorring/factory.h"

namespace supervisorring {
namespace {

using fuzz::hold;

void try_peer_message(const Term& term) {
  const auto message = decode_peer_message(term);
  if (!message) return hold(message.error().find('\n') == std::string::npos && message.error().size() < 10'000, "an error is one line");
  const Term written = encode_peer_message(*message);
  const auto again = decode_peer_message(written);
  hold(again.ok() && encode_peer_message(*again) == written, "a message that was read is written the same");
}

void try_child_spec(const Term& term) {
  const auto checked = check_child_spec(term, AutoShutdown::never);
  const ChildSpec* const spec = std::get_if<ChildSpec>(&checked);
  if (spec == nullptr) return;
  for (const Term& written : {to_tuple(*spec), to_wire(*spec)}) {
    const auto again = check_child_spec(written, AutoShutdown::never);
    hold(std::holds_alternative<ChildSpec>(again), "a spec that was accepted is accepted as we write it");
    hold(to_wire(std::get<ChildSpec>(again)) == to_wire(*spec) || written == to_tuple(*spec), "and is the same");
  }
  (void)to_map(*spec);
  (void)start_target(*spec);
}

void try_definition(const Term& term) {
  const auto flags = check_flags(term);
  if (const auto* good = std::get_if<SupervisorFlags>(&flags)) {
    const auto again = check_flags(to_term(*good));
    hold(std::holds_alternative<SupervisorFlags>(again), "flags that were accepted are accepted as we write them");
    hold(to_term(std::get<SupervisorFlags>(again)) == to_term(*good), "and are the same");
  }
  (void)check_init(atom("my_sup"), term);
  (void)read_manager_state(term);
  (void)read_specs(term);
}

class Nothing : public gen_server {};

void try_start(const Term& term) {
  static const worker_registry registry = [] {
    worker_registry made;
    made.add<Nothing>("Elixir.Counter");
    made.add("m", "f", [] { return std::make_unique<Nothing>(); });
    return made;
  }();
  const auto worker = registry.resolve(term);
  if (!worker) return hold(worker.error().find('\n') == std::string::npos, "an error is one line");
  hold(worker->name.is_nil() || worker->name.is_atom(), "a name is an atom");
}

}  // namespace
}  // namespace supervisorring

using namespace supervisorring;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto term = decode_whole(BytesView(reinterpret_cast<const char*>(data), size));
  if (!term) return 0;
  try_peer_message(*term);
  try_child_spec(*term);
  try_definition(*term);
  try_start(*term);
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds;
  const auto add = [&seeds](const Term& term) { seeds.push_back(external_form(term)); };
  const Term from = Term::pid(atom("a@h"), 5, 0, 1), name = atom("Elixir.S");
  for (const char* text :
       {"{c1,{gen_server,start_link,[{local,c1},'Elixir.Counter',[],[]]},permanent,2000,worker,['Elixir.Counter']}",
        "#{id => {a, 1}, start => {'Elixir.GenServer',start_link,['Elixir.Counter', [], [{name, c2}]]}, restart => transient, shutdown => brutal_kill, type => worker, modules => dynamic, significant => true}",
        "{x,{m,f,[1,2,[{name,n}]]},temporary,infinity,supervisor,[m]}", "{one_for_one, 3, 5}", "#{strategy => one_for_one, intensity => 0, period => 1}",
        "{rest_for_one, 0, 1}", "#{strategy => one_for_all, auto_shutdown => any_significant}", "#{auto_shutdown => all_significant, strategy => simple_one_for_one}",
        "{ok,{{one_for_one,1,5},[{a,{m,f,[]},permanent,brutal_kill,worker,[m]},{dyn_child_handler,h}]}}", "{ok,{#{},[#{id => a, start => {m,f,[]}}]}}",
        "#{'__struct__' => 'X', sup_ref => s, child_specs => [{a,{m,f,[]},permanent,1,worker,[m]},{dyn_child_handler,h}], ring => []}",
        "[{a,{m,f,[]},permanent,1,worker,[m]}, bad]", "{gen_server,start_link,[{local,n},'Elixir.Counter',[],[]]}", "{m,f,[[{name,n},x]]}"}) {
    const auto term = parse_term(text);
    fuzz::hold(term.ok(), text);
    add(*term);
  }
  const Term spec = tuple(atom("a"), tuple(atom("m"), atom("f"), Term()), atom("permanent"), integer(5000), atom("worker"), list({atom("m")}));
  for (const PeerBody& body : std::vector<PeerBody>{
           PeerHello{true, 1, atom("cnode"), {name}, 26, {atom("move")}}, PeerLeaving{}, PeerAsk{name, {atom("a"), integer(1)}}, PeerAnswer{name, {atom("a")}, {integer(2)}},
           PeerMove{MoveStep::offer, name, 7, spec}, PeerMove{MoveStep::started, name, 7, from}, PeerMove{MoveStep::state, name, 7, tuple(atom("state"), integer(42))},
           PeerMove{MoveStep::refused, name, 7, atom("why")}, PeerMove{MoveStep::done, name, 7, Term()},
           parse_news(parse_term("{news, [{'a@h', {1,2,3}, none}], [{'a@h', {1,2,3}, {1,2,4}}, {'b@h', none, {1,2,4}}]}").value()).value(),
           ring_message::SetsDigest{Bytes(20, 'd'), from, Term::reference(name, 1, std::array<std::uint32_t, 3>{1, 2, 3})}}) {
    add(encode_peer_message({from, body}));
  }
  return seeds;
}

SUPERVISORRING_FUZZ_MAIN
