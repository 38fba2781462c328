// EventQueue: what happens when, of SimNetwork. By time, and of one time in the order in which it was put in.
//
// A heap of small entries; the events themselves stay where they are.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "supervisorring/time.h"

namespace supervisorring::sim {

template <class Event>
class EventQueue {
 public:
  bool empty() const { return heap_.empty(); }
  // REQUIRES: not empty.
  Instant next_time() const { return heap_.front().at; }

  void put(Instant at, Event event) {
    if (free_.empty()) {
      free_.push_back(static_cast<std::uint32_t>(events_.size()));
      events_.emplace_back();
    }
    const std::uint32_t place = free_.back();
    free_.pop_back();
    events_[place] = std::move(event);
    heap_.push_back({at, ++last_number_, place});
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  // REQUIRES: not empty.
  Event take() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const std::uint32_t place = heap_.back().place;
    heap_.pop_back();
    free_.push_back(place);
    return std::move(events_[place]);
  }

 private:
  struct Entry {
    Instant at;
    std::uint64_t number;
    std::uint32_t place;
  };
  static bool later(const Entry& a, const Entry& b) { return a.at != b.at ? a.at > b.at : a.number > b.number; }

  std::vector<Entry> heap_;
  std::vector<Event> events_;
  std::vector<std::uint32_t> free_;
  std::uint64_t last_number_ = 0;
};

}  // namespace supervisorring::sim
