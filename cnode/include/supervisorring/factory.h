// worker_registry: which C++ class a child spec's start means.
//
// A child spec names its start as {Module, Function, Arguments}; the same spec starts a gen_server on a BEAM and a C++ object here:
//
//   {gen_server, start_link, [{local, Name}, Module, Arg, Options]}      class registered for Module, named Name, init(Arg)
//   {gen_server, start_link, [Module, Arg, Options]}                     ... without a name
//   {'Elixir.GenServer', start_link, [Module, Arg, [{name, Name}, ...]]} ... named Name; Options may be left out
//   {Module, Function, Arguments}, registered as {Module, Function}      init(argument), name: see below
//   {Module, start_link, Arguments}, Module registered                   the same
//
// Only local names (atoms) are accepted; {global, _} and {via, _, _} are refused. In the last two forms a first argument {local, Name} is
// the name and is taken away; else, when there are two or more arguments and the last is a keyword list with `name`, that is the
// name and it is taken away; an only argument that is a keyword list with `name` gives the name and stays. Of what remains, one
// argument is given to init as it is, none as [], several as a list.
//
// Filled before the node starts; afterwards only read.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "supervisorring/gen_server.h"
#include "supervisorring/result.h"
#include "supervisorring/term.h"

namespace supervisorring {

// Makes the object, on its strand. An exception or a null pointer is the failure of the start.
using GenServerFactory = std::function<std::unique_ptr<gen_server>()>;

struct WorkerOptions {
  bool own_thread = false;  // a thread for this child alone, for callbacks that compute or block for long
};

// What a child spec's start came to.
struct Worker {
  std::shared_ptr<const GenServerFactory> make;
  WorkerOptions options;
  Term module;    // the registered module, an atom
  Term argument;  // for init
  Term name;      // an atom, or []
};

class worker_registry {
 public:
  // `module`: as Erlang knows it, "Elixir.Counter" for Elixir's Counter. Adding a name again replaces it.
  template <class T>
  void add(std::string_view module, WorkerOptions options = {}) {
    add(module, GenServerFactory([] { return std::make_unique<T>(); }), options);
  }
  void add(std::string_view module, GenServerFactory make, WorkerOptions options = {});
  void add(std::string_view module, std::string_view function, GenServerFactory make, WorkerOptions options = {});

  // `start`: the {Module, Function, Arguments} of a child spec.
  Result<Worker> resolve(const Term& start) const;
  bool empty() const { return modules_.empty() && functions_.empty(); }  // knows no factory
  // Registered modules and Module:Function pairs, sorted, as text.
  std::vector<std::string> names() const;

 private:
  struct Entry { std::shared_ptr<const GenServerFactory> make; WorkerOptions options; };
  Result<Worker> resolve_gen_server(const Term& arguments) const;
  Result<Worker> resolve_elixir_gen_server(const Term& arguments) const;
  Result<Worker> found(const Term& module, const Entry& entry, Term argument, Term name) const;
  Result<Worker> with_arguments(const Term& module, const Entry& entry, std::span<const Term> arguments) const;
  Error unknown(const Term& module) const;

  std::map<std::string, Entry, std::less<>> modules_;
  std::map<std::pair<std::string, std::string>, Entry> functions_;
};

// Bumped when gen_server, worker_registry or Term change their layout: a shared object of another version is refused.
inline constexpr std::uint32_t kWorkersAbi = 2;
inline constexpr const char* kWorkersAbiSymbol = "supervisorring_workers_abi";
inline constexpr const char* kWorkersSymbol = "supervisorring_workers";
using WorkersAbiFunction = std::uint32_t();
using WorkersFunction = void(worker_registry&);

}  // namespace supervisorring

// The entry point of a shared object with workers (`ringnode run --workers ./libcounter.so`):
//     SUPERVISORRING_WORKERS(registry) { registry.add<counter>("Elixir.Counter"); }
// The shared object is linked without the library: it finds its symbols in the program.
#define SUPERVISORRING_WORKERS(registry)                                                              \
  extern "C" __attribute__((visibility("default"))) std::uint32_t supervisorring_workers_abi() {      \
    return ::supervisorring::kWorkersAbi;                                                             \
  }                                                                                                   \
  extern "C" __attribute__((visibility("default"))) void supervisorring_workers(                      \
      ::supervisorring::worker_registry& registry)
