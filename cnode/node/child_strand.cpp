// The queues of a child and its turns. What the callbacks do is in child_callbacks.cpp.
#include "node/child_strand.h"

#include <algorithm>
#include <iterator>

namespace supervisorring {
namespace {

constexpr std::size_t kKeptEvents = 4 * kEventsPerTurn;  // room that is kept when a mailbox was longer

bool has_parts(const Term& term) { return term.is_tuple() || term.is_list() || term.is_map(); }

}  // namespace

std::size_t approximate_size(const Term& term) {
  constexpr std::size_t kMost = 64;
  const Term* waiting[kMost];
  std::size_t known = 0;
  std::size_t bytes = 0;
  waiting[known++] = &term;
  for (std::size_t next = 0; next < known; ++next) {
    const Term& part = *waiting[next];
    bytes += sizeof(Term);
    if (part.type() == TermType::bitstring || part.type() == TermType::fun) bytes += part.bytes().size();
    else if (part.type() == TermType::big_integer) bytes += part.magnitude().size();
    else if (part.is_map()) {
      bytes += part.size() * sizeof(Term::Pair);
      for (const auto& [key, value] : part.pairs()) {
        if (known + 2 > kMost) break;
        waiting[known++] = &key;
        waiting[known++] = &value;
      }
    } else if (has_parts(part)) {
      bytes += part.size() * sizeof(Term);
      for (const Term& element : part.elements()) {
        if (known == kMost) break;
        waiting[known++] = &element;
      }
    }
  }
  return bytes;
}

ChildStrand::ChildStrand(std::shared_ptr<StrandHome> home, Worker worker, Identity identity)
    : home_(std::move(home)), worker_(std::move(worker)), identity_(std::move(identity)) {}

// ---- the node's thread -----------------------------------------------------------------------------------

void ChildStrand::wake(std::unique_lock<SmallMutex> lock) {
  const bool idle = !scheduled_;
  scheduled_ = true;
  lock.unlock();
  if (idle) home_->pool.schedule(shared_from_this());
}

void ChildStrand::begin() { wake(std::unique_lock(mutex_)); }

bool ChildStrand::push(ChildEvent&& event) {
  event.size = static_cast<std::uint32_t>(std::min<std::size_t>(approximate_size(event.term), kMaxMailboxBytes));
  std::unique_lock lock(mutex_);
  const bool from_outside = event.kind == ChildEvent::Kind::message;  // answers and timers are as many as the child asked for
  if (from_outside && (mailbox_count_ >= kMaxMailboxMessages || mailbox_bytes_ + event.size > kMaxMailboxBytes)) return false;
  ++mailbox_count_;
  mailbox_bytes_ += event.size;
  mailbox_.push_back(std::move(event));
  wake(std::move(lock));
  return true;
}

void ChildStrand::push_urgent(ChildEvent event) {
  std::unique_lock lock(mutex_);
  urgent_.push_back(std::move(event));
  urgent_pending_.store(true, std::memory_order_release);
  wake(std::move(lock));
}

void ChildStrand::kill() {
  std::unique_lock lock(mutex_);
  dead_.store(true, std::memory_order_release);
  wake(std::move(lock));
}

std::vector<ChildAction> ChildStrand::take_actions(std::vector<ChildAction> room) {
  std::lock_guard lock(mutex_);
  return std::exchange(outbox_, std::move(room));
}

std::vector<ChildEvent> ChildStrand::take_mailbox() {
  std::lock_guard lock(mutex_);
  mailbox_count_ = 0;
  mailbox_bytes_ = 0;
  return std::exchange(mailbox_, {});
}

// ---- the strand --------------------------------------------------------------------------------------------

Strand::Next ChildStrand::run_turn() {
  int handled = 0;
  if (!dead_.load(std::memory_order_acquire)) {
    if (state_ == State::fresh) handle_init();
    if (urgent_pending_.load(std::memory_order_acquire)) handle_urgent();
    handled = handle_mailbox();
  }
  if (state_ == State::ended && object_) {
    object_.reset();  // outside of its callbacks, and before the node hears of the end
    released_.store(true, std::memory_order_release);
  }
  return finish_turn(handled);
}

int ChildStrand::handle_mailbox() {
  int handled = 0;
  while (state_ == State::running && handled < kEventsPerTurn && !dead_.load(std::memory_order_acquire)) {
    if (urgent_pending_.load(std::memory_order_acquire)) {
      handle_urgent();
      continue;
    }
    if (!work_ || work_->batch_next == work_->batch.size()) {
      if (!take_batch()) break;
    }
    ChildEvent event = std::move(work_->batch[work_->batch_next++]);
    work_->handled_bytes += event.size;
    ++handled;
    dispatch(event);
  }
  return handled;
}

// False: nothing waits.
bool ChildStrand::take_batch() {
  if (work_) {
    work_->batch.clear();
    if (work_->batch.capacity() > kKeptEvents) work_->batch = {};
    work_->batch_next = 0;
  }
  std::lock_guard lock(mutex_);
  if (mailbox_.empty()) return false;
  work().batch.swap(mailbox_);
  return true;
}

void ChildStrand::handle_urgent() {
  std::vector<ChildEvent> urgent;
  {
    std::lock_guard lock(mutex_);
    urgent.swap(urgent_);
    urgent_pending_.store(false, std::memory_order_release);
  }
  for (ChildEvent& event : urgent) {
    if (state_ == State::ended || dead_.load(std::memory_order_acquire)) return;
    dispatch(event);
  }
}

// What is left of the batch goes before what came since.
void ChildStrand::put_back_batch() {
  if (!work_) return;
  std::lock_guard lock(mutex_);
  mailbox_.insert(mailbox_.begin(), std::make_move_iterator(work_->batch.begin() + static_cast<std::ptrdiff_t>(work_->batch_next)),
                  std::make_move_iterator(work_->batch.end()));
  work_->batch.clear();
  work_->batch_next = 0;
}

// Hands over what the turn wants done, and says whether there is more to handle.
Strand::Next ChildStrand::finish_turn(int handled) {
  bool was_empty = false;
  bool more = false;
  bool dead = false;
  std::vector<ChildEvent> dropped;
  std::unique_ptr<Work> unused;
  {
    std::lock_guard lock(mutex_);
    dead = dead_.load(std::memory_order_acquire);  // set under this mutex: a kill() from here on schedules another turn
    if (!dead) {
      if (work_) {
        auto& actions = work_->actions;
        mailbox_count_ -= std::min(mailbox_count_, static_cast<std::uint32_t>(handled));
        mailbox_bytes_ -= std::min(mailbox_bytes_, std::exchange(work_->handled_bytes, 0));
        was_empty = outbox_.empty() && !actions.empty();
        if (outbox_.empty()) outbox_.swap(actions);
        else outbox_.insert(outbox_.end(), std::make_move_iterator(actions.begin()), std::make_move_iterator(actions.end()));
        actions.clear();  // here: once scheduled_ is false another thread may have the next turn
        if (handled == 0 && work_->idle()) unused = std::move(work_);
      }
      if (state_ == State::ended) dropped.swap(mailbox_);
      else more = !urgent_.empty() || (state_ == State::running && ((work_ && work_->batch_next < work_->batch.size()) || !mailbox_.empty()));
      scheduled_ = more;
    }
  }
  if (dead) {
    clean_up();  // the last turn: scheduled_ stays true
    return Next::idle;
  }
  if (was_empty) home_->pool.add_ready(identity_.pid);
  return more ? Next::again : Next::idle;
}

void ChildStrand::clean_up() {
  std::vector<ChildEvent> dropped;
  std::vector<ChildEvent> dropped_urgent;
  std::vector<ChildAction> dropped_actions;
  object_.reset();
  work_.reset();
  state_ = State::ended;
  {
    std::lock_guard lock(mutex_);
    dropped.swap(mailbox_);
    dropped_urgent.swap(urgent_);
    dropped_actions.swap(outbox_);
  }
  released_.store(true, std::memory_order_release);
  bool first;
  {
    std::lock_guard lock(home_->released.mutex);
    first = home_->released.pids.empty();
    home_->released.pids.push_back(identity_.pid);
  }
  if (first) home_->pool.add_ready(home_->janitor);
}

}  // namespace supervisorring
