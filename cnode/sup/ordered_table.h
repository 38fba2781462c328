// OrderedTable: a hash table that is gone through in the order in which its keys came.
//
// What is sent, started or logged in the order of a table must not depend on how its keys are hashed, or on the library's buckets: the same
// inputs give the same effects, in the same order, on every build. Finding, adding and erasing take constant time.
//
// As with std::unordered_map: what an iterator or a reference stands for stays valid until it is erased. Items lie in a slab (slab.h), found by a HashIndex.
#pragma once

#include <functional>
#include <iterator>
#include <tuple>
#include <type_traits>
#include <utility>

#include "term/hash_index.h"
#include "sup/slab.h"

namespace supervisorring {

template <class Key, class Value, class Hash = std::hash<Key>>
class OrderedTable {
  static constexpr std::uint32_t kNone = HashIndex::kNone;
  struct Link {
    template <class... Arguments>
    explicit Link(const Key& key, Arguments&&... arguments)
        : item(std::piecewise_construct, std::forward_as_tuple(key), std::forward_as_tuple(std::forward<Arguments>(arguments)...)) {}
    std::pair<const Key, Value> item;
    std::uint32_t before = kNone;
    std::uint32_t after = kNone;
  };

  template <bool kConst>
  class Iterator {
   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = std::pair<const Key, Value>;
    using difference_type = std::ptrdiff_t;
    using reference = std::conditional_t<kConst, const value_type&, value_type&>;
    using pointer = std::conditional_t<kConst, const value_type*, value_type*>;
    using Table = std::conditional_t<kConst, const OrderedTable, OrderedTable>;

    Iterator() = default;
    Iterator(Table* table, std::uint32_t at) : table_(table), at_(at) {}
    template <bool kOther> requires(kConst && !kOther)
    Iterator(const Iterator<kOther>& other) : table_(other.table_), at_(other.at_) {}

    reference operator*() const { return table_->links_[at_].item; }
    pointer operator->() const { return &table_->links_[at_].item; }
    Iterator& operator++() { at_ = table_->links_[at_].after; return *this; }
    Iterator operator++(int) { Iterator old = *this; ++*this; return old; }
    Iterator& operator--() { at_ = at_ == kNone ? table_->last_ : table_->links_[at_].before; return *this; }
    Iterator operator--(int) { Iterator old = *this; --*this; return old; }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    friend class OrderedTable;
    template <bool> friend class Iterator;
    Table* table_ = nullptr;
    std::uint32_t at_ = kNone;
  };

 public:
  using iterator = Iterator<false>;
  using const_iterator = Iterator<true>;

  OrderedTable() = default;
  OrderedTable(const OrderedTable&) = delete;
  OrderedTable& operator=(const OrderedTable&) = delete;
  ~OrderedTable() { clear(); }

  iterator begin() { return {this, first_}; }
  iterator end() { return {this, kNone}; }
  const_iterator begin() const { return {this, first_}; }
  const_iterator end() const { return {this, kNone}; }
  bool empty() const { return first_ == kNone; }
  std::size_t size() const { return links_.size(); }

  bool contains(const Key& key) const { return place(key) != kNone; }
  iterator find(const Key& key) { return {this, place(key)}; }
  const_iterator find(const Key& key) const { return {this, place(key)}; }
  Value& at(const Key& key) { return links_[known(key)].item.second; }
  const Value& at(const Key& key) const { return links_[known(key)].item.second; }

  // Last in the order when the key is new; else nothing changes. True: it is new.
  template <class... Arguments>
  std::pair<iterator, bool> try_emplace(const Key& key, Arguments&&... arguments) {
    const std::size_t hash = Hash{}(key);
    const std::uint32_t there = place(key, hash);
    if (there != kNone) return {{this, there}, false};
    const std::uint32_t fresh = links_.add(key, std::forward<Arguments>(arguments)...);
    index_.add(hash, fresh);
    links_[fresh].before = last_;
    (last_ == kNone ? first_ : links_[last_].after) = fresh;
    last_ = fresh;
    return {{this, fresh}, true};
  }
  Value& operator[](const Key& key) { return try_emplace(key).first->second; }

  // The next one. `at` may be what the caller's key lives in.
  iterator erase(const_iterator at) {
    Link& link = links_[at.at_];
    const std::uint32_t after = link.after;
    index_.remove(Hash{}(link.item.first), at.at_);
    (link.before == kNone ? first_ : links_[link.before].after) = after;
    (after == kNone ? last_ : links_[after].before) = link.before;
    links_.remove(at.at_);
    return {this, after};
  }
  std::size_t erase(const Key& key) {
    const std::uint32_t there = place(key);
    if (there == kNone) return 0;
    erase(const_iterator(this, there));
    return 1;
  }
  void clear() {
    index_.clear();
    last_ = kNone;
    for (std::uint32_t at = std::exchange(first_, kNone); at != kNone;) {
      const std::uint32_t after = links_[at].after;
      links_.remove(at);
      at = after;
    }
  }

 private:
  std::uint32_t place(const Key& key) const { return index_.size() == 0 ? kNone : place(key, Hash{}(key)); }
  std::uint32_t place(const Key& key, std::size_t hash) const {
    return index_.find(hash, [&](std::uint32_t at) { return links_[at].item.first == key; });
  }
  std::uint32_t known(const Key& key) const {
    const std::uint32_t there = place(key);
    detail::require(there != kNone, "OrderedTable: at() of a key that is not there");
    return there;
  }

  Slab<Link> links_;
  HashIndex index_;  // invariant: one for each of links_
  std::uint32_t first_ = kNone;
  std::uint32_t last_ = kNone;
};

}  // namespace supervisorring
