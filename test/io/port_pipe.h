// PortPipe: a built `ringnode port` as a child process, with the test as its BEAM at the other end of two pipes.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "dist/frame.h"
#include "supervisorring/external_format.h"

extern char** environ;

namespace supervisorring::testing {

class PortPipe {
 public:
  explicit PortPipe(const std::vector<std::string>& more = {}) {
    int in[2], out[2];
    if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
    ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    std::vector<std::string> arguments{SR_RINGNODE, "port"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    if (::posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid_ = -1;
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(in[0]);
    ::close(out[1]);
    to_ = in[1];
    from_ = out[0];
  }
  PortPipe(const PortPipe&) = delete;
  PortPipe& operator=(const PortPipe&) = delete;
  ~PortPipe() {
    close_input();
    ::close(from_);
    if (pid_ > 0 && !status_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  int pid() const { return pid_; }
  void input(const Term& term) { write(frame_of(term)); }
  void write(const Bytes& bytes) {
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t count = ::write(to_, bytes.data() + done, bytes.size() - done);
      if (count <= 0) return;
      done += static_cast<std::size_t>(count);
    }
  }
  void close_input() {
    if (to_ >= 0) ::close(to_);
    to_ = -1;
  }
  void signal(int number) const { ::kill(pid_, number); }

  // The first order for which `is` holds, of all that has come and comes within the limit.
  std::optional<Term> await(const std::function<bool(const Term&)>& is, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    for (std::size_t seen = 0;;) {
      for (; seen < orders.size(); ++seen)
        if (is(orders[seen])) return orders[seen];
      if (!read_some(deadline)) return std::nullopt;
    }
  }
  std::optional<Term> await(const char* tag, std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    return await([tag](const Term& order) { return order.is_tuple() && order[0].is_atom(tag); }, limit);
  }
  // 128 + signal where a signal ended it; nullopt when it has not ended within the limit.
  std::optional<int> wait(std::chrono::milliseconds limit = std::chrono::seconds(10)) {
    const auto deadline = std::chrono::steady_clock::now() + limit;
    while (!status_) {
      int raw = 0;
      if (::waitpid(pid_, &raw, WNOHANG) == pid_) status_ = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
      else if (std::chrono::steady_clock::now() > deadline) return std::nullopt;
      else ::usleep(1000);
    }
    return status_;
  }

  static Bytes frame_of(const Term& term) {
    const Bytes body = external_form(term);
    Bytes frame;
    for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(body.size() >> shift & 0xff);
    return frame + body;
  }

  std::vector<Term> orders;
  bool nonsense = false;  // something came that is no list of orders

 private:
  // False: the time is over, or nothing comes any more.
  bool read_some(std::chrono::steady_clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd ready{from_, POLLIN, 0};
    if (::poll(&ready, 1, static_cast<int>(left)) <= 0) return false;
    char buffer[65536];
    const ssize_t count = ::read(from_, buffer, sizeof buffer);
    if (count <= 0) return false;
    frames_.feed(BytesView(buffer, static_cast<std::size_t>(count)));
    BytesView body;
    while (frames_.next(body) == FrameStatus::frame) {
      const auto list = decode_whole(body);
      nonsense = nonsense || !list || !list->is_proper_list();
      if (!nonsense) orders.insert(orders.end(), list->elements().begin(), list->elements().end());
    }
    return true;
  }

  int pid_ = -1;
  int to_ = -1, from_ = -1;
  FrameReader frames_;
  std::optional<int> status_;
};

}  // namespace supervisorring::testing
