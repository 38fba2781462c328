// When the progress of starts and moves is worth a line (sup/progress.h).
#include <gtest/gtest.h>

#include "sup/progress.h"

namespace supervisorring {
namespace {

using std::chrono::milliseconds;

class ProgressLines : public testing::Test {
 protected:
  std::optional<std::string> at(int ms, std::size_t left) { return progress.look(left, start + milliseconds(ms)); }
  Progress progress;
  Instant start{std::chrono::hours(1)};
};

TEST_F(ProgressLines, WorkThatIsDoneWithinASecondIsNotSpokenOf) {
  EXPECT_FALSE(at(0, 1000));
  EXPECT_FALSE(at(300, 500));
  EXPECT_EQ(progress.now_left(start + milliseconds(300)), "");
  EXPECT_FALSE(at(600, 0));
}

TEST_F(ProgressLines, WhileMoreThanASecondIsLeftItSaysHowMuchAndForHowLong) {
  EXPECT_FALSE(at(0, 10'000));
  EXPECT_FALSE(at(100, 9'900));  // too early to tell
  EXPECT_EQ(at(500, 9'500), "9500 children to be started or moved, 500 done in 0.5 s, about 9.5 s left");
  EXPECT_EQ(progress.now_left(start + milliseconds(500)), "9500 children to be started or moved, 500 done in 0.5 s, about 9.5 s left");
}

TEST_F(ProgressLines, LinesComeFartherAndFartherApart) {
  int lines = 0;
  at(0, 100'000);
  for (int ms = 10; ms <= 100'000; ms += 10) lines += at(ms, static_cast<std::size_t>(100'000 - ms) + 1).has_value();
  EXPECT_GT(lines, 5);
  EXPECT_LT(lines, 20);
}

TEST_F(ProgressLines, TheEndIsToldWhenTheWorkWas) {
  at(0, 10'000);
  ASSERT_TRUE(at(1000, 6'000));
  EXPECT_EQ(at(2000, 0), "no child is left to be started or moved: 10000 done in 2.0 s");
  EXPECT_FALSE(at(2100, 0));
  EXPECT_EQ(progress.now_left(start + milliseconds(2100)), "");
}

TEST_F(ProgressLines, WorkThatDoesNotAdvanceHasNoEndInSight) {
  at(0, 3);
  EXPECT_FALSE(at(900, 3));
  EXPECT_EQ(at(1100, 3), "3 children to be started or moved, 0 done in 1.1 s");
}

}  // namespace
}  // namespace supervisorring
