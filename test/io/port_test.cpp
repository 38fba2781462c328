// The built program beside a BEAM that the test plays: attaching, working, and how it ends.
#include "port_pipe.h"

#include "program.h"
#include "temporary_directory.h"

namespace supervisorring {
namespace {

using testing::PortPipe;
using testing::TemporaryDirectory;

Term pid(std::uint32_t number) { return Term::pid(atom("nonode@nohost"), number, 0, 0); }

class Port : public ::testing::Test {
 protected:
  static Term T(std::string_view text) {
    const auto term = parse_term(text);
    EXPECT_TRUE(term) << text;
    return term ? *term : Term();
  }
  Term attach(int generation = 1, Term supervisors = Term()) const {
    return tuple(atom("attach"), integer(1),
                 Term::map({{atom("node"), atom("nonode@nohost")}, {atom("otp"), integer(25)}, {atom("generation"), integer(generation)},
                            {atom("relays"), Term::map({{atom("nano_ring"), pid(1)}, {atom("super_sup"), pid(2)}, {atom("peer"), pid(3)}})},
                            {atom("connected"), Term()}, {atom("kept"), Term()}, {atom("supervisors"), std::move(supervisors)}, {atom("join"), Term()},
                            {atom("data_dir"), binary(temporary_.path("data"))}, {atom("beam"), T("#{elixir => true}")}}));
  }
  static Term supervisor(const char* specs) {
    return Term::map({{atom("name"), atom("s")}, {atom("module"), atom("m")}, {atom("args"), Term()}, {atom("flags"), T("{one_for_one, 2, 5}")}, {atom("specs"), T(specs)},
                      {atom("global"), pid(10)}, {atom("local"), pid(11)}, {atom("manager"), pid(12)}, {atom("children"), Term()}});
  }
  TemporaryDirectory temporary_;
};

TEST_F(Port, ItAttachesFirstThenIsReadyAndBeats) {
  PortPipe port;
  port.input(attach());
  ASSERT_TRUE(port.await("ready"));
  EXPECT_TRUE(port.orders.front().is_tagged("attached", 4)) << to_text(port.orders.front());
  EXPECT_EQ(port.orders.front()[3], integer(port.pid()));
  port.orders.clear();
  ::usleep(1'100'000);
  (void)port.await("nothing", std::chrono::milliseconds(10));
  const auto beats = std::count_if(port.orders.begin(), port.orders.end(), [](const Term& order) { return order.is_tagged("heartbeat", 1); });
  EXPECT_GE(beats, 4);
  EXPECT_LE(beats, 7);
  EXPECT_FALSE(port.nonsense);
}

TEST_F(Port, ItsChildrenAreStartedAndItsNativeOnesAnswer) {
  PortPipe port({"--workers", SR_WORKERS_GOOD});
  port.input(attach());
  port.input(tuple(atom("supervisor"), supervisor("[{a, {m, start_link, []}, permanent, 2000, worker, [m]}, {n, {gen_server, start_link, [{local, n}, 'Elixir.Counter', [], []]}, permanent, 2000, worker, [m]}]")));
  const auto start = port.await("start_child");
  ASSERT_TRUE(start);
  EXPECT_EQ((*start)[3], atom("a"));
  port.input(tuple(atom("child_started"), atom("s"), (*start)[2], tuple(atom("ok"), pid(100))));
  const auto proxy = port.await("start_proxy");
  ASSERT_TRUE(proxy);
  port.input(tuple(atom("proxy_started"), atom("s"), (*proxy)[2], tuple(atom("ok"), pid(101))));
  ASSERT_TRUE(port.await("supervisor_up"));
  port.input(tuple(atom("message"), pid(101), tuple(atom("$gen_call"), tuple(pid(200), atom("tag")), atom("increment"))));
  EXPECT_TRUE(port.await([](const Term& order) { return order == tuple(atom("send"), pid(200), tuple(atom("tag"), integer(1))); }));
}

TEST_F(Port, TheEndOfItsInputEndsItAtOnce) {
  PortPipe port({"--workers", SR_WORKERS_GOOD});
  port.input(attach());
  port.input(tuple(atom("supervisor"), supervisor("[{n, {gen_server, start_link, ['Elixir.Counter', [], []]}, permanent, 2000, worker, [m]}]")));
  const auto proxy = port.await("start_proxy");
  ASSERT_TRUE(proxy);
  port.input(tuple(atom("proxy_started"), atom("s"), (*proxy)[2], tuple(atom("ok"), pid(101))));
  ASSERT_TRUE(port.await("supervisor_up"));
  port.input(tuple(atom("message"), pid(101), tuple(atom("$gen_call"), tuple(pid(200), atom("tag")), T("{sleep, 5000}"))));
  ::usleep(100'000);
  const auto before = std::chrono::steady_clock::now();
  port.close_input();
  EXPECT_EQ(port.wait(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2)) << "although a child is at work";
}

TEST_F(Port, WhatATerminalOrAServiceManagerSendsToAllIsForTheBeam) {
  // A service manager that stops all processes of a unit took the program away from the BEAM that was about to leave.
  PortPipe port;
  port.input(attach());
  ASSERT_TRUE(port.await("ready"));
  for (const int each : {SIGINT, SIGTERM, SIGHUP}) port.signal(each);
  port.input(T("{leave, false}"));
  EXPECT_TRUE(port.await("halt"));
  EXPECT_EQ(port.wait(), 0);
}

TEST_F(Port, BeforeItHasAttachedTheEndOfItsInputEndsItToo) {
  PortPipe port;
  port.close_input();
  EXPECT_EQ(port.wait(), 0);
}

TEST_F(Port, LeavingEndsItWithStatus0AndKeepsTheRingFile) {
  PortPipe port;
  port.input(attach());
  ASSERT_TRUE(port.await("ready"));
  port.input(T("{leave, false}"));
  const auto halt = port.await("halt");
  ASSERT_TRUE(halt);
  EXPECT_EQ((*halt)[1], integer(0));
  EXPECT_EQ(port.wait(), 0);
  EXPECT_NE(temporary_.read("data/ring"), "");
}

TEST_F(Port, WhatItCannotAttachToIsRefusedInOneLine) {
  for (const char* first : {"{attach, 2, #{}}", "{attach, 1, #{}}", "hello"}) {
    PortPipe port;
    port.input(T(first));
    const auto refused = port.await("refused");
    ASSERT_TRUE(refused) << first;
    EXPECT_EQ((*refused)[1].bytes().find('\n'), BytesView::npos);
    EXPECT_NE(port.wait(), 0);
  }
  PortPipe noise;
  noise.write(Bytes("\0\0\0\4abcd", 8));
  EXPECT_TRUE(noise.await("refused"));
  EXPECT_NE(noise.wait(), 0);
}

TEST_F(Port, ADataDirectoryThatAnotherOwnsIsRefused) {
  PortPipe first;
  first.input(attach());
  ASSERT_TRUE(first.await("ready"));
  PortPipe second;
  second.input(attach());
  const auto refused = second.await("refused");
  ASSERT_TRUE(refused);
  EXPECT_EQ(second.wait(), 5);
}

TEST_F(Port, ASuccessorWaitsForTheDirectoryOfOneThatIsBeingKilled) {
  auto first = std::make_unique<PortPipe>();
  first->input(attach());
  ASSERT_TRUE(first->await("ready"));
  PortPipe second;
  second.input(attach(2));
  ::usleep(100'000);
  first.reset();
  EXPECT_TRUE(second.await("ready"));
}

TEST_F(Port, WorkersThatCannotBeLoadedAreRefused) {
  PortPipe port({"--workers", SR_WORKERS_EMPTY});
  EXPECT_TRUE(port.await("refused"));
  EXPECT_EQ(port.wait(), 8);
}

TEST_F(Port, ABeamThatDoesNotReadForAWhileLosesNothing) {
  PortPipe port;
  port.input(attach());
  ASSERT_TRUE(port.await("ready"));
  port.orders.clear();
  constexpr int kRequests = 3'000;
  for (int i = 0; i < kRequests; ++i) port.input(tuple(atom("request"), integer(i), atom("find"), list({atom("nowhere"), integer(i)})));
  const auto last = port.await([](const Term& order) { return order.is_tagged("answer", 3) && order[1] == integer(kRequests - 1); });
  ASSERT_TRUE(last);
  EXPECT_EQ(std::count_if(port.orders.begin(), port.orders.end(), [](const Term& order) { return order.is_tagged("answer", 3); }), kRequests);
  EXPECT_FALSE(port.nonsense);
}

}  // namespace
}  // namespace supervisorring
