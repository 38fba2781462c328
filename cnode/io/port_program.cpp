#include "io/port_program.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <random>
#include <thread>

#include "dist/frame.h"
#include "io/data_directory.h"
#include "io/driver.h"
#include "io/log.h"
#include "io/ring_files.h"
#include "io/shared_object.h"
#include "node/composition.h"
#include "node/port_attach.h"
#include "node/port_supervision.h"
#include "node/thread_worker_pool.h"
#include "supervisorring/external_format.h"
#include "supervisorring/version.h"

namespace supervisorring {
namespace {

constexpr std::chrono::milliseconds kPredecessorEnds{1000};  // a killed one may hold its data directory for some milliseconds

// Before the node runs: one frame of one order, written whole.
void write_order(const Term& order) {
  const Bytes body = external_form(list({order}));
  Bytes frame;
  for (int shift = 24; shift >= 0; shift -= 8) frame += static_cast<char>(body.size() >> shift & 0xff);
  frame += body;
  for (std::size_t done = 0; done < frame.size();) {
    const ssize_t count = ::write(STDOUT_FILENO, frame.data() + done, frame.size() - done);
    if (count < 0 && errno != EINTR) return;
    if (count > 0) done += static_cast<std::size_t>(count);
  }
}

ExitStatus refuse(ExitStatus status, const std::string& why) {
  write_order(tuple(atom("refused"), binary(why)));
  return status;
}

struct FirstInput {
  Term term;
  Bytes rest;  // what was read behind it
};

// nullopt: standard input ended.
Result<std::optional<FirstInput>> read_first_input() {
  FrameReader frames(kMaxFrame);
  std::vector<char> buffer(256 * 1024);
  Bytes all;
  for (;;) {
    const ssize_t count = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return std::optional<FirstInput>();
    const BytesView came(buffer.data(), static_cast<std::size_t>(count));
    frames.feed(came);
    all += came;
    BytesView body;
    const FrameStatus status = frames.next(body);
    if (status == FrameStatus::too_large) return Error{frames.error().text};
    if (status != FrameStatus::frame) continue;
    auto term = decode_whole(body);
    if (!term) return Error{"the first frame is no term: " + term.error()};
    return std::optional<FirstInput>(FirstInput{std::move(*term), all.substr(4 + body.size())});
  }
}

Result<DataDirectory> open_directory(const std::string& path, bool successor) {
  const auto deadline = std::chrono::steady_clock::now() + kPredecessorEnds;
  for (;;) {
    auto files = DataDirectory::open(path);
    if (files || !successor || std::chrono::steady_clock::now() >= deadline) return files;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

NodeConfig node_config(std::shared_ptr<const PortAttach> attach, LogLevel level) {
  NodeConfig config;
  std::random_device random;
  config.name = std::string(attach->node.atom_name());
  config.seed = static_cast<std::uint64_t>(random()) << 32 | random();
  // Pids and references of this program are no others' of this node: not of the BEAM, not of an earlier program.
  config.creation = 0x40000000u | static_cast<std::uint32_t>(attach->generation);
  if (config.creation == attach->nano_ring.creation()) config.creation ^= 0x20000000u;
  config.port = std::move(attach);
  config.port_log_level = level;
  return config;
}

MembershipConfig ring_config(const PortAttach& attach, KeptRing kept, std::uint64_t seed) {
  MembershipConfig ring;
  ring.self = attach.node;
  ring.join = attach.join;
  ring.ring_file = std::move(kept.ring);
  ring.facts = kept.facts;
  ring.format = hash_format_of_otp(attach.otp);
  ring.format_of_vm = true;
  ring.resume = kept_sets(attach);
  ring.seed = seed;
  return ring;
}

ExitStatus run_node(std::shared_ptr<const PortAttach> attach, const PortOptions& options, LogLevel level, const worker_registry& registry, Bytes rest) {
  const std::string path = attach->data_dir.value_or("data/" + std::string(attach->node.atom_name()));
  auto files = open_directory(path, attach->generation > 1);
  if (!files) return refuse(ExitStatus::data_dir, files.error());
  auto kept = read_ring_files(*files);
  if (!kept) return refuse(ExitStatus::data_dir, kept.error());
  Node* running = nullptr;
  Driver driver(DriverOptions{.log = [&](LogLevel of, const std::string& text) {
    if (running != nullptr) running->log(of, text);
  }});
  const unsigned processors = std::max(1u, std::thread::hardware_concurrency());
  ThreadWorkerPool pool(options.threads == 0 ? std::max(1u, processors - 1) : options.threads, [&] { driver.wake_workers(); });
  int status = 0;
  bool all_returned = true;
  {
    const NodeConfig config = node_config(attach, level);
    NativeRuntime runtime(pool);
    auto node = std::make_unique<Node>(config, &pool);
    running = node.get();
    node->order(tuple(atom("attached"), integer(kPortVersion), binary(kVersion), integer(::getpid())));
    for (const std::string& warning : kept->warnings) node->log(LogLevel::warning, warning);
    CompositionConfig composition_config;
    composition_config.ring = ring_config(*attach, std::move(*kept), config.seed + 1);
    if (options.forget_names_after.count() > 0) composition_config.ring.forget_after = options.forget_names_after;
    if (options.quorum) composition_config.ring.partitions = PartitionPolicy::quorum;
    composition_config.port = attach;
    composition_config.migrate_timeout = options.migrate_timeout;
    composition_config.leave_timeout = options.leave_timeout;
    composition_config.max_concurrent_starts = options.max_concurrent_starts;
    Composition composition(*node, registry, runtime, std::move(composition_config));
    driver.use_port(STDIN_FILENO, STDOUT_FILENO, std::move(rest), [](const std::string&) { std::_Exit(0); });
    status = driver.run(*node, &*files, &pool);
    running = nullptr;
    all_returned = pool.shut_down(std::chrono::milliseconds(100));
    all_returned = driver.wait_for_children(std::chrono::milliseconds(all_returned ? 100 : 0)) && all_returned;
    node.reset();
  }
  if (!all_returned) std::_Exit(status);  // a child's thread still uses what a normal end would destroy
  return static_cast<ExitStatus>(status);
}

}  // namespace

ExitStatus run_port(const PortOptions& options) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // also a program that is stopped does not outlive its BEAM
  // What a terminal or a service manager sends to all of a group is for the BEAM, which lets this program leave in order.
  for (const int each : {SIGPIPE, SIGINT, SIGTERM, SIGHUP}) std::signal(each, SIG_IGN);
  const auto level = parse_log_level(options.log_level);
  if (!level) return refuse(ExitStatus::usage, "log level '" + options.log_level + "': expected debug, info, notice, warning or error");
  worker_registry registry;
  for (const std::string& path : options.workers)
    if (const auto loaded = load_shared_object(path, registry); !loaded) return refuse(ExitStatus::workers, loaded.error());
  auto first = read_first_input();
  if (!first) return refuse(ExitStatus::usage, first.error());
  if (!*first) return ExitStatus::ok;
  auto attach = parse_port_attach((*first)->term);
  if (!attach) return refuse(ExitStatus::usage, attach.error());
  return run_node(std::make_shared<const PortAttach>(std::move(*attach)), options, *level, registry, std::move((*first)->rest));
}

}  // namespace supervisorring
