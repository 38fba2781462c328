// What each control message of a peer does: the way from the wire to processes.
#include "node/connections.h"
#include "node/kernel.h"
#include "node/rpc.h"

namespace supervisorring {
namespace {

// One handle_ for each control message; from `node`.
struct ControlDispatch {
  Kernel& kernel;
  const Term& node;

  void deliver(ProcessEntry* entry, Term&& message) {
    if (entry != nullptr) kernel.queue.message(entry->number, std::move(message));
  }
  void operator()(Send& message) { deliver(kernel.processes.find_pid(message.to), std::move(message.message)); }
  void operator()(RegSend& message) { deliver(kernel.processes.find_name(message.to_name), std::move(message.message)); }
  void operator()(AliasSend& message) {
    if (const auto owner = kernel.calls.alias_owner(message.alias)) kernel.queue.message(*owner, std::move(message.message));
  }
  void operator()(MonitorP& message) { kernel.signals.handle_monitor(node, message); }
  void operator()(DemonitorP& message) { kernel.signals.handle_demonitor(message); }
  void operator()(MonitorPExit& message) { kernel.signals.handle_monitor_exit(message); }
  void operator()(Link& message) { kernel.signals.handle_link(node, message); }
  void operator()(Unlink& message) { kernel.signals.handle_unlink(message); }
  void operator()(UnlinkId& message) { kernel.signals.handle_unlink_id(node, message); }
  void operator()(UnlinkIdAck& message) { kernel.signals.handle_unlink_id_ack(message); }
  void operator()(Exit& message) { kernel.signals.handle_exit(message); }
  void operator()(Exit2& message) { kernel.signals.handle_exit2(message); }
  void operator()(GroupLeader&) {}  // there is no standard output of a process here
  void operator()(SpawnRequest& message) { handle_spawn_request(kernel, node, message); }
  void operator()(SpawnReply& message) { kernel.calls.handle_spawn_reply(message); }
};

}  // namespace

void Connections::channel_control(Channel& channel, ControlMessage&& message) {
  std::visit(ControlDispatch{kernel_, channel.node}, message);
}

}  // namespace supervisorring
