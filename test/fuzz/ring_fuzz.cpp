// Whatever a peer sends to 'Elixir.NanoRing', and whatever the world answers meanwhile, into Membership; ring files cut and filled with noise.
//
// An input is a row of steps: a byte that says what happens, two for a length, and as many bytes of an external term. Beyond not crashing: log
// lines are lines, timers do not spin, one step does a bounded amount of work, and a ring file that is written can be read.
#include <string>
#include <vector>

#include "driver.h"
#include "ring/membership.h"
#include "ring/ring_file.h"
#include "ring/ring_message.h"
#include "supervisorring/external_format.h"

namespace supervisorring {
namespace {

using fuzz::hold;

enum Step : unsigned char { kMessage, kNodeUp, kNodeDown, kNodesAnswer, kUpAnswer, kUnanswered, kFormat, kGuard, kWait, kLeave, kFinishLeave, kFile, kSteps };

constexpr std::size_t kMostEffects = 2'000;  // of one step: a few hundred members told, and lines

struct Run {
  Time now{Instant{} + std::chrono::hours(1), std::chrono::seconds(1'000'000)};
  std::uint32_t references = 0;
  Membership core;
  bool leaving = false;

  static MembershipConfig config() {
    MembershipConfig config;
    config.self = atom("a@h");
    config.join = {atom("b@h")};
    return config;
  }
  Run() : core(config(), Term::pid(atom("a@h"), 1, 0, 1), [this] {
      const std::uint32_t words[] = {++references, 2, 3};
      return Term::reference(atom("a@h"), 1, words);
    }) {
    core.start(now);
    look();
  }
  void wait(Duration time) {
    now.now += time;
    now.wall += std::chrono::duration_cast<std::chrono::microseconds>(time);
    for (int turns = 0; core.next_timeout() && *core.next_timeout() <= now.now; ++turns) {
      hold(turns < 100, "a timer that was served is over");
      core.timeout(now);
      look();
    }
  }
  void look() {
    const membership::Effects effects = core.take_effects();
    hold(effects.size() < kMostEffects, "one step does a bounded amount of work");
    for (const membership::Effect& effect : effects) {
      if (const auto* line = std::get_if<membership::Log>(&effect)) {
        hold(line->text.find('\n') == std::string::npos && line->text.size() < 64'000, "a log line is a line");
      } else if (const auto* file = std::get_if<membership::Persist>(&effect)) {
        if (file->name == kRingFileName) hold(read_ring_file(file->content).ok(), "a ring file that is written can be read");
      }
    }
  }
};

void perform(Run& run, Step step, BytesView bytes, const Term& term) {
  Membership& core = run.core;
  switch (step) {
    case kMessage: return core.handle_message(term, run.now);
    case kNodeUp: if (is_member_name(term)) core.node_up(term, run.now); return;
    case kNodeDown: if (is_member_name(term)) core.node_down(term, run.now); return;
    case kNodesAnswer: return core.set_answered(atom("b@h"), RingSet::nodes, term, run.now);
    case kUpAnswer: return core.set_answered(atom("b@h"), RingSet::up, term, run.now);
    case kUnanswered: return core.set_unanswered(atom("b@h"), RingSet::up, Membership::Unanswered::silent, run.now);
    case kFormat: return core.format_answered(atom("b@h"), bytes.size() % 2 ? HashFormat::minor_version_1 : HashFormat::minor_version_2, false, run.now);
    case kGuard: return core.guard_answered(true, run.now);
    case kWait: return run.wait(std::chrono::milliseconds(100 * (1 + bytes.size() % 100)));
    case kLeave: if (!std::exchange(run.leaving, true)) core.begin_leave(Membership::Forget::no, run.now); return;
    case kFinishLeave: if (run.leaving) core.finish_leave(run.now); return;
    case kFile: {
      const auto file = read_ring_file(bytes);
      if (!file) return hold(file.error().find('\n') == std::string::npos, "an error is one line");
      hold(read_ring_file(write_ring_file(file->nodes, file->form, HashFormat::minor_version_2)).ok(), "what was read is written readably");
      return;
    }
    case kSteps: return;
  }
}

std::string step(Step what, const Bytes& bytes) {
  return std::string{static_cast<char>(what), static_cast<char>(bytes.size() >> 8), static_cast<char>(bytes.size())} + bytes;
}
std::string step(Step what, const Term& term) { return step(what, external_form(term)); }

LwwSet set_of(std::initializer_list<const char*> names) {
  LwwSet set;
  std::int64_t wall = 1'000'000'000'000;
  for (const char* name : names) set.put(atom(name), std::chrono::microseconds(wall += 10));
  return set;
}

}  // namespace
}  // namespace supervisorring

using namespace supervisorring;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const BytesView input(reinterpret_cast<const char*>(data), size);
  Run run;
  for (std::size_t at = 0; at + 3 <= input.size();) {
    const std::size_t length = std::min<std::size_t>((data[at + 1] << 8) | data[at + 2], input.size() - at - 3);
    const BytesView bytes = input.substr(at + 3, length);
    const Step what = static_cast<Step>(data[at] % kSteps);
    at += 3 + length;
    const auto term = decode_whole(bytes);
    perform(run, what, bytes, term ? *term : Term());
    run.look();
  }
  run.wait(std::chrono::seconds(30));
  return 0;
}

std::vector<std::string> fuzz_seeds() {
  const std::uint32_t words[] = {1, 2, 3};
  const Term b = Term::pid(atom("b@h"), 9, 0, 3), reference = Term::reference(atom("b@h"), 3, words), from = tuple(b, reference);
  const LwwSet two = set_of({"a@h", "b@h"}), three = set_of({"a@h", "b@h", "c@h"});
  LwwSet removed = three;
  removed.remove(atom("a@h"), std::chrono::microseconds(2'000'000'000'000));
  const auto gossip = [&](const LwwSet& nodes, const LwwSet& up) {
    return step(kMessage, reconcile_message(ring_term(nodes.to_term({}), up.to_term({})), b, reference));
  };
  const std::string joined = step(kNodeUp, atom("b@h")) + step(kNodesAnswer, two.to_term({})) + step(kUpAnswer, set_of({"b@h"}).to_term({})) +
                             step(kFormat, Bytes()) + step(kGuard, Bytes()) + gossip(two, two);
  const std::string asked = step(kMessage, tuple(atom("$gen_call"), from, atom("get_all"))) + step(kMessage, tuple(atom("$gen_call"), from, atom("get_up")));
  return {joined + asked,
          joined + gossip(three, three) + step(kWait, Bytes(20, 'x')) + step(kNodeDown, atom("b@h")) + step(kUnanswered, Bytes()),
          joined + gossip(removed, removed) + step(kWait, Bytes(70, 'x')),
          joined + step(kMessage, add_node_message(atom("d@h"))) + step(kMessage, del_node_message(atom("b@h"))) + step(kMessage, ack_message(reference)),
          joined + step(kLeave, Bytes()) + gossip(three, three) + step(kFinishLeave, Bytes()) + asked,
          step(kFile, write_ring_file(three, {}, HashFormat::minor_version_1)) + step(kFile, write_ring_file(removed, {}, HashFormat::minor_version_2))};
}

SUPERVISORRING_FUZZ_MAIN
