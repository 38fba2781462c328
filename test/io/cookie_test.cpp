#include "io/cookie.h"

#include "temporary_directory.h"

namespace supervisorring {
namespace {

using testing::TemporaryDirectory;

TEST(Cookie, AFileThatOthersCanReadIsRefused) {
  TemporaryDirectory temporary;
  for (const unsigned mode : {0640u, 0604u, 0660u, 0644u, 0610u}) {
    const auto cookie = read_cookie_file(temporary.file("cookie", "secret", mode));
    ASSERT_FALSE(cookie) << mode;
    EXPECT_NE(cookie.error().find("accessible to others"), std::string::npos) << cookie.error();
    EXPECT_EQ(cookie.error().find("secret"), std::string::npos);
  }
  EXPECT_EQ(read_cookie_file(temporary.file("cookie", "secret", 0400)).value(), "secret");
}

TEST(Cookie, TheEndOfTheLineIsNotPartOfIt) {
  TemporaryDirectory temporary;
  EXPECT_EQ(read_cookie_file(temporary.file("cookie", "secret\n")).value(), "secret");
  EXPECT_EQ(read_cookie_file(temporary.file("cookie", "secret\r\n")).value(), "secret");
}

TEST(Cookie, EmptyTooLongAndUnprintableOnesAreRefused) {
  TemporaryDirectory temporary;
  EXPECT_FALSE(read_cookie_file(temporary.file("cookie", "")));
  EXPECT_FALSE(read_cookie_file(temporary.file("cookie", "\n")));
  EXPECT_FALSE(read_cookie_file(temporary.file("cookie", std::string(256, 'x'))));
  EXPECT_TRUE(read_cookie_file(temporary.file("cookie", std::string(255, 'x'))));
  EXPECT_FALSE(read_cookie_file(temporary.file("cookie", "two\nlines")));
  EXPECT_FALSE(read_cookie_file(temporary.file("cookie", "\xc3\xa9")));
  EXPECT_FALSE(read_cookie_file(temporary.path()));
  EXPECT_FALSE(read_cookie_file(temporary.path("absent")));
}

TEST(Cookie, TheFlagComesBeforeTheEnvironmentAndThatBeforeTheHomeDirectory) {
  TemporaryDirectory temporary;
  const std::string flag = temporary.file("flag", "of-the-flag");
  temporary.file(".erlang.cookie", "of-the-home");
  EXPECT_EQ(find_cookie({flag, "of-the-environment", temporary.path()}).value(), "of-the-flag");
  EXPECT_EQ(find_cookie({"", "of-the-environment", temporary.path()}).value(), "of-the-environment");
  EXPECT_EQ(find_cookie({"", std::nullopt, temporary.path()}).value(), "of-the-home");
  EXPECT_FALSE(find_cookie({"", std::nullopt, std::nullopt}));
  EXPECT_FALSE(find_cookie({temporary.path("absent"), "of-the-environment", temporary.path()}));
}

}  // namespace
}  // namespace supervisorring
