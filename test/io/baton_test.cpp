// Baton: one thread runs the loop, and another one when it is lent for too long.
#include "io/baton.h"

#include <gtest/gtest.h>

#include <future>
#include <mutex>
#include <set>
#include <thread>

namespace supervisorring {
namespace {

using namespace std::chrono_literals;

TEST(Baton, ALoopThatGetsItBackInTimeRunsOnOneThread) {
  Baton baton;
  std::set<std::thread::id> threads;
  baton.run([&] {
    for (int turn = 0; turn < 10'000; ++turn) {
      threads.insert(std::this_thread::get_id());
      const auto ticket = baton.lend();
      if (!baton.reclaim(ticket)) return Baton::Loop::lost;
    }
    return Baton::Loop::done;
  });
  EXPECT_EQ(threads.size(), 1u);
  EXPECT_TRUE(baton.wait_for_lost(5s));
}

TEST(Baton, AnotherThreadGoesOnWhileOneIsHeld) {
  Baton baton;
  int turns = 0;  // the holder's
  std::promise<void> others_went_on;
  auto went_on = others_went_on.get_future().share();
  std::atomic<int> lost{0};
  baton.run([&] {
    while (turns < 100) {
      const int turn = ++turns;
      const auto ticket = baton.lend();
      if (turn == 50) went_on.wait();  // returns only because another thread makes the turns after it
      if (!baton.reclaim(ticket)) {
        ++lost;
        return Baton::Loop::lost;
      }
      if (turn == 60) others_went_on.set_value();
    }
    return Baton::Loop::done;
  });
  EXPECT_EQ(turns, 100);
  EXPECT_TRUE(baton.wait_for_lost(5s));
  EXPECT_EQ(lost, 1);
}

TEST(Baton, SeveralMayBeHeldAtOnce) {
  Baton baton;
  int turns = 0;
  std::promise<void> release;
  auto released = release.get_future().share();
  baton.run([&] {
    while (turns < 5) {
      const int turn = ++turns;
      const auto ticket = baton.lend();
      if (turn < 5) released.wait();
      if (!baton.reclaim(ticket)) return Baton::Loop::lost;
    }
    return Baton::Loop::done;
  });
  EXPECT_EQ(turns, 5);
  EXPECT_FALSE(baton.wait_for_lost(10ms));
  release.set_value();
  EXPECT_TRUE(baton.wait_for_lost(5s));
}

// After some quiet looks the relief sleeps: lending has to wake it.
TEST(Baton, ALongPauseBetweenTurnsDoesNotLeaveThemUnwatched) {
  Baton baton;
  int turns = 0;
  std::promise<void> second;
  auto second_came = second.get_future().share();
  baton.run([&] {
    while (turns < 2) {
      if (++turns == 1) std::this_thread::sleep_for(40 * Baton::kPatience);
      const bool first = turns == 1;
      const auto ticket = baton.lend();
      if (first) second_came.wait(); else second.set_value();
      if (!baton.reclaim(ticket)) return Baton::Loop::lost;
    }
    return Baton::Loop::done;
  });
  EXPECT_EQ(turns, 2);
  EXPECT_TRUE(baton.wait_for_lost(5s));
}

}  // namespace
}  // namespace supervisorring
