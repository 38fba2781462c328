#include "forked.h"

#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace supervisorring::sim {
namespace {

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::abort();
}

// What is buffered here would otherwise be printed by the child as well. That a child aborts its parent tells.
pid_t fork_flushed() {
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child < 0) give_up("fork");
  if (child == 0) std::signal(SIGABRT, SIG_DFL);
  return child;
}

[[noreturn]] void end_child(int status) {
  std::fflush(nullptr);
  _exit(status);
}

// A lock that ends with its process, so that nobody waits for one that was killed while it printed.
void print_alone(const std::string& text) {
  static std::FILE* const lock = std::tmpfile();
  if (lock == nullptr) give_up("tmpfile");
  if (lockf(fileno(lock), F_LOCK, 0) != 0) give_up("lockf");
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
  if (lockf(fileno(lock), F_ULOCK, 0) != 0) give_up("lockf");
}

}  // namespace

void Forked::run(std::string if_killed, const std::function<Told()>& work) {
  print_alone("");  // makes the lock that children share
  while (living_.size() >= at_once_) wait_for_one();
  const pid_t child = fork_flushed();
  if (child > 0) return void(living_.emplace(child, std::move(if_killed)));
  const Told told = work();
  print_alone(told.text);
  end_child(told.good ? 0 : 1);
}

void Forked::wait_for_one() {
  int status = 0;
  pid_t ended = 0;
  while ((ended = waitpid(-1, &status, 0)) < 0) {
    if (errno != EINTR) give_up("waitpid");
  }
  const auto child = living_.extract(ended);
  if (child.empty() || (WIFEXITED(status) && WEXITSTATUS(status) == 0)) return;
  ++failed_;
  if (WIFSIGNALED(status)) print_alone(child.mapped() + strsignal(WTERMSIG(status)) + "\n");
}

std::uint64_t Forked::finish() {
  while (!living_.empty()) wait_for_one();
  return failed_;
}

std::optional<std::uint64_t> ask_child(const std::function<std::uint64_t()>& work) {
  int ends[2];
  if (pipe(ends) != 0) give_up("pipe");
  const pid_t child = fork_flushed();
  if (child == 0) {
    const std::uint64_t answer = work();
    end_child(write(ends[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
  }
  close(ends[1]);
  std::uint64_t answer = 0;
  ssize_t got = 0;
  while ((got = read(ends[0], &answer, sizeof answer)) < 0 && errno == EINTR) {
  }
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return got == sizeof answer ? std::optional(answer) : std::nullopt;
}

}  // namespace supervisorring::sim
