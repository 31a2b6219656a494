#include "kernels/gguf/vocabulary.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/gguf_writer.h"

namespace zswarm::gguf {
namespace {

TEST(Vocabulary, KeepsEveryMetadataValueAndNoTensor) {
  test::GgufWriter writer;
  writer.add("general.architecture", "llama").add("u8", std::uint8_t{200}).add("f32", 1.5f).add("yes", true);
  writer.add("tokens", std::vector<std::string>{"a", "", "\xe2\x82\xac"})
      .add("scores", std::vector<float>{1, -2});
  writer.add("big", std::uint64_t{1} << 63);
  writer.tensor("w", {4, 2}, std::vector<float>(8));
  const auto file = Reader::from_bytes(writer.bytes(), "whole.gguf");
  ASSERT_TRUE(file);
  const auto bytes = without_tensors(*file);
  const auto copy = Reader::from_bytes(bytes, "copy.gguf");
  ASSERT_TRUE(copy) << copy.error().message;
  EXPECT_TRUE(copy->tensors().empty());
  ASSERT_EQ(copy->metadata().size(), file->metadata().size());
  for (std::size_t i = 0; i < file->metadata().size(); ++i) {
    const auto& [key, value] = file->metadata()[i];
    const auto& [same_key, same_value] = copy->metadata()[i];
    EXPECT_EQ(same_key, key);
    EXPECT_EQ(same_value.type(), value.type()) << key;
    EXPECT_EQ(same_value.size(), value.size()) << key;
    EXPECT_TRUE(std::equal(value.payload().begin(), value.payload().end(), same_value.payload().begin(),
                           same_value.payload().end()))
        << key;
  }
  EXPECT_EQ(copy->find("tokens")->as_strings()->at(2), "\xe2\x82\xac");
  EXPECT_EQ(without_tensors(*copy), bytes);
}

}  // namespace
}  // namespace zswarm::gguf
