// SeqTable: records by an ascending number that each is given for good, gone through in that order.
//
// Finding takes constant time while few numbers are missing, else a binary search. Adding a number above all others takes constant time; one in between moves those after it.
// A record stays where it is until it is erased. Each has besides a small number (slab.h) by which a HashIndex can know it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <utility>
#include <vector>

#include "sup/slab.h"

namespace supervisorring {

template <class T>
class SeqTable {
 public:
  using Seq = std::uint64_t;
  using Item = std::pair<const Seq, T>;

 private:
  static constexpr std::uint32_t kErased = 0xFFFF'FFFF;
  struct Place { Seq seq; std::uint32_t number; };

  template <bool kConst>
  class Iterator {
   public:
    using iterator_category = std::bidirectional_iterator_tag;
    using value_type = Item;
    using difference_type = std::ptrdiff_t;
    using reference = std::conditional_t<kConst, const Item&, Item&>;
    using pointer = std::conditional_t<kConst, const Item*, Item*>;
    using Table = std::conditional_t<kConst, const SeqTable, SeqTable>;

    Iterator() = default;
    Iterator(Table* table, std::size_t at) : table_(table), at_(at) {}
    reference operator*() const { return table_->items_[table_->order_[at_].number]; }
    pointer operator->() const { return &**this; }
    Iterator& operator++() { at_ = table_->living_from(at_ + 1); return *this; }
    Iterator operator++(int) { Iterator old = *this; ++*this; return old; }
    Iterator& operator--() {
      do --at_;
      while (table_->order_[at_].number == kErased);
      return *this;
    }
    Iterator operator--(int) { Iterator old = *this; --*this; return old; }
    friend bool operator==(const Iterator& a, const Iterator& b) { return a.at_ == b.at_; }

   private:
    Table* table_ = nullptr;
    std::size_t at_ = 0;
  };

 public:
  using iterator = Iterator<false>;
  using const_iterator = Iterator<true>;

  SeqTable() = default;
  ~SeqTable() {
    for (const Place& place : order_)
      if (place.number != kErased) items_.remove(place.number);
  }

  bool empty() const { return items_.size() == 0; }
  std::size_t size() const { return items_.size(); }
  iterator begin() { return {this, living_from(0)}; }
  iterator end() { return {this, order_.size()}; }
  const_iterator begin() const { return {this, living_from(0)}; }
  const_iterator end() const { return {this, order_.size()}; }
  auto rbegin() { return std::reverse_iterator(end()); }
  auto rend() { return std::reverse_iterator(begin()); }
  auto rbegin() const { return std::reverse_iterator(end()); }
  auto rend() const { return std::reverse_iterator(begin()); }

  bool contains(Seq seq) const { return place_of(seq) != order_.size(); }
  iterator find(Seq seq) { return {this, place_of(seq)}; }
  T& at(Seq seq) { return items_[known(seq)].second; }
  const T& at(Seq seq) const { return items_[known(seq)].second; }

  // The new record's small number. REQUIRES: the table does not contain it.
  std::uint32_t add(Seq seq) {
    const std::uint32_t number = items_.add(std::piecewise_construct, std::forward_as_tuple(seq), std::forward_as_tuple());
    const auto after = order_.empty() || order_.back().seq < seq ? order_.end() : std::ranges::lower_bound(order_, seq, {}, &Place::seq);
    if (after != order_.end() && after->seq == seq) after->number = number;  // one that was erased
    else order_.insert(after, {seq, number});
    return number;
  }
  void erase(Seq seq) {
    const std::size_t at = place_of(seq);
    detail::require(at != order_.size(), "SeqTable: erased what is not there", static_cast<long long>(seq));
    items_.remove(std::exchange(order_[at].number, kErased));
    while (!order_.empty() && order_.back().number == kErased) order_.pop_back();
    if (order_.size() > 2 * items_.size() + 16) std::erase_if(order_, [](const Place& place) { return place.number == kErased; });
  }

  std::uint32_t number_of(Seq seq) const { return known(seq); }
  Item& by_number(std::uint32_t number) { return items_[number]; }
  const Item& by_number(std::uint32_t number) const { return items_[number]; }

 private:
  std::size_t living_from(std::size_t at) const {
    while (at < order_.size() && order_[at].number == kErased) ++at;
    return at;
  }
  // order_.size(): none.
  std::size_t place_of(Seq seq) const {
    if (order_.empty() || seq < order_.front().seq) return order_.size();
    std::size_t at = static_cast<std::size_t>(std::min<Seq>(seq - order_.front().seq, order_.size() - 1));  // it is not after this one
    if (order_[at].seq != seq) at = static_cast<std::size_t>(std::lower_bound(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(at), seq, [](const Place& place, Seq than) { return place.seq < than; }) - order_.begin());
    return order_[at].seq == seq && order_[at].number != kErased ? at : order_.size();
  }
  std::uint32_t known(Seq seq) const {
    const std::size_t at = place_of(seq);
    detail::require(at != order_.size(), "SeqTable: looked for what is not there", static_cast<long long>(seq));
    return order_[at].number;
  }

  Slab<Item> items_;
  std::vector<Place> order_;  // ascending; the last one lives
};

}  // namespace supervisorring
