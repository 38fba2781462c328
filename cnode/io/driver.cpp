#include "io/driver.h"

#include <atomic>
#include <csignal>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "io/listener.h"
#include "io/port_stream.h"
#include "io/tcp_connection.h"

namespace supervisorring {

struct Driver::Impl final : TcpConnection::Owner {
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
  int run(Node& the_node, const DataDirectory* the_files);
  void run_batch(bool may_block);
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
  const DataDirectory* files = nullptr;
  std::unordered_map<ConnectionId, std::shared_ptr<TcpConnection>> connections;
  std::optional<PortStream> port;  // drop-in
  Bytes port_came;                 // read before the node ran
  std::unordered_set<ConnectionId> opening;  // asked for by the node, not yet open
  std::vector<std::shared_ptr<TcpConnection>> unwritten;  // have queued bytes of this step
  ConnectionId next_accepted = 2;
  std::size_t batch_bytes = 0;
  std::optional<Instant> armed;
  bool refused = false;  // said that the limit of connections is reached
  bool halting = false;
  int status = 0;
  std::atomic<bool> wake_pending{false};
};

// ---- the loop -------------------------------------------------------------------------------------

int Driver::Impl::run(Node& the_node, const DataDirectory* the_files) {
  node = &the_node;
  files = the_files;
  if (port) port->start(); else listener.start();
  node->start(now());
  if (!port_came.empty()) node->port_received(std::exchange(port_came, {}), now());
  flush();
  while (!halting) {
    const auto next = node->next_timeout();
    const bool due = next && *next <= now().now;
    if (due) {
      node->timeout(now());
    } else {
      arm_timer(next);
    }
    run_batch(!due);
    flush();
  }
  finish();
  return status;
}

// Runs what is ready, waiting for the first when it may block. When a batch brought much, the senders are probably
// about to send more: one yield lets them, and their calls share the write that follows. A lone caller never pays for it.
void Driver::Impl::run_batch(bool may_block) {
  int handlers = may_block ? static_cast<int>(io.run_one()) : 0;
  batch_bytes = 0;
  while (handlers < io_limits::kHandlersPerBatch && io.poll_one() > 0) ++handlers;
  if (batch_bytes < io_limits::kBusyBatch) return;
  std::this_thread::yield();
  while (handlers < io_limits::kHandlersPerBatch && io.poll_one() > 0) ++handlers;
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
  if (const auto error = files->write(effect.name, effect.content)) node->file_failed(effect.name, *error, now());
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
  node->bytes_received(id, bytes, now());
}

void Driver::Impl::written(ConnectionId id, std::size_t count) { node->bytes_written(id, count, now()); }

void Driver::Impl::failed(ConnectionId id, const std::string& why) {
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

int Driver::run(Node& node, const DataDirectory* files) { return impl_->run(node, files); }

void Driver::post(std::function<void()> work) {
  asio::post(impl_->io, [impl = impl_.get(), work = std::move(work)] { if (!impl->halting) work(); });
}

void Driver::wake_workers() {
  if (impl_->wake_pending.exchange(true)) return;
  asio::post(impl_->io, [impl = impl_.get()] {
    impl->wake_pending.store(false);
    if (impl->node != nullptr && !impl->halting) impl->node->workers_ready(now());
  });
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
