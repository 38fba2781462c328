#include "node/thread_worker_pool.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <iterator>
#include <map>
#include <span>
#include <utility>

namespace supervisorring {
namespace {

constexpr int kLooksBeforeSleep = 64;  // about 20 µs of yielding

}  // namespace

// Strands that wait for a turn, and how their threads sleep.
struct ThreadWorkerPool::Queue {
  std::mutex mutex;
  std::condition_variable work_or_stop;
  std::deque<std::shared_ptr<Strand>> strands;
  std::atomic<std::size_t> size{0};
  unsigned sleeping = 0;
  std::weak_ptr<Strand> only;  // set for a queue of one strand: its thread ends with it
  Strand* key = nullptr;       // of it in own_queues
  bool for_one = false;
  std::condition_variable filled_or_stop;  // of the lookout
  bool lookout_sleeps = false;
  std::uint64_t taken = 0;        // turns begun
  unsigned in_turn = 0;           // threads that run one, or are held by it
  unsigned stand_ins = 0;         // threads beyond those that there should be

  void push(std::shared_ptr<Strand> strand) { push(std::span(&strand, 1)); }
  void push(std::span<std::shared_ptr<Strand>> more) {
    bool wake, wake_lookout;
    {
      std::lock_guard lock(mutex);
      strands.insert(strands.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
      size.store(strands.size(), std::memory_order_release);
      wake = sleeping > 0;
      wake_lookout = std::exchange(lookout_sleeps, false);
    }
    if (wake && more.size() > 1) work_or_stop.notify_all();
    else if (wake) work_or_stop.notify_one();
    if (wake_lookout) filled_or_stop.notify_one();
  }
};

// What threads that are left behind may still touch: kept alive by them.
struct ThreadWorkerPool::Shared {
  std::atomic<bool> stopping{false};
  std::mutex mutex;
  std::map<Strand*, std::weak_ptr<Queue>> own_queues;
  std::vector<std::weak_ptr<Queue>> queues;
  bool shut_down_worked = true;
  bool shut_down = false;
};

ThreadWorkerPool::ThreadWorkerPool(unsigned threads, std::function<void()> wake)
    : StrandPool(std::move(wake)), shared_(std::make_shared<Shared>()), common_(std::make_shared<Queue>()) {
  for (unsigned i = 0; i < threads; ++i) start_thread(common_);
  lookout_ = std::thread(&ThreadWorkerPool::look_out, this);
}

ThreadWorkerPool::~ThreadWorkerPool() { shut_down(std::chrono::seconds(1)); }

void ThreadWorkerPool::start_thread(const std::shared_ptr<Queue>& queue) {
  {
    std::lock_guard lock(shared_->mutex);
    if (shared_->stopping) return;
    std::erase_if(shared_->queues, [](const auto& known) { return known.expired(); });
    shared_->queues.push_back(queue);
  }
  crew_.start([shared = shared_, queue] { work(shared, queue); });
}

// Wakes at most ten times a second while there is work, and not at all without.
void ThreadWorkerPool::look_out() {
  Queue& queue = *common_;
  std::unique_lock lock(queue.mutex);
  while (!shared_->stopping) {
    while (queue.strands.empty() && !shared_->stopping) {  // woken once for each time that it says it sleeps; others may have been quicker
      queue.lookout_sleeps = true;
      queue.filled_or_stop.wait(lock);
    }
    queue.lookout_sleeps = false;
    const std::uint64_t taken = queue.taken;
    if (queue.filled_or_stop.wait_for(lock, kPatience, [&] { return shared_->stopping.load(); })) return;
    if (queue.strands.empty() || queue.taken != taken || queue.stand_ins >= kMaxStandIns) continue;
    ++queue.stand_ins;
    lock.unlock();
    start_thread(common_);
    lock.lock();
  }
}

void ThreadWorkerPool::schedule(std::shared_ptr<Strand> strand) {
  if (!strand->wants_own_thread()) {
    if (!keeps_quick_) return common_->push(std::move(strand));
    if (strand->is_quick()) return quick_.push_back(std::move(strand));
    scheduled_.push_back(std::move(strand));
    if (scheduled_.size() >= kHandedOver) hand_over();
    return;
  }
  std::shared_ptr<Queue> queue;
  bool fresh = false;
  {
    std::lock_guard lock(shared_->mutex);
    auto& known = shared_->own_queues[strand.get()];
    queue = known.lock();
    if (!queue || queue->only.lock() != strand) {  // none yet, or that of an earlier strand at this address
      fresh = true;
      queue = std::make_shared<Queue>();
      queue->for_one = true;
      queue->only = strand;
      queue->key = strand.get();
      known = queue;
    }
  }
  queue->push(strand);
  if (fresh) start_thread(queue);
}

void ThreadWorkerPool::work(const std::shared_ptr<Shared>& shared, const std::shared_ptr<Queue>& queue) {
  const auto ended = [&] { return queue->for_one && queue->only.expired(); };
  std::shared_ptr<Strand> strand;
  while (!shared->stopping) {
    for (int i = 0; i < kLooksBeforeSleep && queue->size.load(std::memory_order_acquire) == 0; ++i) std::this_thread::yield();
    {
      std::unique_lock lock(queue->mutex);
      if (queue->stand_ins > queue->in_turn) {  // enough are free without this one
        --queue->stand_ins;
        break;
      }
      while (queue->strands.empty() && !shared->stopping && !ended()) {
        ++queue->sleeping;
        if (queue->for_one) queue->work_or_stop.wait_for(lock, std::chrono::seconds(1));  // nobody tells that the strand is gone
        else queue->work_or_stop.wait(lock);
        --queue->sleeping;
      }
      if (queue->strands.empty() || shared->stopping) break;
      strand = std::move(queue->strands.front());
      queue->strands.pop_front();
      ++queue->taken;
      ++queue->in_turn;
      queue->size.store(queue->strands.size(), std::memory_order_release);
    }
    const auto start = std::chrono::steady_clock::now();
    const Strand::Next next = strand->run_turn();
    strand->note_turn(std::chrono::steady_clock::now() - start);
    if (next == Strand::Next::again) queue->push(std::move(strand));
    strand.reset();
    std::lock_guard lock(queue->mutex);
    --queue->in_turn;
  }
  std::lock_guard lock(shared->mutex);
  if (const auto known = shared->own_queues.find(queue->key); known != shared->own_queues.end() && known->second.lock() == queue) {
    shared->own_queues.erase(known);
  }
}

void ThreadWorkerPool::hand_over() {
  if (scheduled_.empty()) return;
  common_->push(std::span(scheduled_));
  scheduled_.clear();
}

std::shared_ptr<Strand> ThreadWorkerPool::take_quick() {
  if (quick_.empty()) return nullptr;
  std::shared_ptr<Strand> strand = std::move(quick_.front());
  quick_.pop_front();
  return strand;
}

std::chrono::steady_clock::time_point ThreadWorkerPool::run_quick(std::shared_ptr<Strand> strand, std::chrono::steady_clock::time_point now) {
  const Strand::Next next = strand->run_turn();
  const auto end = std::chrono::steady_clock::now();
  strand->note_turn(end - now);
  if (next == Strand::Next::again) common_->push(std::move(strand));
  return end;
}

void ThreadWorkerPool::give_up_quick() {
  for (auto& strand : std::exchange(quick_, {})) common_->push(std::move(strand));
}

unsigned ThreadWorkerPool::running_threads() const { return crew_.running(); }

bool ThreadWorkerPool::shut_down(std::chrono::milliseconds grace) {
  std::unique_lock lock(shared_->mutex);
  if (shared_->shut_down) return shared_->shut_down_worked;
  shared_->shut_down = true;
  shared_->stopping = true;
  const auto queues = shared_->queues;
  lock.unlock();
  for (const auto& known : queues) {
    if (const auto queue = known.lock()) {
      std::lock_guard queue_lock(queue->mutex);
      queue->work_or_stop.notify_all();
      queue->filled_or_stop.notify_all();
    }
  }
  lookout_.join();
  const bool all_ended = crew_.join(grace);
  lock.lock();
  return shared_->shut_down_worked = all_ended;
}

}  // namespace supervisorring
