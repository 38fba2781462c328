#include "program.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

extern char** environ;

namespace supervisorring::testing {
namespace {

std::string temporary_file(const std::string& content) {
  std::string pattern = std::filesystem::temp_directory_path() / "supervisorring-out-XXXXXX";
  const int fd = ::mkstemp(pattern.data());
  ::close(fd);
  std::ofstream(pattern, std::ios::binary) << content;
  return pattern;
}

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

int status_of(int raw) { return WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw); }

bool connects(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const bool ok = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return ok;
}

}  // namespace

Program::Program(std::vector<std::string> arguments, Environment environment, const std::string& input)
    : out_file_(temporary_file("")), error_file_(temporary_file("")) {
  const std::string input_file = temporary_file(input);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, input_file.c_str(), O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, out_file_.c_str(), O_WRONLY | O_TRUNC, 0);
  ::posix_spawn_file_actions_addopen(&actions, 2, error_file_.c_str(), O_WRONLY | O_TRUNC, 0);
  std::vector<std::string> variables;
  for (char** one = environ; *one != nullptr; ++one) {
    const std::string text = *one;
    bool replaced = false;
    for (const auto& [name, value] : environment) replaced = replaced || text.starts_with(name + "=");
    if (!replaced) variables.push_back(text);
  }
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  std::vector<char*> argv, env;
  for (auto& argument : arguments) argv.push_back(argument.data());
  for (auto& variable : variables) env.push_back(variable.data());
  argv.push_back(nullptr);
  env.push_back(nullptr);
  if (::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), env.data()) != 0) pid_ = -1;
  ::posix_spawn_file_actions_destroy(&actions);
  std::filesystem::remove(input_file);
}

Program::~Program() {
  if (running()) wait(std::chrono::milliseconds(0));
  std::filesystem::remove(out_file_);
  std::filesystem::remove(error_file_);
}

bool Program::running() {
  if (pid_ < 0 || status_) return false;
  int raw = 0;
  if (::waitpid(pid_, &raw, WNOHANG) == 0) return true;
  status_ = status_of(raw);
  return false;
}

void Program::signal(int number) const { ::kill(pid_, number); }

Outcome Program::wait(std::chrono::milliseconds limit) {
  if (!eventually([this] { return !running(); }, limit)) {
    ::kill(pid_, SIGKILL);
    int raw = 0;
    ::waitpid(pid_, &raw, 0);
    status_ = status_of(raw);
  }
  return {status_.value_or(-1), slurp(out_file_), slurp(error_file_)};
}

std::string Program::errors_so_far() const { return slurp(error_file_); }

Outcome run_program(std::vector<std::string> arguments, Environment environment, const std::string& input) {
  return Program(std::move(arguments), std::move(environment), input).wait();
}

bool eventually(const std::function<bool()>& what, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!what()) {
    if (std::chrono::steady_clock::now() >= deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::uint16_t free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(fd);
  return ntohs(address.sin_port);
}

Epmd::Epmd(std::uint16_t port) : port_(port) { start(); }

void Epmd::start() {
  program_ = std::make_unique<Program>(std::vector<std::string>{"epmd", "-port", std::to_string(port_), "-address", "127.0.0.1"});
  eventually([this] { return connects(port_); });
}

void Epmd::stop() { program_.reset(); }

void Epmd::restart() {
  stop();
  start();
}

}  // namespace supervisorring::testing
