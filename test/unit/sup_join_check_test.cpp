#include "sup/join_check.h"

#include <gtest/gtest.h>

#include "term_test_kit.h"

namespace supervisorring {
namespace {

using test::T;

const auto kDefined = [](const Term& name) { return name.is_atom("s"); };
const auto kStarts = [](const ChildSpec& spec) { return spec.start[0].is_atom("m"); };

TEST(JoinCheck, ARingWithoutSupervisorsMayBeJoined) { EXPECT_TRUE(check_join({}, kDefined, kStarts)); }

TEST(JoinCheck, NamesTheMemberAndTheSupervisorThatIsNotDefinedHere) {
  const auto verdict = check_join({{atom("x@h"), atom("t"), {}}}, kDefined, kStarts);
  ASSERT_FALSE(verdict);
  EXPECT_NE(verdict.error().find("x@h runs"), std::string::npos);
}

TEST(JoinCheck, NamesTheFirstChildrenThatCannotBeStartedAndCountsTheRest) {
  std::string specs;
  for (int i = 0; i < 8; ++i) specs += (i ? "," : "") + std::string("{c") + std::to_string(i) + ",{other,f,[]},permanent,1,worker,[m]}";
  const auto verdict = check_join({{atom("x@h"), atom("s"), read_specs(T("[" + specs + "]"))}}, kDefined, kStarts);
  ASSERT_FALSE(verdict);
  EXPECT_NE(verdict.error().find("c0 (other), c1 (other)"), std::string::npos) << verdict.error();
  EXPECT_NE(verdict.error().find("3 more"), std::string::npos);
}

TEST(JoinCheck, ReadsALegacyManagersState) {
  const auto state = read_manager_state(T("#{sup_ref => s, child_specs => [{a,{m,f,[]},permanent,1,worker,[m]}, {dyn_child_handler, h}, junk]}"));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->children.size(), 1u);
  EXPECT_EQ(state->handlers, std::vector<Term>{atom("h")});
  for (const char* other : {"x", "#{}", "#{sup_ref => 1, child_specs => []}", "#{sup_ref => s, child_specs => x}"}) EXPECT_FALSE(read_manager_state(T(other))) << other;
}

}  // namespace
}  // namespace supervisorring
