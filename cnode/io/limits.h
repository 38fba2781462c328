// The limits of the driver, each with the reason for its value.
#pragma once

#include <chrono>
#include <cstddef>

namespace supervisorring::io_limits {

// One buffer for all connections. Measured: 256 KiB holds some 2,000 calls, after which a larger one gains nothing.
inline constexpr std::size_t kReadBuffer = 256 * 1024;
// Full buffers taken from one connection before the others get their turn.
inline constexpr int kReadsPerTurn = 4;
// Handlers run before what they caused is sent: more replies per write against the latency of the first.
inline constexpr int kHandlersPerBatch = 256;
// Connections that are read directly while they bring something (driver.cpp): those of a few nodes that send much. With more, the
// io_context serves many at once, and asking it costs little for each.
inline constexpr std::size_t kBusyConnections = 4;
// Looks at them before the thread sleeps, each with a yield: some 50 us, about what a sleep and a wake-up cost.
inline constexpr int kLooksBeforeSleep = 50;
// A batch of so many bytes is no crowd of calls: nothing is gained by reading its senders eagerly, and those who handle it get the processor.
inline constexpr std::size_t kBulk = 128 * 1024;
// Batches read directly before the io_context is asked about everything else.
inline constexpr unsigned kAllEvery = 32;
// A pause to let a batch grow, measured with 16 to 256 callers on one BEAM: from some two calls on, 15 ns a byte, 120 us at most.
inline constexpr std::size_t kGatherFrom = 300;
inline constexpr std::chrono::nanoseconds kGatherPerByte{15};
inline constexpr std::chrono::nanoseconds kGatherAtMost{120'000};
inline constexpr unsigned long kTimerSlack = 1'000;  // ns; Linux's default is 50,000
// What paid is done again this often before it must have paid again; what does not is tried once in so many.
inline constexpr int kMostCredit = 16;
inline constexpr unsigned kTryEvery = 32;
// How long the node's thread runs quick children before it looks at the sockets again; the rest goes to other threads.
inline constexpr std::chrono::microseconds kQuickTurns{200};
// Buffers gathered into one write; Asio passes at most 64 to the system.
inline constexpr std::size_t kGatheredBuffers = 64;
// Open connections. A cluster has some hundred members; the rest is for clients and tools.
inline constexpr std::size_t kConnections = 4096;
// How long a closing connection may take to deliver what was sent, and then to be closed by the peer.
inline constexpr std::chrono::milliseconds kLinger{2000};
// The same when the whole node ends: a service manager waits for it.
inline constexpr std::chrono::milliseconds kHaltLinger{1000};
// Pause after an accept that found no free descriptor or memory.
inline constexpr std::chrono::milliseconds kAcceptPause{100};
// Bytes for the BEAM that wait because the pipe is full. It reads as fast as it can; a program that has this much to say is stuck in a loop.
inline constexpr std::size_t kPortBacklog = 256u << 20;
// A file of the data directory. The ring file of 1,000 members with two timestamps each is below 200 KiB.
inline constexpr std::size_t kFileBytes = 64 * 1024 * 1024;
// A write to disk that took longer is worth a line: it held up the acks of a gossip round (legacy members allow 100 ms).
inline constexpr std::chrono::milliseconds kSlowDisk{50};

}  // namespace supervisorring::io_limits
