// A stack whose first N elements need no allocation: what the walks over terms use instead of recursion.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace supervisorring::detail {

template <class T, std::size_t N>
class SmallStack {
 public:
  SmallStack() noexcept : begin_(reinterpret_cast<T*>(inline_)) {}
  SmallStack(const SmallStack&) = delete;
  SmallStack& operator=(const SmallStack&) = delete;
  ~SmallStack() {
    std::destroy_n(begin_, size_);
    if (on_heap()) ::operator delete(begin_);
  }

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }
  T& top() noexcept { return begin_[size_ - 1]; }
  T* from(std::size_t index) noexcept { return begin_ + index; }

  void push(T&& value) {
    if (size_ == capacity_) [[unlikely]] grow();
    ::new (static_cast<void*>(begin_ + size_)) T(std::move(value));
    ++size_;
  }
  void pop() noexcept { begin_[--size_].~T(); }
  T take() noexcept {
    T value(std::move(top()));
    pop();
    return value;
  }
  // Drops what lies above `size`.
  void cut(std::size_t size) noexcept {
    std::destroy(begin_ + size, begin_ + size_);
    size_ = size;
  }

 private:
  bool on_heap() const noexcept { return begin_ != reinterpret_cast<const T*>(inline_); }
  void grow() {
    const std::size_t capacity = capacity_ * 2;
    T* wider = static_cast<T*>(::operator new(capacity * sizeof(T)));
    std::uninitialized_move_n(begin_, size_, wider);
    std::destroy_n(begin_, size_);
    if (on_heap()) ::operator delete(begin_);
    begin_ = wider;
    capacity_ = capacity;
  }

  T* begin_;
  std::size_t size_ = 0;
  std::size_t capacity_ = N;
  alignas(T) std::byte inline_[N * sizeof(T)];
};

}  // namespace supervisorring::detail
