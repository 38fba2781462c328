// The limits of the distribution channel: everything that a peer can make us hold.
#pragma once

#include <cstddef>
#include <cstdint>

namespace supervisorring {

// A frame after the handshake. Without DFLAG_FRAGMENTS a BEAM sends any message as one frame, so this is also the
// largest message; the ring's own messages stay below 1 MiB.
inline constexpr std::size_t kDefaultMaxFrame = 64u << 20;
inline constexpr std::size_t kMaxFrame = 128u << 20;  // what the option can raise it to
// The frame buffer gives memory above this back once it is empty.
inline constexpr std::size_t kKeptFrameBuffer = 1u << 20;

// A node name is an atom: OTP's limit is 255 characters, which the handshake sends as Latin-1.
inline constexpr std::size_t kMaxNodeName = 255;
// A handshake packet: the longest is 'N' with 19 bytes before the name; the rest leaves room for fields of later OTPs.
inline constexpr std::size_t kMaxHandshakePacket = 1024;

// epmd's own limits (erts/epmd): names of 255 bytes of up to 4 bytes each, extra of the same size.
inline constexpr std::size_t kMaxEpmdName = 255 * 4;
inline constexpr std::size_t kMaxEpmdExtra = 255 * 4;
inline constexpr std::size_t kMaxEpmdRequest = 4096;
// The answer to NAMES_REQ is a line a node; 1 MiB is over 10,000 nodes on one host.
inline constexpr std::size_t kMaxEpmdNames = 1u << 20;

// How much of a peer's bytes an error line shows.
inline constexpr std::size_t kMaxShownBytes = 64;

}  // namespace supervisorring
