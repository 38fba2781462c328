// SupervisorDefinition: where a supervisor's flags and children come from.
//
// From C++: flags, specs, and optionally a ChildHandler. From a BEAM: Module:init(Arg) on a node, read over erpc, and the dyn_child_handler
// modules that it names, served on that node. Written on the command line as Name=Module@Node[=Arg], split at the first `@`;
// Name, Module and Arg are Erlang terms as text, Arg is [] where it is left out.
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <variant>
#include <vector>

#include "sup/child_spec.h"
#include "supervisorring/result.h"

namespace supervisorring {

// The list of a supervisor's dynamic children, kept by the program: supervisorring's dyn_child_handler behaviour in C++. Every
// member's handler must know the same children. Called on the node's thread: answer at once.
class ChildHandler {
 public:
  virtual ~ChildHandler() = default;
  virtual bool match(const Term& id) { (void)id; return true; }
  virtual std::vector<ChildSpec> get_all() = 0;
  virtual Term add(const ChildSpec& spec) = 0;  // `ok` when the child is remembered
  virtual Term del(const Term& id) = 0;
};

struct LocalDefinition {
  SupervisorFlags flags;
  SharedSpecs children;
  std::shared_ptr<ChildHandler> handler;  // may be null
};

struct RemoteDefinition {
  Term module;
  Term node;
  Term argument;
};

struct SupervisorDefinition {
  Term name;  // an atom: the local name of the supervisor on every member
  std::variant<LocalDefinition, RemoteDefinition> source;
};

// --supervisor's text. The error says what is wrong, and that a bare word with a capital first letter needs 'Elixir.Word'.
Result<SupervisorDefinition> parse_supervisor_option(std::string_view text);

}  // namespace supervisorring
