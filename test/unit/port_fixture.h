// PortFixture: a drop-in node in virtual time, and the test as its BEAM.
//
// Terms are written as text; '$1', '$2', ... in it stand for the further arguments, which may be pids and references.
#pragma once

#include <gtest/gtest.h>

#include "node/composition.h"
#include "node/inline_worker_pool.h"
#include "node/node.h"
#include "node/port_attach.h"
#include "node/port_supervision.h"
#include "supervisorring/external_format.h"

namespace supervisorring {

class PortFixture : public testing::Test {
 protected:
  class Counter : public gen_server {
    CallReaction handle_call(const Term& request, const From&) override {
      if (request.is_atom("increment")) ++count_;
      if (request.is_tagged("stop", 2)) return stop(request[1], atom("ok"));
      return reply(integer(count_));
    }
    std::int64_t count_ = 0;
  };

  static Term pid(std::uint32_t number) { return Term::pid(atom("b@h"), number, 0, 77); }
  static Term remote(std::uint32_t number, const char* node = "o@h") { return Term::pid(atom(node), number, 0, 5); }
  static Term ref(std::uint32_t number) { return Term::reference(atom("b@h"), 77, std::array<std::uint32_t, 3>{number, 0, 9}); }
  static Term from(std::uint32_t number) { return tuple(pid(900), Term::list({atom("alias")}, ref(number))); }

  static Term fill(const Term& term, const std::vector<Term>& arguments) {
    if (term.is_atom() && term.atom_name().size() > 1 && term.atom_name()[0] == '$' && std::isdigit(static_cast<unsigned char>(term.atom_name()[1])))
      return arguments.at(std::stoul(std::string(term.atom_name().substr(1))) - 1);
    std::vector<Term> elements;
    if (term.is_tuple() || term.is_list())
      for (const Term& each : term.elements()) elements.push_back(fill(each, arguments));
    if (term.is_tuple()) return Term::tuple(std::move(elements));
    if (term.is_list() && !term.is_nil()) return Term::list(std::move(elements), fill(term.tail(), arguments));
    if (!term.is_map()) return term;
    std::vector<Term::Pair> pairs;
    for (const auto& [key, value] : term.pairs()) pairs.emplace_back(fill(key, arguments), fill(value, arguments));
    return Term::map(std::move(pairs));
  }
  template <class... Arguments>
  static Term T(std::string_view text, Arguments&&... arguments) {
    const auto term = parse_term(text);
    EXPECT_TRUE(term) << text << ": " << (term ? "" : term.error());
    return term ? fill(*term, {Term(arguments)...}) : Term();
  }

  // attach, as the BEAM writes it; tests change `attach_map` before start().
  PortFixture() {
    attach_map = {{"node", atom("b@h")}, {"otp", integer(25)}, {"generation", integer(1)}, {"lease_ms", integer(5000)},
                  {"relays", T("#{nano_ring => '$1', super_sup => '$2', peer => '$3'}", pid(1), pid(2), pid(3))},
                  {"connected", Term()}, {"kept", Term()}, {"supervisors", Term()}, {"join", Term()},
                  {"data_dir", atom("default")}, {"beam", T("#{elixir => true}")}};
    registry.add<Counter>("Elixir.Counter");
  }
  ~PortFixture() override { node.reset(); }

  Term attach_term() const {
    std::vector<Term::Pair> pairs;
    for (const auto& [key, value] : attach_map) pairs.emplace_back(atom(key), value);
    return tuple(atom("attach"), integer(1), Term::map(std::move(pairs)));
  }

  void start() {
    auto attach = parse_port_attach(attach_term());
    ASSERT_TRUE(attach) << attach.error();
    const auto shared = std::make_shared<const PortAttach>(std::move(*attach));
    NodeConfig config;
    config.name = "b@h";
    config.creation = 0x40000001;
    config.port = shared;
    config.port_log_level = LogLevel::debug;
    node = std::make_unique<Node>(config, &pool);
    CompositionConfig composition_config;
    composition_config.ring.self = atom("b@h");
    composition_config.ring.join = shared->join;
    composition_config.ring.format = hash_format_of_otp(shared->otp);
    composition_config.ring.format_of_vm = true;
    composition_config.ring.resume = kept_sets(*shared);
    composition_config.port = shared;
    composition = std::make_unique<Composition>(*node, registry, runtime, composition_config);
    node->start(now);
    drive();
  }

  // Everything that follows at this instant.
  void drive() {
    for (bool again = true; again;) {
      take_frames();
      again = pool.run();
      if (again) node->workers_ready(now);
      while (node->next_timeout() && *node->next_timeout() <= now.now) {
        node->timeout(now);
        again = true;
      }
    }
    take_frames();
  }
  static Bytes frame_of(const Term& input) {
    const Bytes body = external_form(input);
    Bytes frame;
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(body.size() >> shift & 0xff);
    return frame + body;
  }
  void input(const Term& term) {
    node->port_received(frame_of(term), now);
    drive();
  }
  // That come in one read.
  void inputs(std::initializer_list<Term> terms) {
    Bytes frames;
    for (const Term& each : terms) frames += frame_of(each);
    node->port_received(frames, now);
    drive();
  }
  template <class... Arguments>
  void input(std::string_view text, Arguments&&... arguments) { input(T(text, std::forward<Arguments>(arguments)...)); }
  void advance(Duration by) {
    for (const Instant until = now.now + by; now.now < until;) {
      const auto next = node->next_timeout();
      const Instant at = next && *next < until ? std::max(*next, now.now) : until;
      now.wall += std::chrono::duration_cast<std::chrono::microseconds>(at - now.now);
      now.now = at;
      drive();
    }
  }

  // ---- what the program ordered since the last clear() ---------------------------------------------------
  void clear() { frames.clear(), all.clear(), halted.reset(); }
  std::vector<Term> orders(std::string_view tag) const {
    std::vector<Term> found;
    for (const Term& order : all)
      if (order.is_tuple() && order[0].is_atom(tag)) found.push_back(order);
    return found;
  }
  // The only one; [] and a failure when it is not.
  Term order(std::string_view tag) const {
    const auto found = orders(tag);
    EXPECT_EQ(found.size(), 1u) << tag << " in " << text();
    return found.empty() ? Term() : found.back();
  }
  bool ordered(const Term& order) const { return std::count(all.begin(), all.end(), order) > 0; }
  template <class... Arguments>
  bool ordered(std::string_view text, Arguments&&... arguments) const { return ordered(T(text, std::forward<Arguments>(arguments)...)); }
  // Both orders are in one frame.
  bool together(const Term& a, const Term& b) const {
    for (const auto& frame : frames)
      if (std::count(frame.begin(), frame.end(), a) && std::count(frame.begin(), frame.end(), b)) return true;
    return false;
  }
  std::string text() const {
    std::string out;
    for (const Term& order : all) out += to_text(order) + "\n";
    return out;
  }
  std::vector<std::string> logged(std::string_view level) const {
    std::vector<std::string> lines;
    for (const Term& line : orders("log"))
      if (line[1].is_atom(level)) lines.emplace_back(line[2].bytes());
    return lines;
  }
  // Answers erpc and call orders for `function` with `result`.
  void answer_calls(std::string_view tag, std::size_t function_at, std::string_view function, const Term& result) {
    for (const Term& call : orders(tag)) {
      const bool asked = call[function_at].is_atom(function) || call[function_at].is_tagged(function, 2);
      if (asked) input(tuple(atom("called"), call[1], result));
    }
  }

  std::map<std::string, Term> attach_map;
  Time now{Instant(std::chrono::hours(1)), std::chrono::microseconds(1'700'000'000'000'000)};
  InlineWorkerPool pool;
  worker_registry registry;
  NativeRuntime runtime{pool};
  std::unique_ptr<Composition> composition;
  std::unique_ptr<Node> node;
  std::vector<std::vector<Term>> frames;
  std::vector<Term> all;
  std::optional<HaltNode> halted;

 private:
  void take_frames() {
    for (Effects effects = node->take_effects(); !effects.empty(); effects = node->take_effects()) {
      for (const Effect& effect : effects) {
        if (const auto* halt = std::get_if<HaltNode>(&effect)) halted = *halt;
        const auto* bytes = std::get_if<SendBytes>(&effect);
        if (bytes == nullptr) continue;
        ASSERT_EQ(bytes->id, kPortConnection);
        const auto list = decode_whole(BytesView(bytes->bytes).substr(4));
        ASSERT_TRUE(list) << list.error();
        ASSERT_TRUE(list->is_proper_list());
        frames.emplace_back(list->elements().begin(), list->elements().end());
        for (const Term& order : list->elements())
          if (!order.is_tagged("heartbeat", 1)) all.push_back(order);
      }
    }
  }
};

}  // namespace supervisorring
