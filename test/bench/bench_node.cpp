// The node that pipelined_client.cpp calls: a ring of one with a supervisor of counters, defined in C++.
// Arguments: name@host, cookie file, number of children.

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "supervisorring/cnode.h"

using namespace supervisorring;

namespace {

class Counter : public gen_server {
  CallReaction handle_call(const Term&, const From&) override { return reply(integer(++count_)); }
  std::int64_t count_ = 0;
};

std::vector<Term> counters(int count) {
  std::vector<Term> specs;
  for (int i = 1; i <= count; ++i) {
    Term name = atom("b" + std::to_string(i));
    Term start = tuple(atom("gen_server"), atom("start_link"), list({tuple(atom("local"), name), atom("bench_counter"), Term(), Term()}));
    specs.push_back(tuple(name, start, atom("permanent"), integer(2000), atom("worker"), list({atom("bench_counter")})));
  }
  return specs;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "bench_node: expected name@host, cookie file, number of children\n");
    return 1;
  }
  cnode_options options{.name = argv[1], .cookie_file = argv[2]};
  options.data_dir = (std::filesystem::path(argv[2]).parent_path() / "bench_node").string();
  options.listen = "127.0.0.1";
  options.log_level = "warning";
  cnode node(std::move(options));
  node.workers().add<Counter>("bench_counter");
  node.define_supervisor(atom("bench_sup"), parse_term("{one_for_one, 10, 5}").value(), counters(std::atoi(argv[3])));
  return node.run();
}
