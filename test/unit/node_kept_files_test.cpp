#include <gtest/gtest.h>

#include "node/node.h"
#include "sim_network.h"

namespace supervisorring {
namespace {

using namespace std::chrono_literals;

// A node by itself, whose file effects the test performs.
class KeptFilesOfANode : public testing::Test {
 protected:
  KeptFilesOfANode() : node_({.name = "a@h", .cookie = "c", .epmd_port = 0}, nullptr) {
    node_.start(time_);
    node_.take_effects();
  }
  void persist(const std::string& name, const std::string& content) {
    node_.run([&](ProcessContext& context) { context.persist(name, content); }, time_);
  }
  // "ring=content" of each write that is wanted now; log lines go to `lines_`.
  std::vector<std::string> writes() {
    std::vector<std::string> wanted;
    for (const Effect& effect : node_.take_effects()) {
      if (const auto* file = std::get_if<PersistFile>(&effect)) wanted.push_back(file->name + "=" + file->content);
      if (const auto* line = std::get_if<LogLine>(&effect)) lines_.push_back(line->text);
    }
    return wanted;
  }
  // Lets the time pass that the node asks for.
  Duration wait() {
    const Instant before = time_.now;
    time_.now = *node_.next_timeout();
    node_.timeout(time_);
    return time_.now - before;
  }

  using Texts = std::vector<std::string>;
  Time time_{Instant(100s), 1s};
  Node node_;
  Texts lines_;
};

TEST_F(KeptFilesOfANode, AWriteThatFailedIsRepeatedLaterAndLaterUntilItWorks) {
  persist("ring", "1");
  EXPECT_EQ(writes(), Texts{"ring=1"});
  for (const Duration delay : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
    node_.file_failed("ring", Error{"disk full"}, time_);
    EXPECT_EQ(wait(), delay);
    EXPECT_EQ(writes(), Texts{"ring=1"});
  }
  ASSERT_EQ(node_.unwritten_files().size(), 1u);
  EXPECT_EQ(node_.unwritten_files()[0].why, "disk full");
  EXPECT_EQ(node_.unwritten_files()[0].since, Instant(100s));
  node_.file_written("ring", time_);
  writes();
  EXPECT_TRUE(node_.unwritten_files().empty());
  EXPECT_FALSE(node_.next_timeout());
  EXPECT_EQ(lines_, (Texts{"the file ring is not written: disk full; trying again", "the file ring is written again"}));
}

TEST_F(KeptFilesOfANode, ItIsTheNewestContentThatIsRepeatedAndANewReasonIsANewLine) {
  persist("ring", "1");
  node_.file_failed("ring", Error{"disk full"}, time_);
  persist("ring", "2");
  node_.file_failed("ring", Error{"no directory"}, time_);
  writes();
  wait();
  EXPECT_EQ(writes(), Texts{"ring=2"});
  EXPECT_EQ(lines_, (Texts{"the file ring is not written: disk full; trying again", "the file ring is not written: no directory; trying again"}));
}

// A burst of a thousand changes of the ring wrote, and held in memory, a thousand whole ring files.
TEST_F(KeptFilesOfANode, OfSeveralWritesInOneStepTheLastIsDone) {
  node_.run([](ProcessContext& context) { for (int i = 0; i < 1000; ++i) context.persist("ring", std::to_string(i)); }, time_);
  EXPECT_EQ(writes(), Texts{"ring=999"});
}

TEST_F(KeptFilesOfANode, AnotherDirectoryGetsAllOfThem) {
  persist("ring", "1");
  persist("facts", "2");
  writes();
  node_.data_directory_changed(time_);
  EXPECT_EQ(writes(), (Texts{"facts=2", "ring=1"}));
}

TEST_F(KeptFilesOfANode, ADeletedFileIsNotWrittenAgain) {
  persist("ring", "1");
  node_.file_failed("ring", Error{"disk full"}, time_);
  node_.run([](ProcessContext& context) { context.remove_file("ring"); }, time_);
  EXPECT_TRUE(node_.unwritten_files().empty());
  EXPECT_FALSE(node_.next_timeout());
}

}  // namespace
}  // namespace supervisorring
