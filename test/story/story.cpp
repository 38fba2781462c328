#include "story.h"

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "dist/control.h"
#include "sim_cluster.h"

namespace supervisorring::sim {
namespace {

constexpr std::size_t kWidth = 110;  // of a printed message

[[noreturn]] void fail(const std::string& line, const char* expected) {
  std::fprintf(stderr, "story: %s: expected %s\n", line.c_str(), expected);
  std::abort();
}

std::string short_name(const std::string& node) { return node.substr(0, node.find('@')); }

class Teller {
 public:
  std::string tell(const std::string& story);

 private:
  void command(const std::string& line);
  void begin(std::uint64_t seed);
  void show();
  void increment(std::istringstream& words);

  void note(const std::string& node, const Effect& effect);
  void note(const std::string& node, const SendBytes& effect);
  void write(const std::string& node, const std::string& text);
  std::string describe(BytesView frame) const;

  std::unique_ptr<SimCluster> cluster_;
  std::string out_;
  bool quiet_ = false;
};

std::string Teller::tell(const std::string& story) {
  std::istringstream lines(story);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("    ")) continue;  // the trace of an earlier run
    out_ += line + "\n";
    if (line.starts_with("> ")) command(line.substr(2));
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
  words >> a >> b >> c;
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

// For each member: who it counts up, and the counters that it owns with their counts, as it sees them itself.
void Teller::show() {
  const bool was_quiet = std::exchange(quiet_, true);
  for (const std::string& name : cluster_->running()) {
    std::string line = "    " + short_name(name) + " up:";
    for (const std::string& member : cluster_->up(name)) line += " " + short_name(member);
    line += " | owns:";
    for (const std::string& id : cluster_->ids()) {
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
  const auto now = std::chrono::duration_cast<std::chrono::microseconds>(cluster_->network().time().now.time_since_epoch()).count();
  char stamp[40];
  std::snprintf(stamp, sizeof stamp, "    %3lld.%06lld ", static_cast<long long>(now / 1'000'000), static_cast<long long>(now % 1'000'000));
  out_ += stamp + short_name(node) + " " + text + "\n";
}

void Teller::note(const std::string& node, const Effect& effect) {
  if (const auto* log = std::get_if<LogLine>(&effect)) {
    if (log->level >= LogLevel::info) write(node, "log: " + log->text);
  } else if (const auto* halt = std::get_if<HaltNode>(&effect)) {
    write(node, "halts: " + std::to_string(halt->status) + " " + halt->why);
  } else if (quiet_) {
    return;
  } else if (const auto* bytes = std::get_if<SendBytes>(&effect)) {
    note(node, *bytes);
  } else if (const auto* open = std::get_if<OpenConnection>(&effect)) {
    write(node, "opens a connection to " + open->host + " port " + std::to_string(open->port));
  } else if (const auto* close = std::get_if<CloseConnection>(&effect)) {
    write(node, "closes its connection to " + short_name(cluster_->network().peer_of(node, close->id)));
  } else if (const auto* file = std::get_if<PersistFile>(&effect)) {
    write(node, "writes " + file->name + ", " + std::to_string(file->content.size()) + " bytes");
  } else if (const auto* removed = std::get_if<RemoveFile>(&effect)) {
    write(node, "removes " + removed->name);
  }
}

void Teller::note(const std::string& node, const SendBytes& effect) {
  const std::string to = short_name(cluster_->network().peer_of(node, effect.id));
  BytesView rest = effect.bytes;
  while (rest.size() >= 4) {
    std::uint32_t length = 0;
    for (int i = 0; i < 4; ++i) length = length << 8 | static_cast<unsigned char>(rest[static_cast<std::size_t>(i)]);
    if (length == 0) {
      write(node, "-> " + to + " tick");
    } else if (length > rest.size() - 4 || rest[4] != 'p') {
      break;
    } else {
      write(node, "-> " + to + " " + describe(rest.substr(4, length)));
    }
    rest.remove_prefix(4 + length);
  }
  if (!rest.empty()) write(node, "-> " + to + " " + std::to_string(rest.size()) + " bytes of epmd or handshake");
}

std::string Teller::describe(BytesView frame) const {
  const auto message = decode_control(frame);
  if (!message) return "a frame that is none: " + message.error();
  std::string text = name_of(*message);
  if (const auto* send = std::get_if<Send>(&*message)) return text + " " + to_text(send->message, kWidth);
  if (const auto* send = std::get_if<RegSend>(&*message)) return text + " " + to_text(send->to_name) + " " + to_text(send->message, kWidth);
  if (const auto* send = std::get_if<AliasSend>(&*message)) return text + " " + to_text(send->message, kWidth);
  if (const auto* exit = std::get_if<MonitorPExit>(&*message)) return text + " " + to_text(exit->from) + " " + to_text(exit->reason, kWidth);
  if (const auto* monitor = std::get_if<MonitorP>(&*message)) return text + " " + to_text(monitor->target);
  if (const auto* spawn = std::get_if<SpawnRequest>(&*message)) return text + " " + to_text(spawn->arguments, kWidth);
  return text;
}

}  // namespace

std::string tell(const std::string& story) { return Teller().tell(story); }

}  // namespace supervisorring::sim
