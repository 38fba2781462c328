// Distribution capability flags, spelt as OTP's dist.h and dist.hrl spell them, and which of them we offer and require.
#pragma once

#include <cstdint>
#include <string>

namespace supervisorring {

using DistFlags = std::uint64_t;

inline constexpr DistFlags DFLAG_PUBLISHED = 0x1;
inline constexpr DistFlags DFLAG_ATOM_CACHE = 0x2;
inline constexpr DistFlags DFLAG_EXTENDED_REFERENCES = 0x4;
inline constexpr DistFlags DFLAG_DIST_MONITOR = 0x8;
inline constexpr DistFlags DFLAG_FUN_TAGS = 0x10;
inline constexpr DistFlags DFLAG_DIST_MONITOR_NAME = 0x20;
inline constexpr DistFlags DFLAG_HIDDEN_ATOM_CACHE = 0x40;
inline constexpr DistFlags DFLAG_NEW_FUN_TAGS = 0x80;
inline constexpr DistFlags DFLAG_EXTENDED_PIDS_PORTS = 0x100;
inline constexpr DistFlags DFLAG_EXPORT_PTR_TAG = 0x200;
inline constexpr DistFlags DFLAG_BIT_BINARIES = 0x400;
inline constexpr DistFlags DFLAG_NEW_FLOATS = 0x800;
inline constexpr DistFlags DFLAG_UNICODE_IO = 0x1000;
inline constexpr DistFlags DFLAG_DIST_HDR_ATOM_CACHE = 0x2000;
inline constexpr DistFlags DFLAG_SMALL_ATOM_TAGS = 0x4000;
inline constexpr DistFlags DFLAG_UTF8_ATOMS = 0x10000;
inline constexpr DistFlags DFLAG_MAP_TAG = 0x20000;
inline constexpr DistFlags DFLAG_BIG_CREATION = 0x40000;
inline constexpr DistFlags DFLAG_SEND_SENDER = 0x80000;
inline constexpr DistFlags DFLAG_BIG_SEQTRACE_LABELS = 0x100000;
inline constexpr DistFlags DFLAG_EXIT_PAYLOAD = 0x400000;
inline constexpr DistFlags DFLAG_FRAGMENTS = 0x800000;
inline constexpr DistFlags DFLAG_HANDSHAKE_23 = 0x1000000;
inline constexpr DistFlags DFLAG_UNLINK_ID = 0x2000000;
inline constexpr DistFlags DFLAG_MANDATORY_25_DIGEST = 0x4000000;
inline constexpr DistFlags DFLAG_SPAWN = DistFlags{1} << 32;
inline constexpr DistFlags DFLAG_NAME_ME = DistFlags{1} << 33;
inline constexpr DistFlags DFLAG_V4_NC = DistFlags{1} << 34;
inline constexpr DistFlags DFLAG_ALIAS = DistFlags{1} << 35;

// What OTP 25 requires of every peer. From OTP 25 on DFLAG_MANDATORY_25_DIGEST stands for all of them.
inline constexpr DistFlags kMandatoryFlags25 =
    DFLAG_EXTENDED_REFERENCES | DFLAG_FUN_TAGS | DFLAG_EXTENDED_PIDS_PORTS | DFLAG_NEW_FUN_TAGS | DFLAG_EXPORT_PTR_TAG |
    DFLAG_BIT_BINARIES | DFLAG_NEW_FLOATS | DFLAG_UTF8_ATOMS | DFLAG_MAP_TAG | DFLAG_BIG_CREATION | DFLAG_HANDSHAKE_23;

// What we offer: what stock `ei` of OTP 25 offers and DIST_MONITOR_NAME (a call to a missing name ends at once), SPAWN
// (rpc and erpc stand on SPAWN_REQUEST) and ALIAS (late replies are dropped by the caller's node). A visible node offers
// DFLAG_PUBLISHED too. Not offered, so never received: atom cache, fragments, SEND_SENDER, EXIT_PAYLOAD.
inline constexpr DistFlags kOurFlags = kMandatoryFlags25 | DFLAG_DIST_MONITOR | DFLAG_SMALL_ATOM_TAGS | DFLAG_UNLINK_ID |
                                       DFLAG_MANDATORY_25_DIGEST | DFLAG_V4_NC | DFLAG_DIST_MONITOR_NAME | DFLAG_SPAWN |
                                       DFLAG_ALIAS;

// What a peer must offer: our encoder writes these forms whoever reads them.
inline constexpr DistFlags kRequiredFlags = kMandatoryFlags25;

// `flags` with what DFLAG_MANDATORY_25_DIGEST stands for spelt out.
constexpr DistFlags expand_mandatory_25_flag(DistFlags flags) {
  return (flags & DFLAG_MANDATORY_25_DIGEST) != 0 ? flags | kMandatoryFlags25 : flags;
}
// Which required flags `peer_flags` lacks; 0: none.
constexpr DistFlags missing_flags(DistFlags peer_flags) { return kRequiredFlags & ~expand_mandatory_25_flag(peer_flags); }

// "UTF8_ATOMS, BIG_CREATION": names in the order of the bits, bits without a name as hexadecimal; "none" for 0.
std::string flag_names(DistFlags flags);

}  // namespace supervisorring
