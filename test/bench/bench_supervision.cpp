// One node, its 100,000 native children in C++: how many start a second, what each takes of memory, and how soon a crashed one runs again.
// Of the memory the objects themselves are taken off: they are the user's. Arguments: name@host, cookie file, number of children.
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <string>
#include <vector>

#include "supervisorring/cnode.h"

using namespace supervisorring;

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kCrashes = 1001;
constexpr int kWarmUp = 50;

std::atomic<int> started{0};
int to_start = 0;
cnode* node = nullptr;
Clock::time_point begin;
Clock::time_point crashed_at;
std::vector<double> restarts_us;
std::size_t before_bytes = 0;
void* first_child = nullptr;

std::size_t resident() {
  std::ifstream statm("/proc/self/statm");
  std::size_t total = 0, pages = 0;
  statm >> total >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

void report();

// Started, and crashed on demand.
class Child : public gen_server {
  InitResult init(const Term& number) override {
    if (number == integer(1)) first_child = this;
    if (crashed_at != Clock::time_point{} && number == integer(1)) {
      restarts_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - crashed_at).count());
      node->post([] { report(); });
    } else if (++started == to_start) {
      node->post([] { report(); });
    }
    return ok();
  }
  Reaction handle_cast(const Term&) override {
    crashed_at = Clock::now();
    return stop(atom("crash"));
  }
};

std::vector<Term> specs(int count) {
  std::vector<Term> all;
  const Term module = atom("bench_child"), modules = list({module});
  for (int i = 1; i <= count; ++i) {
    Term start = i == 1 ? tuple(atom("gen_server"), atom("start_link"), list({tuple(atom("local"), atom("crasher")), module, integer(i), Term()}))
                        : tuple(module, atom("start_link"), list({integer(i)}));
    all.push_back(tuple(tuple(atom("child"), integer(i)), start, atom("permanent"), integer(2000), atom("worker"), modules));
  }
  return all;
}

// Runs on the node's thread.
void report() {
  if (restarts_us.empty() && crashed_at == Clock::time_point{}) {
    const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    const std::size_t object = ::malloc_usable_size(first_child) + sizeof(std::size_t);
    const double bytes = static_cast<double>(resident() - before_bytes) / to_start - static_cast<double>(object);
    std::printf("%d native children started in %.0f ms: %.0f a second   (to reach: 200,000)\n", to_start, seconds * 1e3, to_start / seconds);
    std::printf("memory of each, its object of %zu bytes apart: %.0f bytes   (to reach: 1,024)\n", object, bytes);
    std::fflush(stdout);
  }
  if (restarts_us.size() < kCrashes + kWarmUp) return node->cast(atom("crasher"), atom("crash"));
  restarts_us.erase(restarts_us.begin(), restarts_us.begin() + kWarmUp);
  std::sort(restarts_us.begin(), restarts_us.end());
  const auto at = [](double part) { return restarts_us[static_cast<std::size_t>(part * static_cast<double>(restarts_us.size() - 1))]; };
  std::printf("native child: crash -> running again, %d times beside %d others: median %.0f us, 99%% %.0f us   (to reach: 100 us)\n", kCrashes, to_start - 1, at(0.5), at(0.99));
  std::fflush(stdout);
  node->stop();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "bench_supervision: expected name@host, cookie file, number of children\n");
    return 1;
  }
  cnode_options options{.name = argv[1], .cookie_file = argv[2]};
  options.data_dir = (std::filesystem::path(argv[2]).parent_path() / "bench_supervision").string();
  options.listen = "127.0.0.1";
  options.log_level = "warning";
  to_start = std::atoi(argv[3]);
  cnode the_node(std::move(options));
  node = &the_node;
  the_node.workers().add<Child>("bench_child");
  auto all = specs(to_start);
  the_node.on_started([] {
    before_bytes = resident();
    begin = Clock::now();
  });
  the_node.define_supervisor(atom("bench_sup"), parse_term("{one_for_one, 1000000, 1}").value(), std::move(all));
  return the_node.run();
}
