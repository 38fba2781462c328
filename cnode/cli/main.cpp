// ringnode: the command line. Flags and their checks are here; what a command does is in its own file.
#include <malloc.h>

#include <CLI/CLI.hpp>

#include <iostream>

#include "cli/admin_commands.h"
#include "cli/place_command.h"
#include "cli/run_command.h"
#include "io/port_program.h"
#include "supervisorring/version.h"

namespace supervisorring {
namespace {

const std::string kVersionText = std::string("ringnode ") + kVersion + "\nerl_interface " SR_EI_VERSION "\ncompiler " SR_COMPILER;

void add_admin_flags(CLI::App& command, AdminOptions& options) {
  command.add_option("--name", options.name, "the node to ask: name@host")->required();
  command.add_option("--cookie-file", options.cookie_file, "file with the cookie; else $RELEASE_COOKIE, else ~/.erlang.cookie");
  command.add_option("--epmd-port", options.epmd_port, "else $ERL_EPMD_PORT, else 4369")->check(CLI::Range(1, 65535));
  command.add_option("--timeout", options.timeout, "how long it may take to answer")->transform(CLI::AsNumberWithUnit(std::map<std::string, int>{{"ms", 1}, {"s", 1000}}));
}

void add_max_concurrent_starts(CLI::App& command, unsigned& most) {
  command.add_option("--max-concurrent-starts", most, "how many children of a supervisor may be starting at once (default: 256)")->check(CLI::Range(1, 1'000'000));
}

void add_migrate_timeout(CLI::App& command, std::chrono::milliseconds& timeout) {
  command.add_option("--migrate-timeout", timeout, "how long the migrate of a child that moves may take, 1s to 600s (default: 10s)")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, int>{{"ms", 1}, {"s", 1000}}, CLI::AsNumberWithUnit::UNIT_REQUIRED))->check(CLI::Range(1000, 600'000));
}

void add_forget_names(CLI::App& command, std::chrono::seconds& after) {
  command.add_option("--forget-names-after", after, "names that are no members and were not used for so long are forgotten while all members are ours: h or d, 0d: never (default: 30d)")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, int>{{"h", 3600}, {"d", 86'400}}, CLI::AsNumberWithUnit::UNIT_REQUIRED))->check(CLI::Range(0, 315'360'000));
}

CLI::Option* add_leave_timeout(CLI::App& command, std::chrono::milliseconds& timeout) {
  return command.add_option("--leave-timeout", timeout, "how long handing children over may take when the node leaves, 0s to 86400s (default: 30s); what is left then ends with it")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, int>{{"ms", 1}, {"s", 1000}}, CLI::AsNumberWithUnit::UNIT_REQUIRED))->check(CLI::Range(0, 86'400'000));
}

void add_partitions(CLI::App& command, bool& quorum) {
  command.add_option_function<std::string>("--partitions", [&quorum](const std::string& policy) { quorum = policy == "quorum"; },
                                           "what a partition does, the same on every member: keep-all: every side runs all children; quorum: a side with fewer than half of the members runs nothing (default: keep-all)")
      ->check(CLI::IsMember({"keep-all", "quorum"}));
}

CLI::App* add_run(CLI::App& app, RunOptions& options) {
  CLI::App* run = app.add_subcommand("run", "run a node in the foreground until it leaves");
  cnode_options& node = options.node;
  run->add_option("--name", node.name, "name@host of this node")->required();
  run->add_option("--cookie-file", node.cookie_file, "file with the cookie; else $RELEASE_COOKIE, else ~/.erlang.cookie");
  run->add_option("--join", node.join, "a member of the ring to join; may be repeated")->take_all()->allow_extra_args(false);
  run->add_option("--data-dir", node.data_dir, "where the ring file is kept (default: data/NAME@HOST)");
  run->add_option("--listen", node.listen, "ADDRESS[:PORT] for other nodes (default: from the name's host; a free port)");
  run->add_option("--supervisor", options.supervisors, "Name=Module@Node[=Arg]: a supervisor whose definition Module:init(Arg) gives at Node; may be repeated")
      ->take_all()->allow_extra_args(false);
  run->add_option("--workers", options.workers, "shared object with C++ children; may be repeated")->take_all()->allow_extra_args(false);
  run->add_option("--threads", node.threads, "threads for C++ children (default: one less than there are processors)")->check(CLI::Range(1, 1024));
  run->add_option("--otp", node.otp, "placement format: 25 (OTP 25 and below) or 26 (and above); otherwise learnt from the cluster")->check(CLI::IsMember({25, 26}));
  run->add_flag("--force", node.force, "join although this node cannot run every supervisor of the cluster");
  run->add_option("--join-timeout", node.join_timeout, "how long a silent member of the ring file is waited for (default: 5s)")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, int>{{"ms", 1}, {"s", 1000}}, CLI::AsNumberWithUnit::UNIT_REQUIRED));
  run->add_option("--tick-time", node.tick_time, "seconds: a node from which nothing comes for so long is given up; the same as net_ticktime on every other node (default: 60)")
      ->check(CLI::Range(1, 3600));
  add_migrate_timeout(*run, node.migrate_timeout);
  add_leave_timeout(*run, node.leave_timeout);
  add_forget_names(*run, node.forget_names_after);
  add_max_concurrent_starts(*run, node.max_concurrent_starts);
  add_partitions(*run, node.quorum);
  run->add_option("--top-intensity", options.top_intensity, "RESTARTS/SECONDS: a supervisor that ended here is started again; more ends in that time and the node leaves, with status 11; or never (default: 3/5)");
  run->add_flag("--published", node.published, "be visible in nodes(); otherwise hidden");
  run->add_option("--epmd-port", node.epmd_port, "else $ERL_EPMD_PORT, else 4369")->check(CLI::Range(1, 65535));
  run->add_option("--log-level", node.log_level, "debug, info, notice, warning or error (default: info)")->check(CLI::IsMember({"debug", "info", "notice", "warning", "error"}));
  return run;
}

CLI::App* add_port(CLI::App& app, PortOptions& options) {
  CLI::App* port = app.add_subcommand("port", "beside a BEAM, started by the application supervisorring: it talks over standard input and output");
  port->add_option("--workers", options.workers, "shared object with C++ children; may be repeated")->take_all()->allow_extra_args(false);
  port->add_option("--threads", options.threads, "threads for C++ children (default: one less than there are processors)")->check(CLI::Range(1, 1024));
  add_migrate_timeout(*port, options.migrate_timeout);
  add_leave_timeout(*port, options.leave_timeout);
  add_forget_names(*port, options.forget_names_after);
  add_max_concurrent_starts(*port, options.max_concurrent_starts);
  add_partitions(*port, options.quorum);
  port->add_option("--log-level", options.log_level, "debug, info, notice, warning or error (default: info)")->check(CLI::IsMember({"debug", "info", "notice", "warning", "error"}));
  return port;
}

CLI::App* add_place(CLI::App& app, PlaceOptions& options) {
  CLI::App* place = app.add_subcommand("place", "read Erlang terms, one a line, print which member owns each");
  place->add_option("--members", options.members, "the up members: a@h,b@h")->required();
  place->add_option("--otp", options.otp, "placement format: 25 or 26")->check(CLI::IsMember({25, 26}))->required();
  place->add_option("--supervisor", options.supervisor, "terms are ids of this supervisor's children; otherwise whole keys");
  return place;
}

struct ExplainOptions {
  AdminOptions node;
  std::string supervisor, id;
  bool as_term = false;
};

CLI::App* add_explain(CLI::App& app, ExplainOptions& options) {
  CLI::App* explain = app.add_subcommand("explain", "say why a child is where it is: its place on the ring, its owner, what is pending");
  add_admin_flags(*explain, options.node);
  explain->add_flag("--term", options.as_term, "print the Erlang term instead");
  explain->add_option("Sup", options.supervisor, "the supervisor, an Erlang atom: 'Elixir.MySup'")->required();
  explain->add_option("Id", options.id, "the child's id, an Erlang term")->required();
  return explain;
}

struct PlanOptions {
  AdminOptions node;
  std::vector<std::string> without, with;
  bool as_term = false;
};

CLI::App* add_plan(CLI::App& app, PlanOptions& options) {
  CLI::App* plan = app.add_subcommand("plan", "say what would move if the ring changed; nothing is done");
  add_admin_flags(*plan, options.node);
  plan->add_flag("--term", options.as_term, "print the Erlang term instead");
  plan->add_option("--without", options.without, "an up member that would be gone; may be repeated")->take_all()->allow_extra_args(false);
  plan->add_option("--with", options.with, "a node that would come up; may be repeated")->take_all()->allow_extra_args(false);
  return plan;
}

CLI::App* add_drain(CLI::App& app, AdminOptions& options, DrainOptions& how) {
  CLI::App* drain = app.add_subcommand("drain", "have a node hand its children over and own none; it stays up. Until uncordon, or its next start");
  add_admin_flags(*drain, options);
  drain->add_option("--rate", how.rate, "at most so many moves a second (default: no limit)")->check(CLI::Range(1, 1'000'000));
  drain->add_option("--wait", how.wait, "wait so long until no child runs there (default: do not wait)")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, int>{{"ms", 1}, {"s", 1000}}, CLI::AsNumberWithUnit::UNIT_REQUIRED));
  return drain;
}

int main_with(int argc, char** argv) {
  CLI::App app{"A C++ node of an Erlang cluster: joins the ring, runs its share of the children.", "ringnode"};
  app.set_version_flag("--version", kVersionText);
  app.require_subcommand(1);
  app.failure_message([](const CLI::App* failed, const CLI::Error& error) {
    return failed->get_name() + ": " + error.what() + " (see " + failed->get_name() + " --help)\n";
  });

  RunOptions run_options;
  PortOptions port_options;
  PlaceOptions place_options;
  AdminOptions status_options;
  AdminOptions leave_options;
  ExplainOptions explain_options;
  PlanOptions plan_options;
  bool as_term = false;
  LeaveOptions leave_how;
  const CLI::App* run_command = add_run(app, run_options);
  const CLI::App* port_command = add_port(app, port_options);
  const CLI::App* place_command = add_place(app, place_options);
  CLI::App* status_command = app.add_subcommand("status", "print what a running node sees: members, children, moves");
  add_admin_flags(*status_command, status_options);
  status_command->add_flag("--term", as_term, "print the Erlang term instead");
  const CLI::App* explain_command = add_explain(app, explain_options);
  const CLI::App* plan_command = add_plan(app, plan_options);
  CLI::App* leave_command = app.add_subcommand("leave", "ask a running node to hand its children over, leave and end");
  add_admin_flags(*leave_command, leave_options);
  leave_command->add_flag("--forget", leave_how.forget, "leave for good: out of the ring's members, ring file deleted");
  CLI::Option* const leave_timeout = add_leave_timeout(*leave_command, leave_how.timeout);
  CLI::Option* const wait = leave_command->add_option("--wait", leave_how.wait, "how long to wait for its end (default: 60s, with --leave-timeout that and 10s more)")
      ->transform(CLI::AsNumberWithUnit(std::map<std::string, int>{{"ms", 1}, {"s", 1000}}));

  AdminOptions drain_options, cordon_options, uncordon_options;
  DrainOptions drain_how;
  const CLI::App* drain_command = add_drain(app, drain_options, drain_how);
  CLI::App* cordon_command = app.add_subcommand("cordon", "have a node keep the children it has and get no new ones. Until uncordon, or its next start");
  add_admin_flags(*cordon_command, cordon_options);
  CLI::App* uncordon_command = app.add_subcommand("uncordon", "have a drained or cordoned node own children again");
  add_admin_flags(*uncordon_command, uncordon_options);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? to_int(ExitStatus::ok) : to_int(ExitStatus::usage);
  }
  if (*run_command) return to_int(run(std::move(run_options)));
  if (*port_command) return to_int(run_port(port_options));
  if (*place_command) return to_int(place(place_options, std::cin, std::cout, std::cerr));
  if (*status_command) return to_int(print_status(status_options, as_term, std::cout, std::cerr));
  if (*explain_command) return to_int(explain(explain_options.node, explain_options.supervisor, explain_options.id, explain_options.as_term, std::cout, std::cerr));
  if (*plan_command) return to_int(plan(plan_options.node, plan_options.without, plan_options.with, plan_options.as_term, std::cout, std::cerr));
  if (*drain_command) return to_int(drain(drain_options, drain_how, std::cout, std::cerr));
  if (*cordon_command) return to_int(cordon(cordon_options, std::cout, std::cerr));
  if (*uncordon_command) return to_int(uncordon(uncordon_options, std::cout, std::cerr));
  if (leave_timeout->count() > 0) leave_how.limited = true;
  if (leave_how.limited && wait->count() == 0) leave_how.wait = leave_how.timeout + std::chrono::seconds(10);
  return to_int(leave(leave_options, leave_how, std::cout, std::cerr));
}

}  // namespace
}  // namespace supervisorring

int main(int argc, char** argv) {
  // The C library raises the first limit to the size of each large block that is freed, and then keeps what is freed below it for itself: a burst
  // of large messages would leave the program twice as large as its limits say. The others are those it would have by then: a heap that
  // grows and shrinks in small steps costs a tenth of the time in which thousands of children start.
  ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
  ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
  ::mallopt(M_TOP_PAD, 1 << 20);
  return supervisorring::main_with(argc, argv);
}
