// PortAttach: what the BEAM tells its program first, and how a supervisor that starts there is described.
//
// The grammar is in the README ("The port"). {attach, 1, Map} comes once, as the first input of every life of the program; a Supervisor
// stands in it, and in {supervisor, Supervisor} later on.
//
// Pure: reading and checking. Whoever sent a malformed one is our own application of another version: refused in one line.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "supervisorring/result.h"
#include "supervisorring/term.h"
#include "supervisorring/time.h"

namespace supervisorring {

inline constexpr std::int64_t kPortVersion = 1;

// A BEAM child that a keeper holds: it runs, starts, or has ended and nobody has dealt with that.
struct PortChild {
  Term id;
  Term spec;
  Term pid;                            // [] while it starts, or when its start failed
  std::optional<std::uint64_t> token;  // of a start under way, or that failed
  std::uint64_t place = 0;             // in the supervisor's table, as it was ordered
  Term request;                        // the tag of the request on whose behalf it was started; [] for none
  std::optional<Term> exited;          // the reason
  std::optional<Term> failed;          // the start's reason, or the atom ignore
};

struct PortSupervisor {
  Term name, module, args;
  Term flags, specs;                   // as init/1 returned them: not checked here
  Term global, local, manager;         // pids of <Sup>.GlobalSup and of the relays <Sup> and <Sup>.ChildManager
  std::vector<PortChild> children;     // oldest first
};

struct PortAttach {
  Term node;
  int otp = 25;                        // 25: and below; 26: and above
  std::uint64_t generation = 1;        // of this program beside this BEAM
  Term nano_ring, super_sup, peer;     // pids of the relays
  std::vector<Term> connected;
  std::vector<std::pair<Term, Term>> kept;  // the estate (port_estate.h)
  std::vector<PortSupervisor> supervisors;
  std::vector<Term> join;
  std::optional<std::string> data_dir;
  bool elixir = true;                  // has 'Elixir.Supervisor', which legacy members call
};

Result<PortAttach> parse_port_attach(const Term& input);
Result<PortSupervisor> parse_port_supervisor(const Term& supervisor);

}  // namespace supervisorring
