// OrderedTable: a hash table that is gone through in the order in which its keys came.
//
// What is sent, started or logged in the order of a table must not depend on how its keys are hashed, or on the library's buckets: the same
// inputs give the same effects, in the same order, on every build. Finding, adding and erasing take constant time.
//
// As with std::unordered_map: what an iterator or a reference stands for stays valid until it is erased.
#pragma once

#include <functional>
#include <list>
#include <tuple>
#include <unordered_map>
#include <utility>

namespace supervisorring {

template <class Key, class Value, class Hash = std::hash<Key>>
class OrderedTable {
  using Items = std::list<std::pair<const Key, Value>>;

 public:
  using iterator = typename Items::iterator;
  using const_iterator = typename Items::const_iterator;

  OrderedTable() = default;
  OrderedTable(const OrderedTable&) = delete;
  OrderedTable& operator=(const OrderedTable&) = delete;

  iterator begin() { return items_.begin(); }
  iterator end() { return items_.end(); }
  const_iterator begin() const { return items_.begin(); }
  const_iterator end() const { return items_.end(); }
  bool empty() const { return items_.empty(); }
  std::size_t size() const { return items_.size(); }

  bool contains(const Key& key) const { return places_.contains(key); }
  iterator find(const Key& key) {
    const auto place = places_.find(key);
    return place == places_.end() ? items_.end() : place->second;
  }
  const_iterator find(const Key& key) const {
    const auto place = places_.find(key);
    return place == places_.end() ? items_.end() : const_iterator(place->second);
  }
  Value& at(const Key& key) { return places_.at(key)->second; }
  const Value& at(const Key& key) const { return places_.at(key)->second; }

  // Last in the order when the key is new; else nothing changes. True: it is new.
  template <class... Arguments>
  std::pair<iterator, bool> try_emplace(const Key& key, Arguments&&... arguments) {
    const auto [place, fresh] = places_.try_emplace(key);
    if (fresh) {
      items_.emplace_back(std::piecewise_construct, std::forward_as_tuple(key), std::forward_as_tuple(std::forward<Arguments>(arguments)...));
      place->second = std::prev(items_.end());
    }
    return {place->second, fresh};
  }
  Value& operator[](const Key& key) { return try_emplace(key).first->second; }

  // The next one. `at` may be what the caller's key lives in.
  iterator erase(const_iterator at) {
    places_.erase(at->first);
    return items_.erase(at);
  }
  std::size_t erase(const Key& key) {
    const auto place = places_.find(key);
    if (place == places_.end()) return 0;
    const iterator item = place->second;
    places_.erase(place);
    items_.erase(item);
    return 1;
  }
  void clear() {
    places_.clear();
    items_.clear();
  }

 private:
  Items items_;
  std::unordered_map<Key, iterator, Hash> places_;  // invariant: one for each of items_
};

}  // namespace supervisorring
