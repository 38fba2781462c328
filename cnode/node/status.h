// What supervisorring:status/0 answers: what the supervision says (node/api_status.h), and what only the program knows:
//
//   #{version => <<"0.1.0">>, uptime => Seconds, epmd => boolean(), published => boolean(), forced => boolean(), cannot_run => binary(),
//     connected => [Node], shares => #{Node => Float}, unwritten => [#{file => binary(), why => binary(), seconds => integer()}],
//     other_format => [Node], ...}
//
// `cannot_run`: what of the cluster's supervisors cannot run here; with `forced` the node takes part degraded, without it stands aside.
// `other_format`: up members that hash otherwise than this one, and so disagree on where children belong.
// `shares`: the part of all keys that each up member owns. Readers skip keys that they do not know.
#pragma once

#include <string>
#include <unordered_map>

#include "node/node.h"
#include "ring/consistent_hash.h"

namespace supervisorring {

struct ProgramStatus {
  Instant now{};
  Duration uptime{};
  bool published = false;
  bool forced = false;
  std::string cannot_run;  // why this node may not join; empty: it may
  std::vector<Term> other_format;
};

// `supervision` REQUIRES: a map.
Term with_program_status(const Term& supervision, const Node& node, const Ring& ring, const ProgramStatus&);
// The part of all keys that each member owns.
std::unordered_map<Term, double> ring_shares(const Ring&);

}  // namespace supervisorring
