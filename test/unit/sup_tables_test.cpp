// The tables that keep many children, beside the library's, over random changes.
#include <gtest/gtest.h>

#include <list>
#include <map>
#include <random>
#include <unordered_map>

#include "node/small_table.h"
#include "sup/ordered_table.h"
#include "sup/seq_table.h"
#include "term/term_table.h"
#include "term_test_kit.h"

namespace supervisorring {
namespace {

Term key(std::uint64_t number) { return tuple(atom("child"), Term::unsigned_integer(number)); }

TEST(OrderedTable, KeepsTheOrderInWhichKeysCameOverRandomChanges) {
  std::mt19937 random(1);
  for (const unsigned kinds : {4u, 40u, 4000u}) {
    OrderedTable<Term, int> table;
    std::list<std::pair<Term, int>> model;
    const auto known = [&](const Term& of) { return std::find_if(model.begin(), model.end(), [&](const auto& item) { return item.first == of; }); };
    for (int step = 0; step < 4000; ++step) {
      const Term of = key(random() % kinds);
      const auto there = known(of);
      if (random() % 2 == 0) {
        EXPECT_EQ(table.try_emplace(of, step).second, there == model.end());
        if (there == model.end()) model.emplace_back(of, step);
      } else {
        EXPECT_EQ(table.erase(of), there == model.end() ? 0u : 1u);
        if (there != model.end()) model.erase(there);
      }
      ASSERT_EQ(table.size(), model.size());
      if (step % 64 != 0) continue;
      auto expected = model.begin();
      for (const auto& [id, value] : table) {
        ASSERT_EQ(id, expected->first);
        ASSERT_EQ(value, (expected++)->second);
      }
    }
    while (!table.empty()) {
      const auto last = std::prev(table.end());
      ASSERT_EQ(last->first, model.back().first);
      table.erase(last);
      model.pop_back();
    }
  }
}

TEST(OrderedTable, WhatAReferenceStandsForStaysWhileOthersComeAndGo) {
  OrderedTable<Term, int> table;
  int& first = table[key(0)];
  for (int i = 1; i < 1000; ++i) table[key(static_cast<std::uint64_t>(i))] = i;
  first = 7;
  for (int i = 1; i < 1000; ++i) table.erase(key(static_cast<std::uint64_t>(i)));
  EXPECT_EQ(&table.at(key(0)), &first);
  EXPECT_EQ(table.at(key(0)), 7);
}

TEST(SeqTable, IsGoneThroughInTheOrderOfItsNumbersOverRandomChanges) {
  std::mt19937 random(2);
  SeqTable<int> table;
  std::map<std::uint64_t, int> model;
  std::uint64_t next = 1;
  for (int step = 0; step < 6000; ++step) {
    const std::uint64_t seq = random() % 4 == 0 ? random() % (next + 4) + 1 : next;
    if (random() % 3 != 0 && !model.contains(seq)) {
      ASSERT_FALSE(table.contains(seq));
      table.by_number(table.add(seq)).second = step;
      model[seq] = step;
      next = std::max(next, seq + 1);
    } else if (!model.empty()) {
      const auto gone = std::next(model.begin(), static_cast<std::ptrdiff_t>(random() % model.size()));
      table.erase(gone->first);
      model.erase(gone);
    }
    ASSERT_EQ(table.size(), model.size());
    if (step % 64 != 0) continue;
    auto expected = model.begin();
    for (const auto& [number, value] : table) {
      ASSERT_EQ(number, expected->first);
      ASSERT_EQ(value, (expected++)->second);
      ASSERT_EQ(table.at(number), value);
    }
    auto newest = model.rbegin();
    for (auto it = table.rbegin(); it != table.rend(); ++it) ASSERT_EQ(it->first, (newest++)->first);
  }
}

TEST(TermTable, HoldsWhatTheLibrarysHoldsOverRandomChanges) {
  std::mt19937 random(3);
  for (const unsigned kinds : {4u, 400u}) {
    TermTable<int> table;
    std::unordered_map<std::uint64_t, int> model;
    for (int step = 0; step < 4000; ++step) {
      const std::uint64_t number = random() % kinds;
      if (random() % 2 == 0) {
        table[key(number)] = step;
        model[number] = step;
      } else {
        table.erase(key(number));
        model.erase(number);
      }
      ASSERT_EQ(table.size(), model.size());
      if (step % 16 != 0) continue;
      for (std::uint64_t each = 0; each < kinds; ++each) {
        const int* found = table.find(key(each));
        ASSERT_EQ(found != nullptr, model.contains(each));
        if (found) { ASSERT_EQ(*found, model.at(each)); }
      }
    }
  }
}

TEST(SmallTable, HoldsWhatTheLibrarysHoldsOverRandomChanges) {
  std::mt19937 random(3);
  for (const unsigned kinds : {2u, 12u, 600u}) {
    SmallTable<Term, int> table;
    std::unordered_map<Term, int> model;
    for (int step = 0; step < 4000; ++step) {
      const Term of = key(random() % kinds);
      const bool adds = random() % 2 == 0;
      const std::size_t ours = adds ? table.try_emplace(of, step).second : table.erase(of);
      const std::size_t theirs = adds ? model.try_emplace(of, step).second : model.erase(of);
      ASSERT_EQ(ours, theirs);
      ASSERT_EQ(table.size(), model.size());
      ASSERT_EQ(table.contains(of), model.contains(of));
      if (step % 64 != 0) continue;
      for (const auto& [id, value] : table) ASSERT_EQ(model.at(id), value);
    }
    erase_if(table, [](const auto& item) { return item.second % 2 == 0; });
    std::erase_if(model, [](const auto& item) { return item.second % 2 == 0; });
    ASSERT_EQ(table.size(), model.size());
    for (const auto& [id, value] : table) ASSERT_EQ(model.at(id), value);
  }
}

}  // namespace
}  // namespace supervisorring
