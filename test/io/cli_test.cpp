// The built program, run as a user runs it: what it refuses, and how.
#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>

#include "program.h"
#include "temporary_directory.h"

namespace supervisorring {
namespace {

using testing::Environment;
using testing::Outcome;
using testing::run_program;
using testing::TemporaryDirectory;

std::size_t lines(const std::string& text) { return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')); }

// Refused with that status and one line that holds `part`.
void expect_refused(const Outcome& outcome, int status, const std::string& part) {
  EXPECT_EQ(outcome.status, status) << outcome.errors;
  EXPECT_EQ(lines(outcome.errors), 1u) << outcome.errors;
  EXPECT_NE(outcome.errors.find(part), std::string::npos) << outcome.errors;
}

class Ringnode : public ::testing::Test {
 protected:
  // `run` with what is needed, and then `more`.
  Outcome run(std::vector<std::string> more, Environment environment = {}) {
    std::vector<std::string> arguments{SR_RINGNODE, "run", "--cookie-file", temporary_.file("cookie", "secret"), "--data-dir", temporary_.path("data"),
                                       "--epmd-port", "1"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments, environment);
  }
  TemporaryDirectory temporary_;
};

TEST_F(Ringnode, SaysItsVersionThatOfErlInterfaceAndItsCompiler) {
  const auto outcome = run_program({SR_RINGNODE, "--version"});
  EXPECT_EQ(outcome.status, 0);
  EXPECT_TRUE(std::regex_search(outcome.out, std::regex("ringnode [0-9.]+\nerl_interface [0-9.]+\ncompiler \\S+"))) << outcome.out;
}

TEST_F(Ringnode, ANameWithoutHostIsRefusedInOneLine) { expect_refused(run({"--name", "cpp1"}), 1, "'cpp1' is no node name: it has no host"); }

TEST_F(Ringnode, FlagsThatDoNotExistAreRefused) {
  expect_refused(run({"--name", "cpp1@127.0.0.1", "--nonsense"}), 1, "--nonsense");
  expect_refused(run_program({SR_RINGNODE}), 1, "subcommand");
  expect_refused(run({"--name", "cpp1@127.0.0.1", "--otp", "24"}), 1, "--otp");
  expect_refused(run({"--name", "cpp1@127.0.0.1", "--log-level", "loud"}), 1, "--log-level");
}

TEST_F(Ringnode, ThereIsNoFlagForTheCookieItself) { EXPECT_EQ(run({"--name", "cpp1@127.0.0.1", "--cookie", "x"}).status, 1); }

TEST_F(Ringnode, ACookieFileThatOthersCanReadIsRefused) {
  expect_refused(run_program({SR_RINGNODE, "run", "--name", "cpp1@127.0.0.1", "--cookie-file", temporary_.file("open", "secret", 0644)}), 1,
                 "accessible to others (mode 0644)");
}

TEST_F(Ringnode, WithoutAnyCookieItSaysWhereOneMayCome) {
  const auto outcome = run_program({SR_RINGNODE, "run", "--name", "cpp1@127.0.0.1"}, {{"RELEASE_COOKIE", ""}, {"HOME", temporary_.path()}});
  expect_refused(outcome, 1, "RELEASE_COOKIE");
}

TEST_F(Ringnode, SupervisorsAreCheckedBeforeAnythingStarts) {
  expect_refused(run({"--name", "cpp1@127.0.0.1", "--supervisor", "MySup=m@n@h"}), 1, "'Elixir.MySup'");
  expect_refused(run({"--name", "cpp1@127.0.0.1", "--supervisor", "s=m@n@h", "--supervisor", "s=o@n@h"}), 1, "given twice");
}

TEST_F(Ringnode, SharedObjectsThatCannotBeUsedAreRefusedWithTheReason) {
  const auto load = [&](const std::string& path) { return run({"--name", "cpp1@127.0.0.1", "--workers", path}); };
  expect_refused(load(temporary_.path("absent.so")), 8, "absent.so");
  expect_refused(load(temporary_.file("text.so", "no shared object")), 8, "text.so");
  expect_refused(load(SR_WORKERS_EMPTY), 8, "no entry point");
  expect_refused(load(SR_WORKERS_OLD), 8, "ABI version 999");
}

TEST_F(Ringnode, AnUnusableDataDirectoryIsRefused) {
  const std::string file = temporary_.file("file", "");
  expect_refused(run({"--name", "cpp1@127.0.0.1", "--data-dir", file + "/data"}), 1, "--data-dir");  // given twice
  const auto outcome = run_program({SR_RINGNODE, "run", "--name", "cpp1@127.0.0.1", "--cookie-file", temporary_.file("cookie", "x"), "--data-dir", file + "/data"});
  expect_refused(outcome, 5, file + "/data");
}

TEST_F(Ringnode, AnAddressThatIsTakenIsRefused) {
  expect_refused(run({"--name", "cpp1@127.0.0.1", "--listen", "host"}), 1, "'host'");
  expect_refused(run({"--name", "cpp1@127.0.0.1", "--listen", "192.0.2.1"}), 4, "192.0.2.1");  // documentation address: not ours
}

TEST_F(Ringnode, StatusAndLeaveOfANodeThatIsNotThereEndWithNoAnswer) {
  const std::string cookie = temporary_.file("cookie", "secret");
  for (const char* command : {"status", "leave"})
    expect_refused(run_program({SR_RINGNODE, command, "--name", "cpp1@127.0.0.1", "--cookie-file", cookie, "--epmd-port", "1"}), 9, "cpp1@127.0.0.1");
}

TEST_F(Ringnode, ExplainAndPlanCheckWhatTheyAreAskedBeforeTheyConnect) {
  const std::string cookie = temporary_.file("cookie", "secret");
  const auto asked = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments{SR_RINGNODE, more[0], "--name", "cpp1@127.0.0.1", "--cookie-file", cookie, "--epmd-port", "1"};
    arguments.insert(arguments.end(), more.begin() + 1, more.end());
    return run_program(arguments);
  };
  expect_refused(asked({"explain", "MySup", "c1"}), 1, "'Elixir.MySup'");
  expect_refused(asked({"explain", "my_sup", "{c1"}), 1, "Id {c1");
  expect_refused(asked({"explain", "my_sup"}), 1, "Id is required");
  expect_refused(asked({"explain", "my_sup", "{c,1}"}), 9, "cpp1@127.0.0.1");
  expect_refused(asked({"plan"}), 1, "--without Node");
  expect_refused(asked({"plan", "--without", "cpp2"}), 1, "'cpp2' is no node name");
  expect_refused(asked({"plan", "--without", "cpp2@127.0.0.1", "--with", "cpp3@127.0.0.1"}), 9, "cpp1@127.0.0.1");
}

// ---- place ------------------------------------------------------------------------------------------

TEST_F(Ringnode, PlaceAnswersEveryGoodLineAndNamesTheBadOnes) {
  const auto outcome = run_program({SR_RINGNODE, "place", "--members", "a@h,b@h", "--otp", "25"}, {}, "{s, 1}\n\n{s,\n0x83zz\n0x836101\n{s, 2}");
  EXPECT_EQ(outcome.status, 10);
  EXPECT_EQ(lines(outcome.out), 3u) << outcome.out;
  EXPECT_EQ(lines(outcome.errors), 2u) << outcome.errors;
  EXPECT_NE(outcome.errors.find("line 3: "), std::string::npos) << outcome.errors;
  EXPECT_NE(outcome.errors.find("line 4: "), std::string::npos) << outcome.errors;
}

TEST_F(Ringnode, PlaceWithASupervisorHashesTheSupervisorWithTheId) {
  const auto whole = run_program({SR_RINGNODE, "place", "--members", "a@h,b@h,c@h", "--otp", "26"}, {}, "{'Elixir.S',c1}\n{'Elixir.S',c2}\n{'Elixir.S',c3}\n");
  const auto ids = run_program({SR_RINGNODE, "place", "--members", "a@h,b@h,c@h", "--otp", "26", "--supervisor", "'Elixir.S'"}, {}, "c1\nc2\nc3\n");
  const auto owners = [](const std::string& text) {
    std::string result;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) result += line.substr(0, line.find('\t')) + " ";
    return result;
  };
  EXPECT_EQ(ids.status, 0) << ids.errors;
  EXPECT_EQ(lines(ids.out), 3u);
  EXPECT_EQ(owners(ids.out), owners(whole.out));
}

TEST_F(Ringnode, PlaceRefusesMembersAndFormatsThatAreNone) {
  expect_refused(run_program({SR_RINGNODE, "place", "--members", "a@h,b", "--otp", "25"}), 1, "'b' is no node name");
  expect_refused(run_program({SR_RINGNODE, "place", "--members", "a@h", "--otp", "24"}), 1, "--otp");
  expect_refused(run_program({SR_RINGNODE, "place", "--members", "a@h", "--otp", "25", "--supervisor", "MySup"}), 1, "'Elixir.MySup'");
}

TEST_F(Ringnode, PlaceGivesTheOwnersThatTheOriginalGives) {
  std::ifstream file(std::string(SR_TEST_DIR) + "/golden/chash-otp25.json");
  const auto golden = nlohmann::json::parse(file);
  for (const auto& ring : golden["rings"]) {
    std::string members, input;
    for (const auto& node : ring["nodes"]) members += (members.empty() ? "" : ",") + node.get<std::string>();
    for (const auto& key : ring["keys"]) input += "0x" + key["term"].get<std::string>() + "\n";
    const auto outcome = run_program({SR_RINGNODE, "place", "--members", members, "--otp", "25"}, {}, input);
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    std::istringstream out(outcome.out);
    std::string line;
    for (const auto& key : ring["keys"]) {
      ASSERT_TRUE(std::getline(out, line));
      EXPECT_EQ(line.substr(0, line.find('\t')), key["node"].get<std::string>()) << line;
    }
  }
}

}  // namespace
}  // namespace supervisorring
