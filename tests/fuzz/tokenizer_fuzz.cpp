// Tokenizers of each kind under any text and any metadata.
//
// The first byte of the input chooses: a small vocabulary that then encodes the rest, a pre-tokenizer for the
// byte-level one, or metadata that the rest is cut into. Encoding never fails, byte-level BPE gives the text
// back, streams are whole characters.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/base/utf8.h"
#include "kernels/gguf/reader.h"
#include "kernels/tokenizer/pretokenizer.h"
#include "tests/kernels/tokenizer/small_vocabs.h"

namespace {

using namespace zswarm;
using tokenizer::StreamDecoder;
using tokenizer::TokenId;
using tokenizer::Tokenizer;

std::unique_ptr<const Tokenizer> must_build(const test::SmallVocab& small) {
  auto built = small.build();
  ZS_ASSERT(built.has_value());
  return std::move(*built);
}

const std::vector<std::unique_ptr<const Tokenizer>>& fixed_tokenizers() {
  static const auto all = [] {
    std::vector<std::unique_ptr<const Tokenizer>> v;
    v.push_back(must_build(test::spm_vocab()));
    v.push_back(must_build(test::gemma_vocab()));
    v.push_back(must_build(test::bert_vocab()));
    for (const tokenizer::PretokenizerSpec& spec : tokenizer::pretokenizer_table()) {
      if (spec.names.front() != "gemma4") v.push_back(must_build(test::byte_level_vocab(spec.names.front())));
    }
    return v;
  }();
  return all;
}
constexpr std::size_t kFirstByteLevel = 3;

void check_text(const Tokenizer& t, std::string_view text, bool gives_text_back) {
  for (const bool parse : {false, true}) {
    const auto ids = t.encode(text, {.add_special = parse && !gives_text_back, .parse_special = parse});
    ZS_ASSERT(ids.has_value());
    ZS_ASSERT(ids->size() <= 4 * text.size() + 4);
    StreamDecoder stream(t);
    std::string streamed;
    for (const TokenId id : *ids) {
      ZS_ASSERT(id >= 0 && id < t.vocab_size());
      streamed += stream.push(id);
    }
    ZS_ASSERT(utf8::is_valid(streamed));
    std::string whole = t.decode(*ids);
    ZS_ASSERT(whole.ends_with(stream.held_back()));
    whole.resize(whole.size() - stream.held_back().size());
    ZS_ASSERT(streamed == utf8::sanitized(whole));
    if (gives_text_back) ZS_ASSERT(t.decode(*ids, true) == text);
  }
}

/// Reads numbers and strings off the front of the input; zero and "" when it is used up.
struct Source {
  std::string_view rest;
  unsigned char byte() {
    if (rest.empty()) return 0;
    const char c = rest.front();
    rest.remove_prefix(1);
    return static_cast<unsigned char>(c);
  }
  std::string_view text() {
    const std::size_t n = std::min<std::size_t>(byte() & 15, rest.size());
    const std::string_view t = rest.substr(0, n);
    rest.remove_prefix(n);
    return t;
  }
};

void check_metadata(Source in) {
  static constexpr std::array<std::string_view, 6> kModels = {"gpt2", "llama", "gemma4", "bert", "t5", ""};
  static constexpr std::array<std::string_view, 6> kPres = {"gpt-2",  "llama-bpe",    "",
                                                            "gemma4", "deepseek-llm", "x"};
  tokenizer::Metadata m;
  m.model = kModels[in.byte() % kModels.size()];
  m.pre = kPres[in.byte() % kPres.size()];
  const auto flag = [&]() -> std::optional<bool> {
    const unsigned b = in.byte() % 3;
    return b == 2 ? std::nullopt : std::optional(b == 1);
  };
  const auto id = [&]() -> std::optional<std::int64_t> {
    const int b = in.byte();
    return b == 255 ? std::nullopt : std::optional<std::int64_t>(b - 1);
  };
  for (auto* target : {&m.add_bos, &m.add_eos, &m.add_space_prefix, &m.lowercase, &m.strip_accents})
    *target = flag();
  for (auto* target : {&m.bos, &m.eos, &m.eot, &m.eom, &m.unk, &m.sep, &m.cls}) *target = id();
  const std::size_t tokens = in.byte(), merges = in.byte() & 31;
  const bool typed = in.byte() % 4 != 0, scored = in.byte() % 4 != 0;
  for (std::size_t i = 0; i < tokens; ++i) {
    m.tokens.push_back(in.text());
    if (typed) m.types.push_back(in.byte() % 8);
    if (scored) m.scores.push_back(static_cast<float>(in.byte()) - 128);
  }
  for (std::size_t i = 0; i < merges; ++i) m.merges.push_back(in.text());
  const auto built = Tokenizer::from_metadata(m);
  if (built) check_text(**built, in.rest, false);
}

void check_file(std::string_view content) {
  const auto* bytes = reinterpret_cast<const std::byte*>(content.data());
  const auto file = gguf::Reader::from_bytes({bytes, bytes + content.size()}, "fuzz.gguf");
  if (!file) return;
  const auto built = Tokenizer::from_gguf(*file);
  if (built) check_text(**built, "Hello <s> world\n\xff", false);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto& fixed = fixed_tokenizers();
  // The kinds of input keep their numbers when the table of pre-tokenizers grows.
  if (data[0] == 0) {
    check_metadata({rest});
  } else if (data[0] == 1) {
    check_file(rest);
  } else {
    const std::size_t choice = (data[0] - 2U) % fixed.size();
    check_text(*fixed[choice], rest, choice >= kFirstByteLevel);
  }
  return 0;
}
