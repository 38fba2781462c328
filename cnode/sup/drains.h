// Drains: which members are drained, as far as a member knows: up, and owner of no children.
//
// Each member decides for itself and says so in its hello, with a number that grows at each change. So news that comes late never wins:
//   - what a member says of itself, over a connection that is open, counts, whatever others say of it;
//   - what a third one says of it counts while it has not been heard, when its number is higher than what is known;
//   - a member of which others believe what it has not said (an earlier life of it has) takes a higher number and says how it is.
// Nothing is kept on disk: a member that starts is not drained.
//
// Pure. Who is asked, told and logged: the node's draining.h.
#pragma once

#include <cstdint>
#include <functional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "supervisorring/term.h"

namespace supervisorring {

inline constexpr std::uint64_t kMaxDrainNumber = std::uint64_t{1} << 53;  // changes of one member

inline constexpr std::size_t kMaxDrainWords = 10'000;                      // of one message: as many as there can be members

struct DrainWord {
  Term node;
  std::uint64_t number = 0;  // 1 and above
  bool drained = false;
  bool operator==(const DrainWord&) const = default;
};

class Drains {
 public:
  explicit Drains(Term self) : self_(std::move(self)) {}

  bool drained(const Term& node) const;
  bool self_drained() const { return own_.drained; }
  bool any_drained() const { return own_.drained || !drained_others_.empty(); }
  const DrainWord& own() const { return own_; }
  // Of this member. False: it was so already.
  bool set_self(bool drained);
  // What this member's predecessor in drop-in has said.
  void resume(std::uint64_t number, bool drained) { own_.number = number, own_.drained = drained; }

  // What `from` says of itself and others. True: others are to hear how it is with this member.
  bool heard(const Term& from, const std::vector<DrainWord>& words);
  // The connection to it has closed.
  void gone(const Term& node);
  void forget_if(const std::function<bool(const Term& node)>& stranger);
  // What this member says, in the order of names.
  std::vector<DrainWord> words() const;

 private:
  struct Known {
    std::uint64_t number = 0;
    bool drained = false;
    bool said_itself = false;  // over the connection that is open
  };
  void know(const Term& node, Known& known, std::uint64_t number, bool drained);

  const Term self_;
  DrainWord own_{self_, 0, false};
  std::unordered_map<Term, Known> others_;
  std::unordered_set<Term> drained_others_;  // whose word is true: few
  std::size_t numbered_others_ = 0;          // of whom there is a word
};

}  // namespace supervisorring
