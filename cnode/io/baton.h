// Baton: which thread is the node's.
//
// One thread at a time holds the baton and runs the loop. Before it calls code of a child it lends itself to it (lend()), and takes the
// baton back afterwards (reclaim()). When that code has not returned within kPatience, the relief thread takes the baton and goes on with the
// loop from there; the first thread, once back, finds the baton gone and has to leave the loop. So a child that is usually quick is called without
// handing its message to another thread, and one that turns slow holds nothing up for longer than that (legacy members wait 100 ms for an ack).
//
// What the loop does under one thread happens before what it does under the next.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "node/thread_crew.h"

namespace supervisorring {

class Baton {
 public:
  static constexpr std::chrono::milliseconds kPatience{5};  // between two looks; overdue is what both of them saw
  enum class Loop { done, lost };                           // lost: reclaim() said so
  using Ticket = std::uint64_t;

  Baton();
  ~Baton();
  Baton(const Baton&) = delete;

  // Runs `loop` on threads of its own, one at a time, until it answers `done`. Once.
  void run(std::function<Loop()> loop);
  // Waits for the threads that lost the baton, for `grace` at most. False: some have not come back; they still refer to what the
  // child's code uses. REQUIRES: run() has returned.
  bool wait_for_lost(std::chrono::milliseconds grace);

  // ---- the holder ---------------------------------------------------------------------------------
  Ticket lend() {
    const Ticket ticket = turns_->count.load(std::memory_order_relaxed) + 1;
    turns_->count.store(ticket, std::memory_order_seq_cst);
    if (turns_->relief_sleeps.load(std::memory_order_seq_cst)) wake_relief();
    return ticket;
  }
  // False: another thread runs the loop by now; this one may touch nothing of it any more.
  [[nodiscard]] bool reclaim(Ticket ticket) { return turns_->count.compare_exchange_strong(ticket, ticket + 1, std::memory_order_acq_rel); }

 private:
  // Odd while the holder is lent. Kept alive by the threads.
  struct Turns {
    alignas(64) std::atomic<std::uint64_t> count{0};
    std::atomic<bool> relief_sleeps{false};
  };
  struct Crew;
  static void hold(const std::shared_ptr<Crew>& crew);
  static void relieve(const std::shared_ptr<Crew>& crew, const std::shared_ptr<ThreadCrew>& threads);
  void wake_relief();

  std::shared_ptr<Turns> turns_;
  std::shared_ptr<Crew> crew_;
  std::shared_ptr<ThreadCrew> threads_;
};

}  // namespace supervisorring
