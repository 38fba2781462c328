// SimMembership: a ring of membership cores (ring/membership.h) alone, for clusters that are too great for whole nodes. Virtual time; one seed, one run.
//
// What NanoRingProcess and Connections do for a core is done here in a few lines: a message arrives after a delay, or not at all (`loss`, while there
// are faults); a connection is known at once to both sides, and closes at once when one of them ends. Messages are passed on as terms, not as bytes.
// The join guard always says yes, and every member places by the same format.
//
// Life: all members are a ring of up members; then messages are lost, members are killed and started again with their ring file, and for some
// seconds a part is cut off. When all that ends the members have to agree again.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "random.h"
#include "ring/membership.h"

namespace supervisorring::sim {

struct MembershipOptions {
  std::uint64_t seed = 1;
  std::size_t nodes = 200;
  std::size_t kills = 10;
  std::uint64_t loss_percent = 2;
  std::function<void(const std::string& line)> trace;
};

struct MembershipResult {
  std::optional<std::string> failure;
  Duration converged{};        // after the faults ended
  std::uint64_t messages = 0;  // meanwhile
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
    std::vector<Term> up, nodes;       // published last
    Bytes ring_file;
    bool apart = false;                // on the side that is cut off
    std::vector<bool> connected;       // to whom
  };

  Time time() const { return {now_, std::chrono::microseconds(1'700'000'000'000'000) + std::chrono::duration_cast<std::chrono::microseconds>(now_.time_since_epoch())}; }
  bool reaches(const Member& a, const Member& b) const { return a.core && b.core && a.apart == b.apart; }
  Duration delay() { return std::chrono::microseconds(200 + random_.below(800)); }

  void start(std::size_t index, std::optional<MembershipConfig::Sets> resume);
  void kill(std::size_t index);
  void connect(std::size_t from, const Term& node);
  void answer_at(Duration after, std::size_t to, std::function<void(Membership&)> what);
  void input(std::size_t index, const std::function<void(Membership&)>& what);
  void at(Duration after, std::function<void()> what) { events_.emplace(std::pair{now_ + after, ++last_event_}, std::move(what)); }
  void pass(Duration time);
  void perform(std::size_t from, membership::Effect& effect);
  void send(std::size_t from, const Term& to, const Term& message);
  void deliver(std::size_t from, std::size_t to, std::function<void(Membership&)> what);
  void say_hello(std::size_t from, std::size_t to);
  void tell(std::size_t from, const Term& node, const Term& body);
  void ask(std::size_t from, const Term& node, RingSet set);
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
  std::map<std::pair<Instant, std::uint64_t>, std::function<void()>> events_;
  std::set<std::pair<Instant, std::size_t>> timers_;
  std::uint64_t last_event_ = 0;
  std::uint64_t messages_ = 0;
  bool losing_ = false;
};

}  // namespace supervisorring::sim
