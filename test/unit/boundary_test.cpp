// The cores own no socket, clock, file or thread: what they include is checked here, what they link by CMake.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>

namespace {

namespace fs = std::filesystem;

// Headers that bring in the outside world. The strands of native children are the one place of threads (cnode/node/*strand*, *worker_pool*,
// child_*); terms go between them, so what terms share is locked too (cnode/term/node_pool).
const std::set<std::string> kOutside = {"boost/", "spdlog/", "CLI/", "ei.h", "sys/", "unistd.h", "netinet/", "fstream", "filesystem", "io/", "cli/"};
const std::set<std::string> kThreads = {"thread", "mutex", "condition_variable", "future"};

bool is_strand_file(const std::string& name) {
  return name.find("strand") != std::string::npos || name.find("worker_pool") != std::string::npos || name.starts_with("thread_crew") || name.starts_with("child_") ||
         name.starts_with("native_") || name.starts_with("node_pool");
}

std::vector<std::string> includes_of(const fs::path& path) {
  std::vector<std::string> found;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("#include")) continue;
    const auto open = line.find_first_of("<\"");
    const auto close = line.find_first_of(">\"", open + 1);
    if (open != std::string::npos && close != std::string::npos) found.push_back(line.substr(open + 1, close - open - 1));
  }
  return found;
}

TEST(Boundary, NoCoreIncludesTheOutsideWorld) {
  int files = 0;
  for (const char* noun : {"term", "dist", "crdt", "ring", "sup", "node"}) {
    for (const auto& entry : fs::directory_iterator(fs::path(SR_TEST_DIR) / ".." / "cnode" / noun)) {
      ++files;
      const std::string name = entry.path().filename().string();
      for (const std::string& include : includes_of(entry.path())) {
        for (const std::string& outside : kOutside)
          EXPECT_FALSE(include.starts_with(outside)) << noun << "/" << name << " includes " << include;
        EXPECT_FALSE(kThreads.contains(include) && !is_strand_file(name)) << noun << "/" << name << " includes " << include;
      }
    }
  }
  EXPECT_GT(files, 100);
}

}  // namespace
