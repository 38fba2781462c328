// Exit statuses of a node's program: HaltNode::status, and what `ringnode` returns.
#pragma once

namespace supervisorring {

enum class ExitStatus : int {
  ok = 0,
  usage = 1,          // wrong flags or configuration: a node name without host, a cookie file that others can read
  name_taken = 2,     // epmd knows a living node of that name
  no_epmd = 3,        // no epmd answered at start
  listen_failed = 4,  // the address or port to listen on is not to be had
  data_dir = 5,       // the data directory cannot be written
  join_refused = 6,   // the ring may not be joined as things are (children that cannot run here, another hash format)
  removed = 7,        // this member was removed from the ring (del_node)
  workers = 8,        // a shared object with workers cannot be loaded
  no_answer = 9,      // ringnode status, leave: no node of that name answers, or it refuses our cookie
  bad_input = 10,     // ringnode place: one line or more were no terms
  top_intensity = 11, // supervisors ended here more often than --top-intensity allows
  not_drained = 12,   // ringnode drain, cordon: refused as the ring is, or children still run there when the time is over
};

constexpr int to_int(ExitStatus status) { return static_cast<int>(status); }

}  // namespace supervisorring
