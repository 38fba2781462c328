// Every story of this folder, told again: what was recorded is what happens. REWRITE=1 records.
#include "story.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace supervisorring::sim {
namespace {

std::string read(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class Story : public testing::TestWithParam<std::string> {};

TEST_P(Story, HappensAgainAsItWasRecorded) {
  const auto path = std::filesystem::path(SR_TEST_DIR) / "story" / (GetParam() + ".txt");
  const std::string recorded = read(path);
  ASSERT_FALSE(recorded.empty()) << path;
  const std::string told = tell(recorded);
  if (std::getenv("REWRITE") != nullptr) {
    std::ofstream(path) << told;
    return;
  }
  EXPECT_EQ(told, recorded) << "what happens has changed; when that is understood and right: REWRITE=1";
}

INSTANTIATE_TEST_SUITE_P(All, Story,
                         testing::Values("join", "crash_take_over", "move_home_with_state", "graceful_leave", "partition_and_heal",
                                         "simultaneous_connect", "named_no_more", "move_interrupted", "ended_everywhere", "disagreement"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace supervisorring::sim
