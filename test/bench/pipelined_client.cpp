// A pipelined C++ client: keeps a window of calls to native children open and counts the answers.
//
// Connects as a distribution node of its own (cnode/dist over a blocking socket), sends {'$gen_call', {Pid, Ref}, increment} to the
// registered names round robin, `window` of them in flight, and writes as many as there are answers in one go. Once every child has
// answered, answers are recognised by their frames and not decoded: what is measured is the node, not its client. Prints calls per
// second of each run and the median.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "dist/connection.h"
#include "dist/epmd.h"

using namespace supervisorring;

namespace {

struct Options {
  std::string node;
  std::string cookie_file;
  std::string name_prefix = "b";
  int children = 64;
  int window = 256;
  int runs = 5;
  double seconds = 1.0;
};

[[noreturn]] void die(const std::string& why) {
  std::fprintf(stderr, "pipelined_client: %s\n", why.c_str());
  std::exit(1);
}

int connect_to(std::uint16_t port) {
  int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd);
    return -1;
  }
  int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

void write_all(int fd, BytesView bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n <= 0) die("the connection was closed while writing");
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

class Client : public ConnectionSink {
 public:
  Client(Options options, std::string cookie, std::uint16_t port)
      : options_(std::move(options)), connection_(config(options_, std::move(cookie)), now()) {
    fd_ = connect_to(port);
    if (fd_ < 0) die("cannot connect to " + options_.node);
    buffer_.resize(256 * 1024);
    flush();
    while (!connection_.up()) read_once();
    prepare();
  }
  ~Client() override { ::close(fd_); }

  // Waits until every child answers: they may still be starting.
  void await_children() {
    for (int child = 0; child < options_.children; ++child) {
      answered_ = 0;
      send_call(static_cast<std::size_t>(child));
      flush();
      while (answered_ == 0) read_once();
    }
  }

  double run() {
    answered_ = 0;
    auto start = std::chrono::steady_clock::now();
    auto stop = start + std::chrono::duration<double>(options_.seconds);
    std::size_t sent = 0, next = 0;
    while (std::chrono::steady_clock::now() < stop) {
      while (sent - answered_ < static_cast<std::size_t>(options_.window)) {
        send_call(next);
        next = (next + 1) % frames_.size();
        ++sent;
      }
      flush();
      count_answers();
    }
    double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    std::size_t counted = answered_;
    while (answered_ < sent) count_answers();
    return static_cast<double>(counted) / took;
  }

 private:
  static ConnectionConfig config(const Options& options, std::string cookie) {
    ConnectionConfig config;
    config.role = HandshakeRole::initiator;
    config.self.name = self_name();
    config.self.cookie = std::move(cookie);
    config.peer = options.node;
    auto generator = std::make_shared<std::mt19937_64>(std::random_device{}());
    config.random = [generator] { return (*generator)(); };
    return config;
  }

  static std::string self_name() { return "pipelined" + std::to_string(::getpid()) + "@127.0.0.1"; }
  static Instant now() { return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now()); }

  // A child's frame is the same every time: answers are counted, not told apart.
  void prepare() {
    Term node = atom(self_name());
    Term pid = Term::pid(node, 1, 0, 1);
    std::uint32_t words[3] = {1, 2, 3};
    Term reference = Term::reference(node, 1, words);
    Term request = tuple(atom("$gen_call"), tuple(pid, reference), atom("increment"));
    for (int child = 1; child <= options_.children; ++child) {
      Bytes frame;
      append_reg_send(frame, pid, atom(options_.name_prefix + std::to_string(child)), request);
      frames_.push_back(std::move(frame));
    }
  }

  void send_call(std::size_t child) { connection_.output() += frames_[child]; }
  void flush() { if (connection_.has_output()) write_all(fd_, connection_.take_output(now())); }

  void read_once() {
    ssize_t n = ::read(fd_, buffer_.data(), buffer_.size());
    if (n <= 0) die("the connection was closed by " + options_.node);
    connection_.receive(BytesView(buffer_.data(), static_cast<std::size_t>(n)), now(), *this);
    flush();
  }

  // A frame is four bytes of length, 'p', and {2, '', Pid} for a SEND; a tick is a length of 0. A part of a frame waits for its rest.
  void count_answers() {
    static constexpr std::string_view kSend("p\x83h\x03\x61\x02", 6);
    ssize_t n = ::read(fd_, buffer_.data() + partial_, buffer_.size() - partial_);
    if (n <= 0) die("the connection was closed by " + options_.node);
    BytesView rest(buffer_.data(), partial_ + static_cast<std::size_t>(n));
    while (rest.size() >= 4) {
      std::uint32_t length;
      std::memcpy(&length, rest.data(), 4);
      length = ntohl(length);
      if (rest.size() - 4 < length) break;
      if (length > 0 && !rest.substr(4).starts_with(kSend)) die("a frame that is no answer");
      answered_ += length > 0;
      rest.remove_prefix(4 + length);
    }
    std::memmove(buffer_.data(), rest.data(), rest.size());
    partial_ = rest.size();
  }

  void on_name(const Peer&) override {}
  void on_up(const Peer&) override {}
  void on_control(ControlMessage&& message) override { answered_ += std::holds_alternative<Send>(message); }
  void on_error(const Error& error) override { die(error.text); }

  Options options_;
  Connection connection_;
  int fd_ = -1;
  Bytes buffer_;
  std::vector<Bytes> frames_;
  std::size_t answered_ = 0;
  std::size_t partial_ = 0;  // bytes of an unfinished frame at the start of buffer_
};

Options parse(int argc, char** argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string flag = argv[i], value = argv[i + 1];
    if (flag == "--node") options.node = value;
    else if (flag == "--cookie-file") options.cookie_file = value;
    else if (flag == "--children") options.children = std::stoi(value);
    else if (flag == "--window") options.window = std::stoi(value);
    else if (flag == "--runs") options.runs = std::stoi(value);
    else if (flag == "--seconds") options.seconds = std::stod(value);
    else die("unknown flag " + flag);
  }
  if (options.node.empty() || options.cookie_file.empty()) die("expected --node Name@Host --cookie-file F");
  return options;
}

// The port of the node, asked of epmd until it is registered.
std::uint16_t port_of(const std::string& node) {
  const char* from_environment = std::getenv("ERL_EPMD_PORT");
  auto epmd_port = static_cast<std::uint16_t>(from_environment ? std::atoi(from_environment) : 4369);
  std::string alive = node.substr(0, node.find('@'));
  for (int attempt = 0; attempt < 500; ++attempt, ::usleep(10'000)) {
    int fd = connect_to(epmd_port);
    if (fd < 0) continue;
    Bytes request;
    encode_request(EpmdPortRequest{alive}, request);
    write_all(fd, request);
    EpmdPortReader reader;
    std::uint16_t port = 0;
    char chunk[512];
    for (ssize_t n; (n = ::read(fd, chunk, sizeof chunk)) > 0;) {
      auto answer = reader.feed(BytesView(chunk, static_cast<std::size_t>(n)));
      if (answer && *answer && (*answer)->result == 0) port = (*answer)->port;
    }
    ::close(fd);
    if (port != 0) return port;
  }
  die(node + " is not registered with epmd on port " + std::to_string(epmd_port));
}

}  // namespace

int main(int argc, char** argv) {
  Options options = parse(argc, argv);
  std::ifstream file(options.cookie_file);
  std::string cookie;
  std::getline(file, cookie);
  std::uint16_t port = port_of(options.node);
  Client client(options, cookie, port);
  client.await_children();
  std::vector<double> rates;
  for (int i = 0; i < options.runs; ++i) rates.push_back(client.run());
  std::printf("%d children, window %d:", options.children, options.window);
  for (double rate : rates) std::printf(" %.2f", rate / 1e6);
  std::sort(rates.begin(), rates.end());
  std::printf("  median %.2f million calls/s   (to reach: >= 1)\n", rates[rates.size() / 2] / 1e6);
}
