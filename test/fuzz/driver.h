// Runs a fuzz harness without libFuzzer: mutates seeds, deterministically from --seed, for --seconds.
//
// A harness is one file: it includes this header, defines LLVMFuzzerTestOneInput() (which aborts when a rule
// is broken) and fuzz_seeds(), and ends with SUPERVISORRING_FUZZ_MAIN. The same file links with libFuzzer
// when that macro is left out (-DSUPERVISORRING_LIBFUZZER).
//
// The round is printed before an abort can lose it: with the same --seed and --rounds it comes again.
#pragma once

#include <csignal>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace supervisorring::fuzz {

// Aborts with `rule` when it does not hold.
inline void hold(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken rule: %s\n", rule);
  std::abort();
}

struct Options {
  double seconds = 5;
  std::uint64_t seed = 1;
  std::uint64_t rounds = UINT64_MAX;
};

inline std::string current_input;  // for the report of a crash
inline std::uint64_t current_round = 0;

inline void report_crash(int signal) {
  std::fprintf(stderr, "signal %d in round %llu, input of %zu bytes: ", signal, static_cast<unsigned long long>(current_round), current_input.size());
  for (const char c : current_input.substr(0, 4096)) std::fprintf(stderr, "%02x", static_cast<unsigned char>(c));
  std::fprintf(stderr, "\n");
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class Mutator {
 public:
  Mutator(std::uint64_t seed, std::vector<std::string> corpus) : random_(seed), corpus_(std::move(corpus)) {
    if (corpus_.empty()) corpus_.emplace_back();
  }

  std::string next() {
    std::string input = corpus_[below(corpus_.size())];
    for (std::size_t changes = 1 + below(6); changes > 0; --changes) change(input);
    if (below(200) == 0 && corpus_.size() < 500) corpus_.push_back(input);
    return input;
  }

 private:
  static constexpr std::size_t kMaxInput = 1 << 14;

  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  void change(std::string& input) {
    const std::size_t at = below(input.size() + 1);
    switch (below(9)) {
      case 0: if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8))); break;
      case 1: if (at < input.size()) input[at] = static_cast<char>(random_()); break;
      case 2: input.insert(at, 1, static_cast<char>(random_())); break;
      case 3: input.erase(at, 1 + below(4)); break;
      case 4: input.resize(at); break;
      case 5: overwrite(input, at, "\xFF\xFF\xFF\xFF"); break;
      case 6: overwrite(input, at, std::string(1 + below(4), '\0')); break;
      case 7: input.insert(at, input.substr(below(input.size() + 1), below(64))); break;
      default: {
        const std::string& other = corpus_[below(corpus_.size())];
        input.insert(at, other.substr(below(other.size() + 1), below(128)));
      }
    }
    if (input.size() > kMaxInput) input.resize(kMaxInput);
  }

  static void overwrite(std::string& input, std::size_t at, const std::string& bytes) {
    if (input.size() >= at + bytes.size()) input.replace(at, bytes.size(), bytes);
  }

  std::mt19937_64 random_;
  std::vector<std::string> corpus_;
};

inline bool read_options(int argc, char** argv, Options& options) {
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::strcmp(argv[i], "--seconds") == 0) {
      options.seconds = std::atof(argv[i + 1]);
    } else if (std::strcmp(argv[i], "--seed") == 0) {
      options.seed = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (std::strcmp(argv[i], "--rounds") == 0) {
      options.rounds = std::strtoull(argv[i + 1], nullptr, 10);
    } else {
      return false;
    }
  }
  return argc % 2 == 1;
}

inline int run(int argc, char** argv, std::vector<std::string> seeds) {
  Options options;
  if (!read_options(argc, argv, options)) {
    std::fprintf(stderr, "usage: %s [--seconds N] [--seed S] [--rounds R]\n", argv[0]);
    return 2;
  }
  for (const int signal : {SIGSEGV, SIGABRT, SIGFPE, SIGBUS}) std::signal(signal, report_crash);
  std::printf("seed %llu, %zu seed inputs\n", static_cast<unsigned long long>(options.seed), seeds.size());
  std::fflush(stdout);
  const auto once = [](const std::string& input) {
    current_input = input;
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
  };
  for (const std::string& seed : seeds) once(seed);
  Mutator mutator(options.seed, std::move(seeds));
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(options.seconds);
  while (current_round < options.rounds && (current_round % 64 != 0 || std::chrono::steady_clock::now() < end)) {
    once(mutator.next());
    ++current_round;
  }
  std::printf("%llu rounds\n", static_cast<unsigned long long>(current_round));
  return 0;
}

}  // namespace supervisorring::fuzz

#ifdef SUPERVISORRING_LIBFUZZER
#define SUPERVISORRING_FUZZ_MAIN
#else
#define SUPERVISORRING_FUZZ_MAIN \
  int main(int argc, char** argv) { return supervisorring::fuzz::run(argc, argv, fuzz_seeds()); }
#endif
