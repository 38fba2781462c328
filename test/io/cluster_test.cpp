// Built programs on loopback, with an epmd of their own: starting, joining, status, leaving, and what is refused on the way.
#include <csignal>

#include "program.h"
#include "temporary_directory.h"

namespace supervisorring {
namespace {

using testing::Epmd;
using testing::eventually;
using testing::Outcome;
using testing::Program;
using testing::run_program;
using testing::TemporaryDirectory;

class Cluster : public ::testing::Test {
 protected:
  std::unique_ptr<Program> start(const std::string& alive, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{SR_RINGNODE, "run", "--name", alive + "@127.0.0.1", "--cookie-file", cookie_, "--data-dir", temporary_.path(alive),
                                       "--epmd-port", std::to_string(epmd_.port()), "--workers", SR_WORKERS_GOOD};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return std::make_unique<Program>(arguments);
  }
  Outcome ask(const std::string& command, const std::string& alive, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{SR_RINGNODE, command, "--name", alive + "@127.0.0.1", "--cookie-file", cookie_, "--epmd-port", std::to_string(epmd_.port())};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments);
  }
  bool status_says(const std::string& alive, const std::string& part) {
    return eventually([&] { return ask("status", alive).out.find(part) != std::string::npos; }, std::chrono::seconds(15));
  }
  bool says(Program& program, const std::string& part) {
    return eventually([&] { return program.errors_so_far().find(part) != std::string::npos; });
  }

  TemporaryDirectory temporary_;
  const std::string cookie_ = temporary_.file("cookie", "secret\n");
  Epmd epmd_;
};

TEST_F(Cluster, ANodeAloneServesStockClientsAndEndsWellOnSigterm) {
  const auto a = start("a");
  ASSERT_TRUE(status_says("a", "members: 1 of 1 up")) << a->errors_so_far();
  EXPECT_NE(ask("status", "a").out.find("registered with epmd"), std::string::npos);
  EXPECT_NE(ask("status", "a", {"--term"}).out.find("settled => true"), std::string::npos);
  a->signal(SIGTERM);
  const Outcome end = a->wait();
  EXPECT_EQ(end.status, 0) << end.errors;
  EXPECT_NE(temporary_.read("a/ring"), "");
}

TEST_F(Cluster, ASecondNodeJoinsAndLeavesWhenAsked) {
  const auto a = start("a");
  ASSERT_TRUE(status_says("a", "members: 1 of 1 up")) << a->errors_so_far();
  const auto b = start("b", {"--join", "a@127.0.0.1"});
  ASSERT_TRUE(status_says("a", "members: 2 of 2 up")) << a->errors_so_far() << b->errors_so_far();
  ASSERT_TRUE(status_says("b", "members: 2 of 2 up")) << b->errors_so_far();
  const Outcome left = ask("leave", "b");
  EXPECT_EQ(left.status, 0) << left.errors;
  EXPECT_EQ(left.out, "b@127.0.0.1 has left\n");
  EXPECT_EQ(b->wait().status, 0);
  EXPECT_TRUE(status_says("a", "members: 1 of 2 up"));
}

TEST_F(Cluster, LeavingForGoodDeletesTheRingFile) {
  const auto a = start("a");
  ASSERT_TRUE(status_says("a", "members: 1 of 1 up"));
  const auto b = start("b", {"--join", "a@127.0.0.1"});
  ASSERT_TRUE(status_says("a", "members: 2 of 2 up"));
  EXPECT_EQ(ask("leave", "b", {"--forget"}).status, 0);
  EXPECT_EQ(b->wait().status, 0);
  EXPECT_TRUE(status_says("a", "members: 1 of 1 up"));
  EXPECT_FALSE(std::filesystem::exists(temporary_.path("b/ring")));
}

TEST_F(Cluster, ADamagedRingFileIsKeptAsideAndTheNodeStarts) {
  std::filesystem::create_directory(temporary_.path("a"));
  temporary_.file("a/ring", std::string("\x83\x74\0\0", 4));
  const auto a = start("a");
  ASSERT_TRUE(status_says("a", "members: 1 of 1 up")) << a->errors_so_far();
  EXPECT_NE(a->errors_so_far().find("kept as " + temporary_.path("a/ring.damaged")), std::string::npos) << a->errors_so_far();
  EXPECT_EQ(temporary_.read("a/ring.damaged"), std::string("\x83\x74\0\0", 4));
}

TEST_F(Cluster, TheSameDataDirectoryIsNotUsedTwice) {
  const auto a = start("a");
  ASSERT_TRUE(status_says("a", "members: 1 of 1 up"));
  const auto again = start("a");
  const Outcome end = again->wait();
  EXPECT_EQ(end.status, 5) << end.errors;
  EXPECT_NE(end.errors.find("used by another program (process " + std::to_string(a->pid()) + ")"), std::string::npos) << end.errors;
}

TEST_F(Cluster, ANameThatIsTakenInEpmdIsRefused) {
  const auto a = start("a");
  ASSERT_TRUE(status_says("a", "members: 1 of 1 up"));
  const Outcome end = run_program({SR_RINGNODE, "run", "--name", "a@127.0.0.1", "--cookie-file", cookie_, "--data-dir", temporary_.path("other"), "--epmd-port",
                                   std::to_string(epmd_.port())});
  EXPECT_EQ(end.status, 2) << end.errors;
}

TEST_F(Cluster, WithoutAnEpmdTheNodeEndsAndSaysSo) {
  epmd_.stop();
  const Outcome end = start("a")->wait();
  EXPECT_EQ(end.status, 3) << end.errors;
}

TEST_F(Cluster, WhyANodeDoesNotAnswerIsSaid) {
  const auto a = start("a");
  ASSERT_TRUE(status_says("a", "members: 1 of 1 up"));
  EXPECT_NE(ask("status", "b").errors.find("no node b@127.0.0.1 is known to the epmd"), std::string::npos);
  const std::string wrong = temporary_.file("wrong", "another");
  const Outcome refused = run_program({SR_RINGNODE, "status", "--name", "a@127.0.0.1", "--cookie-file", wrong, "--epmd-port", std::to_string(epmd_.port())});
  EXPECT_EQ(refused.status, 9);
  EXPECT_NE(refused.errors.find("is the cookie the same"), std::string::npos) << refused.errors;
  EXPECT_TRUE(says(*a, "wrong cookie"));
  epmd_.stop();
  EXPECT_NE(ask("status", "a").errors.find("no epmd answers"), std::string::npos);
}

TEST_F(Cluster, AShellThatInterruptsTwiceIsObeyedAtOnce) {
  const auto a = start("a");
  ASSERT_TRUE(status_says("a", "members: 1 of 1 up"));
  a->signal(SIGINT);
  a->signal(SIGINT);
  const int status = a->wait().status;
  EXPECT_TRUE(status == 0 || status == 128 + SIGINT) << status;
}

}  // namespace
}  // namespace supervisorring
