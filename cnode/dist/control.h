// Control messages of the distribution channel: frame body to message and message to frame.
//
// Follows "Protocol between Connected Nodes" of OTP's Distribution Protocol chapter: a body is 112 ('p'), 131 and the
// control tuple, then 131 and the payload for the messages that carry one. Shapes and types are validated: what decodes
// can be used without looking again. Only what the offered flags allow is understood (flags.h); the forms with a
// sequential-trace token (SEND_TT and the like, which no flag switches off) are read as the plain ones.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "supervisorring/external_format.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

// The tag of each control tuple, as OTP spells it.
namespace control_op {
inline constexpr int LINK = 1, SEND = 2, EXIT = 3, UNLINK = 4, REG_SEND = 6, GROUP_LEADER = 7, EXIT2 = 8, SEND_TT = 12,
                     EXIT_TT = 13, REG_SEND_TT = 16, EXIT2_TT = 18, MONITOR_P = 19, DEMONITOR_P = 20, MONITOR_P_EXIT = 21,
                     SPAWN_REQUEST = 29, SPAWN_REQUEST_TT = 30, SPAWN_REPLY = 31, SPAWN_REPLY_TT = 32, ALIAS_SEND = 33,
                     ALIAS_SEND_TT = 34, UNLINK_ID = 35, UNLINK_ID_ACK = 36;
}  // namespace control_op

// `from`, `to`, `group_leader`: pids, unless noted.
struct Link { Term from, to; };
struct Send { Term to; Term message; };
struct Exit { Term from, to; Term reason; };       // a linked process ended
struct Unlink { Term from, to; };                  // from peers without DFLAG_UNLINK_ID; not acknowledged
struct UnlinkId { std::uint64_t id; Term from, to; };     // id > 0; answered by UnlinkIdAck with the same id
struct UnlinkIdAck { std::uint64_t id; Term from, to; };
struct RegSend { Term from; Term to_name; Term message; };  // to_name: an atom
struct GroupLeader { Term from, to; };
struct Exit2 { Term from, to; Term reason; };      // exit(Pid, Reason)
struct MonitorP { Term from; Term target; Term reference; };       // target: pid or atom
struct DemonitorP { Term from; Term target; Term reference; };     // target: pid or atom
struct MonitorPExit { Term from; Term to; Term reference; Term reason; };  // from: pid or atom
struct SpawnRequest {
  Term request_id;  // a reference
  Term from;
  Term group_leader;
  Term module, function;  // atoms
  Term options;           // a proper list
  Term arguments;         // a proper list, as long as the arity that the request names
};
inline constexpr std::uint32_t kSpawnReplyLink = 1, kSpawnReplyMonitor = 2;  // SpawnReply::flags
struct SpawnReply { Term request_id; Term to; std::uint32_t flags; Term result; };  // result: the new pid, or an error atom
struct AliasSend { Term from; Term alias; Term message; };  // alias: a reference

using ControlMessage = std::variant<Send, RegSend, AliasSend, MonitorP, DemonitorP, MonitorPExit, Link, Unlink, UnlinkId,
                                    UnlinkIdAck, Exit, Exit2, GroupLeader, SpawnRequest, SpawnReply>;

// The name OTP gives to the message, for log lines: "MONITOR_P".
const char* name_of(const ControlMessage& message);

// One frame body, without its length. REQUIRES nothing: anything that is wrong is an Error.
Result<ControlMessage> decode_control(BytesView frame_body);

// Appends the whole frame, its 4-byte length included, with UTF-8 atoms as OTP writes them on the wire.
void encode_control(const ControlMessage& message, Bytes& out);

// The same without building the message first.
void append_link(Bytes& out, const Term& from, const Term& to);
void append_unlink(Bytes& out, const Term& from, const Term& to);
void append_unlink_id(Bytes& out, std::uint64_t id, const Term& from, const Term& to);
void append_unlink_id_ack(Bytes& out, std::uint64_t id, const Term& from, const Term& to);
void append_send(Bytes& out, const Term& to, const Term& message);
void append_reg_send(Bytes& out, const Term& from, const Term& to_name, const Term& message);
void append_alias_send(Bytes& out, const Term& from, const Term& alias, const Term& message);
void append_exit(Bytes& out, const Term& from, const Term& to, const Term& reason);
void append_exit2(Bytes& out, const Term& from, const Term& to, const Term& reason);
void append_monitor_p(Bytes& out, const Term& from, const Term& target, const Term& reference);
void append_demonitor_p(Bytes& out, const Term& from, const Term& target, const Term& reference);
void append_monitor_p_exit(Bytes& out, const Term& from, const Term& to, const Term& reference, const Term& reason);
void append_spawn_reply(Bytes& out, const Term& request_id, const Term& to, std::uint32_t flags, const Term& result);

}  // namespace supervisorring
