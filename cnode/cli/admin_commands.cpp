#include "cli/admin_commands.h"

#include <ostream>

#include "cli/ei_client.h"
#include "cli/status_view.h"
#include "io/cookie.h"
#include "io/epmd_port.h"

namespace supervisorring {
namespace {

struct Refusal {
  ExitStatus status;
  std::string why;
};

std::variant<EiClient, Refusal> connect(const AdminOptions& options) {
  const auto name = parse_node_name(options.name);
  if (!name) return Refusal{ExitStatus::usage, name.error()};
  const auto cookie = find_cookie(cookie_sources(options.cookie_file));
  if (!cookie) return Refusal{ExitStatus::usage, cookie.error()};
  const auto port = epmd_port(options.epmd_port);
  if (!port) return Refusal{ExitStatus::usage, port.error()};
  auto client = EiClient::connect(*name, *cookie, *port, options.timeout);
  if (!client) return Refusal{ExitStatus::no_answer, client.error()};
  return std::move(*client);
}

// {badrpc, _}: not one of our nodes, or an older one.
std::optional<std::string> refused(const Term& answer, const std::string& function) {
  if (!answer.is_tagged("badrpc", 2)) return std::nullopt;
  return "the node refused supervisorring:" + function + ": " + to_text(answer[1], 300);
}

}  // namespace

ExitStatus print_status(const AdminOptions& options, bool as_term, std::ostream& out, std::ostream& errors) {
  const auto fail = [&](const Refusal& refusal) {
    errors << "ringnode status: " << refusal.why << '\n';
    return refusal.status;
  };
  auto connected = connect(options);
  if (const auto* refusal = std::get_if<Refusal>(&connected)) return fail(*refusal);
  const auto status = std::get<EiClient>(connected).rpc("supervisorring", "status", {}, options.timeout);
  if (!status) return fail({ExitStatus::no_answer, status.error()});
  if (const auto why = refused(*status, "status/0")) return fail({ExitStatus::no_answer, *why});
  out << (as_term ? to_text(*status) + "\n" : status_text(*status));
  return ExitStatus::ok;
}

ExitStatus leave(const AdminOptions& options, bool forget, std::chrono::milliseconds wait, std::ostream& out, std::ostream& errors) {
  const auto fail = [&](const Refusal& refusal) {
    errors << "ringnode leave: " << refusal.why << '\n';
    return refusal.status;
  };
  auto connected = connect(options);
  if (const auto* refusal = std::get_if<Refusal>(&connected)) return fail(*refusal);
  auto& client = std::get<EiClient>(connected);
  const Term arguments = forget ? list({atom("forget")}) : Term::nil();
  const auto answer = client.rpc("supervisorring", "leave", {arguments}, options.timeout);
  if (!answer) return fail({ExitStatus::no_answer, answer.error()});
  if (const auto why = refused(*answer, "leave/1")) return fail({ExitStatus::no_answer, *why});
  if (!answer->is_atom("ok")) return fail({ExitStatus::no_answer, "the node answered " + to_text(*answer, 300)});
  if (!client.wait_closed(wait))
    return fail({ExitStatus::no_answer, options.name + " is leaving, and has not ended after " + std::to_string(wait.count() / 1000) + " s"});
  out << options.name << (forget ? " has left and forgotten the ring\n" : " has left\n");
  return ExitStatus::ok;
}

}  // namespace supervisorring
