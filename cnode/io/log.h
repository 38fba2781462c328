// The log: lines on stderr with time and level.
//
// Written by a thread of its own from a bounded queue, so that a terminal or pipe that is not read never holds up the node;
// when the queue is full the oldest lines are lost.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "node/effect.h"

namespace supervisorring {

std::optional<LogLevel> parse_log_level(std::string_view text);  // debug, info, notice, warning, error

// Lines below `level` are dropped. May be called again.
void start_log(LogLevel level);
void write_log(LogLevel level, const std::string& text);
// Waits for what is queued. After it, lines are dropped until start_log().
void stop_log();

}  // namespace supervisorring
