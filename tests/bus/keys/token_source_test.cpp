#include "bus/keys/token_source.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace zswarm::bus {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class TokenSource : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "zswarm-token-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    Token token;
    token.secret = Secret<32>::random();
    text_ = token.text().reveal();
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string file_with(const std::string& text) {
    const fs::path path = folder_ / "token.txt";
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  /// What the value gives: "" for this test's token, or the message.
  std::string message_of(const std::string& value) {
    const auto token = read_token(value);
    if (!token) return token.error().message;
    return token->text().reveal() == text_ ? "" : "another token";
  }

  fs::path folder_;
  std::string text_;
};

TEST_F(TokenSource, IsTheTextOrAFile) {
  EXPECT_EQ(message_of(text_), "");
  EXPECT_EQ(message_of("\n" + text_ + " "), "");
  EXPECT_EQ(message_of(file_with(text_ + "\n")), "");
}

TEST_F(TokenSource, IsStandardInput) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_EQ(write(ends[1], text_.data(), text_.size()), static_cast<ssize_t>(text_.size()));
  close(ends[1]);
  const int before = dup(STDIN_FILENO);
  ASSERT_EQ(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
  const std::string first = message_of("-"), second = message_of("-");
  if (before >= 0) dup2(before, STDIN_FILENO);
  close(before);
  close(ends[0]);
  EXPECT_EQ(first, "");
  EXPECT_THAT(second, HasSubstr("standard input: this is no token"));  // it has been read
}

TEST_F(TokenSource, NamesTheFileThatIsWrong) {
  EXPECT_THAT(message_of("./nowhere.txt"), HasSubstr("./nowhere.txt: the token cannot be read"));
  EXPECT_THAT(message_of(file_with("hello")), HasSubstr("token.txt: this is no token"));
  EXPECT_THAT(message_of(file_with(text_.substr(0, 90))), HasSubstr("token.txt: the token has a typo"));
  EXPECT_THAT(message_of(file_with("")), HasSubstr("token.txt: this is no token"));
  EXPECT_THAT(message_of(folder_), HasSubstr("cannot be read"));
  EXPECT_THAT(message_of(""), HasSubstr("empty"));
}

TEST_F(TokenSource, DoesNotReadWithoutEnd) {
  EXPECT_THAT(message_of("/dev/zero"), HasSubstr("/dev/zero: longer than 16384 bytes"));
}

TEST_F(TokenSource, NeverRepeatsWhatCouldBeASecret) {
  for (const std::string& value :
       {"zsx1" + text_.substr(4), text_.substr(4), "TOKEN=" + text_, "\"" + text_ + "\"", text_.substr(0, 50),
        text_.substr(10, 30), "./" + text_}) {
    const std::string message = message_of(value);
    EXPECT_NE(message, "");
    for (std::size_t i = 4; i + 6 < text_.size(); ++i)
      ASSERT_THAT(message, Not(HasSubstr(text_.substr(i, 6)))) << value;
  }
}

TEST_F(TokenSource, PrintsNoControlCharacters) {
  EXPECT_THAT(message_of("./no\x1b[31m"), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace zswarm::bus
