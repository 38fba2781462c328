// The cookie: the secret that the nodes of a cluster share.
//
// Where it comes from, the first that is given: the file named by --cookie-file, the environment's
// RELEASE_COOKIE, ~/.erlang.cookie. Never the command line, which every user of the machine can read.
// A file that others can read is refused, as OTP's auth module refuses it, and so are characters that it refuses.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "supervisorring/result.h"

namespace supervisorring {

struct CookieSources {
  std::string file;                            // empty: not given
  std::optional<std::string> release_cookie;   // the environment's
  std::optional<std::string> home;             // the environment's HOME
};

// Of this process: RELEASE_COOKIE and HOME from its environment.
CookieSources cookie_sources(std::string file);
Result<std::string> find_cookie(const CookieSources&);

Result<std::string> read_cookie_file(const std::string& path);
// `where` is for the message only; the cookie itself is never printed.
Result<std::string> check_cookie(std::string_view text, const std::string& where);

}  // namespace supervisorring
