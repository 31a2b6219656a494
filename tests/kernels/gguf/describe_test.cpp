#include "kernels/gguf/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/support/gguf_writer.h"

namespace zswarm::gguf {
namespace {

using test::GgufWriter;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<Reader> small_file() {
  GgufWriter writer;
  writer.add("name", "caf\xc3\xa9 \x1b[31m \xff")
      .add("count", std::int32_t{-5})
      .add("big", std::numeric_limits<std::uint64_t>::max());
  writer.add("ratio", 0.5f).add("flag", true).add("epsilon", 1e-5f);
  writer.add("tokens", std::vector<std::string>{"a", "b", "c"}).add("scores", std::vector<float>{1, 2});
  writer.tensor("w", {4, 2}, std::vector<float>(8)).tensor("v", {2}, std::vector<float>(2));
  writer.tensor("q", TensorType::kQ4_0, {64, 4}, std::vector<std::byte>(144));
  return Reader::from_bytes(writer.bytes(), "dir/\nfile.gguf");
}

TEST(Describe, GivesValuesShortenedArraysAndTotals) {
  const auto file = small_file();
  ASSERT_TRUE(file);
  const Description description = describe(*file, 2);
  ASSERT_EQ(description.metadata.size(), 8u);
  EXPECT_EQ(std::get<std::string>(description.metadata[0].values[0]), "caf\xc3\xa9 \x1b[31m \xef\xbf\xbd");
  EXPECT_EQ(std::get<std::int64_t>(description.metadata[1].values[0]), -5);
  EXPECT_EQ(std::get<std::uint64_t>(description.metadata[2].values[0]),
            std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(std::get<double>(description.metadata[3].values[0]), 0.5);
  EXPECT_EQ(std::get<bool>(description.metadata[4].values[0]), true);
  const DescribedValue& tokens = description.metadata[6];
  EXPECT_TRUE(tokens.is_array);
  EXPECT_EQ(tokens.type, "string");
  EXPECT_EQ(tokens.count, 3u);
  EXPECT_THAT(tokens.values, ElementsAre(Scalar("a"), Scalar("b")));
  EXPECT_EQ(description.elements, 8u + 2u + 256u);
  EXPECT_EQ(description.tensor_bytes, 32u + 8u + 144u);
  ASSERT_EQ(description.by_type.size(), 2u);
  EXPECT_EQ(description.by_type[0].type, "Q4_0");  // the most bytes
  EXPECT_EQ(description.by_type[1].tensors, 2u);
  EXPECT_EQ(description.by_type[1].bytes, 40u);
  EXPECT_THAT(description.tensors[2].dims, ElementsAre(64u, 4u));
}

TEST(Describe, TextShowsEverythingAndNoControlCharacters) {
  const std::string text = to_text(describe(*small_file(), 2));
  EXPECT_THAT(text, HasSubstr("dir/\\x0afile.gguf: GGUF version 3"));
  EXPECT_THAT(text, HasSubstr("name = \"caf\xc3\xa9 \\x1b[31m"));
  EXPECT_THAT(text, HasSubstr("tokens = [\"a\", \"b\", …] (3 × string)"));
  EXPECT_THAT(text, HasSubstr("scores = [1, 2] (2 × float32)"));
  EXPECT_THAT(text, HasSubstr("epsilon = 1e-05\n"));
  EXPECT_THAT(text, HasSubstr("big = 18446744073709551615\n"));
  EXPECT_THAT(text, HasSubstr("flag = true\n"));
  EXPECT_THAT(text, HasSubstr("64 × 4"));
  for (const char c : text) EXPECT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20);
}

}  // namespace
}  // namespace zswarm::gguf
