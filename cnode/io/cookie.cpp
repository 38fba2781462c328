#include "io/cookie.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "io/file_descriptor.h"

namespace supervisorring {
namespace {

constexpr std::size_t kMaxCookie = 255;  // an atom in OTP

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

Error system_error(const std::string& what) { return Error{what + ": " + std::strerror(errno)}; }

}  // namespace

CookieSources cookie_sources(std::string file) {
  return {std::move(file), environment("RELEASE_COOKIE"), environment("HOME")};
}

Result<std::string> find_cookie(const CookieSources& sources) {
  if (!sources.file.empty()) return read_cookie_file(sources.file);
  if (sources.release_cookie) return check_cookie(*sources.release_cookie, "RELEASE_COOKIE");
  if (!sources.home) return Error{"no cookie: give --cookie-file, or set RELEASE_COOKIE or HOME (for ~/.erlang.cookie)"};
  const std::string path = *sources.home + "/.erlang.cookie";
  if (::access(path.c_str(), F_OK) != 0)
    return Error{"no cookie: --cookie-file is not given, RELEASE_COOKIE is not set and there is no " + path};
  return read_cookie_file(path);
}

Result<std::string> read_cookie_file(const std::string& path) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return system_error("cookie file " + path);
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return system_error("cookie file " + path);
  if (!S_ISREG(status.st_mode)) return Error{"cookie file " + path + " is not a regular file"};
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    std::array<char, 8> mode{};
    std::snprintf(mode.data(), mode.size(), "%04o", static_cast<unsigned>(status.st_mode & 07777));
    return Error{"cookie file " + path + " is accessible to others (mode " + mode.data() + "): chmod 600 " + path};
  }
  std::array<char, kMaxCookie + 16> buffer{};
  const ssize_t size = ::read(file.get(), buffer.data(), buffer.size());
  if (size < 0) return system_error("cookie file " + path);
  return check_cookie(std::string_view(buffer.data(), static_cast<std::size_t>(size)), "cookie file " + path);
}

Result<std::string> check_cookie(std::string_view text, const std::string& where) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  if (text.empty()) return Error{where + " is empty: expected a cookie"};
  if (text.size() > kMaxCookie) return Error{where + " is longer than a cookie may be (255 characters)"};
  if (!std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; }))
    return Error{where + " has characters that no cookie may have: expected printable ASCII on one line"};
  return std::string(text);
}

}  // namespace supervisorring
