// Forked: work in child processes that share what was made before them, some at once.
//
// A child is a copy of this process at that moment; what it changes nobody else sees. It ends without destructors: those of a great cluster
// take longer than its life. One that a signal ends has failed.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace supervisorring::sim {

class Forked {
 public:
  // What a child found out, as text for people, and whether that is good.
  struct Told { std::string text; bool good; };

  explicit Forked(std::size_t at_once) : at_once_(at_once) {}
  ~Forked() { finish(); }
  Forked(const Forked&) = delete;
  Forked& operator=(const Forked&) = delete;

  // In a child, when less than `at_once` live. It prints what it tells in one piece. `if_killed`: printed before the signal's name, when one ends it.
  void run(std::string if_killed, const std::function<Told()>& work);
  // When all have ended: how many were not good.
  std::uint64_t finish();

 private:
  void wait_for_one();

  const std::size_t at_once_;
  std::map<pid_t, std::string> living_;  // if_killed
  std::uint64_t failed_ = 0;
};

// What `work` answers in a child of its own; nullopt: the child ended without an answer.
std::optional<std::uint64_t> ask_child(const std::function<std::uint64_t()>& work);

}  // namespace supervisorring::sim
