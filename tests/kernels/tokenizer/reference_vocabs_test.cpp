// Our ids against those that Hugging Face tokenizers gave for the same vocabularies: llama.cpp's
// models/ggml-vocab-*.gguf with their .inp (texts) and .out (ids). They are too large to be kept here;
// ZSWARM_VOCABS names a folder that holds them, and tests/run sets it. Without it these tests are skipped, so
// that ctest runs anywhere.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/gguf/reader.h"
#include "kernels/tokenizer/tokenizer.h"

namespace zswarm::tokenizer {
namespace {

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << "cannot read " << path;
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<std::string> split(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t begin = 0;
  for (std::size_t at; (at = text.find(separator, begin)) != std::string::npos;
       begin = at + separator.size()) {
    parts.push_back(text.substr(begin, at - begin));
  }
  parts.push_back(text.substr(begin));
  return parts;
}

std::vector<TokenId> ids_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<TokenId> ids;
  for (TokenId id; in >> id;) ids.push_back(id);
  return ids;
}

class ReferenceVocab : public testing::TestWithParam<const char*> {};

TEST_P(ReferenceVocab, GivesExactlyTheIdsOfHuggingFace) {
  const char* folder = std::getenv("ZSWARM_VOCABS");
  if (folder == nullptr)
    GTEST_SKIP() << "ZSWARM_VOCABS is not set; tests/run fetches the vocabularies and sets it.";
  const std::filesystem::path base =
      std::filesystem::path(folder) / (std::string("ggml-vocab-") + GetParam() + ".gguf");
  ASSERT_TRUE(std::filesystem::exists(base))
      << "ZSWARM_VOCABS must hold llama.cpp's models/ggml-vocab-*.gguf with their .inp and .out files; this "
         "one is missing";
  const auto file = gguf::Reader::open(base);
  ASSERT_TRUE(file) << file.error().message;
  const auto tokenizer = Tokenizer::from_gguf(*file);
  ASSERT_TRUE(tokenizer) << tokenizer.error().message;

  const std::vector<std::string> texts = split(read_file(base.string() + ".inp"), "\n__ggml_vocab_test__\n");
  const std::vector<std::string> lines = split(read_file(base.string() + ".out"), "\n");
  ASSERT_GE(texts.size(), 40U);
  ASSERT_GE(lines.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    const auto ids = (*tokenizer)->encode(texts[i], {.add_special = false, .parse_special = false});
    ASSERT_TRUE(ids) << ids.error().message;
    EXPECT_EQ(*ids, ids_of(lines[i])) << "text " << i << ": " << testing::PrintToString(texts[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(Families, ReferenceVocab,
                         testing::Values("bert-bge", "command-r", "deepseek-coder", "deepseek-llm", "falcon",
                                         "gemma-4", "gpt-2", "llama-bpe", "llama-spm", "mpt", "phi-3",
                                         "qwen2", "qwen35", "refact", "starcoder"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace zswarm::tokenizer
