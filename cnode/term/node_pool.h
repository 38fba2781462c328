// Memory of small term nodes: a stock of blocks in each thread, and one that all threads share.
//
// A message is made on one thread and freed on another: malloc pays for that with its arenas' locks, where a stock hands over kBatch
// blocks at once. Blocks are of kStep, 2 * kStep, ... kMostBytes bytes; larger ones are none of its business. Bounded: a thread keeps
// 2 * kBatch blocks of each size, all threads together kSharedBatches batches; what is beyond goes back to the system.
//
// Built with a sanitizer it only passes on to operator new, so that a use after the end is seen.
#pragma once

#include <cstddef>
#include <cstdint>

namespace supervisorring::detail {

inline constexpr std::size_t kStep = 16;
inline constexpr std::size_t kMostBytes = 128;
inline constexpr std::size_t kBlockSizes = kMostBytes / kStep + 1;  // by the number of steps; 0 is not used
inline constexpr std::uint32_t kBatch = 64;
inline constexpr std::uint32_t kSharedBatches = 64;

// Blocks of one size that this thread has in stock.
struct Stock {
  void* first = nullptr;    // a block's first word is the next block
  std::uint32_t count = 0;
  std::uint32_t room = 0;   // blocks that still fit; 0 until the first is given back, and when the thread ends
};
extern thread_local constinit Stock stocks[kBlockSizes];

// When the stock is empty, or full.
void* block_from_elsewhere(std::size_t steps);
void block_to_elsewhere(void* block, std::size_t steps) noexcept;

inline constexpr std::size_t steps_of(std::size_t bytes) { return (bytes + kStep - 1) / kStep; }

// REQUIRES: 0 < steps < kBlockSizes
inline void* take_block(std::size_t steps) {
  Stock& stock = stocks[steps];
  if (stock.first == nullptr) [[unlikely]] return block_from_elsewhere(steps);
  void* const block = stock.first;
  stock.first = *static_cast<void**>(block);
  --stock.count;
  ++stock.room;
  return block;
}
inline void give_block(void* block, std::size_t steps) noexcept {
  Stock& stock = stocks[steps];
  if (stock.room == 0) [[unlikely]] return block_to_elsewhere(block, steps);
  *static_cast<void**>(block) = stock.first;
  stock.first = block;
  ++stock.count;
  --stock.room;
}

}  // namespace supervisorring::detail
