#include "story.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "describe.h"
#include "sim_cluster.h"

namespace supervisorring::sim {
namespace {

[[noreturn]] void fail(const std::string& line, const char* expected) {
  std::fprintf(stderr, "story: %s: expected %s\n", line.c_str(), expected);
  std::abort();
}

class Teller {
 public:
  std::string tell(const std::string& story);

 private:
  void command(const std::string& line);
  void begin(std::uint64_t seed);
  void show();
  void increment(std::istringstream& words);
  void name(std::istringstream& words, bool add);
  void until(std::istringstream& words, const std::string& line);
  void copies();
  void break_child(std::istringstream& words);
  void onnode(std::istringstream& words);

  void note(const std::string& node, const Effect& effect);
  void write(const std::string& node, const std::string& text);

  std::unique_ptr<SimCluster> cluster_;
  std::set<std::string> named_;  // ever
  std::string awaited_node_, awaited_text_;  // of until; empty when it was seen
  std::string out_;
  bool quiet_ = false;
};

std::string Teller::tell(const std::string& story) {
  std::istringstream lines(story);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("    ")) continue;  // the trace of an earlier run
    out_ += line + "\n";
    if (line.starts_with("> ")) command(line.substr(2));
    else if (!line.empty() && !line.starts_with("#")) fail(line, "prose (#), a command (>) or a trace");  // a merge's marks were taken for prose once
  }
  quiet_ = true;
  cluster_.reset();
  return std::move(out_);
}

void Teller::begin(std::uint64_t seed) {
  cluster_ = std::make_unique<SimCluster>(SimClusterOptions{.seed = seed});
  cluster_->network().on_effect([this](const std::string& node, const Effect& effect) { note(node, effect); });
}

void Teller::command(const std::string& line) {
  std::istringstream words(line);
  std::string verb, a, b, c;
  words >> verb;
  if (verb == "seed") {
    std::uint64_t seed = 0;
    words >> seed;
    return begin(seed);
  }
  if (!cluster_) begin(1);
  if (verb == "increment") return increment(words);
  if (verb == "until") return until(words, line);
  if (verb == "break") return break_child(words);
  if (verb == "onnode") return onnode(words);
  if (verb == "copies") return copies();
  if (verb == "name" || verb == "unname") return name(words, verb == "name");
  words >> a >> b >> c;
  if (verb == "start_otp") {
    words >> verb;  // b is the name, c `join`
    SimCluster::Starting how;
    how.format = a == "26" ? HashFormat::minor_version_2 : HashFormat::minor_version_1;
    how.force = true;
    return cluster_->start(b, verb, how);
  }
  if (verb == "start") return cluster_->start(a, b == "join" ? c : "");
  if (verb == "crash") return cluster_->crash(a);
  if (verb == "leave") return cluster_->leave(a);
  if (verb == "cut") return cluster_->network().cut(a, b);
  if (verb == "heal") return cluster_->network().heal(a, b);
  if (verb == "advance") return cluster_->advance(std::chrono::milliseconds(std::stoll(a)));
  if (verb == "quiet") return void(quiet_ = true);
  if (verb == "trace") return void(quiet_ = false);
  if (verb == "show") return show();
  fail(line, "a command of story.h");
}

void Teller::increment(std::istringstream& words) {
  const bool was_quiet = std::exchange(quiet_, true);
  std::string from, answers;
  words >> from;
  for (std::string id; words >> id;) {
    const auto count = cluster_->increment(from, id);
    answers += " " + id + "=" + (count ? std::to_string(*count) : "?");
  }
  quiet_ = was_quiet;
  out_ += "    " + answers.substr(answers.empty() ? 0 : 1) + "\n";
}

// In steps that are shorter than any message takes.
void Teller::until(std::istringstream& words, const std::string& line) {
  constexpr int kSteps = 600'000;  // a minute
  words >> awaited_node_ >> std::ws;
  std::getline(words, awaited_text_);
  for (int step = 0; !awaited_text_.empty(); ++step) {
    if (step == kSteps) fail(line, "that to happen within a minute");
    cluster_->advance(std::chrono::microseconds(100));
  }
}

void Teller::copies() {
  for (const std::string& name : cluster_->running()) {
    std::string line = "    " + short_name(name) + ":";
    for (const std::string& id : cluster_->copies(name)) line += " " + id;
    out_ += line + "\n";
  }
}

void Teller::break_child(std::istringstream& words) {
  std::string from, id;
  int times = 0;
  words >> from >> id >> times;
  for (int i = 0; i < times; ++i) {
    const bool was_quiet = std::exchange(quiet_, true);
    cluster_->crash_child(from, id);
    quiet_ = was_quiet;
    cluster_->advance(std::chrono::milliseconds(10));
  }
}

void Teller::onnode(std::istringstream& words) {
  std::string from, id;
  words >> from >> id;
  const auto answer = cluster_->onnode(from, id);
  out_ += "    " + id + ": " + (answer ? to_text(*answer) : "no answer") + "\n";
}

void Teller::name(std::istringstream& words, bool add) {
  for (std::string id; words >> id;) {
    if (add) cluster_->name(id), named_.insert(id);
    else cluster_->unname(id);
  }
}

// For each member: who it counts up, and the counters that it owns with their counts, as it sees them itself.
void Teller::show() {
  const bool was_quiet = std::exchange(quiet_, true);
  for (const std::string& name : cluster_->running()) {
    std::string line = "    " + short_name(name) + " up:";
    for (const std::string& member : cluster_->up(name)) line += " " + short_name(member);
    line += " | owns:";
    std::vector<std::string> ids = cluster_->ids();
    ids.insert(ids.end(), named_.begin(), named_.end());
    for (const std::string& id : ids) {
      if (cluster_->owner(name, id) != name) continue;
      const auto count = cluster_->count(name, id);
      line += " " + id + "=" + (count ? std::to_string(*count) : "?");
    }
    out_ += line + "\n";
  }
  quiet_ = was_quiet;
}

// ---- the trace ----------------------------------------------------------------------------------------------

void Teller::write(const std::string& node, const std::string& text) {
  out_ += "    " + stamp(cluster_->network().time().now) + " " + short_name(node) + " " + text + "\n";
}

void Teller::note(const std::string& node, const Effect& effect) {
  const bool always = std::holds_alternative<LogLine>(effect) || std::holds_alternative<HaltNode>(effect);
  const bool awaited = !awaited_text_.empty() && node == awaited_node_;
  if (quiet_ && !always && !awaited) return;
  for (const std::string& line : describe(cluster_->network(), node, effect)) {
    if (!quiet_ || always) write(node, line);
    if (awaited && line.find(awaited_text_) != std::string::npos) awaited_text_.clear();
  }
}

}  // namespace

std::string tell(const std::string& story) { return Teller().tell(story); }

}  // namespace supervisorring::sim
