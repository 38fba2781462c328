#include "io/data_directory.h"

#include "temporary_directory.h"

namespace supervisorring {
namespace {

using testing::TemporaryDirectory;

TEST(DataDirectory, AFileThatWasNeverWrittenIsAbsentAndNoError) {
  TemporaryDirectory temporary;
  const auto directory = DataDirectory::open(temporary.path("deep/below"));
  ASSERT_TRUE(directory) << directory.error();
  const auto content = directory->read("ring");
  ASSERT_TRUE(content);
  EXPECT_FALSE(content->has_value());
}

TEST(DataDirectory, AWriteReplacesTheWholeFileAndLeavesNoOther) {
  TemporaryDirectory temporary;
  const auto directory = DataDirectory::open(temporary.path());
  ASSERT_TRUE(directory);
  EXPECT_FALSE(directory->write("ring", std::string(100'000, 'x')));
  EXPECT_FALSE(directory->write("ring", std::string("a\0b", 3)));
  EXPECT_EQ(temporary.read("ring"), std::string("a\0b", 3));
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(temporary.path())) ++files;
  EXPECT_EQ(files, 2u);  // ring, lock
}

TEST(DataDirectory, AFailedWriteLeavesTheOldContentAndSaysWhy) {
  TemporaryDirectory temporary;
  const auto directory = DataDirectory::open(temporary.path());
  ASSERT_TRUE(directory);
  ASSERT_FALSE(directory->write("ring", "old"));
  std::filesystem::create_directory(temporary.path(".ring.new"));  // where the temporary file would be
  const auto error = directory->write("ring", "new");
  ASSERT_TRUE(error);
  EXPECT_NE(error->text.find("cannot write " + temporary.path("ring")), std::string::npos) << error->text;
  EXPECT_EQ(temporary.read("ring"), "old");
}

TEST(DataDirectory, TwoProgramsDoNotShareOne) {
  TemporaryDirectory temporary;
  auto first = DataDirectory::open(temporary.path());
  ASSERT_TRUE(first);
  const auto second = DataDirectory::open(temporary.path());
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().find("used by another program (process " + std::to_string(::getpid()) + ")"), std::string::npos) << second.error();
  { const DataDirectory gone = std::move(*first); }
  EXPECT_TRUE(DataDirectory::open(temporary.path()));
}

TEST(DataDirectory, OneThatCannotBeCreatedIsRefusedWithItsPath) {
  TemporaryDirectory temporary;
  const std::string file = temporary.file("file", "");
  const auto directory = DataDirectory::open(file + "/data");
  ASSERT_FALSE(directory);
  EXPECT_NE(directory.error().find(file + "/data"), std::string::npos) << directory.error();
}

TEST(DataDirectory, ADamagedFileIsSetAsideAndNeverOverwritten) {
  TemporaryDirectory temporary;
  const auto directory = DataDirectory::open(temporary.path());
  ASSERT_TRUE(directory);
  ASSERT_FALSE(directory->write("ring", "noise 1"));
  EXPECT_EQ(directory->set_aside("ring").value(), temporary.path("ring.damaged"));
  ASSERT_FALSE(directory->write("ring", "noise 2"));
  EXPECT_EQ(directory->set_aside("ring").value(), temporary.path("ring.damaged.1"));
  EXPECT_EQ(temporary.read("ring.damaged"), "noise 1");
  EXPECT_EQ(temporary.read("ring.damaged.1"), "noise 2");
}

TEST(DataDirectory, NamesThatLeadElsewhereAreRefused) {
  TemporaryDirectory temporary;
  const auto directory = DataDirectory::open(temporary.path());
  ASSERT_TRUE(directory);
  for (const char* name : {"", "../ring", "/etc/passwd", ".hidden", "lock"}) EXPECT_TRUE(directory->write(name, "x")) << name;
}

TEST(DataDirectory, RemovingAFileThatIsNotThereIsNoError) {
  TemporaryDirectory temporary;
  const auto directory = DataDirectory::open(temporary.path());
  ASSERT_TRUE(directory);
  EXPECT_FALSE(directory->remove("ring"));
  ASSERT_FALSE(directory->write("ring", "x"));
  EXPECT_FALSE(directory->remove("ring"));
  EXPECT_FALSE(std::filesystem::exists(temporary.path("ring")));
}

}  // namespace
}  // namespace supervisorring
