#include "sup/ordered_table.h"
#include "sup_child_cluster.h"

namespace supervisorring {
namespace {

using sup_test::T;

class OrderOfChildren : public sup_test::ChildManagerCluster {
 protected:
  // The ids of what `step` is said of, in the order of the messages; looked at by `lost`, which every message passes.
  void note_what_is_sent() {
    lost = [this](const Message& message) {
      if (const auto* ask = std::get_if<PeerAsk>(&message.body)) asked.insert(asked.end(), ask->ids.begin(), ask->ids.end());
      if (const auto* move = std::get_if<PeerMove>(&message.body); move && move->step == MoveStep::offer)
        offered.push_back(std::get<ChildSpec>(check_child_spec(move->value, AutoShutdown::never)).id);
      return false;
    };
  }
  bool in_the_order_of_the_specs(const std::vector<Term>& ids) const {
    auto spec = specs.begin();
    for (const Term& id : ids) {
      while (spec != specs.end() && spec->id != id) ++spec;
      if (spec == specs.end()) return false;
    }
    return true;
  }
  std::vector<Term> asked, offered;
};

// Children were started, asked for and offered in the order of a hash table: a change of how atoms are hashed changed every recorded story.
TEST_F(OrderOfChildren, TheyAreStartedInTheOrderOfTheirSpecs) {
  with_children(200);
  std::vector<Term> started;
  Member& a = add("a");
  a.manager->ring_changed(Ring::make(std::vector<Term>{atom("a")}), HashFormat::minor_version_1, true, false, now);
  for (const MgrEffect& effect : a.manager->take_effects())
    if (const auto* start = std::get_if<MgrStart>(&effect)) started.push_back(start->spec->id);
  EXPECT_EQ(started.size(), 200u);
  EXPECT_TRUE(in_the_order_of_the_specs(started));
}

TEST_F(OrderOfChildren, TheyAreAskedForAndOfferedInTheOrderOfTheirSpecs) {
  with_children(120);
  add("a");
  ring({"a"});
  note_what_is_sent();
  add("b");
  ring({"a", "b"});
  EXPECT_GT(offered.size(), 30u);
  EXPECT_TRUE(in_the_order_of_the_specs(offered));
  asked.clear();
  for (const char* n : {"a", "b"}) at(n).manager->peer_is_leaving(atom("b"), now);
  at("b").manager->ring_changed(Ring::make(std::vector<Term>{atom("a"), atom("b")}), HashFormat::minor_version_1, true, true, now);
  drive();
  EXPECT_GT(asked.size(), 30u);
  EXPECT_TRUE(in_the_order_of_the_specs(asked));
}

TEST(OrderedTable, ItIsGoneThroughInTheOrderInWhichKeysCame) {
  OrderedTable<Term, int> table;
  for (const char* key : {"z", "a", "m", "b"}) table[T(key)] = static_cast<int>(table.size());
  EXPECT_FALSE(table.try_emplace(T("a"), 7).second);
  EXPECT_EQ(table.erase(T("m")), 1u);
  EXPECT_EQ(table.erase(T("m")), 0u);
  EXPECT_TRUE(table.try_emplace(T("m"), 8).second);
  std::string order;
  for (const auto& [key, value] : table) order += to_text(key) + std::to_string(value);
  EXPECT_EQ(order, "z0a1b3m8");
  EXPECT_EQ(table.find(T("q")), table.end());
}

TEST(OrderedTable, EntriesCanBeErasedWhileItIsGoneThroughAndByTheKeyThatTheyHold) {
  OrderedTable<int, int> table;
  for (int i = 0; i < 10; ++i) table.try_emplace(i, i * i);
  for (auto it = table.begin(); it != table.end();) it = it->first % 2 == 0 ? table.erase(it) : std::next(it);
  EXPECT_EQ(table.size(), 5u);
  while (!table.empty()) table.erase(table.begin()->first);
  EXPECT_FALSE(table.contains(1));
}

}  // namespace
}  // namespace supervisorring
