// Children that do what a well-meaning one does not: what OTP says of their starts and ends is the suites' question.
//
// Built by ring_cluster:worker/1 as a user builds a worker: a compiler, the public headers, nothing else.
#include <chrono>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "supervisorring/factory.h"

using namespace supervisorring;

// Starts as its argument says: {stop, Reason}, ignore, {throw, Text}, {exit, Reason}, or
// {file, Path}: as the term in that file says, so that it can change while the program runs. Else it runs.
class odd_start : public gen_server {
 public:
  InitResult init(const Term& argument) override {
    if (argument.is_tagged("file", 2)) return start_as(read(argument[1].as_text().value_or("")));
    return start_as(argument);
  }
  CallReaction handle_call(const Term& request, const From& from) override {
    if (request.is_atom("get")) return reply(integer(0));
    return gen_server::handle_call(request, from);
  }

 private:
  static Term read(const std::string& path) {
    std::ifstream file(path);
    const auto term = parse_term(std::string(std::istreambuf_iterator<char>(file), {}));
    return term ? *term : tuple(atom("stop"), atom("unreadable"));
  }
  static InitResult start_as(const Term& how) {
    if (how.is_atom("ignore")) return ignore();
    if (how.is_tagged("stop", 2)) return stop(how[1]);
    if (how.is_tagged("throw", 2)) throw std::runtime_error(how[1].as_text().value_or("?"));
    if (how.is_tagged("exit", 2)) throw Exit{how[1]};
    return ok();
  }
};

// Watches other processes, and tells what it was told: gen_server:call(Pid, told).
class watcher : public gen_server {
 public:
  CallReaction handle_call(const Term& request, const From& from) override {
    if (request.is_tagged("monitor", 2)) return reply(monitor(request[1]));
    if (request.is_tagged("link", 2)) return trap_exit(true), link(request[1]), reply(atom("ok"));
    if (request.is_atom("told")) return reply(Term::list(told_));
    return gen_server::handle_call(request, from);
  }
  Reaction handle_info(const Term& message) override {
    told_.push_back(message);
    return noreply();
  }

 private:
  std::vector<Term> told_;
};

// Does not return from a callback while there is a file of that name: {stay, Path}. Makes another one, Path.begun, when it begins.
class stubborn : public gen_server {
 public:
  CallReaction handle_call(const Term& request, const From& from) override {
    if (request.is_atom("get")) return reply(integer(0));
    return gen_server::handle_call(request, from);
  }
  Reaction handle_cast(const Term& request) override {
    if (!request.is_tagged("stay", 2)) return noreply();
    const std::string path = request[1].as_text().value_or("");
    std::ofstream(path + ".begun") << "begun";
    while (std::ifstream(path)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return noreply();
  }
};

// What strategy_child.erl does on a BEAM: {child, Id, Witness} tells Witness of its start and its end; {child, Id, Witness, {file, Path}} does not start
// while there is such a file.
class strategy_native : public gen_server {
 public:
  InitResult init(const Term& argument) override {
    trap_exit(true);
    id_ = argument[1], witness_ = argument[2];
    if (argument.is_tuple(4) && argument[3].is_tagged("file", 2) && std::ifstream(argument[3][1].as_text().value_or(""))) {
      tell(tuple(atom("refused"), id_));
      return stop(atom("refused"));
    }
    tell(tuple(atom("started"), id_));
    return ok();
  }
  CallReaction handle_call(const Term& request, const From&) override { return stop(request[1], atom("ok")); }
  void terminate(const Term& reason) override { tell(tuple(atom("ended"), id_, reason)); }

 private:
  void tell(Term what) { send(witness_, tuple(atom("saw"), std::move(what))); }
  Term id_, witness_;
};

SUPERVISORRING_WORKERS(registry) {
  registry.add<strategy_native>("strategy_native");
  registry.add<odd_start>("odd_start");
  registry.add<watcher>("watcher");
  registry.add<stubborn>("stubborn");
}
