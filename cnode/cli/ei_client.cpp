#include "cli/ei_client.h"

#include <ei.h>
#include <netinet/in.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "io/epmd_lookup.h"
#include "supervisorring/external_format.h"

namespace supervisorring {
namespace {

using Clock = std::chrono::steady_clock;

// ei takes milliseconds; 0 would mean no limit.
unsigned left_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return left < 1 ? 1 : static_cast<unsigned>(left);
}

// An ei_x_buff that is freed.
struct Buffer {
  ei_x_buff x{};
  Buffer() { ei_x_new(&x); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { ei_x_free(&x); }
};

// ei gives EIO for most failures: epmd says which it was.
std::string why_not_connected(int error, const NodeName& node, std::uint16_t epmd_port, std::chrono::milliseconds timeout) {
  const std::string name = node.whole();
  if (error == ETIMEDOUT) return name + " did not answer in time";
  const auto known = epmd_knows(node.host, epmd_port, node.alive, timeout);
  if (!known) return "cannot reach " + name + ": " + known.error();
  if (!*known) return "no node " + name + " is known to the epmd at " + node.host + ":" + std::to_string(epmd_port);
  if (error == EIO) return name + " closed the connection during the handshake: is the cookie the same on both sides?";
  return "cannot connect to " + name + ": " + std::strerror(error);
}

}  // namespace

struct EiClient::Impl {
  ei_cnode ec{};
  int fd = -1;
  std::string node;
  ~Impl() { if (fd >= 0) ::close(fd); }
};

EiClient::EiClient(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EiClient::EiClient(EiClient&&) noexcept = default;
EiClient& EiClient::operator=(EiClient&&) noexcept = default;
EiClient::~EiClient() = default;

Result<EiClient> EiClient::connect(const NodeName& node, const std::string& cookie, std::uint16_t epmd_port, std::chrono::milliseconds timeout) {
  std::signal(SIGPIPE, SIG_IGN);  // ei writes without MSG_NOSIGNAL
  ::setenv("ERL_EPMD_PORT", std::to_string(epmd_port).c_str(), 1);
  if (ei_init() != 0) return Error{"erl_interface cannot be initialised"};
  auto impl = std::make_unique<Impl>();
  impl->node = node.whole();
  const std::string host = "127.0.0.1";
  const std::string alive = "ringnode_" + std::to_string(::getpid()) + "_" + std::to_string(Clock::now().time_since_epoch().count());
  const std::string full = alive + "@" + host;
  struct in_addr address {};
  address.s_addr = htonl(INADDR_LOOPBACK);
  const auto creation = static_cast<unsigned>(std::time(nullptr));
  if (ei_connect_xinit(&impl->ec, host.c_str(), alive.c_str(), full.c_str(), &address, cookie.c_str(), creation) < 0)
    return Error{"erl_interface cannot be initialised as " + full};
  erl_errno = 0;
  impl->fd = ei_connect_tmo(&impl->ec, const_cast<char*>(impl->node.c_str()), static_cast<unsigned>(timeout.count()));
  if (impl->fd < 0) return Error{why_not_connected(erl_errno, node, epmd_port, timeout)};
  return EiClient(std::move(impl));
}

Result<Term> EiClient::rpc(const std::string& module, const std::string& function, const std::vector<Term>& arguments,
                           std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  Bytes encoded;
  encode_body(Term::list(arguments), AtomEncoding::minor_version_2, encoded);
  erl_errno = 0;
  if (ei_rpc_to(&impl_->ec, impl_->fd, const_cast<char*>(module.c_str()), const_cast<char*>(function.c_str()), encoded.data(),
                static_cast<int>(encoded.size())) < 0)
    return Error{"cannot send to " + impl_->node + ": " + std::strerror(erl_errno)};
  while (true) {
    Buffer answer;
    erlang_msg message{};
    const int got = ei_rpc_from(&impl_->ec, impl_->fd, static_cast<int>(left_until(deadline)), &message, &answer.x);
    if (got == ERL_TICK) continue;
    if (got == ERL_TIMEOUT || (got == ERL_ERROR && erl_errno == ETIMEDOUT)) return Error{impl_->node + " did not answer " + module + ":" + function + " in time"};
    if (got != ERL_MSG) return Error{impl_->node + " closed the connection before it answered " + module + ":" + function};
    const auto term = decode_whole(BytesView(answer.x.buff, static_cast<std::size_t>(answer.x.index)));
    if (!term) return Error{impl_->node + " sent what is no term: " + term.error()};
    if (term->is_tagged("rex", 2)) return (*term)[1];
    if (Clock::now() >= deadline) return Error{impl_->node + " did not answer " + module + ":" + function + " in time"};
  }
}

bool EiClient::wait_closed(std::chrono::milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  while (Clock::now() < deadline) {
    Buffer ignored;
    erlang_msg message{};
    erl_errno = 0;
    const int got = ei_xreceive_msg_tmo(impl_->fd, &message, &ignored.x, left_until(deadline));
    if (got == ERL_ERROR && erl_errno != ETIMEDOUT) return true;
  }
  return false;
}

}  // namespace supervisorring
