// SmallMutex: a mutex of four bytes, for records of which there are very many and which are hardly ever locked by two threads at once.
#pragma once

#include <atomic>
#include <cstdint>

namespace supervisorring {

class SmallMutex {
 public:
  SmallMutex() = default;
  SmallMutex(const SmallMutex&) = delete;

  void lock() {
    std::uint32_t free = kFree;
    if (state_.compare_exchange_strong(free, kHeld, std::memory_order_acquire)) return;
    while (state_.exchange(kWaitedFor, std::memory_order_acquire) != kFree) state_.wait(kWaitedFor, std::memory_order_relaxed);
  }
  void unlock() {
    if (state_.exchange(kFree, std::memory_order_release) == kWaitedFor) state_.notify_one();
  }

 private:
  static constexpr std::uint32_t kFree = 0, kHeld = 1, kWaitedFor = 2;
  std::atomic<std::uint32_t> state_{kFree};
};

}  // namespace supervisorring
