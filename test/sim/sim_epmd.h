// SimEpmd: a little epmd of one host, for SimNetwork. Registrations last as long as their connection.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "dist/epmd.h"

namespace supervisorring::sim {

class SimEpmd {
 public:
  struct Answer {
    Bytes bytes;
    bool close;  // after the bytes: everything but a registration
  };
  // Bytes of `connection`; nullopt while the request is not complete.
  std::optional<Answer> receive(std::uint64_t connection, BytesView bytes);
  void closed(std::uint64_t connection);
  // All registrations are lost, as when the daemon is stopped.
  void stop();
  bool knows(const std::string& name) const { return names_.contains(name); }

  bool running = true;
  bool silent = false;  // takes connections and answers nothing

 private:
  struct Registration {
    std::uint16_t port;
    std::uint64_t connection;
  };
  Answer answer(std::uint64_t connection, const EpmdAliveRequest& request);
  Answer answer(std::uint64_t connection, const EpmdPortRequest& request);
  Answer answer(std::uint64_t connection, const EpmdNamesRequest& request);

  std::map<std::string, Registration> names_;
  std::map<std::uint64_t, EpmdRequestReader> readers_;
  std::uint32_t last_creation_ = 0x10000;
};

}  // namespace supervisorring::sim
