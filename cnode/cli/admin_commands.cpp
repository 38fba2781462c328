#include "cli/admin_commands.h"

#include <algorithm>
#include <functional>
#include <ostream>
#include <thread>

#include "cli/atom_text.h"
#include "cli/ei_client.h"
#include "cli/explain_view.h"
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

// {badrpc, {'EXIT', {noproc, _}}}: the supervisor is not defined on the node.
bool is_unknown_supervisor(const Term& answer) {
  return answer.is_tagged("badrpc", 2) && answer[1].is_tagged("EXIT", 2) && answer[1][1].is_tagged("noproc", 2);
}

using Text = std::function<std::string(const Term&)>;      // of an answer
using WhyNot = std::function<Refusal(const Term& why)>;    // of {error, Why}

Refusal as_it_says(const Term& why) { return {ExitStatus::usage, why.as_text().value_or(to_text(why, 300))}; }

// Asks the function of the command's name, and prints the answer or the one line that says why there is none.
ExitStatus ask(const AdminOptions& options, const std::string& command, const std::vector<Term>& arguments, const Text& text, std::ostream& out, std::ostream& errors,
               const WhyNot& why_not = as_it_says) {
  const auto fail = [&](const Refusal& refusal) {
    errors << "ringnode " << command << ": " << refusal.why << '\n';
    return refusal.status;
  };
  auto connected = connect(options);
  if (const auto* refusal = std::get_if<Refusal>(&connected)) return fail(*refusal);
  const auto answer = std::get<EiClient>(connected).rpc("supervisorring", command, arguments, options.timeout);
  if (!answer) return fail({ExitStatus::no_answer, answer.error()});
  if (!arguments.empty() && is_unknown_supervisor(*answer)) return fail({ExitStatus::usage, options.name + " runs no supervisor " + to_text(arguments[0], 200)});
  if (const auto why = refused(*answer, command + "/" + std::to_string(arguments.size()))) return fail({ExitStatus::no_answer, *why});
  if (answer->is_tagged("error", 2)) return fail(why_not((*answer)[1]));
  out << text(*answer);
  return ExitStatus::ok;
}

Text line(std::string text) {
  return [text = std::move(text)](const Term&) { return text; };
}

Text view(bool as_term, std::string (*text)(const Term&)) {
  if (as_term) return [](const Term& term) { return to_text(term) + "\n"; };
  return text;
}

}  // namespace

ExitStatus explain(const AdminOptions& options, const std::string& supervisor, const std::string& id, bool as_term, std::ostream& out, std::ostream& errors) {
  const auto usage = [&](const std::string& why) {
    errors << "ringnode explain: " << why << '\n';
    return ExitStatus::usage;
  };
  const auto name = parse_atom_argument(supervisor, "Sup");
  if (!name) return usage(name.error());
  const auto term = parse_term(id);
  if (!term) return usage("Id " + id + ": " + term.error());
  return ask(options, "explain", {*name, *term}, view(as_term, explain_text), out, errors);
}

ExitStatus plan(const AdminOptions& options, const std::vector<std::string>& without, const std::vector<std::string>& with, bool as_term, std::ostream& out,
                std::ostream& errors) {
  std::vector<Term> changes;
  const auto read = [&](const char* how, const std::vector<std::string>& nodes) -> std::optional<std::string> {
    for (const std::string& node : nodes) {
      const auto name = parse_node_name(node);
      if (!name) return name.error();
      changes.push_back(tuple(atom(how), atom(name->whole())));
    }
    return std::nullopt;
  };
  auto why = read("without", without);
  if (!why) why = read("with", with);
  if (!why && changes.empty()) why = "expected --without Node or --with Node, or several";
  if (why) {
    errors << "ringnode plan: " << *why << '\n';
    return ExitStatus::usage;
  }
  return ask(options, "plan", {Term::list(std::move(changes))}, view(as_term, plan_text), out, errors);
}

ExitStatus print_status(const AdminOptions& options, bool as_term, std::ostream& out, std::ostream& errors) {
  return ask(options, "status", {}, view(as_term, status_text), out, errors);
}

namespace {

// Children that run on the node, of all its supervisors.
std::int64_t children_on(const Term& status) {
  std::int64_t children = 0;
  const Term* supervisors = status.is_map() ? status.find("supervisors") : nullptr;
  if (supervisors != nullptr && supervisors->is_list())
    for (const Term& each : supervisors->elements())
      if (const Term* active = each.is_map() ? each.find("active") : nullptr) children += active->as_int64().value_or(0);
  return children;
}

// False: it has not ended.
bool wait_for_end(EiClient& client, const std::string& name, const AdminOptions& options, std::chrono::milliseconds wait, std::ostream& out) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + wait;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
    if (left.count() <= 0) return false;
    if (client.wait_closed(std::min(left, std::chrono::milliseconds(1000)))) return true;
    const auto status = client.rpc("supervisorring", "status", {}, options.timeout);
    if (status && children_on(*status) > 0) out << name << ": " << children_on(*status) << " children still to be handed over" << std::endl;
  }
}

}  // namespace

ExitStatus leave(const AdminOptions& options, const LeaveOptions& how, std::ostream& out, std::ostream& errors) {
  const auto fail = [&](const Refusal& refusal) {
    errors << "ringnode leave: " << refusal.why << '\n';
    return refusal.status;
  };
  auto connected = connect(options);
  if (const auto* refusal = std::get_if<Refusal>(&connected)) return fail(*refusal);
  auto& client = std::get<EiClient>(connected);
  std::vector<Term> arguments;
  if (how.forget) arguments.push_back(atom("forget"));
  if (how.limited) arguments.push_back(tuple(atom("timeout_ms"), integer(how.timeout.count())));
  const auto answer = client.rpc("supervisorring", "leave", {Term::list(std::move(arguments))}, options.timeout);
  if (!answer) return fail({ExitStatus::no_answer, answer.error()});
  if (const auto why = refused(*answer, "leave/1")) return fail({ExitStatus::no_answer, *why});
  if (!answer->is_atom("ok")) return fail({ExitStatus::no_answer, "the node answered " + to_text(*answer, 300)});
  if (!wait_for_end(client, options.name, options, how.wait, out))
    return fail({ExitStatus::no_answer, options.name + " is leaving, and has not ended after " + std::to_string(how.wait.count() / 1000) + " s"});
  out << options.name << (how.forget ? " has left and forgotten the ring\n" : " has left\n");
  return ExitStatus::ok;
}

namespace {

std::string listed(const Term& nodes) {
  std::string text;
  if (nodes.is_list())
    for (const Term& node : nodes.elements()) text += (text.empty() ? "" : ", ") + (node.is_atom() ? std::string(node.atom_name()) : to_text(node, 100));
  return text;
}

// Of {error, Why}.
std::string why_not_drained(const std::string& name, const Term& why) {
  if (why.is_tagged("legacy_members", 2)) return listed(why[1]) + " runs the Elixir library, which places children by all up members";
  if (why.is_tagged("older_members", 2)) return listed(why[1]) + " is of an older version, which places children by all up members";
  if (why.is_tagged("not_heard_yet", 2)) return listed(why[1]) + " has not said yet what it is; try again";
  if (why.is_atom("no_other_member")) return name + " is the only member that owns children";
  if (why.is_atom("drained")) return name + " is drained: it has nothing to keep";
  if (why.is_tagged("too_many_children", 3)) return name + " has " + to_text(why[1], 30) + " children, more than the " + to_text(why[2], 30) + " that it may keep";
  if (why.is_atom("not_up")) return name + " is not up in its ring";
  return to_text(why, 300);
}

}  // namespace

ExitStatus drain(const AdminOptions& options, const DrainOptions& how, std::ostream& out, std::ostream& errors) {
  using Clock = std::chrono::steady_clock;
  const auto fail = [&](const Refusal& refusal) {
    errors << "ringnode drain: " << refusal.why << '\n';
    return refusal.status;
  };
  auto connected = connect(options);
  if (const auto* refusal = std::get_if<Refusal>(&connected)) return fail(*refusal);
  auto& client = std::get<EiClient>(connected);
  const Term rate = how.rate > 0 ? list({tuple(atom("rate"), integer(how.rate))}) : Term::nil();
  const auto answer = client.rpc("supervisorring", "drain", {rate}, options.timeout);
  if (!answer) return fail({ExitStatus::no_answer, answer.error()});
  if (const auto why = refused(*answer, "drain/1")) return fail({ExitStatus::no_answer, *why});
  if (answer->is_tagged("error", 2)) return fail({ExitStatus::not_drained, why_not_drained(options.name, (*answer)[1])});
  out << options.name << " is drained: it owns no children\n" << std::flush;
  const auto until = Clock::now() + how.wait;
  for (auto next_line = Clock::now() + std::chrono::seconds(1); how.wait.count() > 0;) {
    const auto status = client.rpc("supervisorring", "status", {}, options.timeout);
    if (!status) return fail({ExitStatus::no_answer, status.error()});
    const std::int64_t left = children_on(*status);
    if (left == 0) break;
    if (Clock::now() >= until) return fail({ExitStatus::not_drained, std::to_string(left) + " children still run on " + options.name});
    if (Clock::now() >= next_line) next_line += std::chrono::seconds(1), out << options.name << ": " << left << " children still to be handed over" << std::endl;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  if (how.wait.count() > 0) out << options.name << ": no child runs there any more\n";
  return ExitStatus::ok;
}

ExitStatus cordon(const AdminOptions& options, std::ostream& out, std::ostream& errors) {
  const auto why_not = [&options](const Term& why) { return Refusal{ExitStatus::not_drained, why_not_drained(options.name, why)}; };
  return ask(options, "cordon", {}, line(options.name + " is cordoned: it keeps its children and gets no new ones\n"), out, errors, why_not);
}

ExitStatus uncordon(const AdminOptions& options, std::ostream& out, std::ostream& errors) {
  return ask(options, "uncordon", {}, line(options.name + " owns children again\n"), out, errors);
}

}  // namespace supervisorring
