// Limits of a node, each with the reason for its value. Nothing that a peer or a program does may grow without one of these.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "supervisorring/time.h"

namespace supervisorring {

// As many as a BEAM allows by default (+P). A spawn beyond it is refused.
inline constexpr std::size_t kMaxProcesses = 262'144;
// One name a process is the rule; a few of the node's own besides.
inline constexpr std::size_t kMaxNames = kMaxProcesses;
// Links, and monitors held on it, of one process: far above a supervisor of all children there can be; a peer that asks for
// more is answered `system_limit`.
inline constexpr std::size_t kMaxLinks = 1u << 20;
inline constexpr std::size_t kMaxWatchers = 1u << 20;
// A pid's id and serial as every OTP release accepts them (15 and 13 bits): a number comes back after 268 million spawns.
inline constexpr std::uint32_t kPidIdBits = 15;
inline constexpr std::uint32_t kPidNumberBits = 28;

// Signals that one step performs before the driver gets its turn for sockets again: about 10 ms of cheap messages.
inline constexpr std::size_t kMaxSignalsPerStep = 50'000;
// Signals waiting for their process at which nothing more is read from any peer, and at which reading goes on again.
inline constexpr std::size_t kRunQueueHighWater = 200'000;
inline constexpr std::size_t kRunQueueLowWater = 50'000;

// The longest delay of a timer: what erlang:send_after allows (2^32 - 1 ms, 49 days) and more; a longer one is cut to it.
inline constexpr Duration kLongestDelay = std::chrono::hours(24 * 366);

// A peer on its way up: bytes of messages kept for it. Beyond it the attempt counts as failed, so that who holds links and
// monitors there is told, rather than some messages being lost and later ones arriving.
inline constexpr std::size_t kMaxBytesWhileConnecting = 8u << 20;

// Bytes handed to the driver for one peer and not written yet. At the high mark nothing more is read from that peer (its
// requests are what we answer); at the hard limit it is closed: a peer that takes nothing is as good as gone.
inline constexpr std::size_t kBacklogHighWater = 8u << 20;
inline constexpr std::size_t kBacklogLowWater = 1u << 20;
inline constexpr std::size_t kBacklogHardLimit = 256u << 20;

// Connections at once, accepted ones that have not said who they are included: a cluster of some hundred members twice over.
inline constexpr std::size_t kMaxConnections = 4'096;
// Connections that this node is setting up itself; more wait for their turn, so that a thousand names learnt at once are neither a storm
// for their epmds and their members nor keep this node from anything else.
inline constexpr std::size_t kMaxAttempts = 64;
// Accepted connections whose handshake is not finished: strangers cannot take all of the above. Beyond it the oldest goes.
inline constexpr std::size_t kMaxPendingHandshakes = 512;

// The answer of an epmd to a look-up: two name lengths and a port, never near this.
inline constexpr std::size_t kMaxEpmdAnswer = 64u << 10;
// How long epmd may take to answer one question. It answers from memory.
inline constexpr Duration kEpmdTimeout = std::chrono::seconds(5);
// Registration again after epmd closed the connection: at once a second later, then doubling.
inline constexpr Duration kEpmdBackOffFirst = std::chrono::seconds(1);
inline constexpr Duration kEpmdBackOffLast = std::chrono::seconds(30);
// Attempts at start before the node gives up with ExitStatus::no_epmd: about three seconds, an epmd being started beside us.
inline constexpr int kEpmdAttemptsAtStart = 3;

}  // namespace supervisorring
