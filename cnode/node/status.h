// What supervisorring:status/0 answers: what the supervision says (node/api_status.h), and what only the program knows:
//
//   #{version => <<"0.1.0">>, uptime => Seconds, epmd => boolean(), published => boolean(), forced => boolean(),
//     connected => [Node], shares => #{Node => Float}, ...}
//
// `shares`: the part of all keys that each up member owns. Readers skip keys that they do not know.
#pragma once

#include <unordered_map>

#include "node/node.h"
#include "ring/consistent_hash.h"

namespace supervisorring {

struct ProgramStatus {
  Duration uptime{};
  bool published = false;
  bool forced = false;
};

// `supervision` REQUIRES: a map.
Term with_program_status(const Term& supervision, const Node& node, const Ring& ring, const ProgramStatus&);
// The part of all keys that each member owns.
std::unordered_map<Term, double> ring_shares(const Ring&);

}  // namespace supervisorring
