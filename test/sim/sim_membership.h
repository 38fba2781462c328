// SimMembership: a ring of membership cores (ring/membership.h) alone, for clusters that are too great for whole nodes. Virtual time; one seed, one run.
//
// What NanoRingProcess and Connections do for a core is done here in a few lines: a message arrives after a delay, or not at all (`loss`, while there
// are faults); a connection is known at once to both sides, and closes at once when one of them ends. Messages are passed on as terms, not as bytes.
// The join guard always says yes, and every member places by the same format.
//
// Life: all members are a ring of up members, which was formed long ago: each is connected to each, and what members say when they start has been said.
// Then messages are lost, members are killed and started again with their ring file, and for some seconds a part is cut off. When all that ends the
// members have to agree again.
//
// Memory: about 200 bytes for each member that a member knows, which is nearly all that Membership keeps. Ring files of equal content are kept once.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "event_queue.h"
#include "random.h"
#include "ring/membership.h"

namespace supervisorring::sim {

struct MembershipOptions {
  std::uint64_t seed = 1;
  std::size_t nodes = 200;
  std::size_t kills = 10;
  std::size_t cut = 40;         // members that are cut off; some may be drawn twice
  std::uint64_t loss = 20'000;  // of a million messages, while there are faults
  std::function<void(const std::string& line)> trace;
};

struct MembershipResult {
  std::optional<std::string> failure;
  Duration converged{};        // after the faults ended
  std::uint64_t messages = 0;  // meanwhile
  std::uint64_t messages_in_all = 0;
  Duration lived{};
};

class SimMembership {
 public:
  explicit SimMembership(MembershipOptions options);
  MembershipResult live();

 private:
  struct Member {
    std::string name;
    Term node;
    std::unique_ptr<Membership> core;  // null: down
    std::uint32_t life = 0;
    std::uint32_t references = 0;
    std::optional<Instant> next;
    std::size_t up = 0, nodes = 0;     // members of both sets, as published last
    const Bytes* ring_file = nullptr;  // one of ring_files_
    bool apart = false;                // on the side that is cut off
    std::vector<bool> connected;       // to whom
  };

  Time time() const { return {now_, std::chrono::microseconds(1'700'000'000'000'000) + std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch())}; }
  bool reaches(const Member& a, const Member& b) const { return a.core && b.core && a.apart == b.apart; }
  Duration delay() { return std::chrono::microseconds(200 + random_.below(800)); }

  void form();
  void create(std::size_t index, MembershipConfig config);
  void restart(std::size_t index);
  void wake(std::size_t index);
  void kill(std::size_t index);
  void connect(std::size_t from, const Term& node);
  void answer_at(Duration after, std::size_t to, std::function<void(Membership&)> what);
  void input(std::size_t index, const std::function<void(Membership&)>& what);
  void at(Duration after, std::function<void()> what) { events_.put(now_ + after, std::move(what)); }
  void pass(Duration time);
  void perform(std::size_t from, membership::Effect& effect);
  void send(std::size_t from, const Term& to, const Term& message);
  void deliver(std::size_t from, std::size_t to, std::function<void(Membership&)> what);
  void say_hello(std::size_t from, std::size_t to);
  void tell(std::size_t from, const Term& node, const Term& body);
  void ask(std::size_t from, const Term& node, RingSet set);
  const Term& answer_of(const LwwSet& set, RingSet which);
  bool is_lost() { return losing_ && random_.below(1'000'000) < options_.loss; }
  void live_with_faults();
  void end_faults();
  std::optional<std::string> disagreement() const;
  std::optional<std::string> unbounded() const;
  void note(const std::string& text) const;

  const MembershipOptions options_;
  Random random_;
  Instant now_{};
  std::vector<Member> members_;
  std::unordered_map<Term, std::size_t> by_name_;
  std::unordered_set<Bytes> ring_files_;
  struct Answer { LwwSet set; Term term; };
  std::optional<Answer> answers_[2];   // the last to get_all and get_up: mostly the next one is the same
  EventQueue<std::function<void()>> events_;
  std::set<std::pair<Instant, std::size_t>> timers_;
  std::uint64_t messages_ = 0;
  bool losing_ = false;
};

}  // namespace supervisorring::sim
