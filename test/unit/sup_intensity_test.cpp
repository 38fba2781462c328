#include "sup/intensity.h"

#include <gtest/gtest.h>

namespace supervisorring {
namespace {

Instant at_ms(std::int64_t ms) { return Instant(std::chrono::milliseconds(ms)); }

TEST(RestartIntensity, AsManyRestartsAsAllowedWithinThePeriodAreAccepted) {
  RestartIntensity intensity(3, 5);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(intensity.add(at_ms(1000 + i)));
  EXPECT_FALSE(intensity.add(at_ms(1003)));
}

TEST(RestartIntensity, ZeroAllowsNoRestart) {
  RestartIntensity intensity(0, 5);
  EXPECT_FALSE(intensity.add(at_ms(0)));
}

TEST(RestartIntensity, ARestartExactlyOnePeriodOldStillCounts) {
  RestartIntensity intensity(1, 5);
  EXPECT_TRUE(intensity.add(at_ms(1000)));
  EXPECT_FALSE(intensity.add(at_ms(6000)));
}

TEST(RestartIntensity, WholeSecondsCountSoAlmostASecondMoreThanThePeriodStillCounts) {
  RestartIntensity intensity(1, 5);
  EXPECT_TRUE(intensity.add(at_ms(1000)));
  EXPECT_FALSE(intensity.add(at_ms(6999)));
}

TEST(RestartIntensity, WholeSecondsCountSoASecondBoundaryForgets) {
  RestartIntensity intensity(1, 5);
  EXPECT_TRUE(intensity.add(at_ms(1999)));
  EXPECT_TRUE(intensity.add(at_ms(7000)));  // 5.001 s later, but six second marks
}

TEST(RestartIntensity, OldRestartsAreForgottenAsTimeGoesOn) {
  RestartIntensity intensity(2, 1);
  for (int second = 0; second < 100; ++second) EXPECT_TRUE(intensity.add(at_ms(1000 * second)));
  EXPECT_EQ(intensity.counted(), 2);
}

}  // namespace
}  // namespace supervisorring
