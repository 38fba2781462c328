// Effects: everything that a node wants done outside of itself, with the rule of order of each.
//
// The driver performs the effects of one step in the order given. Nothing else leaves the core.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "supervisorring/term.h"

namespace supervisorring {

using ConnectionId = std::uint64_t;  // chosen by the node for those it opens (odd), by the driver for accepted ones (even); never reused

// Open a TCP connection; answered by connection_opened or connection_failed.
struct OpenConnection { ConnectionId id; std::string host; std::uint16_t port; };
// The link to the BEAM in drop-in: open from the start, no OpenConnection or CloseConnection for it.
inline constexpr ConnectionId kPortConnection = 0;
// Bytes for a connection; all of one step's bytes for one connection are one effect, so one write.
struct SendBytes { ConnectionId id; Bytes bytes; };
// Close after the bytes handed over before have been written. Answered by nothing. Bytes that arrive later are dropped.
struct CloseConnection { ConnectionId id; };
// Stop (or go on) reading from a connection: the other side of it is not keeping up with what we send.
struct PauseReading { ConnectionId id; bool paused; };
// Persist before every SendBytes that follows it: write to a temporary file, sync, rename, sync the directory.
struct PersistFile { std::string name; Bytes content; };
struct RemoveFile { std::string name; };
enum class LogLevel { debug, info, notice, warning, error };
struct LogLine { LogLevel level; std::string text; };
// The last effect of a node: flush what was sent, close everything, return `status` from the program.
struct HaltNode { int status; std::string why; };

using Effect = std::variant<OpenConnection, SendBytes, CloseConnection, PauseReading, PersistFile, RemoveFile, LogLine, HaltNode>;
using Effects = std::vector<Effect>;

}  // namespace supervisorring
