#include "dist/flags.h"

#include <array>
#include <cstdio>
#include <utility>

namespace supervisorring {
namespace {

constexpr std::array<std::pair<DistFlags, const char*>, 29> kNames{{
    {DFLAG_PUBLISHED, "PUBLISHED"},
    {DFLAG_ATOM_CACHE, "ATOM_CACHE"},
    {DFLAG_EXTENDED_REFERENCES, "EXTENDED_REFERENCES"},
    {DFLAG_DIST_MONITOR, "DIST_MONITOR"},
    {DFLAG_FUN_TAGS, "FUN_TAGS"},
    {DFLAG_DIST_MONITOR_NAME, "DIST_MONITOR_NAME"},
    {DFLAG_HIDDEN_ATOM_CACHE, "HIDDEN_ATOM_CACHE"},
    {DFLAG_NEW_FUN_TAGS, "NEW_FUN_TAGS"},
    {DFLAG_EXTENDED_PIDS_PORTS, "EXTENDED_PIDS_PORTS"},
    {DFLAG_EXPORT_PTR_TAG, "EXPORT_PTR_TAG"},
    {DFLAG_BIT_BINARIES, "BIT_BINARIES"},
    {DFLAG_NEW_FLOATS, "NEW_FLOATS"},
    {DFLAG_UNICODE_IO, "UNICODE_IO"},
    {DFLAG_DIST_HDR_ATOM_CACHE, "DIST_HDR_ATOM_CACHE"},
    {DFLAG_SMALL_ATOM_TAGS, "SMALL_ATOM_TAGS"},
    {DFLAG_UTF8_ATOMS, "UTF8_ATOMS"},
    {DFLAG_MAP_TAG, "MAP_TAG"},
    {DFLAG_BIG_CREATION, "BIG_CREATION"},
    {DFLAG_SEND_SENDER, "SEND_SENDER"},
    {DFLAG_BIG_SEQTRACE_LABELS, "BIG_SEQTRACE_LABELS"},
    {DFLAG_EXIT_PAYLOAD, "EXIT_PAYLOAD"},
    {DFLAG_FRAGMENTS, "FRAGMENTS"},
    {DFLAG_HANDSHAKE_23, "HANDSHAKE_23"},
    {DFLAG_UNLINK_ID, "UNLINK_ID"},
    {DFLAG_MANDATORY_25_DIGEST, "MANDATORY_25_DIGEST"},
    {DFLAG_SPAWN, "SPAWN"},
    {DFLAG_NAME_ME, "NAME_ME"},
    {DFLAG_V4_NC, "V4_NC"},
    {DFLAG_ALIAS, "ALIAS"},
}};

}  // namespace

std::string flag_names(DistFlags flags) {
  if (flags == 0) return "none";
  std::string text;
  const auto add = [&text](const std::string& name) {
    if (!text.empty()) text += ", ";
    text += name;
  };
  for (const auto& [flag, name] : kNames) {
    if ((flags & flag) == 0) continue;
    add(name);
    flags &= ~flag;
  }
  if (flags != 0) {
    char unknown[24];
    std::snprintf(unknown, sizeof unknown, "0x%llx", static_cast<unsigned long long>(flags));
    add(unknown);
  }
  return text;
}

}  // namespace supervisorring
