#include "io/log.h"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <memory>
#include <mutex>

namespace supervisorring {
namespace {

constexpr std::size_t kQueuedLines = 8192;
constexpr std::array<std::string_view, 5> kNames = {"debug", "info", "notice", "warning", "error"};

struct Log {
  std::mutex mutex;  // guards both: start and stop against writers of other threads
  std::shared_ptr<spdlog::async_logger> logger;
  std::shared_ptr<spdlog::details::thread_pool> thread;  // below the logger: goes first
  LogLevel level = LogLevel::info;
};

Log& the_log() {
  static Log log;
  return log;
}

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view text) {
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == text) return static_cast<LogLevel>(i);
  return std::nullopt;
}

void start_log(LogLevel level) {
  Log& log = the_log();
  std::lock_guard guard(log.mutex);
  log.level = level;
  if (log.logger) return;
  log.thread = std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1);
  log.logger = std::make_shared<spdlog::async_logger>("supervisorring", std::make_shared<spdlog::sinks::stderr_sink_mt>(), log.thread,
                                                      spdlog::async_overflow_policy::overrun_oldest);
  log.logger->set_level(spdlog::level::trace);
  log.logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %v");
  log.logger->flush_on(spdlog::level::trace);
}

void write_log(LogLevel level, const std::string& text) {
  Log& log = the_log();
  std::shared_ptr<spdlog::async_logger> logger;
  {
    std::lock_guard guard(log.mutex);
    if (level < log.level) return;
    logger = log.logger;
  }
  // spdlog has no notice: the level is part of the text.
  if (logger) logger->info("[{}] {}", kNames[static_cast<std::size_t>(level)], text);
}

void stop_log() {
  Log& log = the_log();
  std::lock_guard guard(log.mutex);
  log.thread.reset();  // its destructor drains the queue, and joins the thread before what that writes with goes
  log.logger.reset();
}

}  // namespace supervisorring
