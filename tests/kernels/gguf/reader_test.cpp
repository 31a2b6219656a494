#include "kernels/gguf/reader.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <limits>

#include "tests/support/gguf_writer.h"

namespace zswarm::gguf {
namespace {

using test::ByteSink;
using test::GgufWriter;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::uint64_t kHuge = std::uint64_t{1} << 63;

Result<Reader> read(const GgufWriter& writer) {
  return Reader::from_bytes(writer.bytes(), "test.gguf");
}

std::vector<std::byte> zeros(std::size_t count) {
  return std::vector<std::byte>(count);
}

/// Metadata of every kind and two tensors.
GgufWriter sample() {
  GgufWriter writer;
  writer.add("general.architecture", "llama")
      .add("u8", std::uint8_t{200})
      .add("i8", std::int8_t{-100})
      .add("u16", std::uint16_t{60000})
      .add("i16", std::int16_t{-30000})
      .add("u32", std::uint32_t{4000000000})
      .add("i32", std::int32_t{-2000000000})
      .add("u64", std::numeric_limits<std::uint64_t>::max())
      .add("i64", std::numeric_limits<std::int64_t>::min())
      .add("f32", 1.5f)
      .add("f64", -2.25)
      .add("yes", true)
      .add("strings", std::vector<std::string>{"a", "", "\xe2\x82\xac"})
      .add("ints", std::vector<std::int32_t>{-1, 0, 7})
      .add("floats", std::vector<float>{0.5f, -1.0f})
      .add("doubles", std::vector<double>{0.25})
      .add("none", std::vector<std::uint32_t>{});
  writer.tensor("a.weight", {3, 2}, std::vector<float>{1, 2, 3, 4, 5, 6});
  writer.tensor("b.weight", TensorType::kQ4_0, {64}, zeros(36));
  return writer;
}

TEST(Reader, GivesBackEveryKindOfValue) {
  const auto file = read(sample());
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->version(), 3u);
  EXPECT_EQ(file->metadata().size(), 17u);
  EXPECT_EQ(file->metadata()[1].first, "u8");
  EXPECT_EQ(file->find("u8")->as_int(), 200);
  EXPECT_EQ(file->find("i8")->as_int(), -100);
  EXPECT_EQ(file->find("u16")->as_int(), 60000);
  EXPECT_EQ(file->find("i16")->as_int(), -30000);
  EXPECT_EQ(file->find("u32")->as_int(), 4000000000);
  EXPECT_EQ(file->find("i32")->as_int(), -2000000000);
  EXPECT_EQ(file->find("i64")->as_int(), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(file->find("u64")->as_int(), std::nullopt);  // does not fit
  EXPECT_EQ(file->find("u64")->as_float(), 18446744073709551616.0);
  EXPECT_EQ(file->find("f32")->as_float(), 1.5);
  EXPECT_EQ(file->find("f64")->as_float(), -2.25);
  EXPECT_EQ(file->find("i8")->as_float(), -100.0);
  EXPECT_EQ(file->find("yes")->as_bool(), true);
  EXPECT_EQ(file->find("general.architecture")->as_string(), "llama");
  EXPECT_THAT(*file->find("strings")->as_strings(), ElementsAre("a", "", "\xe2\x82\xac"));
  EXPECT_THAT(*file->find("ints")->as_ints(), ElementsAre(-1, 0, 7));
  EXPECT_THAT(*file->find("floats")->as_floats(), ElementsAre(0.5f, -1.0f));
  EXPECT_THAT(*file->find("doubles")->as_floats(), ElementsAre(0.25f));
  EXPECT_THAT(*file->find("none")->as_ints(), ElementsAre());
  EXPECT_EQ(file->find("absent"), nullptr);
}

TEST(Reader, GivesNothingForAValueOfAnotherType) {
  const auto file = read(sample());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->find("f32")->as_int(), std::nullopt);
  EXPECT_EQ(file->find("yes")->as_int(), std::nullopt);
  EXPECT_EQ(file->find("u8")->as_bool(), std::nullopt);
  EXPECT_EQ(file->find("u8")->as_string(), std::nullopt);
  EXPECT_EQ(file->find("strings")->as_int(), std::nullopt);
  EXPECT_EQ(file->find("strings")->as_ints(), std::nullopt);
  EXPECT_EQ(file->find("strings")->as_floats(), std::nullopt);
  EXPECT_EQ(file->find("ints")->as_strings(), std::nullopt);
  EXPECT_EQ(file->find("ints")->as_floats(), std::nullopt);
  EXPECT_EQ(file->find("floats")->as_ints(), std::nullopt);
  EXPECT_EQ(file->find("u8")->as_ints(), std::nullopt);
}

TEST(Reader, GivesTensorsWithTheirData) {
  const auto file = read(sample());
  ASSERT_TRUE(file);
  ASSERT_EQ(file->tensors().size(), 2u);
  const TensorInfo* a = file->tensor("a.weight");
  ASSERT_NE(a, nullptr);
  EXPECT_THAT(a->dims, ElementsAre(3u, 2u));
  EXPECT_EQ(a->elements, 6u);
  ASSERT_EQ(a->data.size(), 24u);
  float last = 0;
  std::memcpy(&last, a->data.data() + 20, 4);
  EXPECT_EQ(last, 6.0f);
  EXPECT_EQ(file->tensor("b.weight")->type, TensorType::kQ4_0);
  EXPECT_EQ(file->tensor("b.weight")->data.size(), 36u);
  EXPECT_EQ(file->tensor("c.weight"), nullptr);
}

TEST(Reader, OpensVersion2AndOtherAlignments) {
  GgufWriter writer = sample();
  writer.version = 2;
  EXPECT_TRUE(read(writer));
  for (const std::uint32_t alignment : {8u, 64u, 4096u}) {
    GgufWriter aligned;
    aligned.alignment = alignment;
    aligned.add("general.alignment", alignment).tensor("a", {1}, std::vector<float>{7});
    const auto file = read(aligned);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->alignment(), alignment);
    EXPECT_EQ((file->tensor("a")->data.data() - file->file().bytes().data()) % alignment, 0);
  }
}

TEST(Reader, OpensAVocabularyWithoutTensors) {
  GgufWriter writer;
  writer.add("tokenizer.ggml.tokens", std::vector<std::string>(262144, "token"));
  const auto file = read(writer);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->find("tokenizer.ggml.tokens")->as_strings()->size(), 262144u);
  EXPECT_TRUE(read(GgufWriter{}));
}

TEST(Reader, OpensTypesThatItCannotCompute) {
  GgufWriter writer;
  writer.tensor({"a", 16, {256}, zeros(66), std::nullopt});  // IQ2_XXS
  const auto file = read(writer);
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_FALSE(tensor_type_traits(file->tensors()[0].type)->computable);
}

TEST(Reader, StaysValidWhenMoved) {
  auto file = read(sample());
  ASSERT_TRUE(file);
  const Reader moved = std::move(*file);
  EXPECT_EQ(moved.find("general.architecture")->as_string(), "llama");
  EXPECT_EQ(moved.tensor("a.weight")->data.size(), 24u);
}

TEST(Reader, TypedAccessNamesFileAndKey) {
  const auto file = read(sample());
  ASSERT_TRUE(file);
  EXPECT_EQ(file->get_int("u32", 0, 4000000000), 4000000000);
  EXPECT_EQ(file->get_float("f32"), 1.5);
  EXPECT_EQ(file->get_string("general.architecture"), "llama");
  EXPECT_EQ(file->get_bool("yes"), true);
  const auto missing = file->get_int("no\nkey", 0, 1);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_EQ(missing.error().message, "test.gguf: the metadata key 'no\\x0akey' is missing");
  EXPECT_THAT(file->get_int("u8", 0, 100).error().message, HasSubstr("'u8' is 200, outside of 0 to 100"));
  EXPECT_THAT(file->get_int("u64", 0, 100).error().message, HasSubstr("'u64' is 2^63 or more, outside"));
  EXPECT_THAT(file->get_int("f32", 0, 100).error().message,
              HasSubstr("'f32' is of type float32, an integer is needed"));
  EXPECT_THAT(file->get_string("u8").error().message, HasSubstr("a string is needed"));
  EXPECT_THAT(file->get_bool("u8").error().message, HasSubstr("a bool is needed"));
  EXPECT_EQ(file->get_float("yes").error().code, ErrorCode::kCorrupt);
  GgufWriter writer;
  writer.add("nan", std::numeric_limits<float>::quiet_NaN());
  EXPECT_THAT(read(writer)->get_float("nan").error().message, HasSubstr("not a finite number"));
}

struct Damage {
  std::string what;
  std::vector<std::byte> file;
  ErrorCode code;
  std::string says;
};

GgufWriter with_value(std::uint32_t type, const ByteSink& payload) {
  GgufWriter writer;
  writer.add_raw("key", type, payload.bytes());
  return writer;
}

ByteSink array(std::uint32_t element_type, std::uint64_t count) {
  ByteSink sink;
  sink.number(element_type).number(count);
  return sink;
}

GgufWriter with_tensor(std::uint32_t type, std::vector<std::uint64_t> dims, std::size_t bytes,
                       std::optional<std::uint64_t> offset = std::nullopt) {
  GgufWriter writer;
  writer.tensor({"t", type, std::move(dims), zeros(bytes), offset});
  return writer;
}

std::vector<std::byte> text(std::string_view content) {
  return ByteSink().raw(content.data(), content.size()).bytes();
}

std::vector<Damage> damaged_headers() {
  const auto corrupt = ErrorCode::kCorrupt;
  const auto unsupported = ErrorCode::kUnsupported;
  std::vector<Damage> all = {
      {"empty", {}, corrupt, "It is empty"},
      {"other magic", text("hello, world"), corrupt, "not a GGUF file"},
      {"LFS pointer", text("version https://git-lfs.github.com/spec/v1"), corrupt, "git lfs pull"},
      {"HTML", text("<!DOCTYPE html>"), corrupt, "HTML"},
      {"safetensors", text(std::string("\x10\0\0\0\0\0\0\0{\"a\":1}", 15)), corrupt, "safetensors"},
      {"half a magic", text("GG"), corrupt, "truncated"},
  };
  for (const auto& [version, code, says] : {std::tuple{1u, unsupported, "version 1"},
                                            {0u, unsupported, "version 0"},
                                            {4u, unsupported, "version 4"},
                                            {0x03000000u, unsupported, "big-endian"}}) {
    GgufWriter writer;
    writer.version = version;
    all.push_back({fmt::format("version {}", version), writer.bytes(), code, says});
  }
  for (const std::uint64_t count : {std::uint64_t{1}, std::uint64_t{1} << 40, kHuge, ~std::uint64_t{0}}) {
    GgufWriter metadata, tensors;
    metadata.metadata_count = count;
    tensors.tensor_count = count;
    all.push_back({fmt::format("{} entries", count), metadata.bytes(), corrupt, "the metadata"});
    all.push_back({fmt::format("{} tensors", count), tensors.bytes(), corrupt, "tensors"});
  }
  return all;
}

std::vector<Damage> damaged_metadata() {
  const auto corrupt = ErrorCode::kCorrupt;
  std::vector<Damage> all = {
      {"unknown type", with_value(13, ByteSink().number(0)).bytes(), corrupt, "13 is not a metadata type"},
      {"type near 2^32", with_value(~0u, ByteSink().number(0)).bytes(), corrupt,
       "4294967295 is not a metadata type"},
      {"bool of 2", with_value(7, ByteSink().number<std::uint8_t>(2)).bytes(), corrupt, "a bool is 2"},
      {"nested array", with_value(9, array(9, 1)).bytes(), ErrorCode::kUnsupported, "array of arrays"},
      {"array of unknown", with_value(9, array(99, 1)).bytes(), corrupt, "99 is not an element type"},
      {"bool of 3 in an array",
       with_value(9, array(7, 2).number<std::uint8_t>(1).number<std::uint8_t>(3)).bytes(), corrupt,
       "a bool is 3"},
      {"key twice", GgufWriter().add("k", 1).add("k", 2).bytes(), corrupt, "'k' occurs twice"},
      {"key of 64 KiB", GgufWriter().add(std::string(65536, 'k'), 1).bytes(), corrupt,
       "longer than the format allows"},
      {"control characters", GgufWriter().add("\x1b[2J\n", true).add("\x1b[2J\n", true).bytes(), corrupt,
       "\\x1b[2J\\x0a"},
  };
  for (const std::uint64_t length :
       {std::uint64_t{100}, kHuge - 1, kHuge, ~std::uint64_t{0} - 7, ~std::uint64_t{0}}) {
    all.push_back({fmt::format("string of {}", length), with_value(8, ByteSink().number(length)).bytes(),
                   corrupt, "a string"});
    for (const std::uint32_t type : {0u, 4u, 7u, 8u, 12u}) {
      all.push_back({fmt::format("array of {} of type {}", length, type),
                     with_value(9, array(type, length)).bytes(), corrupt, "an array of"});
    }
    all.push_back({fmt::format("string of {} in an array", length),
                   with_value(9, array(8, 1).number(length)).bytes(), corrupt, "a string of an array"});
  }
  for (const std::int64_t alignment : {0, 1, 4, 33, 1 << 21, -32}) {
    all.push_back({fmt::format("alignment {}", alignment),
                   GgufWriter().add("general.alignment", alignment).bytes(), corrupt,
                   fmt::format("general.alignment is {}; it must be a power of two", alignment)});
  }
  all.push_back(
      {"alignment as text", GgufWriter().add("general.alignment", "32").bytes(), corrupt, "not an integer"});
  return all;
}

std::vector<Damage> damaged_tensors() {
  const auto corrupt = ErrorCode::kCorrupt;
  const std::uint64_t wide = std::uint64_t{1} << 32;
  std::vector<Damage> all = {
      {"no dimensions", with_tensor(0, {}, 4).bytes(), corrupt, "0 dimensions"},
      {"five dimensions", with_tensor(0, {1, 1, 1, 1, 1}, 4).bytes(), corrupt, "5 dimensions"},
      {"dimension 0", with_tensor(0, {4, 0}, 4).bytes(), corrupt, "a dimension is 0"},
      {"dimension 2^63", with_tensor(0, {kHuge}, 4).bytes(), corrupt, "overflow"},
      {"product 2^64", with_tensor(0, {wide, wide}, 4).bytes(), corrupt, "overflow"},
      {"product wraps to 0", with_tensor(0, {wide, wide, wide, wide}, 4).bytes(), corrupt, "overflow"},
      {"bytes overflow", with_tensor(28, {std::uint64_t{1} << 62}, 4).bytes(), corrupt, "size overflows"},
      {"half a block", with_tensor(2, {33}, 36).bytes(), corrupt,
       "33 is not a multiple of 32, the block length of Q4_0"},
      {"type 4", with_tensor(4, {32}, 36).bytes(), ErrorCode::kUnsupported, "tensor type 4"},
      {"type 2^31", with_tensor(1u << 31, {32}, 36).bytes(), ErrorCode::kUnsupported,
       "tensor type 2147483648"},
      {"odd offset", with_tensor(0, {1}, 64, 4).bytes(), corrupt, "not a multiple of the alignment"},
      {"offset past the end", with_tensor(0, {1}, 4, 64).bytes(), corrupt, "truncated"},
      {"offset near 2^64", with_tensor(0, {64}, 256, ~std::uint64_t{31}).bytes(), corrupt,
       "outside of any file"},
      {"offset 2^63", with_tensor(0, {1}, 4, kHuge).bytes(), corrupt, "outside of any file"},
      {"larger than the file", with_tensor(0, {1000}, 3996).bytes(), corrupt, "4 bytes are missing"},
  };
  GgufWriter twice = with_tensor(0, {1}, 4);
  twice.tensor("t", {1}, std::vector<float>{1});
  all.push_back({"name twice", twice.bytes(), corrupt, "'t' occurs twice"});
  GgufWriter overlap = with_tensor(0, {16}, 64);
  overlap.tensor({"u", 0, {1}, zeros(4), 32});
  all.push_back({"overlap", overlap.bytes(), corrupt, "overlaps"});
  GgufWriter same = with_tensor(0, {1}, 4);
  same.tensor({"u", 0, {1}, zeros(4), 0});
  all.push_back({"same place", same.bytes(), corrupt, "overlaps"});
  return all;
}

TEST(Reader, RefusesEachKindOfDamageInOneClearSentence) {
  std::vector<Damage> all = damaged_headers();
  for (auto* more : {&damaged_metadata, &damaged_tensors}) {
    for (Damage& damage : more()) all.push_back(std::move(damage));
  }
  for (const Damage& damage : all) {
    SCOPED_TRACE(damage.what);
    const auto file = Reader::from_bytes(damage.file, "bad\nname.gguf");
    ASSERT_FALSE(file);
    const std::string& message = file.error().message;
    EXPECT_EQ(file.error().code, damage.code) << message;
    EXPECT_THAT(message, HasSubstr(damage.says));
    EXPECT_THAT(message, ::testing::StartsWith("bad\\x0aname.gguf: "));
    EXPECT_THAT(message, HasSubstr(" at byte "));
    EXPECT_EQ(printable(message, message.size()), message) << "raw control characters";
  }
}

TEST(Reader, RefusesAFileCutAnywhere) {
  const auto whole = sample().bytes();
  ASSERT_TRUE(Reader::from_bytes(whole, "whole"));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto file =
        Reader::from_bytes({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}, "cut");
    ASSERT_FALSE(file) << size << " bytes";
    EXPECT_EQ(file.error().code, ErrorCode::kCorrupt);
    EXPECT_THAT(file.error().message, ::testing::AnyOf(HasSubstr("truncated"), HasSubstr("empty"))) << size;
  }
}

TEST(Reader, SurvivesEveryFlippedByte) {
  const auto whole = sample().bytes();
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    for (const unsigned flip : {0x01u, 0x80u, 0xffu}) {
      auto damaged = whole;
      damaged[at] ^= static_cast<std::byte>(flip);
      const auto file = Reader::from_bytes(damaged, "flipped");
      if (!file) {
        ++refused;
        continue;
      }
      for (const TensorInfo& tensor : file->tensors()) {
        ASSERT_LE(tensor.data.data() + tensor.data.size(),
                  file->file().bytes().data() + file->file().bytes().size());
      }
      for (const auto& [key, value] : file->metadata()) static_cast<void>(value.as_strings());
    }
  }
  EXPECT_GT(refused, whole.size() / 2);
}

TEST(Reader, OpensFilesAndSaysWhyItCannot) {
  const auto folder =
      std::filesystem::temp_directory_path() / fmt::format("zswarm-reader-test-{}", ::getpid());
  std::filesystem::create_directories(folder);
  ASSERT_TRUE(sample().save(folder / "a.gguf"));
  const auto file = Reader::open(folder / "a.gguf");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->tensor("a.weight")->elements, 6u);
  file->file().drop(file->file().bytes());  // the next access reads the file again
  EXPECT_EQ(file->find("general.architecture")->as_string(), "llama");

  EXPECT_EQ(Reader::open(folder / "b.gguf").error().code, ErrorCode::kNotFound);
  EXPECT_THAT(Reader::open(folder).error().message, HasSubstr("not a regular file"));
  std::ofstream(folder / "empty.gguf").flush();
  EXPECT_THAT(Reader::open(folder / "empty.gguf").error().message, HasSubstr("It is empty"));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace zswarm::gguf
