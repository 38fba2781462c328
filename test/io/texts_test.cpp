// What a user writes on the command line: node names, addresses, atoms.
#include "cli/atom_text.h"
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

TEST(AtomText, ABareWordWithACapitalIsRefusedWithTheHint) {
  for (const char* text : {"MySup", "Elixir.MySup", "_Sup"}) {
    const auto name = parse_atom_argument(text, "name");
    ASSERT_FALSE(name) << text;
    EXPECT_NE(name.error().find("'Elixir."), std::string::npos) << name.error();
    EXPECT_EQ(name.error().find("Elixir.Elixir"), std::string::npos) << name.error();
  }
}

TEST(AtomText, TakesAtomsAndNothingElse) {
  EXPECT_EQ(parse_atom_argument(" 'Elixir.MySup' ", "name").value(), atom("Elixir.MySup"));
  EXPECT_EQ(parse_atom_argument("my_sup", "name").value(), atom("my_sup"));
  for (const char* bad : {"", " ", "1", "\"text\"", "a b", "'open", "[]"}) EXPECT_FALSE(parse_atom_argument(bad, "name")) << bad;
}

}  // namespace
}  // namespace supervisorring
