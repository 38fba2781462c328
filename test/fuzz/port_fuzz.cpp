// What could come over the port, into a drop-in node with a supervisor, a native child and one on the BEAM.
//
// The first byte says whether the rest is one frame, of an input or of a list of them, several frames, or a piece of the stream as it is. Beyond not crashing: what the
// program orders is always one list in each frame, and a log line is one line.
#include <memory>
#include <string>
#include <vector>

#include "driver.h"
#include "node/composition.h"
#include "node/inline_worker_pool.h"
#include "node/node.h"
#include "node/port_supervision.h"
#include "supervisorring/external_format.h"

namespace supervisorring {
namespace {

using fuzz::hold;

class Counter : public gen_server {};

Term pid(std::uint32_t number) { return Term::pid(atom("b@h"), number, 0, 77); }

Term relays() { return Term::map({{atom("nano_ring"), pid(1)}, {atom("super_sup"), pid(2)}, {atom("peer"), pid(3)}}); }

Term parse(std::string_view text) {
  const auto term = parse_term(text);
  hold(term.ok(), "a seed is a term");
  return *term;
}

Term supervisor() {
  return Term::map({{atom("name"), atom("s")}, {atom("module"), atom("m")}, {atom("args"), Term()}, {atom("flags"), parse("{one_for_one, 2, 5}")},
                    {atom("specs"), parse("[{a, {m, start_link, []}, permanent, 2000, worker, [m]}, {n, {gen_server, start_link, [{local, n}, 'Elixir.Counter', [], []]}, permanent, 2000, worker, [m]}, {dyn_child_handler, h}]")},
                    {atom("global"), pid(10)}, {atom("local"), pid(11)}, {atom("manager"), pid(12)}, {atom("children"), Term()}});
}

Term attach() {
  return tuple(atom("attach"), integer(1),
               Term::map({{atom("node"), atom("b@h")}, {atom("otp"), integer(25)}, {atom("generation"), integer(1)}, {atom("relays"), relays()}, {atom("connected"), parse("[o@h]")},
                          {atom("kept"), Term()}, {atom("supervisors"), list({supervisor()})}, {atom("join"), Term()}, {atom("data_dir"), atom("default")}, {atom("beam"), parse("#{elixir => true}")}}));
}

struct World {
  InlineWorkerPool pool;
  worker_registry registry;
  NativeRuntime runtime{pool};
  std::unique_ptr<Composition> composition;
  std::unique_ptr<Node> node;
  Time now{Instant(std::chrono::hours(1)), std::chrono::microseconds(1'700'000'000'000'000)};

  explicit World(const PortAttach& attach) {
    registry.add<Counter>("Elixir.Counter");
    const auto shared = std::make_shared<const PortAttach>(attach);
    NodeConfig config;
    config.name = "b@h";
    config.creation = 0x40000001;
    config.port = shared;
    node = std::make_unique<Node>(config, &pool);
    CompositionConfig composition_config;
    composition_config.ring.self = atom("b@h");
    composition_config.ring.format = HashFormat::minor_version_1;
    composition_config.ring.resume = kept_sets(*shared);
    composition_config.port = shared;
    composition = std::make_unique<Composition>(*node, registry, runtime, composition_config);
    node->start(now);
    look();
  }
  ~World() { node.reset(); }

  void look() {
    while (pool.run_one()) node->workers_ready(now);
    for (const Effect& effect : node->take_effects()) {
      const auto* bytes = std::get_if<SendBytes>(&effect);
      if (bytes == nullptr) continue;
      const auto orders = decode_whole(BytesView(bytes->bytes).substr(4));
      hold(orders.ok() && orders->is_proper_list(), "a frame is a list of orders");
      for (const Term& order : orders->elements())
        if (order.is_tagged("log", 4)) hold(order[2].bytes().find('\n') == BytesView::npos && order[2].bytes().size() < 100'000, "a log line is one line");
    }
  }
  void stream(BytesView bytes) {
    node->port_received(bytes, now);
    look();
    now.now += std::chrono::milliseconds(300);
    if (node->next_timeout() && *node->next_timeout() <= now.now) node->timeout(now);
    look();
  }
  void input(BytesView body) {
    Bytes frame;
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(body.size() >> shift & 0xff);
    stream(frame.append(body));
  }
};

}  // namespace
}  // namespace supervisorring

using namespace supervisorring;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const PortAttach usual = *parse_port_attach(attach());
  if (size == 0) return 0;
  const BytesView bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 4 == 3) {
    World(usual).stream(bytes);
    return 0;
  }
  const auto term = decode_whole(bytes);
  if (!term) {
    World(usual).input(bytes);
    return 0;
  }
  if (const auto attached = parse_port_attach(*term); attached && attached->node == atom("b@h")) World started(*attached);
  World world(usual);
  if (data[0] % 4 == 2 && term->is_proper_list()) {
    for (const Term& each : term->elements()) world.input(external_form(each));
  } else {
    world.input(bytes);
  }
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds;
  const auto add = [&seeds](const Term& term, char how = 0) { seeds.push_back(how + external_form(term)); };
  add(attach());
  add(tuple(atom("supervisor"), supervisor()));
  const Term from = tuple(pid(900), Term::list({atom("alias")}, Term::reference(atom("b@h"), 77, std::array<std::uint32_t, 3>{1, 2, 3})));
  std::vector<Term> inputs;
  for (const char* text : {"{nodeup, p@h}", "{nodedown, o@h, <<\"x\">>}", "{child_started, s, 281479271677953, {error, nope}}", "{child_started, s, 281479271677953, ignore}",
                           "{called, 1, {ok, []}}", "{called, 2, {error, {exception, undef, []}}}", "{request, r, status, []}", "{request, r, find, [s, x]}", "{request, r, leave, [false]}",
                           "{request, r, start_child, [s, {b, {m, f, []}, temporary, 1, worker, [m]}]}", "{request, r, terminate_child, [s, a]}", "{request, r, add_node, [p@h]}",
                           "{supervisor_gone, s, shutdown}", "{leave, true}", "{down, 1, x, noproc}"})
    inputs.push_back(parse(text));
  inputs.push_back(tuple(atom("child_started"), atom("s"), integer(281479271677953), tuple(atom("ok"), pid(100))));
  inputs.push_back(tuple(atom("child_exited"), atom("s"), pid(100), atom("boom")));
  inputs.push_back(tuple(atom("proxy_started"), atom("s"), integer(281479271677954), tuple(atom("ok"), pid(101))));
  inputs.push_back(tuple(atom("exit"), pid(101), pid(900), atom("boom")));
  inputs.push_back(tuple(atom("supervisor_restarted"), atom("s"), pid(21), pid(22)));
  for (const char* request : {"which_children", "{terminate_child, a}", "{delete_child, a}", "{start_child, {b, {m, f, []}, permanent, 1, worker, [m]}}"})
    inputs.push_back(tuple(atom("message"), pid(11), tuple(atom("$gen_call"), from, parse(request))));
  inputs.push_back(tuple(atom("message"), pid(101), tuple(atom("$gen_call"), from, atom("get"))));
  inputs.push_back(tuple(atom("message"), pid(12), tuple(atom("$gen_cast"), tuple(atom("onnode"), atom("a"), tuple(pid(900), from[1].tail()), Term::export_fun(atom("erlang"), atom("node"), 0)))));
  inputs.push_back(tuple(atom("message"), pid(1), tuple(atom("$gen_call"), from, atom("get_up"))));
  inputs.push_back(tuple(atom("message"), pid(2), parse("{'$gen_cast', {terminate, 's.GlobalSup'}}")));
  for (const Term& input : inputs) add(input);
  add(Term::list(inputs));
  add(Term::list(inputs), 2);
  return seeds;
}

SUPERVISORRING_FUZZ_MAIN
