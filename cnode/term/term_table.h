// TermTable: values by a term, in no order.
//
// The items lie in one block, found by a HashIndex. Adding may move them all, and erasing moves the last one into the gap: neither pointers nor references survive a change.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "supervisorring/term.h"
#include "term/hash_index.h"

namespace supervisorring {

template <class Value>
class TermTable {
 public:
  using Item = std::pair<Term, Value>;

  std::size_t size() const { return items_.size(); }
  bool contains(const Term& key) const { return find(key) != nullptr; }
  // nullptr: not there.
  const Value* find(const Term& key) const {
    const std::uint32_t at = place_of(key);
    return at == HashIndex::kNone ? nullptr : &items_[at].second;
  }
  Value* find(const Term& key) { return const_cast<Value*>(std::as_const(*this).find(key)); }
  // Made where it is not there.
  Value& operator[](const Term& key) {
    std::uint32_t at = place_of(key);
    if (at == HashIndex::kNone) {
      at = static_cast<std::uint32_t>(items_.size());
      items_.emplace_back(key, Value());
      index_.add(key.hash(), at);
    }
    return items_[at].second;
  }
  void erase(const Term& key) {
    const std::uint32_t at = place_of(key);
    if (at == HashIndex::kNone) return;
    const auto last = static_cast<std::uint32_t>(items_.size() - 1);
    index_.remove(key.hash(), at);
    if (at != last) {
      index_.renumber(items_[last].first.hash(), last, at);
      items_[at] = std::move(items_[last]);
    }
    items_.pop_back();
  }
  // Each once; what their order is depends on the past of this object.
  const std::vector<Item>& items() const { return items_; }
  // Room for so many, so that adding need not make it bit by bit.
  void reserve(std::size_t size) {
    items_.reserve(size);
    index_.reserve(size);
  }

 private:
  std::uint32_t place_of(const Term& key) const {
    return index_.find(key.hash(), [&](std::uint32_t at) { return items_[at].first == key; });
  }

  std::vector<Item> items_;
  HashIndex index_;
};

}  // namespace supervisorring
