// A program with an Erlang node inside: embedded cpp1@127.0.0.1 [dev1@127.0.0.1]
//
// Joins the ring of the second argument (or starts one), and runs its share of three greeters:
//     GenServer.call({:g1, :supervisorring.find(:greeters, :g1)}, "Ada")
#include <cstdio>

#include "supervisorring/cnode.h"

using namespace supervisorring;

class greeter : public gen_server {
  CallReaction handle_call(const Term& name, const From&) override { return reply(binary("Hello, " + name.as_text().value_or("whoever") + "!")); }
};

int main(int argc, char** argv) {
  if (argc < 2) return std::fputs("usage: embedded NAME@HOST [MEMBER@HOST]\n", stderr), 1;
  cnode_options options{.name = argv[1]};
  if (argc > 2) options.join = {argv[2]};
  cnode node(options);
  node.workers().add<greeter>("Elixir.Greeter");
  node.define_supervisor(atom("greeters"), parse_term("{one_for_one, 10, 5}").value(),
                         {parse_term("{g1, {gen_server, start_link, [{local, g1}, 'Elixir.Greeter', [], []]}, permanent, 2000, worker, []}").value(),
                          parse_term("{g2, {gen_server, start_link, [{local, g2}, 'Elixir.Greeter', [], []]}, permanent, 2000, worker, []}").value(),
                          parse_term("{g3, {gen_server, start_link, [{local, g3}, 'Elixir.Greeter', [], []]}, permanent, 2000, worker, []}").value()});
  return node.run();
}
