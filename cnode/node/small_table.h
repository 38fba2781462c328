// SmallTable: a hash table for which there are very many, nearly all of them empty or with one item.
//
// A pointer; the items lie in one block behind it, in no order. Few are looked for one by one, more by a HashIndex, whose place is behind the items. Erasing moves the last item into the gap, so
// iterators and references do not survive a change.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <tuple>
#include <utility>

#include "term/hash_index.h"

namespace supervisorring {

template <class Key, class Value, class Hash = std::hash<Key>>
class SmallTable {
 public:
  using value_type = std::pair<Key, Value>;
  using iterator = value_type*;
  using const_iterator = const value_type*;

  SmallTable() = default;
  SmallTable(const SmallTable&) = delete;
  SmallTable& operator=(const SmallTable&) = delete;
  ~SmallTable() { release(); }

  bool empty() const { return block_ == nullptr; }
  std::size_t size() const { return block_ ? block_->size : 0; }
  iterator begin() { return block_ ? items() : nullptr; }
  iterator end() { return begin() + size(); }
  const_iterator begin() const { return block_ ? items() : nullptr; }
  const_iterator end() const { return begin() + size(); }

  const_iterator find(const Key& key) const {
    if (!block_) return nullptr;
    if (!index()) return std::find_if(begin(), end(), [&](const value_type& item) { return item.first == key; });
    const auto at = index()->find(Hash{}(key), [&](std::uint32_t one) { return items()[one].first == key; });
    return at == HashIndex::kNone ? end() : items() + at;
  }
  iterator find(const Key& key) { return const_cast<iterator>(std::as_const(*this).find(key)); }
  bool contains(const Key& key) const { return find(key) != end(); }
  Value& at(const Key& key) {
    const iterator found = find(key);
    detail::require(found != end(), "SmallTable: at() of a key that is not there");
    return found->second;
  }

  template <class... Arguments>
  std::pair<iterator, bool> try_emplace(const Key& key, Arguments&&... arguments) {
    if (const iterator known = find(key); known != end()) return {known, false};
    if (!block_ || block_->size == block_->room) grow();
    const std::uint32_t at = block_->size++;
    ::new (static_cast<void*>(items() + at)) value_type(std::piecewise_construct, std::forward_as_tuple(key), std::forward_as_tuple(std::forward<Arguments>(arguments)...));
    if (index()) index()->add(Hash{}(key), at);
    return {items() + at, true};
  }
  template <class Given>
  std::pair<iterator, bool> emplace(const Key& key, Given&& value) { return try_emplace(key, std::forward<Given>(value)); }

  void erase(iterator which) {
    const auto at = static_cast<std::uint32_t>(which - items()), last = block_->size - 1;
    if (index()) {
      index()->remove(Hash{}(which->first), at);
      if (at != last) index()->renumber(Hash{}(items()[last].first), last, at);
    }
    if (at != last) std::swap(*which, items()[last]);
    std::destroy_at(items() + last);
    if (--block_->size == 0) release();
  }
  std::size_t erase(const Key& key) {
    const iterator found = find(key);
    if (found == end()) return 0;
    erase(found);
    return 1;
  }
  template <class Unwanted>
  friend void erase_if(SmallTable& table, Unwanted&& unwanted) {
    for (std::size_t at = table.size(); at-- > 0;)
      if (unwanted(std::as_const(table.items()[at]))) table.erase(table.items() + at);
  }

 private:
  static constexpr std::uint32_t kWithoutIndex = 8;  // a block with more room has one
  struct alignas(8) Block {
    std::uint32_t size = 0;
    std::uint32_t room = 0;
  };
  static_assert(alignof(value_type) <= alignof(Block) && sizeof(value_type) % alignof(HashIndex*) == 0);

  static value_type* items_of(Block* block) { return reinterpret_cast<value_type*>(block + 1); }
  static HashIndex*& index_of(Block* block) { return *reinterpret_cast<HashIndex**>(items_of(block) + block->room); }
  value_type* items() const { return items_of(block_); }
  HashIndex* index() const { return block_->room > kWithoutIndex ? index_of(block_) : nullptr; }

  void grow() {
    const std::uint32_t room = block_ ? 2 * block_->room : 1;
    const bool with_index = room > kWithoutIndex;
    auto* const wider = ::new (::operator new(sizeof(Block) + room * sizeof(value_type) + (with_index ? sizeof(HashIndex*) : 0))) Block;
    wider->room = room;
    Block* const old = std::exchange(block_, wider);
    HashIndex* index = nullptr;
    if (old) {
      if (old->room > kWithoutIndex) index = index_of(old);
      std::uninitialized_move_n(items_of(old), old->size, items());
      std::destroy_n(items_of(old), old->size);
      wider->size = old->size;
      ::operator delete(old);
    }
    if (!with_index) return;
    if (!index) {
      index = new HashIndex;
      for (std::uint32_t at = 0; at < block_->size; ++at) index->add(Hash{}(items()[at].first), at);
    }
    ::new (static_cast<void*>(&index_of(block_))) HashIndex*(index);
  }
  void release() {
    if (!block_) return;
    delete index();
    std::destroy_n(items(), block_->size);
    ::operator delete(std::exchange(block_, nullptr));
  }

  Block* block_ = nullptr;  // null: empty
};

}  // namespace supervisorring
