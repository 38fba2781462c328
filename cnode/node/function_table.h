// Function table: what rpc, erpc, rex and spawn requests of other nodes can run here, by module, function and arity.
#pragma once

#include <unordered_map>

#include "node/node.h"

namespace supervisorring {

class FunctionTable {
 public:
  // REQUIRES: not yet defined.
  void define(const Term& module, const Term& function, std::size_t arity, RpcFunction body);
  // nullptr: no such function.
  const RpcFunction* find(const Term& module, const Term& function, std::size_t arity) const;

 private:
  struct Key {
    Term module, function;
    std::size_t arity;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const { return key.module.hash() * 31 + key.function.hash() * 7 + key.arity; }
  };
  std::unordered_map<Key, RpcFunction, Hash> functions_;
};

class Kernel;
// erlang:node/0, is_alive/0, registered/0, whereis/1, processes/0, nodes/0.
void define_builtin_functions(Kernel& kernel);

}  // namespace supervisorring
