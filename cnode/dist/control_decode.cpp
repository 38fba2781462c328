// Frame body to control message. The control tuple is read element by element: no tuple is built.
#include <iterator>
#include <limits>

#include "dist/control.h"
#include "dist/control_body.h"

namespace supervisorring {
namespace {

using namespace control_op;

using Body = detail::ControlBody;
using detail::kShownTerm;

// Each read_<message> is given the elements after the operation. `traced`: a trace token stands there too.
enum class Traced : bool { no, yes };

void token(Body& body, Traced traced) {
  if (traced == Traced::yes) body.any();
}

// The end of the messages that carry one of a process.
template <class Message>
ControlMessage with_message(Body& body, Traced traced, Message m) {
  token(body, traced);
  m.message = body.payload();
  return m;
}

ControlMessage read_send(Body& body, Traced traced) {
  Send m;
  body.unused();
  m.to = body.pid("ToPid");
  return with_message(body, traced, std::move(m));
}

ControlMessage read_reg_send(Body& body, Traced traced) {
  RegSend m;
  m.from = body.pid("FromPid");
  body.unused();
  m.to_name = body.atom("ToName");
  return with_message(body, traced, std::move(m));
}

ControlMessage read_alias_send(Body& body, Traced traced) {
  AliasSend m;
  m.from = body.pid("FromPid");
  m.alias = body.reference("Alias");
  return with_message(body, traced, std::move(m));
}

template <class Message>
void from_to(Body& body, Message& m) {
  m.from = body.pid("FromPid");
  m.to = body.pid("ToPid");
}

template <class Message>
ControlMessage read_from_to(Body& body) {
  Message m;
  from_to(body, m);
  return m;
}

template <class Message>
ControlMessage read_unlink_id(Body& body) {
  Message m;
  m.id = body.unlink_id();
  from_to(body, m);
  return m;
}

template <class Message>
ControlMessage read_exit(Body& body, Traced traced) {
  Message m;
  from_to(body, m);
  token(body, traced);
  m.reason = body.any();
  return m;
}

template <class Message>
ControlMessage read_monitor(Body& body) {
  Message m;
  m.from = body.pid("FromPid");
  m.target = body.pid_or_atom("ToProc");
  m.reference = body.reference("Ref");
  return m;
}

ControlMessage read_monitor_p_exit(Body& body) {
  MonitorPExit m;
  m.from = body.pid_or_atom("FromProc");
  m.to = body.pid("ToPid");
  m.reference = body.reference("Ref");
  m.reason = body.any();
  return m;
}

ControlMessage read_spawn_request(Body& body, Traced traced) {
  SpawnRequest m;
  m.request_id = body.reference("ReqId");
  m.from = body.pid("FromPid");
  m.group_leader = body.pid("GroupLeader");
  const Term mfa = body.any();
  if (!body.ok()) return m;
  const bool shaped = mfa.is_tuple(3) && mfa[0].is_atom() && mfa[1].is_atom() && mfa[2].is_small() && mfa[2].to_int64() >= 0 &&
                      mfa[2].to_int64() <= 255;
  if (!shaped) return body.fail("expected {Module, Function, Arity}, got " + to_text(mfa, kShownTerm)), m;
  m.module = mfa[0];
  m.function = mfa[1];
  m.options = body.any();
  if (!m.options.is_proper_list()) body.fail("expected a list as OptList, got " + to_text(m.options, kShownTerm));
  token(body, traced);
  m.arguments = body.payload();
  if (!body.ok()) return m;
  if (!m.arguments.is_proper_list() || m.arguments.size() != static_cast<std::size_t>(mfa[2].to_int64())) {
    body.fail("expected a list of " + to_text(mfa[2]) + " arguments, got " + to_text(m.arguments, kShownTerm));
  }
  return m;
}

ControlMessage read_spawn_reply(Body& body, Traced traced) {
  SpawnReply m;
  m.request_id = body.reference("ReqId");
  m.to = body.pid("To");
  const Term flags = body.any();
  if (!body.ok()) return m;
  if (!flags.is_small() || flags.to_int64() < 0 || flags.to_int64() > std::numeric_limits<std::uint32_t>::max()) {
    return body.fail("expected a 32-bit integer as Flags, got " + to_text(flags, kShownTerm)), m;
  }
  m.flags = static_cast<std::uint32_t>(flags.to_int64());
  m.result = body.pid_or_atom("Result");
  token(body, traced);
  return m;
}

using Reader = ControlMessage (*)(Body&);
struct Operation {
  const char* name;
  std::size_t arity;
  Reader read;
};

template <ControlMessage (*Read)(Body&, Traced), Traced traced>
ControlMessage with(Body& body) { return Read(body, traced); }

const Operation* find_operation(std::int64_t op) {
  using enum Traced;
  static constexpr Operation kNone{nullptr, 0, nullptr};
  static constexpr Operation kOperations[] = {
      kNone,
      {"LINK", 3, read_from_to<Link>},
      {"SEND", 3, with<read_send, no>},
      {"EXIT", 4, with<read_exit<Exit>, no>},
      {"UNLINK", 3, read_from_to<Unlink>},
      kNone,
      {"REG_SEND", 4, with<read_reg_send, no>},
      {"GROUP_LEADER", 3, read_from_to<GroupLeader>},
      {"EXIT2", 4, with<read_exit<Exit2>, no>},
      kNone, kNone, kNone,
      {"SEND_TT", 4, with<read_send, yes>},
      {"EXIT_TT", 5, with<read_exit<Exit>, yes>},
      kNone, kNone,
      {"REG_SEND_TT", 5, with<read_reg_send, yes>},
      kNone,
      {"EXIT2_TT", 5, with<read_exit<Exit2>, yes>},
      {"MONITOR_P", 4, read_monitor<MonitorP>},
      {"DEMONITOR_P", 4, read_monitor<DemonitorP>},
      {"MONITOR_P_EXIT", 5, read_monitor_p_exit},
      kNone, kNone, kNone, kNone, kNone, kNone, kNone,
      {"SPAWN_REQUEST", 6, with<read_spawn_request, no>},
      {"SPAWN_REQUEST_TT", 7, with<read_spawn_request, yes>},
      {"SPAWN_REPLY", 5, with<read_spawn_reply, no>},
      {"SPAWN_REPLY_TT", 6, with<read_spawn_reply, yes>},
      {"ALIAS_SEND", 3, with<read_alias_send, no>},
      {"ALIAS_SEND_TT", 4, with<read_alias_send, yes>},
      {"UNLINK_ID", 4, read_unlink_id<UnlinkId>},
      {"UNLINK_ID_ACK", 4, read_unlink_id<UnlinkIdAck>},
  };
  static_assert(std::size(kOperations) == UNLINK_ID_ACK + 1);
  if (op < 0 || op >= static_cast<std::int64_t>(std::size(kOperations))) return nullptr;
  return kOperations[op].read == nullptr ? nullptr : &kOperations[op];
}

}  // namespace

Result<ControlMessage> decode_control(BytesView frame_body) {
  Body body(frame_body);
  std::size_t arity = 0;
  std::int64_t op = 0;
  body.head(arity, op);
  if (!body.ok()) return std::move(body).error();
  const Operation* operation = find_operation(op);
  if (operation == nullptr) {
    body.fail("unknown operation " + std::to_string(op) + " in a tuple of " + std::to_string(arity));
    return std::move(body).error();
  }
  body.name(operation->name);
  if (arity != operation->arity) {
    body.fail("expected a tuple of " + std::to_string(operation->arity) + ", got one of " + std::to_string(arity));
    return std::move(body).error();
  }
  ControlMessage message = operation->read(body);
  body.end();
  if (!body.ok()) return std::move(body).error();
  return message;
}

}  // namespace supervisorring
