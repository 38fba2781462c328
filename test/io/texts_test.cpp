// What a user writes on the command line: node names, addresses, supervisors.
#include "cli/supervisor_text.h"
#include "io/listen_address.h"
#include "io/node_name.h"

namespace supervisorring {
namespace {

TEST(NodeNameText, ANameNeedsBothParts) {
  EXPECT_EQ(parse_node_name("cpp1@127.0.0.1")->whole(), "cpp1@127.0.0.1");
  EXPECT_EQ(parse_node_name("a-b_C9@host.example")->host, "host.example");
  for (const char* bad : {"", "cpp1", "@host", "cpp1@", "a b@host", "a@b@c", "a@ho st", "a.b@host", "\xc3\xa9@host"}) {
    const auto name = parse_node_name(bad);
    ASSERT_FALSE(name) << bad;
    EXPECT_NE(name.error().find("expected name@host"), std::string::npos);
    EXPECT_EQ(name.error().find('\n'), std::string::npos);
  }
  EXPECT_FALSE(parse_node_name(std::string(250, 'a') + "@host12"));
}

TEST(ListenAddressText, TakesAddressesOfBothKindsWithAndWithoutAPort) {
  const auto check = [](const char* text, const char* address, int port) {
    const auto parsed = parse_listen_address(text);
    ASSERT_TRUE(parsed) << text << ": " << parsed.error();
    EXPECT_EQ(parsed->address, address);
    EXPECT_EQ(parsed->port, port);
  };
  check("127.0.0.1", "127.0.0.1", 0);
  check("127.0.0.1:9100", "127.0.0.1", 9100);
  check("0.0.0.0:0", "0.0.0.0", 0);
  check("::1", "::1", 0);
  check("[::1]:9100", "::1", 9100);
  check("[::1]", "::1", 0);
  for (const char* bad : {"", "host:1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "[::1", "[::1]9", ":9100"}) EXPECT_FALSE(parse_listen_address(bad)) << bad;
}

TEST(ListenAddressText, ALoopbackNameListensOnLoopbackOnly) {
  EXPECT_EQ(default_listen_address({"a", "127.0.0.1"}).address, "127.0.0.1");
  EXPECT_EQ(default_listen_address({"a", "localhost"}).address, "127.0.0.1");
  EXPECT_EQ(default_listen_address({"a", "db1.example"}).address, "0.0.0.0");
}

TEST(SupervisorText, IsCutAtTheFirstEqualsSignThenAtTheFirstAt) {
  const auto source = parse_supervisor("'Elixir.MySup'=my_module@dev1@127.0.0.1=[{a, \"x=y@z\"}]");
  ASSERT_TRUE(source) << source.error();
  EXPECT_EQ(source->name, atom("Elixir.MySup"));
  EXPECT_EQ(source->module, atom("my_module"));
  EXPECT_EQ(source->node, atom("dev1@127.0.0.1"));
  EXPECT_EQ(source->argument, parse_term("[{a, \"x=y@z\"}]").value());
}

TEST(SupervisorText, TheArgumentIsTheEmptyListWhenLeftOut) { EXPECT_EQ(parse_supervisor("s=m@n@h")->argument, Term::nil()); }

TEST(SupervisorText, ABareWordWithACapitalIsRefusedWithTheHint) {
  const auto source = parse_supervisor("MySup=MyMod@n@h");
  ASSERT_FALSE(source);
  EXPECT_NE(source.error().find("'Elixir.MySup'"), std::string::npos) << source.error();
  const auto module = parse_supervisor("s=Elixir.MyMod@n@h");
  ASSERT_FALSE(module);
  EXPECT_NE(module.error().find("'Elixir.MyMod'"), std::string::npos) << module.error();
  EXPECT_EQ(module.error().find("Elixir.Elixir"), std::string::npos);
}

TEST(SupervisorText, WhatIsNoSupervisorIsRefusedInOneLine) {
  for (const char* bad : {"", "s", "s=m", "s=m@", "s=m@node", "=m@n@h", "s=@n@h", "1=m@n@h", "s=\"m\"@n@h", "s=m@n@h=", "s=m@n@h={", "s s=m@n@h"}) {
    const auto source = parse_supervisor(bad);
    ASSERT_FALSE(source) << bad;
    EXPECT_EQ(source.error().find('\n'), std::string::npos);
  }
}

}  // namespace
}  // namespace supervisorring
