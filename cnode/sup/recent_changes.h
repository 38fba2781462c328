// RecentChanges: which ids changed lately, for readers that look now and then and remember how far they had read.
//
// The last kMaxRecentChanges are kept. A reader that was away for longer is told so and looks at everything.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "supervisorring/term.h"

namespace supervisorring {

inline constexpr std::size_t kMaxRecentChanges = 4'096;  // 64 KiB; with more changes a look at everything is not much dearer

class RecentChanges {
 public:
  void add(const Term& id) {
    if (ids_.size() == kMaxRecentChanges) ids_.pop_front();
    ids_.push_back(id);
    ++count_;
  }
  // How many there have been; what a reader remembers.
  std::uint64_t count() const { return count_; }
  // Adds those after the first `read` to `out`, the oldest first, one perhaps several times. False: some of them are not known any more.
  bool since(std::uint64_t read, std::vector<Term>& out) const {
    if (count_ - read > ids_.size()) return false;
    out.insert(out.end(), ids_.end() - static_cast<std::ptrdiff_t>(count_ - read), ids_.end());
    return true;
  }

 private:
  std::deque<Term> ids_;
  std::uint64_t count_ = 0;
};

}  // namespace supervisorring
