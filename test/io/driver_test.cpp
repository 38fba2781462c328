// The driver under whole nodes: real sockets on loopback, a real epmd.
#include "io/driver.h"

#include <sys/resource.h>

#include <chrono>

#include "program.h"
#include "raw_socket.h"
#include "running_node.h"
#include "temporary_directory.h"

namespace supervisorring {
namespace {

using testing::Epmd;
using testing::eventually;
using testing::RawSocket;
using testing::RunningNode;
using testing::TemporaryDirectory;
using Clock = std::chrono::steady_clock;

const Term kNetKernelOfB = tuple(atom("net_kernel"), atom("b@127.0.0.1"));
const Term kIsAuth = tuple(atom("is_auth"), atom("a@127.0.0.1"));

class DriverTest : public ::testing::Test {
 protected:
  Epmd epmd_;
};

TEST_F(DriverTest, TwoNodesFindEachOtherThroughEpmdAndAnswerCalls) {
  RunningNode a("a@127.0.0.1", epmd_.port());
  RunningNode b("b@127.0.0.1", epmd_.port());
  ASSERT_TRUE(eventually([&] { return a.registered() && b.registered(); }));
  EXPECT_EQ(a.call(kNetKernelOfB, kIsAuth), "yes");
  EXPECT_TRUE(b.connected());
}

TEST_F(DriverTest, TheNodesStatusIsWhatRunReturns) {
  RunningNode a("a@127.0.0.1", epmd_.port());
  ASSERT_TRUE(eventually([&] { return a.registered(); }));
  a.run([](ProcessContext& context) { context.halt(42, "the test says so"); });
  ASSERT_TRUE(eventually([&] { return a.ended(); }));
  EXPECT_EQ(a.stop(0), 42);
  EXPECT_NE(a.logged().find("the test says so"), std::string::npos);
}

TEST_F(DriverTest, AHandshakeThatDripsDelaysNobodyElse) {
  RunningNode a("a@127.0.0.1", epmd_.port());
  RunningNode b("b@127.0.0.1", epmd_.port());
  ASSERT_TRUE(eventually([&] { return a.registered() && b.registered(); }));
  std::vector<std::unique_ptr<RawSocket>> drippers;
  for (int i = 0; i < 20; ++i) drippers.push_back(std::make_unique<RawSocket>(b.port()));
  const std::string name = std::string("N") + std::string(8, '\0');
  for (auto& one : drippers) one->send(std::string("\0\x20", 2));
  const auto begin = Clock::now();
  for (std::size_t i = 0; i < name.size(); ++i) {
    for (auto& one : drippers) one->send(name.substr(i, 1));
    EXPECT_EQ(a.call(kNetKernelOfB, kIsAuth), "yes");
  }
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(2));
}

TEST_F(DriverTest, PeersThatCloseDuringTheHandshakeHarmNobody) {
  RunningNode a("a@127.0.0.1", epmd_.port());
  RunningNode b("b@127.0.0.1", epmd_.port());
  ASSERT_TRUE(eventually([&] { return a.registered() && b.registered(); }));
  for (int i = 0; i < 50; ++i) {
    RawSocket quick(b.port());
    quick.send(std::string("\0\x1dN\0\0\0\x0d\x07\xdf\x7f\xbd\0\0\0\1\0\x0e" "c@127.0.0.1xxx", 31).substr(0, static_cast<std::size_t>(i)));
    if (i % 2 == 0) quick.reset();
  }
  EXPECT_EQ(a.call(kNetKernelOfB, kIsAuth), "yes");
}

TEST_F(DriverTest, NoiseInsteadOfAHandshakeIsClosed) {
  RunningNode a("a@127.0.0.1", epmd_.port());
  RawSocket noise(a.port());
  ASSERT_TRUE(noise.send("GET / HTTP/1.1\r\n\r\n" + std::string(100'000, 'x')));
  const auto begin = Clock::now();
  noise.read_all();
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(9));
  EXPECT_FALSE(a.ended());
}

TEST_F(DriverTest, AnEpmdThatRestartsKnowsTheNodeAgain) {
  RunningNode b("b@127.0.0.1", epmd_.port());
  ASSERT_TRUE(eventually([&] { return b.registered(); }));
  epmd_.stop();
  ASSERT_TRUE(eventually([&] { return !b.registered(); }));
  epmd_.restart();
  ASSERT_TRUE(eventually([&] { return b.registered(); }));
  RunningNode a("a@127.0.0.1", epmd_.port());
  EXPECT_EQ(a.call(kNetKernelOfB, kIsAuth), "yes");
}

TEST_F(DriverTest, ANameThatIsTakenEndsTheSecondNode) {
  RunningNode first("a@127.0.0.1", epmd_.port());
  ASSERT_TRUE(eventually([&] { return first.registered(); }));
  RunningNode second("a@127.0.0.1", epmd_.port());
  ASSERT_TRUE(eventually([&] { return second.ended(); }));
  EXPECT_EQ(second.stop(0), 2);
}

TEST_F(DriverTest, WithoutAnEpmdANodeEndsAndSaysSo) {
  RunningNode a("a@127.0.0.1", testing::free_port());
  ASSERT_TRUE(eventually([&] { return a.ended(); }, std::chrono::seconds(15)));
  EXPECT_EQ(a.stop(0), 3);
}

TEST_F(DriverTest, AnIdleNodeUsesNoProcessor) {
  RunningNode a("a@127.0.0.1", epmd_.port());
  ASSERT_TRUE(eventually([&] { return a.registered(); }));
  const auto used = [] {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_utime.tv_sec * 1'000'000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * 1'000'000 + usage.ru_stime.tv_usec;
  };
  const auto before = used();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  EXPECT_LT(used() - before, 20'000);
}

TEST_F(DriverTest, ConnectionsOverTheLimitAreRefusedAndThoseThatAreOpenGoOn) {
  RunningNode b("b@127.0.0.1", epmd_.port(), nullptr, 4);
  RunningNode a("a@127.0.0.1", epmd_.port());
  ASSERT_TRUE(eventually([&] { return a.registered() && b.registered(); }));
  EXPECT_EQ(a.call(kNetKernelOfB, kIsAuth), "yes");
  std::vector<std::unique_ptr<RawSocket>> others;
  for (int i = 0; i < 10; ++i) others.push_back(std::make_unique<RawSocket>(b.port()));
  EXPECT_TRUE(eventually([&] { return b.logged().find("refusing connections") != std::string::npos; }));
  EXPECT_EQ(a.call(kNetKernelOfB, kIsAuth), "yes");
  EXPECT_EQ(others.back()->read_all(), "");
}

TEST_F(DriverTest, AProcessWithoutDescriptorsGoesOnAcceptingWhenItHasSomeAgain) {
  RunningNode b("b@127.0.0.1", epmd_.port());
  RunningNode a("a@127.0.0.1", epmd_.port());
  ASSERT_TRUE(eventually([&] { return a.registered() && b.registered(); }));
  RawSocket late;  // has its descriptor
  rlimit normal{};
  ::getrlimit(RLIMIT_NOFILE, &normal);
  const rlimit none{3, normal.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const bool connected = late.connect(b.port());
  const bool said = eventually([&] { return b.logged().find("cannot accept connections for now") != std::string::npos; });
  ::setrlimit(RLIMIT_NOFILE, &normal);
  EXPECT_TRUE(connected);
  EXPECT_TRUE(said);
  EXPECT_EQ(a.call(kNetKernelOfB, kIsAuth), "yes");
  ASSERT_TRUE(late.send(std::string(100, 'x')));
  const auto begin = Clock::now();
  late.read_all();  // it was accepted in the end: what is no handshake is closed
  EXPECT_LT(Clock::now() - begin, std::chrono::seconds(9));
}

TEST_F(DriverTest, FilesAreWrittenBeforeWhatAnnouncesThem) {
  TemporaryDirectory temporary;
  auto files = DataDirectory::open(temporary.path());
  ASSERT_TRUE(files);
  RunningNode a("a@127.0.0.1", epmd_.port(), &*files);
  ASSERT_TRUE(eventually([&] { return a.registered(); }));
  a.run([](ProcessContext& context) { context.persist("ring", "content"); });
  EXPECT_TRUE(eventually([&] { return temporary.read("ring") == "content"; }));
  a.run([](ProcessContext& context) { context.remove_file("ring"); });
  EXPECT_TRUE(eventually([&] { return !std::filesystem::exists(temporary.path("ring")); }));
}

TEST_F(DriverTest, AFileThatCannotBeWrittenIsReportedAndWrittenAsSoonAsItCan) {
  TemporaryDirectory temporary;
  auto files = DataDirectory::open(temporary.path("gone"));
  ASSERT_TRUE(files);
  std::filesystem::remove_all(temporary.path("gone"));
  temporary.file("gone", "a file in its place");
  RunningNode a("a@127.0.0.1", epmd_.port(), &*files);
  ASSERT_TRUE(eventually([&] { return a.registered(); }));
  a.run([](ProcessContext& context) { context.persist("ring", "content"); });
  EXPECT_TRUE(eventually([&] { return a.logged().find("the file ring is not written: cannot create the data directory " + temporary.path("gone")) != std::string::npos; })) << a.logged();
  std::filesystem::remove(temporary.path("gone"));
  EXPECT_TRUE(eventually([&] { return temporary.read("gone/ring") == "content"; }));
  EXPECT_TRUE(eventually([&] { return a.logged().find("the file ring is written again") != std::string::npos; })) << a.logged();
  EXPECT_FALSE(a.ended());
}

// A directory that was moved away took every later ring with it: the next start found an old one, or none.
TEST_F(DriverTest, AllFilesComeIntoADirectoryThatTookTheOldOnesPlace) {
  TemporaryDirectory temporary;
  auto files = DataDirectory::open(temporary.path("data"));
  ASSERT_TRUE(files);
  RunningNode a("a@127.0.0.1", epmd_.port(), &*files);
  ASSERT_TRUE(eventually([&] { return a.registered(); }));
  a.run([](ProcessContext& context) { context.persist("facts", "known"); context.persist("ring", "old"); });
  EXPECT_TRUE(eventually([&] { return temporary.read("data/ring") == "old"; }));
  std::filesystem::rename(temporary.path("data"), temporary.path("moved"));
  a.run([](ProcessContext& context) { context.persist("ring", "new"); });
  EXPECT_TRUE(eventually([&] { return temporary.read("data/ring") == "new" && temporary.read("data/facts") == "known"; }));
  EXPECT_EQ(temporary.read("moved/ring"), "old");
  EXPECT_FALSE(DataDirectory::open(temporary.path("data")));  // locked
}

TEST_F(DriverTest, AMessageLargerThanEveryBufferArrivesWhole) {
  RunningNode a("a@127.0.0.1", epmd_.port());
  RunningNode b("b@127.0.0.1", epmd_.port());
  ASSERT_TRUE(eventually([&] { return a.registered() && b.registered(); }));
  const std::string big(20'000'000, 'x');
  auto promise = std::make_shared<std::promise<std::size_t>>();
  auto future = promise->get_future();
  a.run([&](ProcessContext& context) {
    context.erpc(atom("b@127.0.0.1"), atom("erlang"), atom("node"), {binary(big)}, std::chrono::seconds(10),
                 [promise](ProcessContext&, CallResult result) { promise->set_value(to_text(result.value, 100'000'000).size()); });
  });
  EXPECT_GT(future.get(), 0u);  // undef: erlang:node/1 is not among the functions; the term went there and back
  EXPECT_EQ(a.call(kNetKernelOfB, kIsAuth), "yes");
}

}  // namespace
}  // namespace supervisorring
