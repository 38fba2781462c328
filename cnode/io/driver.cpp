#include "io/driver.h"

#include <sys/prctl.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "io/baton.h"
#include "io/listener.h"
#include "io/port_stream.h"
#include "io/tcp_connection.h"

namespace supervisorring {
namespace {

thread_local bool running_a_child = false;  // this thread, by run_quick_children()

}  // namespace

struct Driver::Impl final : TcpConnection::Owner {
  // Something worth doing as long as it paid lately; tried again every so often when it did not.
  class Habit {
   public:
    bool now() { return credit_ > 0 || ++refusals_ % io_limits::kTryEvery == 0; }
    void it_did() { credit_ = std::min(credit_ + 2, io_limits::kMostCredit); }
    void it_did_not() { credit_ = std::max(credit_ - 1, 0); }

   private:
    int credit_ = 0;
    unsigned refusals_ = 0;
  };

  explicit Impl(DriverOptions given)
      : options(std::move(given)),
        work(io.get_executor()),
        listener(io, [this](tcp::socket socket) { accepted(std::move(socket)); }, [this](const std::string& text) { options.log(LogLevel::warning, text); }),
        timer(io),
        signals(io),
        buffer(io_limits::kReadBuffer) {}

  // Asio handlers own connections, which refer to this object: they go first.
  ~Impl() override {
    for (auto& [id, connection] : connections) connection->abort();
  }

  // ---- the loop ---------------------------------------------------------------------------------
  int run(Node& the_node, DataDirectory* the_files, ThreadWorkerPool* the_pool);
  Baton::Loop loop();
  void run_batch(bool may_block);
  bool look_at_busy();
  void gather_more();
  void read_busy();
  void note_busy(ConnectionId);
  bool run_quick_children();
  void wake_workers();  // any thread
  void finish();
  void arm_timer(std::optional<Instant> next);
  void wait_signal(const std::function<void(int)>& handle);

  // ---- effects ----------------------------------------------------------------------------------
  void flush();
  void perform(OpenConnection&);
  void perform(SendBytes&);
  void perform(CloseConnection&);
  void perform(PauseReading&);
  void perform(PersistFile&);
  void perform(RemoveFile&);
  void perform(LogLine&);
  void perform(HaltNode&);
  std::shared_ptr<TcpConnection> find(ConnectionId) const;
  void slow_disk(const std::string& name, Instant since);

  // ---- inputs -----------------------------------------------------------------------------------
  void accepted(tcp::socket);
  std::span<char> read_buffer() override { return buffer; }
  void opened(ConnectionId) override;
  void received(ConnectionId, BytesView) override;
  void written(ConnectionId, std::size_t count) override;
  void failed(ConnectionId, const std::string& why) override;
  void closed(ConnectionId) override;

  DriverOptions options;
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work;
  Listener listener;
  asio::steady_timer timer;
  asio::signal_set signals;
  std::vector<char> buffer;

  Node* node = nullptr;
  DataDirectory* files = nullptr;
  ThreadWorkerPool* pool = nullptr;
  Baton baton;
  bool started = false;
  std::unordered_map<ConnectionId, std::shared_ptr<TcpConnection>> connections;
  std::optional<PortStream> port;  // drop-in
  Bytes port_came;                 // read before the node ran
  std::unordered_set<ConnectionId> opening;  // asked for by the node, not yet open
  std::vector<std::shared_ptr<TcpConnection>> unwritten;  // have queued bytes of this step
  ConnectionId next_accepted = 2;
  std::size_t batch_bytes = 0;
  std::vector<std::shared_ptr<TcpConnection>> busy;  // brought something in this batch or the one before
  unsigned looks = 0;
  Habit looking_pays, gathering_pays;
  std::optional<Instant> armed;
  bool refused = false;  // said that the limit of connections is reached
  bool halting = false;
  int status = 0;
  std::atomic<bool> wake_pending{false};
};

// ---- the loop -------------------------------------------------------------------------------------

int Driver::Impl::run(Node& the_node, DataDirectory* the_files, ThreadWorkerPool* the_pool) {
  node = &the_node;
  files = the_files;
  pool = the_pool;
  if (pool != nullptr) pool->keep_quick();
  if (port) port->start(); else listener.start();
  baton.run([this] { return loop(); });
  return status;
}

Baton::Loop Driver::Impl::loop() {
  ::prctl(PR_SET_TIMERSLACK, io_limits::kTimerSlack);  // of this thread: gather_more() pauses for less than the usual slack
  if (!std::exchange(started, true)) {
    node->start(now());
    if (!port_came.empty()) node->port_received(std::exchange(port_came, {}), now());
    flush();
  }
  while (!halting) {
    const auto next = node->next_timeout();
    const bool due = next && *next <= now().now;
    if (due) {
      node->timeout(now());
    } else {
      arm_timer(next);
    }
    if (pool != nullptr) pool->hand_over();
    run_batch(!due);
    if (pool != nullptr) pool->hand_over();
    if (!run_quick_children()) return Baton::Loop::lost;
    flush();
  }
  finish();
  return Baton::Loop::done;
}

// Runs the turns of quick children, and what they want done, for a limited time; what is left then goes to the pool's threads.
// False: one of them did not return in time, and another thread runs the loop.
bool Driver::Impl::run_quick_children() {
  if (pool == nullptr) return true;
  auto strand = pool->take_quick();
  if (strand == nullptr) return true;
  auto time = std::chrono::steady_clock::now();
  const auto until = time + io_limits::kQuickTurns;
  while (strand != nullptr && time < until) {
    for (; strand != nullptr && time < until; strand = pool->take_quick()) {
      const Baton::Ticket ticket = baton.lend();
      running_a_child = true;
      time = pool->run_quick(std::move(strand), time);
      running_a_child = false;
      if (!baton.reclaim(ticket)) {
        wake_workers();
        return false;
      }
    }
    node->workers_ready(now());
    if (strand == nullptr) strand = pool->take_quick();
  }
  if (strand != nullptr) pool->schedule(std::move(strand));
  pool->give_up_quick();
  return true;
}

// Runs what is ready, waiting for the first when it may block.
void Driver::Impl::run_batch(bool may_block) {
  batch_bytes = 0;
  if (!may_block || !look_at_busy()) {
    busy.clear();
    int handlers = may_block ? static_cast<int>(io.run_one()) : 0;
    while (handlers < io_limits::kHandlersPerBatch && io.poll_one() > 0) ++handlers;
  }
  if (batch_bytes >= io_limits::kBulk) {
    busy.clear();
    std::this_thread::yield();
  } else if (batch_bytes > 0) {
    gather_more();
  }
}

// Connections that brought something a moment ago are read without asking the io_context, which costs three system calls and a sleep
// more, and for some looks before the thread sleeps; every so often all others get their turn. True: a batch has been read.
bool Driver::Impl::look_at_busy() {
  if (busy.empty() || ++looks % io_limits::kAllEvery == 0) return false;
  if (!looking_pays.now()) return false;
  for (int look = 0; look < io_limits::kLooksBeforeSleep && !wake_pending.load(std::memory_order_relaxed); ++look) {
    read_busy();
    if (batch_bytes > 0) {
      looking_pays.it_did();
      return true;
    }
    std::this_thread::yield();
  }
  looking_pays.it_did_not();
  return false;
}

// Many callers send many small packets. A pause lets them gather, so that they are read at once and their answers share one write: the
// longer, the more there was already; none for what a single caller sends, and none where nothing came in the last ones.
void Driver::Impl::gather_more() {
  if (batch_bytes < io_limits::kGatherFrom || !gathering_pays.now()) return;
  const std::size_t before = batch_bytes;
  std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(io_limits::kGatherPerByte * static_cast<std::int64_t>(before), io_limits::kGatherAtMost));
  read_busy();
  if (batch_bytes >= before + before / 8) gathering_pays.it_did();
  else gathering_pays.it_did_not();
}

void Driver::Impl::read_busy() {
  for (std::size_t i = 0; i < busy.size(); ++i) {
    const auto connection = busy[i];  // reading may take it out of the list
    connection->read_now();
  }
}

void Driver::Impl::note_busy(ConnectionId id) {
  for (const auto& connection : busy)
    if (connection->id() == id) return;
  if (busy.size() == io_limits::kBusyConnections) return;
  if (auto connection = find(id)) busy.push_back(std::move(connection));
}

void Driver::Impl::finish() {
  listener.stop();
  signals.cancel();
  timer.cancel();
  const auto all = connections;
  for (const auto& [id, connection] : all) connection->close(io_limits::kHaltLinger);
  const auto deadline = std::chrono::steady_clock::now() + io_limits::kHaltLinger;
  while (!connections.empty() && std::chrono::steady_clock::now() < deadline) io.run_one_until(deadline);
  for (auto& [id, connection] : connections) connection->abort();
  connections.clear();
  if (port) port->drain(deadline);
}

void Driver::Impl::wake_workers() {
  if (wake_pending.exchange(true)) return;
  asio::post(io, [this] {
    wake_pending.store(false);
    if (node != nullptr && !halting) node->workers_ready(now());
  });
}

void Driver::Impl::arm_timer(std::optional<Instant> next) {
  if (!next || (armed && *armed <= *next)) return;  // one that fires early only asks again
  armed = next;
  timer.expires_at(*next);
  timer.async_wait([this](const error_code& error) { if (!error) armed.reset(); });
}

void Driver::Impl::wait_signal(const std::function<void(int)>& handle) {
  signals.async_wait([this, handle](const error_code& error, int signal) {
    if (error) return;
    wait_signal(handle);
    handle(signal);
  });
}

// ---- effects --------------------------------------------------------------------------------------

void Driver::Impl::flush() {
  for (Effects effects = node->take_effects(); !effects.empty() && !halting; effects = node->take_effects()) {
    for (Effect& effect : effects) {
      std::visit([this](auto& one) { perform(one); }, effect);
      if (halting) break;
    }
    for (const auto& connection : std::exchange(unwritten, {})) connection->flush();
  }
}

std::shared_ptr<TcpConnection> Driver::Impl::find(ConnectionId id) const {
  const auto found = connections.find(id);
  return found == connections.end() ? nullptr : found->second;
}

void Driver::Impl::perform(OpenConnection& effect) {
  const auto connection = std::make_shared<TcpConnection>(*this, io, effect.id);
  connections.emplace(effect.id, connection);
  opening.insert(effect.id);
  connection->open(effect.host, effect.port);
}

void Driver::Impl::perform(SendBytes& effect) {
  if (effect.id == kPortConnection && port) return port->write(std::move(effect.bytes));
  const auto connection = find(effect.id);
  if (!connection) return;  // has gone; the node is told or knows
  connection->queue(std::move(effect.bytes));
  unwritten.push_back(connection);
}

void Driver::Impl::perform(CloseConnection& effect) {
  if (const auto connection = find(effect.id)) connection->close(io_limits::kLinger);
}

void Driver::Impl::perform(PauseReading& effect) {
  if (effect.id == kPortConnection && port) return port->pause(effect.paused);
  if (const auto connection = find(effect.id)) connection->pause(effect.paused);
}

void Driver::Impl::perform(PersistFile& effect) {
  if (files == nullptr) return;
  const Instant since = now().now;
  const auto same = files->look_again();
  if (same && !*same) node->data_directory_changed(now());
  if (const auto error = same ? files->write(effect.name, effect.content) : std::optional(Error{same.error()})) node->file_failed(effect.name, *error, now());
  else node->file_written(effect.name, now());
  slow_disk(effect.name, since);
}

void Driver::Impl::perform(RemoveFile& effect) {
  if (files == nullptr) return;
  const Instant since = now().now;
  if (const auto error = files->remove(effect.name)) node->file_failed(effect.name, *error, now());
  slow_disk(effect.name, since);
}

void Driver::Impl::slow_disk(const std::string& name, Instant since) {
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(now().now - since);
  if (took > io_limits::kSlowDisk) options.log(LogLevel::warning, "writing " + name + " took " + std::to_string(took.count()) + " ms");
}

void Driver::Impl::perform(LogLine& effect) { options.log(effect.level, effect.text); }

void Driver::Impl::perform(HaltNode& effect) {
  halting = true;
  status = effect.status;
  options.log(status == 0 ? LogLevel::notice : LogLevel::error, "halting with status " + std::to_string(status) + ": " + effect.why);
}

// ---- inputs ---------------------------------------------------------------------------------------

void Driver::Impl::accepted(tcp::socket socket) {
  if (connections.size() >= options.max_connections) {
    if (!std::exchange(refused, true))
      options.log(LogLevel::warning, "refusing connections: " + std::to_string(connections.size()) + " are open, which is the limit");
    return;  // closes it
  }
  refused = false;
  error_code error;
  const auto peer = socket.remote_endpoint(error);
  if (error) return;  // has gone already
  const ConnectionId id = std::exchange(next_accepted, next_accepted + 2);
  const auto connection = std::make_shared<TcpConnection>(*this, std::move(socket), id);
  connections.emplace(id, connection);
  node->connection_accepted(id, peer.address().to_string() + ":" + std::to_string(peer.port()), now());
  connection->start();
}

void Driver::Impl::opened(ConnectionId id) {
  opening.erase(id);
  node->connection_opened(id, now());
}

void Driver::Impl::received(ConnectionId id, BytesView bytes) {
  batch_bytes += bytes.size();
  note_busy(id);
  node->bytes_received(id, bytes, now());
}

void Driver::Impl::written(ConnectionId id, std::size_t count) { node->bytes_written(id, count, now()); }

void Driver::Impl::failed(ConnectionId id, const std::string& why) {
  std::erase_if(busy, [id](const auto& connection) { return connection->id() == id; });
  connections.erase(id);
  if (halting) return;
  if (opening.erase(id) > 0) return node->connection_failed(id, Error{why}, now());
  node->connection_closed(id, why, now());
}

void Driver::Impl::closed(ConnectionId id) {
  connections.erase(id);
  opening.erase(id);
}

// ---- the outside ------------------------------------------------------------------------------------

Driver::Driver(DriverOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Driver::~Driver() = default;

Result<std::uint16_t> Driver::listen(const std::string& address, std::uint16_t port) { return impl_->listener.listen(address, port); }

void Driver::use_port(int in, int out, Bytes came, std::function<void(const std::string&)> closed) {
  const auto received = [impl = impl_.get()](BytesView bytes) {
    impl->batch_bytes += bytes.size();
    impl->node->port_received(bytes, now());
  };
  impl_->port.emplace(impl_->io, in, out, std::span<char>(impl_->buffer), PortStream::Handlers{received, std::move(closed)});
  impl_->port_came = std::move(came);
}

void Driver::on_signal(std::function<void(int)> handle) {
  std::signal(SIGPIPE, SIG_IGN);
  impl_->signals.add(SIGTERM);
  impl_->signals.add(SIGINT);
  impl_->wait_signal(handle);
}

int Driver::run(Node& node, DataDirectory* files, ThreadWorkerPool* pool) { return impl_->run(node, files, pool); }
bool Driver::wait_for_children(std::chrono::milliseconds grace) { return impl_->baton.wait_for_lost(grace); }

void Driver::post(std::function<void()> work) {
  asio::post(impl_->io, [impl = impl_.get(), work = std::move(work)] { if (!impl->halting) work(); });
}

// What a child does that run_quick_children() runs is performed there.
void Driver::wake_workers() {
  if (!running_a_child) impl_->wake_workers();
}

void Driver::stop(int status, const std::string& why) {
  post([impl = impl_.get(), status, why] {
    HaltNode halt{status, why};
    impl->perform(halt);
  });
}

Time Driver::now() {
  const auto wall = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::steady_clock::now(), std::chrono::duration_cast<std::chrono::microseconds>(wall)};
}

}  // namespace supervisorring
