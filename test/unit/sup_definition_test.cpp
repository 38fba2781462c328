#include "node/sup_definition.h"

#include <gtest/gtest.h>

namespace supervisorring {
namespace {

RemoteDefinition source(const SupervisorDefinition& definition) { return std::get<RemoteDefinition>(definition.source); }

TEST(SupervisorOption, IsSplitAtTheFirstAt) {
  const auto read = parse_supervisor_option("'Elixir.MySup'='Elixir.MyMod'@dev1@127.0.0.1");
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(read->name, atom("Elixir.MySup"));
  EXPECT_EQ(source(*read).module, atom("Elixir.MyMod"));
  EXPECT_EQ(source(*read).node, atom("dev1@127.0.0.1"));
  EXPECT_EQ(source(*read).argument, Term());
}

TEST(SupervisorOption, TakesAnArgument) {
  const auto read = parse_supervisor_option("s=m@n@h={a, \"x=y@z\"}");
  ASSERT_TRUE(read) << read.error();
  EXPECT_EQ(source(*read).argument, *parse_term("{a, \"x=y@z\"}"));
}

TEST(SupervisorOption, RefusesABareWordWithACapitalAndSaysHowItIsWritten) {
  const auto read = parse_supervisor_option("MySup=m@n@h");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().find("'Elixir.MySup'"), std::string::npos);
  EXPECT_FALSE(parse_supervisor_option("s=MyMod@n@h"));
}

TEST(SupervisorOption, RefusesWhatIsIncomplete) {
  for (const char* text : {"", "s", "s=m", "s=m@", "s=m@n", "s=m@n@", "s=m@@h", "=m@n@h", "s=@n@h", "s=m@n@h={", "1=m@n@h", "s={m}@n@h"})
    EXPECT_FALSE(parse_supervisor_option(text)) << text;
}

TEST(SupervisorOption, AcceptsAnEmptyArgumentOnlyAsATerm) { EXPECT_FALSE(parse_supervisor_option("s=m@n@h=")); }

}  // namespace
}  // namespace supervisorring
