#include "io/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "io/limits.h"

namespace supervisorring {
namespace {

Error fault(const std::string& what) { return Error{what + ": " + std::strerror(errno)}; }

std::optional<Error> check_name(const std::string& name) {
  if (name.empty() || name.front() == '.' || name.find('/') != std::string::npos || name == "lock")
    return Error{"'" + name + "' is no name for a file of the data directory"};
  return std::nullopt;
}

std::optional<Error> write_all(int fd, BytesView content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t written = ::write(fd, content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return fault("cannot write " + path);
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  if (::fsync(fd) != 0) return fault("cannot sync " + path);
  return std::nullopt;
}

std::string holder_of(int lock_fd) {
  std::array<char, 32> text{};
  const ssize_t size = ::pread(lock_fd, text.data(), text.size() - 1, 0);
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : "unknown";
}

}  // namespace

Result<DataDirectory> DataDirectory::open(const std::string& path) {
  std::error_code error;
  const bool existed = std::filesystem::exists(path, error);
  std::filesystem::create_directories(path, error);
  if (error) return Error{"cannot create the data directory " + path + ": " + error.message()};
  if (!existed) ::chmod(path.c_str(), 0700);
  FileDescriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory) return fault("cannot open the data directory " + path);
  FileDescriptor lock(::openat(directory.get(), "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return fault("cannot write in the data directory " + path);
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fault("cannot lock the data directory " + path);
    return Error{"the data directory " + path + " is used by another program (process " + holder_of(lock.get()) + ")"};
  }
  const std::string holder = std::to_string(::getpid());
  if (::ftruncate(lock.get(), 0) != 0 || ::pwrite(lock.get(), holder.data(), holder.size(), 0) < 0)
    return fault("cannot write in the data directory " + path);
  return DataDirectory(path, std::move(directory), std::move(lock));
}

Result<bool> DataDirectory::look_again() {
  struct stat named {}, held {};
  const bool same = ::stat(path_.c_str(), &named) == 0 && ::fstat(directory_.get(), &held) == 0 && named.st_dev == held.st_dev && named.st_ino == held.st_ino;
  if (same) return true;
  auto other = open(path_);
  if (!other) return Error{other.error()};
  directory_ = std::move(other->directory_);
  lock_ = std::move(other->lock_);
  return false;
}

Result<std::optional<Bytes>> DataDirectory::read(const std::string& name) const {
  if (auto bad = check_name(name)) return *bad;
  const std::string full = path_ + "/" + name;
  FileDescriptor file(::openat(directory_.get(), name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file && errno == ENOENT) return std::optional<Bytes>();
  if (!file) return fault("cannot read " + full);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return fault("cannot read " + full);
  if (!S_ISREG(status.st_mode)) return Error{full + " is not a regular file"};
  if (static_cast<std::size_t>(status.st_size) > io_limits::kFileBytes) return Error{full + " is larger than any file of ours (64 MiB)"};
  Bytes content(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t have = 0;
  while (have < content.size()) {
    const ssize_t size = ::read(file.get(), content.data() + have, content.size() - have);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fault("cannot read " + full);
    if (size == 0) break;
    have += static_cast<std::size_t>(size);
  }
  content.resize(have);
  return std::optional<Bytes>(std::move(content));
}

std::optional<Error> DataDirectory::write(const std::string& name, BytesView content) const {
  if (auto bad = check_name(name)) return bad;
  const std::string temporary = "." + name + ".new";
  const std::string full = path_ + "/" + name;
  FileDescriptor file(::openat(directory_.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return fault("cannot write " + full);
  if (auto error = write_all(file.get(), content, full)) {
    ::unlinkat(directory_.get(), temporary.c_str(), 0);
    return error;
  }
  if (::renameat(directory_.get(), temporary.c_str(), directory_.get(), name.c_str()) != 0) {
    const Error error = fault("cannot replace " + full);
    ::unlinkat(directory_.get(), temporary.c_str(), 0);
    return error;
  }
  if (::fsync(directory_.get()) != 0) return fault("cannot sync " + path_);
  return std::nullopt;
}

std::optional<Error> DataDirectory::remove(const std::string& name) const {
  if (auto bad = check_name(name)) return bad;
  if (::unlinkat(directory_.get(), name.c_str(), 0) != 0 && errno != ENOENT) return fault("cannot delete " + path_ + "/" + name);
  if (::fsync(directory_.get()) != 0) return fault("cannot sync " + path_);
  return std::nullopt;
}

Result<std::string> DataDirectory::set_aside(const std::string& name) const {
  if (auto bad = check_name(name)) return *bad;
  for (int i = 0; i < 1000; ++i) {
    const std::string aside = name + ".damaged" + (i == 0 ? "" : "." + std::to_string(i));
    if (::faccessat(directory_.get(), aside.c_str(), F_OK, 0) == 0) continue;
    if (::renameat(directory_.get(), name.c_str(), directory_.get(), aside.c_str()) != 0)
      return fault("cannot set " + path_ + "/" + name + " aside");
    if (::fsync(directory_.get()) != 0) return fault("cannot sync " + path_);
    return path_ + "/" + aside;
  }
  return Error{"cannot set " + path_ + "/" + name + " aside: there are 1000 damaged ones already"};
}

}  // namespace supervisorring
