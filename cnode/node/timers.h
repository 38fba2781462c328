// Timers: what is to happen later, in the order of its time; of equal times in the order of setting.
//
// One min-heap. A cancelled timer leaves its place in the heap behind until it is due or such places are the greater part.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "node/identity.h"
#include "supervisorring/time.h"

namespace supervisorring {

enum class TimerKind : std::uint8_t { message, call_timeout };

struct Timer {
  TimerKind kind;
  PidNumber owner;  // call_timeout: whose call
  RefKey call;      // call_timeout: which
  Term to;          // message: pid, name or {Name, Node}
  Term message;
};

class Timers {
 public:
  // `id` is a reference's key, given once.
  void set(RefKey id, Instant at, Timer timer);
  bool cancel(RefKey id);  // false: fired or unknown
  std::optional<Instant> next() const;
  // The next timer that is due at `now`, taken out.
  std::optional<Timer> take_due(Instant now);
  std::size_t size() const { return timers_.size(); }

 private:
  struct Place {
    Instant at;
    std::uint64_t order;
    RefKey id;
  };
  static bool later(const Place& a, const Place& b) { return a.at != b.at ? a.at > b.at : a.order > b.order; }
  void drop_cancelled_top();
  void compact();

  std::vector<Place> heap_;  // top: a living timer, or the heap is empty
  std::unordered_map<RefKey, Timer> timers_;
  std::uint64_t order_ = 0;
};

}  // namespace supervisorring
