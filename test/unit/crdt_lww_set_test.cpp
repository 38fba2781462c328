#include <map>
#include <random>

#include "crdt/lww_set.h"
#include "ring_test_kit.h"

namespace supervisorring {
namespace {

using ring_test::T;
using std::chrono::microseconds;
using std::chrono::seconds;

const Term kElement = atom("a@h");

class LwwGolden : public ::testing::TestWithParam<const char*> {
 protected:
  nlohmann::json file_ = ring_test::golden(GetParam());
  AtomEncoding encoding_ = std::string(GetParam()) == "lww-otp25.json" ? AtomEncoding::minor_version_1 : AtomEncoding::minor_version_2;
};

LwwSet set_of(const nlohmann::json& ops) {
  LwwStruct all;
  for (const auto& op : ops) {
    const LwwEntry entry{ring_test::golden_term(op["elem"]), {op["ts"][0], op["ts"][1], op["ts"][2]}};
    (op["op"] == "add" ? all.adds : all.removes).push_back(entry);
  }
  return LwwSet(all);
}

TEST_P(LwwGolden, EveryCaseHasTheOriginalsMembers) {
  int cases = 0;
  for (const auto& row : file_["single"]) {
    const auto parsed = LwwStruct::from_term(ring_test::golden_term(row["struct"]));
    ASSERT_TRUE(parsed) << row["name"] << parsed.error();
    for (const LwwSet& set : {LwwSet(*parsed), set_of(row["ops"])}) {
      for (const auto& member : row["member"]) {
        EXPECT_EQ(set.is_member(ring_test::golden_term(member["elem"])), member["is_member"].get<bool>()) << row["name"] << member["printed"];
      }
      std::vector<Term> in_order;
      for (const auto& member : row["members_in_order"]) in_order.push_back(ring_test::golden_term(member["elem"]));
      EXPECT_EQ(ring_test::text(set.members()), ring_test::text(in_order)) << row["name"];
    }
    ++cases;
  }
  EXPECT_EQ(cases, 79);
}

TEST_P(LwwGolden, EveryStructIsWrittenBackByteForByte) {
  const auto check = [&](const nlohmann::json& hex, const nlohmann::json& name) {
    const auto parsed = LwwStruct::from_term(ring_test::golden_term(hex));
    ASSERT_TRUE(parsed) << name << parsed.error();
    EXPECT_EQ(ring_test::to_hex(external_form(parsed->to_term(), encoding_)), hex.get<std::string>()) << name;
  };
  for (const auto& row : file_["single"]) check(row["struct"], row["name"]);
  for (const auto& row : file_["unions"]) {
    for (const char* side : {"left", "right", "union"}) check(row[side], row["name"]);
  }
}

TEST_P(LwwGolden, AMergeReadsAsTheOriginalsUnion) {
  for (const auto& row : file_["unions"]) {
    const auto left = LwwStruct::from_term(ring_test::golden_term(row["left"]));
    const auto right = LwwStruct::from_term(ring_test::golden_term(row["right"]));
    const auto both = LwwStruct::from_term(ring_test::golden_term(row["union"]));
    ASSERT_TRUE(left && right && both) << row["name"];
    LwwSet merged(*left), other(*right);
    other.merge(merged);
    merged.merge(LwwSet(*right));
    EXPECT_EQ(merged, other);
    EXPECT_EQ(merged, LwwSet(*both));
    std::vector<Term> in_order;
    for (const auto& member : row["members_in_order"]) in_order.push_back(ring_test::golden_term(member["elem"]));
    EXPECT_EQ(ring_test::text(merged.members()), ring_test::text(in_order)) << row["name"];
    EXPECT_FALSE(merged.merge(LwwSet(*left)));
  }
}

INSTANTIATE_TEST_SUITE_P(Originals, LwwGolden, ::testing::Values("lww-otp25.json", "lww-otp27.json"),
                         [](const auto& info) { return std::string(info.param).substr(4, 5); });

TEST(LwwSet, ASetOfOneAddEachIsWrittenAsTheOriginalWritesIt) {
  const auto file = ring_test::golden("wire-otp25.json");
  int rows = 0;
  for (const auto& row : file["terms"]) {
    if (row["name"] != "ring_file") continue;
    const auto parsed = LwwStruct::from_term(ring_test::golden_term(row["hex"]));
    ASSERT_TRUE(parsed) << parsed.error();
    EXPECT_EQ(ring_test::to_hex(external_form(LwwSet(*parsed).to_term(parsed->form), AtomEncoding::minor_version_1)), row["hex"].get<std::string>());
    ++rows;
  }
  EXPECT_EQ(rows, 1);
}

TEST(LwwSet, AClockThatWentBackwardsLosesNoChange) {
  LwwSet set;
  set.put(kElement, microseconds(2'000'000'000'000));
  set.remove(kElement, microseconds(1));
  EXPECT_FALSE(set.is_member(kElement));
  set.put(kElement, microseconds(0));
  EXPECT_TRUE(set.is_member(kElement));
  set.remove(kElement, microseconds(-5));
  EXPECT_FALSE(set.is_member(kElement));
}

TEST(LwwSet, KeepsOneAddAndOneRemoveOfEachName) {
  LwwSet set;
  for (int i = 0; i < 1'000; ++i) {
    set.put(kElement, microseconds(2 * i));
    set.remove(kElement, microseconds(2 * i + 1));
  }
  const auto written = LwwStruct::from_term(set.to_term({}));
  ASSERT_TRUE(written);
  EXPECT_EQ(written->adds.size(), 1u);
  EXPECT_EQ(written->removes.size(), 1u);
}

TEST(LwwSet, KeepsItsOrderWhateverCameAndWent) {
  std::mt19937 random(7);
  LwwSet set;
  std::map<std::string, bool> model;  // name -> is it a member
  for (int i = 0; i < 3'000; ++i) {
    const std::string name = "n" + std::to_string(random() % 300) + "@h";
    const Term element = atom(name);
    switch (random() % 4) {
      case 0: set.forget(element); model.erase(name); break;
      case 1: set.remove(element, microseconds(i)); model[name] = false; break;
      case 2: EXPECT_EQ(set.extract(element).contains(element), model.erase(name) > 0); break;
      default: set.put(element, microseconds(i)); model[name] = true;
    }
    if (i % 50 != 0) continue;
    std::vector<Term> expected;
    for (auto known = model.rbegin(); known != model.rend(); ++known)
      if (known->second) expected.push_back(atom(known->first));
    EXPECT_EQ(set.members(), expected);
    EXPECT_EQ(set.names(), model.size());
    EXPECT_EQ(LwwSet(*LwwStruct::from_term(set.to_term({}))), set);
  }
}

TEST(LwwSet, ItsVersionTellsWhetherItHasChanged) {
  LwwSet set, other;
  set.put(kElement, microseconds(5));
  const auto before = set.version();
  other.put(kElement, microseconds(4));
  EXPECT_FALSE(set.merge(other));
  EXPECT_EQ(set.version(), before);
  other.remove(kElement, microseconds(6));
  EXPECT_TRUE(set.merge(other));
  EXPECT_NE(set.version(), before);
  const auto merged = set.version();
  set.forget(atom("unknown@h"));
  EXPECT_EQ(set.version(), merged);
  set.forget(kElement);
  EXPECT_NE(set.version(), merged);
}

TEST(LwwSet, ATimestampCarriesIntoTheNextField) {
  EXPECT_EQ((Timestamp{1, 999'999, 999'999}.next()), (Timestamp{2, 0, 0}));
  EXPECT_EQ((Timestamp{1, 5, 999'999}.next()), (Timestamp{1, 6, 0}));
  EXPECT_EQ((Timestamp{kMaxMegaSeconds, 999'999, 999'999}.next()), (Timestamp{kMaxMegaSeconds, 999'999, 999'999}));
  EXPECT_EQ(Timestamp::of_wall(microseconds(1'795'261'438'000'007)), (Timestamp{1795, 261'438, 7}));
}

// As tuples of a BEAM do, but for those that no clock makes.
TEST(LwwSet, AStampIsATimestampOrNoneAndSortsAsItDoes) {
  const std::vector<Timestamp> ascending = {{0, 0, 0}, {0, 0, 1}, {0, 0, 999'999}, {0, 1, 0}, {0, 999'999, 999'999}, {1, 0, 0}, {1'795, 261'438, 7}, {kMaxMegaSeconds, 0, 0}, {kMaxMegaSeconds, 999'999, 999'999}};
  Stamp before;
  EXPECT_FALSE(before);
  for (const Timestamp& at : ascending) {
    const Stamp stamp(at);
    EXPECT_TRUE(stamp);
    EXPECT_EQ(*stamp, at);
    EXPECT_LT(before, stamp);
    before = stamp;
  }
  EXPECT_EQ(*Stamp({7, 1'000'000, 3}), (Timestamp{7, 999'999, 999'999}));
  EXPECT_EQ(*Stamp({7, 8, 1'000'000'000'000}), (Timestamp{7, 8, 999'999}));
}

TEST(LwwSet, WritesTheFormOfThePeer) {
  LwwSet set;
  set.put(kElement, microseconds(1));
  const Term with_version = set.to_term({.has_version = true});
  EXPECT_EQ(to_text((*with_version.find("add_set"))), "#{'__struct__' => 'Elixir.MapSet',map => #{{a@h,{0,0,1}} => []},version => 2}");
  const Term without = set.to_term({.has_version = false, .value_is_true = true});
  EXPECT_EQ(to_text((*without.find("add_set"))), "#{'__struct__' => 'Elixir.MapSet',map => #{{a@h,{0,0,1}} => true}}");
  const auto parsed = LwwStruct::from_term(without);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->form, (MapSetForm{.has_version = false, .value_is_true = true}));
}

TEST(LwwSet, WhatAnotherLacksIsWhatWouldComeOrGoThere) {
  LwwSet ours, theirs;
  for (const char* name : {"a@h", "b@h", "c@h", "d@h"}) ours.put(atom(name), seconds(1));
  theirs = ours;
  ours.put(atom("a@h"), seconds(2));
  ours.remove(atom("b@h"), seconds(2));
  theirs.put(atom("c@h"), seconds(2));
  ours.remove(atom("d@h"), seconds(2));
  theirs.put(atom("d@h"), seconds(3));  // newer: to be merged here, not there
  ours.put(atom("e@h"), seconds(1));
  const LwwSet lacking = ours.lacking_in(theirs);
  EXPECT_EQ(lacking, ours.only({atom("b@h"), atom("e@h"), atom("unknown@h")}));
  theirs.merge(lacking);
  EXPECT_EQ(ours.lacking_in(theirs).names(), 0u);
}

TEST(LwwSet, PartsOfItAreWrittenAndRead) {
  LwwSet set;
  set.put(atom("a@h"), seconds(1));
  set.remove(atom("a@h"), seconds(2));
  set.put(atom("b@h"), seconds(3));
  set.remove(atom("c@h"), seconds(3));
  EXPECT_EQ(to_text(set.to_entries()), "[{a@h,{0,1,0},{0,2,0}},{b@h,{0,3,0},none},{c@h,none,{0,3,0}}]");
  EXPECT_EQ(LwwSet::from_entries(set.to_entries()).value(), set);
  for (const char* wrong : {"x", "[x]", "[{a,none}]", "[{a,1,none}]", "[{a,none,{1,2}}|b]"}) EXPECT_FALSE(LwwSet::from_entries(parse_term(wrong).value())) << wrong;
}

TEST(LwwSet, RefusesWhatIsNoSetWithWhatWasExpected) {
  const std::string good = "#{'__struct__' => 'Elixir.MapSet', map => #{}}";
  const auto lww = [](const std::string& adds, const std::string& removes) {
    return "#{'__struct__' => 'Elixir.LWWElemSet', add_set => " + adds + ", rem_set => " + removes + "}";
  };
  EXPECT_TRUE(LwwStruct::from_term(T(lww(good, good))));
  const std::pair<std::string, const char*> bad[] = {
      {"[]", "expected an LWWElemSet"},
      {"#{'__struct__' => 'Elixir.LWWElemSet', add_set => 1}", "expected an LWWElemSet"},
      {lww("1", good), "expected a MapSet"},
      {lww(good, "#{'__struct__' => 'Elixir.MapSet', map => []}"), "expected a map in the MapSet"},
      {lww("#{'__struct__' => 'Elixir.MapSet', map => #{}, version => 3}", good), "expected a MapSet of version 2"},
      {lww("#{'__struct__' => 'Elixir.MapSet', map => #{a => []}}", good), "expected {Element, Timestamp}"},
      {lww("#{'__struct__' => 'Elixir.MapSet', map => #{{a, {1,2,3}} => 7}}", good), "expected [] or true"},
      {lww("#{'__struct__' => 'Elixir.MapSet', map => #{{a, {1,2,-3}} => []}}", good), "expected a timestamp"},
      {lww("#{'__struct__' => 'Elixir.MapSet', map => #{{a, {1,2,36893488147419103232}} => []}}", good), "expected a timestamp"},
  };
  for (const auto& [term, expected] : bad) {
    const auto parsed = LwwStruct::from_term(T(term));
    ASSERT_FALSE(parsed) << term;
    EXPECT_NE(parsed.error().find(expected), std::string::npos) << parsed.error();
  }
}

}  // namespace
}  // namespace supervisorring
