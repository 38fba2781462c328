// Identity: the node's name and creation, and the pids and references made with them.
//
// A pid of ours is a number of 28 bits, 15 of them the id and 13 the serial, as every OTP release accepts them. A reference of ours
// is three words: its kind and a counter of 64 bits. So both are looked up by an integer.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "node/limits.h"
#include "supervisorring/term.h"

namespace supervisorring {

using PidNumber = std::uint32_t;
using RefKey = std::uint64_t;  // the counter; 0 is never given

enum class RefKind : std::uint32_t { plain = 1, call = 2 };  // `call`: what its answers carry, recognised when they come late

class Identity {
 public:
  explicit Identity(Term node, std::uint32_t creation) : node_(std::move(node)), creation_(creation) {}

  const Term& node() const { return node_; }
  std::uint32_t creation() const { return creation_; }
  void set_creation(std::uint32_t creation) { creation_ = creation; }  // REQUIRES: no pid or reference made yet

  Term pid(PidNumber number) const {
    return Term::pid(node_, number & ((1u << kPidIdBits) - 1), number >> kPidIdBits, creation_);
  }
  // The number of a pid of this node and this life of it; nullopt for every other pid.
  std::optional<PidNumber> number_of(const Term& pid) const {
    if (pid.creation() != creation_ || pid.pid_id() >> kPidIdBits != 0 || !(pid.node() == node_)) return std::nullopt;
    const std::uint32_t serial = pid.pid_serial();
    if (serial >> (kPidNumberBits - kPidIdBits) != 0) return std::nullopt;
    return serial << kPidIdBits | pid.pid_id();
  }

  Term make_ref(RefKind kind) { return ref_of(++last_ref_, kind); }
  Term ref_of(RefKey key, RefKind kind) const {
    const std::array<std::uint32_t, 3> words{static_cast<std::uint32_t>(kind), static_cast<std::uint32_t>(key),
                                             static_cast<std::uint32_t>(key >> 32)};
    return Term::reference(node_, creation_, words);
  }
  // The key of a reference that this life of the node made; nullopt for every other term.
  std::optional<RefKey> key_of(const Term& ref) const {
    if (!ref.is_reference() || ref.creation() != creation_ || !(ref.node() == node_)) return std::nullopt;
    const auto words = ref.reference_words();
    if (words.size() != 3) return std::nullopt;
    return static_cast<RefKey>(words[2]) << 32 | words[1];
  }
  bool is_call_ref(const Term& ref) const {
    return key_of(ref).has_value() && ref.reference_words()[0] == static_cast<std::uint32_t>(RefKind::call);
  }

 private:
  Term node_;
  std::uint32_t creation_;
  RefKey last_ref_ = 0;
};

}  // namespace supervisorring
