#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <thread>

#include "node/child_strand.h"
#include "node/thread_worker_pool.h"

namespace supervisorring {
namespace {

using namespace std::chrono_literals;

class Tally : public gen_server {
 public:
  CallReaction handle_call(const Term&, const From&) override { return reply(integer(++count_)); }

 private:
  std::int64_t count_ = 0;
};

// Its callback returns when the test says so.
std::mutex gate_mutex;
std::condition_variable gate;
bool gate_open = false;
std::atomic<int> waiting_at_gate{0};
class Blocked : public gen_server {
 public:
  Reaction handle_info(const Term&) override {
    std::unique_lock lock(gate_mutex);
    ++waiting_at_gate;
    gate.wait(lock, [] { return gate_open; });
    return noreply();
  }
};

void close_gate() {
  std::lock_guard lock(gate_mutex);
  gate_open = false;
  waiting_at_gate = 0;
}
void open_gate() {
  {
    std::lock_guard lock(gate_mutex);
    gate_open = true;
  }
  gate.notify_all();
}

// What the driver does: sleeps until the pool wakes it.
class Driver {
 public:
  std::function<void()> waker() {
    return [this] {
      std::lock_guard lock(mutex_);
      woken_ = true;
      changed_.notify_one();
    };
  }
  void wait() {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, 20s, [this] { return woken_; }));
    woken_ = false;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;
};

Term pid_number(std::uint32_t number) { return Term::pid(atom("a@h"), number, 0, 1); }

template <class Class>
std::shared_ptr<ChildStrand> make_strand(std::uint32_t number, std::shared_ptr<StrandHome> home, bool own_thread = false) {
  Worker worker{std::make_shared<const GenServerFactory>([] { return std::make_unique<Class>(); }), {own_thread}, atom("m"), {}, {}};
  auto strand = std::make_shared<ChildStrand>(std::move(home), std::move(worker), ChildStrand::Identity{pid_number(number), number});
  strand->begin();
  return strand;
}

TEST(ThreadWorkerPool, EveryCallOfEveryStrandIsAnsweredOnceAndInOrder) {
  Driver driver;
  ThreadWorkerPool pool(2, driver.waker());
  const auto home = std::make_shared<StrandHome>(pool, atom("a@h"), pid_number(0));
  std::map<std::uint32_t, std::shared_ptr<ChildStrand>> strands;
  for (std::uint32_t i = 1; i <= 8; ++i) strands[i] = make_strand<Tally>(i, home, i == 8);
  constexpr int kCalls = 3000;
  const Term call = parse_term("{'$gen_call', {caller, tag}, hello}").value();
  for (int i = 0; i < kCalls; ++i) {
    for (auto& [number, strand] : strands) ASSERT_TRUE(strand->push({ChildEvent::Kind::message, 0, 0, call}));
  }
  std::map<std::uint32_t, std::int64_t> counts;
  for (int replies = 0; replies < kCalls * 8;) {
    driver.wait();
    if (HasFatalFailure()) return;
    for (const Term& pid : pool.take_ready()) {
      for (const ChildAction& action : strands[pid.pid_id()]->take_actions()) {
        if (action.kind != ChildAction::Kind::reply) continue;
        ++replies;
        ASSERT_EQ(action.term.to_int64(), ++counts[pid.pid_id()]);
      }
    }
  }
  EXPECT_TRUE(pool.take_ready().empty());
}

TEST(ThreadWorkerPool, AKilledStrandIsReleasedWhenItsCallbackReturnsAndOthersRunMeanwhile) {
  Driver driver;
  ThreadWorkerPool pool(1, driver.waker());
  const auto home = std::make_shared<StrandHome>(pool, atom("a@h"), pid_number(0));
  const auto stuck = make_strand<Blocked>(1, home, true);
  stuck->push({ChildEvent::Kind::message, 0, 0, atom("wait")});
  while (waiting_at_gate == 0) std::this_thread::yield();
  stuck->kill();
  EXPECT_FALSE(stuck->is_released());
  const auto other = make_strand<Tally>(2, home);
  for (std::vector<ChildAction> done; done.empty(); done = other->take_actions()) std::this_thread::yield();
  open_gate();
  while (!stuck->is_released()) std::this_thread::yield();
  EXPECT_TRUE(pool.shut_down(10s));
  EXPECT_EQ(home->released.pids, std::vector<Term>{pid_number(1)});
}

// On a machine of two processors, whose pool has one thread, one child that did not return kept all the others waiting.
TEST(ThreadWorkerPool, WhileCodeDoesNotReturnOtherThreadsStandInForItsOwn) {
  close_gate();
  Driver driver;
  ThreadWorkerPool pool(1, driver.waker());
  const auto home = std::make_shared<StrandHome>(pool, atom("a@h"), pid_number(0));
  const auto other = make_strand<Tally>(3, home);
  while (other->take_actions().empty()) std::this_thread::yield();
  const std::shared_ptr<ChildStrand> stuck[] = {make_strand<Blocked>(1, home), make_strand<Blocked>(2, home)};
  for (const auto& each : stuck) each->push({ChildEvent::Kind::message, 0, 0, atom("wait")});
  while (waiting_at_gate < 2) std::this_thread::yield();
  for (int i = 0; i < 3; ++i) {
    other->push({ChildEvent::Kind::message, 0, 0, parse_term("{'$gen_call', {caller, tag}, hello}").value()});
    while (other->take_actions().empty()) std::this_thread::yield();
  }
  EXPECT_EQ(pool.running_threads(), 3u);
  open_gate();
  while (pool.running_threads() > 1) std::this_thread::yield();
  other->push({ChildEvent::Kind::message, 0, 0, parse_term("{'$gen_call', {caller, tag}, hello}").value()});
  while (other->take_actions().empty()) std::this_thread::yield();
  EXPECT_TRUE(pool.shut_down(10s));
}

TEST(ThreadWorkerPool, ShutDownSaysWhenSomeCodeDoesNotReturn) {
  close_gate();
  Driver driver;
  ThreadWorkerPool pool(1, driver.waker());
  const auto stuck = make_strand<Blocked>(1, std::make_shared<StrandHome>(pool, atom("a@h"), pid_number(0)));
  stuck->push({ChildEvent::Kind::message, 0, 0, atom("wait")});
  while (waiting_at_gate == 0) std::this_thread::yield();
  EXPECT_FALSE(pool.shut_down(10ms));
  open_gate();
  while (pool.running_threads() > 0) std::this_thread::yield();  // the pool may go only when nobody runs in it
}

}  // namespace
}  // namespace supervisorring
