// Story: recorded text. Prose, commands, and the trace of what the members did about them, in virtual time.
//
// A story file holds lines of prose (#), commands (>) and the trace (indented) that the last run wrote below each command. Running a story
// carries its commands out on a SimCluster and writes the same file again; a test compares the two. REWRITE=1 in the environment
// records instead: a changed line is committed only when it is understood.
//
//   > seed N                       first, if at all
//   > start NAME [join NAME]       > crash NAME     > leave NAME
//   > start_otp 26 NAME join NAME  one that places as OTP 26 does
//   > cut NAME NAME                > heal NAME NAME
//   > advance N ms                 > increment NAME ID...   NAME asks      > show
//   > until NAME TEXT              time goes on until NAME does what the trace would show with that text
//   > copies                       every counter that exists, by member
//   > break NAME ID N              NAME calls a counter so that it crashes, N times, 10 ms apart
//   > onnode NAME ID               a function for ID by NAME's child manager, and what it is answered
//   > name ID...                   > unname ID...     what the supervisor's handler names besides c1 to c12
//   > quiet | > trace              leaves out, or shows again, messages and effects (log lines are always shown)
#pragma once

#include <string>

namespace supervisorring::sim {

// The whole story again, with the trace of this run.
std::string tell(const std::string& story);

}  // namespace supervisorring::sim
