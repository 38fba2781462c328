// Program: a child process of a test, ended with the test by its process id.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace supervisorring::testing {

struct Outcome {
  int status = -1;  // 128 + signal where a signal ended it
  std::string out;
  std::string errors;
};

// Environment variables to set, besides the test's own.
using Environment = std::vector<std::pair<std::string, std::string>>;

class Program {
 public:
  // stdout and stderr go to files that are read when it has ended.
  Program(std::vector<std::string> arguments, Environment environment = {}, const std::string& input = "");
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  int pid() const { return pid_; }
  bool running();
  void signal(int number) const;
  // Ended with SIGKILL where it has not ended by itself.
  Outcome wait(std::chrono::milliseconds limit = std::chrono::seconds(20));
  std::string errors_so_far() const;

 private:
  int pid_ = -1;
  std::optional<int> status_;
  std::string out_file_;
  std::string error_file_;
};

Outcome run_program(std::vector<std::string> arguments, Environment environment = {}, const std::string& input = "");

// Polls until `what` holds; false when it has not within the limit.
bool eventually(const std::function<bool()>& what, std::chrono::milliseconds limit = std::chrono::seconds(10));

// A TCP port that was free a moment ago.
std::uint16_t free_port();
// An epmd of the test's own.
class Epmd {
 public:
  explicit Epmd(std::uint16_t port = free_port());
  std::uint16_t port() const { return port_; }
  void restart();
  void stop();

 private:
  void start();
  std::uint16_t port_;
  std::unique_ptr<Program> program_;
};

}  // namespace supervisorring::testing
