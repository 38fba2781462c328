#include "node/kept_files.h"

#include <algorithm>

#include "node/kernel.h"

namespace supervisorring {

void KeptFiles::write(const std::string& name, Bytes content) {
  File& file = files_[name];
  file.content = std::move(content);
  // One that waits in this step's effects is overtaken: what announces it comes after both.
  for (Effect& effect : kernel_.effects)
    if (auto* waiting = std::get_if<PersistFile>(&effect); waiting && waiting->name == name) return void(waiting->content = file.content);
  kernel_.effects.emplace_back(PersistFile{name, file.content});
}

void KeptFiles::remove(const std::string& name) {
  files_.erase(name);
  std::erase_if(kernel_.effects, [&name](const Effect& effect) {
    const auto* waiting = std::get_if<PersistFile>(&effect);
    return waiting && waiting->name == name;
  });
  kernel_.effects.emplace_back(RemoveFile{name});
}

void KeptFiles::handle_written(const std::string& name) {
  const auto file = files_.find(name);
  if (file == files_.end() || !file->second.failure) return;
  file->second.failure.reset();
  kernel_.log(LogLevel::notice, "the file " + name + " is written again");
}

void KeptFiles::handle_failed(const std::string& name, const std::string& why) {
  const auto file = files_.find(name);
  if (file == files_.end()) return kernel_.log(LogLevel::error, "the file " + name + " is not deleted: " + why);
  const Instant now = kernel_.time.now;
  auto& failure = file->second.failure;
  if (!failure || failure->why != why) kernel_.log(LogLevel::error, "the file " + name + " is not written: " + why + "; trying again");
  const Duration delay = failure ? std::min(failure->delay * 2, kLastWriteRetry) : kFirstWriteRetry;
  failure = Failure{why, failure ? failure->since : now, now + delay, delay};
}

void KeptFiles::handle_directory_changed() {
  for (const auto& [name, file] : files_) kernel_.effects.emplace_back(PersistFile{name, file.content});
}

void KeptFiles::handle_timeout() {
  for (auto& [name, file] : files_) {
    if (!file.failure || file.failure->again_at > kernel_.time.now) continue;
    file.failure->again_at = kernel_.time.now + kLastWriteRetry;  // until the driver has said how it went
    kernel_.effects.emplace_back(PersistFile{name, file.content});
  }
}

std::optional<Instant> KeptFiles::next_timeout() const {
  std::optional<Instant> next;
  for (const auto& [name, file] : files_)
    if (file.failure && (!next || file.failure->again_at < *next)) next = file.failure->again_at;
  return next;
}

std::vector<UnwrittenFile> KeptFiles::unwritten() const {
  std::vector<UnwrittenFile> unwritten;
  for (const auto& [name, file] : files_)
    if (file.failure) unwritten.push_back({name, file.failure->why, file.failure->since});
  return unwritten;
}

}  // namespace supervisorring
