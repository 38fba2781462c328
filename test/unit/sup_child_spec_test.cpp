#include "sup/child_spec.h"

#include <gtest/gtest.h>

#include <fstream>

#include "term_test_kit.h"

namespace supervisorring {
namespace {

using test::T;

TEST(ChildSpecs, EveryGoldenCaseIsAnsweredAsOtp25AnswersIt) {
  std::ifstream file(std::string(SR_TEST_DIR) + "/golden/childspecs-otp25.txt");
  ASSERT_TRUE(file);
  int cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '%') continue;
    const Term row = T(line);
    ASSERT_TRUE(row.is_tuple(2)) << line;
    EXPECT_EQ(to_text(check_childspecs(row[0])), to_text(row[1])) << line;
    EXPECT_EQ(check_childspecs(row[0]), row[1]) << line;
    ++cases;
  }
  EXPECT_GT(cases, 80);
}

TEST(ChildSpecs, AMapTakesOtpsDefaults) {
  const auto checked = check_child_spec(T("#{id => a, start => {m,f,[1]}}"), AutoShutdown::never);
  ASSERT_TRUE(std::holds_alternative<ChildSpec>(checked));
  EXPECT_EQ(to_map(std::get<ChildSpec>(checked)),
            T("#{id => a, start => {m,f,[1]}, restart => permanent, significant => false, shutdown => 5000, type => worker, modules => [m]}"));
  EXPECT_EQ(to_tuple(std::get<ChildSpec>(checked)), T("{a,{m,f,[1]},permanent,5000,worker,[m]}"));
}

TEST(ChildSpecs, ASupervisorWithoutShutdownWaitsForEver) {
  const auto checked = check_child_spec(T("#{id => a, start => {m,f,[]}, type => supervisor}"), AutoShutdown::never);
  ASSERT_TRUE(std::holds_alternative<ChildSpec>(checked));
  EXPECT_EQ(std::get<ChildSpec>(checked).shutdown, ShutdownKind::infinity);
}

TEST(ChildSpecs, SignificantNeedsASupervisorThatShutsDownByItself) {
  const auto checked = check_child_spec(T("#{id => a, start => {m,f,[]}, restart => temporary, significant => true}"), AutoShutdown::never);
  ASSERT_TRUE(std::holds_alternative<Term>(checked));
  EXPECT_EQ(std::get<Term>(checked), T("{bad_combination,[{auto_shutdown,never},{significant,true}]}"));
}

TEST(SupervisorFlagTerms, TupleAndMapMeanTheSame) {
  const auto from_tuple = check_flags(T("{one_for_one, 3, 7}"));
  const auto from_map = check_flags(T("#{intensity => 3, period => 7}"));
  ASSERT_TRUE(std::holds_alternative<SupervisorFlags>(from_tuple));
  ASSERT_TRUE(std::holds_alternative<SupervisorFlags>(from_map));
  EXPECT_EQ(to_term(std::get<SupervisorFlags>(from_tuple)), to_term(std::get<SupervisorFlags>(from_map)));
}

TEST(SupervisorFlagTerms, EveryStrategyAndAutoShutdownIsReadAndWritten) {
  for (const char* strategy : {"one_for_one", "one_for_all", "rest_for_one"}) {
    for (const char* auto_shutdown : {"never", "any_significant", "all_significant"}) {
      const Term flags = T(std::string("#{strategy => ") + strategy + ", intensity => 2, period => 9, auto_shutdown => " + auto_shutdown + "}");
      const auto checked = check_flags(flags);
      ASSERT_TRUE(std::holds_alternative<SupervisorFlags>(checked)) << to_text(flags);
      EXPECT_EQ(to_term(std::get<SupervisorFlags>(checked)), flags);
    }
  }
}

TEST(SupervisorFlagTerms, WhatIsWrongIsNamedAsOtpNamesIt) {
  const std::pair<const char*, const char*> cases[] = {
      {"{one_for_two, 1, 5}", "{invalid_strategy, one_for_two}"}, {"{one_for_one, -1, 5}", "{invalid_intensity, -1}"},
      {"{one_for_one, 1, 0}", "{invalid_period, 0}"},             {"#{auto_shutdown => maybe}", "{invalid_auto_shutdown, maybe}"},
      {"[one_for_one]", "{invalid_type, [one_for_one]}"},         {"{simple_one_for_one, 1, 5}", "{invalid_strategy, simple_one_for_one}"},
      {"#{strategy => simple_one_for_one}", "{invalid_strategy, simple_one_for_one}"}};
  for (const auto& [flags, reason] : cases) {
    const auto checked = check_flags(T(flags));
    ASSERT_TRUE(std::holds_alternative<Term>(checked)) << flags;
    EXPECT_EQ(std::get<Term>(checked), T(reason)) << flags;
  }
}

TEST(InitResults, SpecsAndHandlersAreToldApart) {
  const auto init = check_init(atom("m"), T("{ok, {{one_for_one, 2, 3}, [{a,{m,f,[]},permanent,5000,worker,[m]}, {dyn_child_handler, h}]}}"));
  ASSERT_TRUE(std::holds_alternative<SupervisorInit>(init));
  EXPECT_EQ(std::get<SupervisorInit>(init).children.size(), 1u);
  EXPECT_EQ(std::get<SupervisorInit>(init).handlers, std::vector<Term>{atom("h")});
  EXPECT_EQ(std::get<SupervisorInit>(init).flags.intensity, 2);
}

TEST(InitResults, WhatIsWrongIsWhatOtpStopsWith) {
  const std::pair<const char*, const char*> cases[] = {
      {"oops", "{bad_return, {m, init, oops}}"},
      {"{ok, {{one_for_one, a, 3}, []}}", "{supervisor_data, {invalid_intensity, a}}"},
      {"{ok, {{one_for_one, 1, 3}, [x]}}", "{start_spec, {invalid_child_spec, x}}"},
      {"{ok, {{one_for_one, 1, 3}, [{dyn_child_handler, 7}]}}", "{start_spec, {invalid_child_spec, {dyn_child_handler, 7}}}"},
      {"ignore", "ignore"}};
  for (const auto& [returned, reason] : cases) {
    const auto init = check_init(atom("m"), T(returned));
    ASSERT_TRUE(std::holds_alternative<Term>(init)) << returned;
    EXPECT_EQ(std::get<Term>(init), T(reason)) << returned;
  }
}

}  // namespace
}  // namespace supervisorring
