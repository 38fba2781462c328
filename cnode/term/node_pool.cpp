#include "term/node_pool.h"

#include <array>
#include <mutex>
#include <new>

namespace supervisorring::detail {

thread_local constinit Stock stocks[kBlockSizes];

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kKeepsBlocks = false;
#else
constexpr bool kKeepsBlocks = true;
#endif

void*& next_of(void* block) noexcept { return *static_cast<void**>(block); }

void free_chain(void* block) noexcept {
  while (block != nullptr) {
    void* const next = next_of(block);
    ::operator delete(block);
    block = next;
  }
}

// Batches of one size that no thread has: chains of kBatch blocks.
class Depot {
 public:
  // nullptr: none.
  void* take() noexcept {
    std::lock_guard lock(mutex_);
    return count_ == 0 ? nullptr : batches_[--count_];
  }
  bool put(void* batch) noexcept {
    std::lock_guard lock(mutex_);
    if (count_ == batches_.size()) return false;
    batches_[count_++] = batch;
    return true;
  }

 private:
  std::mutex mutex_;
  std::size_t count_ = 0;
  std::array<void*, kSharedBatches> batches_{};
};

// Never destroyed: terms end after everything else.
Depot& depot(std::size_t steps) {
  static auto* const depots = new std::array<Depot, kBlockSizes>;
  return (*depots)[steps];
}

thread_local bool thread_ends = false;

// Gives the thread's blocks back when it ends.
struct Stocktaker {
  ~Stocktaker() {
    thread_ends = true;
    for (Stock& stock : stocks) {
      free_chain(stock.first);
      stock = Stock{};
    }
  }
  void begin(Stock& stock) noexcept { stock.room = 2 * kBatch - stock.count; }
};
thread_local Stocktaker stocktaker;

// Begins to keep blocks of this size. False: the thread ends, or blocks are not kept at all.
bool keeps(Stock& stock) noexcept {
  if (!kKeepsBlocks || thread_ends) return false;
  if (stock.count + stock.room == 0) stocktaker.begin(stock);
  return true;
}

}  // namespace

void* block_from_elsewhere(std::size_t steps) {
  Stock& stock = stocks[steps];
  if (keeps(stock)) {
    if (void* const batch = depot(steps).take()) {
      stock.first = next_of(batch);
      stock.count = kBatch - 1;
      stock.room = kBatch + 1;
      return batch;
    }
  }
  return ::operator new(steps * kStep);
}

void block_to_elsewhere(void* block, std::size_t steps) noexcept {
  Stock& stock = stocks[steps];
  if (!keeps(stock)) return ::operator delete(block);
  if (stock.room == 0) {  // half of it goes
    void* const batch = stock.first;
    void* last = batch;
    for (std::uint32_t i = 1; i < kBatch; ++i) last = next_of(last);
    stock.first = next_of(last);
    next_of(last) = nullptr;
    stock.count -= kBatch;
    stock.room += kBatch;
    if (!depot(steps).put(batch)) free_chain(batch);
  }
  give_block(block, steps);
}

}  // namespace supervisorring::detail
