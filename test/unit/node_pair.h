// NodePair: two nodes (or more) on a SimNetwork, and processes on them that note what happens to them.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "sim_network.h"

namespace supervisorring {

// What a test sees of one process.
struct Notes {
  std::vector<std::string> mail;   // to_text of every message; "Ref" and pids as they print
  std::vector<Term> messages;
  std::string ended;               // the reason, once
  Term pid;
  int entered = 0;
};

// A process that notes its messages; the atom `stop` ends it normally, {stop, Reason} with Reason.
class NotingProcess : public Process {
 public:
  explicit NotingProcess(Notes& notes) : notes_(notes) {}
  void started(ProcessContext& context) override { notes_.pid = context.self(); }
  void handle_message(ProcessContext& context, const Term& message) override {
    EXPECT_EQ(++notes_.entered, 1) << "entered while it runs";
    if (auto found = jobs().find(message); found != jobs().end()) {
      const auto job = std::move(found->second);
      jobs().erase(found);
      job(context);
    } else if (message.is_tagged("$gen_call", 3) && message[2].is_tagged("echo", 2)) {
      context.reply(message[1], message[2][1]);
    } else if (message.is_atom("stop")) {
      context.exit(atom("normal"));
    } else if (message.is_tagged("stop", 2)) {
      context.exit(message[1]);
    } else {
      notes_.mail.push_back(to_text(message));
      notes_.messages.push_back(message);
    }
    --notes_.entered;
  }
  void ended(ProcessContext&, const Term& reason) override { notes_.ended += to_text(reason); }

  // Code that a test wants run in a process, by the message that stands for it.
  using Job = std::function<void(ProcessContext&)>;
  static std::map<Term, Job, bool (*)(const Term&, const Term&)>& jobs() {
    static std::map<Term, Job, bool (*)(const Term&, const Term&)> all([](const Term& a, const Term& b) { return compare(a, b) < 0; });
    return all;
  }

 private:
  Notes& notes_;
};

class NodePair : public testing::Test {
 protected:
  static constexpr const char* kA = "a@h1";
  static constexpr const char* kB = "b@h2";

  void SetUp() override {
    NotingProcess::jobs().clear();
    net.add_node(kA);
    net.add_node(kB);
    net.start(kA);
    net.start(kB);
    net.drive();
  }

  // A process on `node`, registered under `name` and noting under it.
  Notes& spawn(const std::string& node, const std::string& name, SpawnOptions options = {}) {
    Notes& own = notes[name];
    own = Notes();
    options.name = atom(name);
    net.run(node, [&](ProcessContext& context) { ASSERT_TRUE(context.spawn(std::make_unique<NotingProcess>(own), options)); });
    net.drive();
    return own;
  }
  // Runs `job` in the process `name` of `node`, and everything that follows.
  void as(const std::string& node, const std::string& name, NotingProcess::Job job) {
    begin_as(node, name, std::move(job));
    net.drive();
  }
  void begin_as(const std::string& node, const std::string& name, NotingProcess::Job job) {
    const Term token = tuple(atom("$job"), integer(++jobs_));
    NotingProcess::jobs()[token] = std::move(job);
    net.run(node, [&](ProcessContext& context) { context.send(atom(name), token); });
  }
  void send(const std::string& node, const Term& to, const Term& message) {
    net.run(node, [&](ProcessContext& context) { context.send(to, message); });
    net.drive();
  }
  // The result of a call from `node`, as text: "ok: Value" or "no: Reason"; "" when it has not ended.
  std::string call(const std::string& node, const Term& to, const Term& request) {
    std::string result;
    net.run(node, [&](ProcessContext& context) { context.call(to, request, {}, into(result)); });
    net.drive();
    return result;
  }
  std::string erpc(const std::string& node, const std::string& to, const char* module, const char* function,
                   std::vector<Term> arguments) {
    std::string result;
    net.run(node, [&](ProcessContext& context) {
      context.erpc(atom(to), atom(module), atom(function), std::move(arguments), std::chrono::seconds(5), into(result));
    });
    net.drive();
    return result;
  }
  static CallContinuation into(std::string& result) {
    return [&result](ProcessContext&, CallResult ended) { result += (ended.ok ? "ok: " : "no: ") + to_text(ended.value); };
  }
  static Term at(const char* name, const char* node) { return tuple(atom(name), atom(node)); }
  using Mail = std::vector<std::string>;

  sim::SimNetwork net;
  std::map<std::string, Notes> notes;

 private:
  int jobs_ = 0;
};

}  // namespace supervisorring
