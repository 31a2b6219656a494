#include "kernels/tokenizer/tokenizer.h"

#include <fmt/core.h>

#include "kernels/tokenizer/bpe.h"
#include "kernels/tokenizer/metadata.h"
#include "kernels/tokenizer/special_tokens.h"
#include "kernels/tokenizer/spm.h"
#include "kernels/tokenizer/vocab.h"
#include "kernels/tokenizer/wordpiece.h"

namespace zswarm::tokenizer {
namespace {

/// What is put around a text if the caller wants it and the file does not say otherwise.
struct Ends {
  bool bos = false, eos = false, sep = false;
};

class GgufTokenizer final : public Tokenizer {
 public:
  static Result<std::unique_ptr<const Tokenizer>> build(const Metadata& metadata) {
    auto vocab = Vocab::build(metadata);
    if (!vocab) return fail(vocab.error());
    std::unique_ptr<GgufTokenizer> tokenizer(new GgufTokenizer(std::move(*vocab), metadata));
    if (auto ok = tokenizer->choose_model(metadata); !ok) return fail(ok.error());
    if (auto ok = tokenizer->choose_ends(metadata); !ok) return fail(ok.error());
    return tokenizer;
  }

  Result<std::vector<TokenId>> encode(std::string_view text, EncodeOptions options) const override {
    if (text.size() > max_text_bytes()) {
      return fail(ErrorCode::kTooLarge,
                  fmt::format("the text has {} bytes; at most {} can be turned into tokens at once.",
                              text.size(), max_text_bytes()));
    }
    std::vector<TokenId> out;
    if (options.add_special && ends_.bos) out.push_back(*vocab_.bos);
    bool begins = true;
    for (const Fragment& fragment : special_tokens_.split(text, options.parse_special)) {
      if (fragment.token != kNoToken) {
        out.push_back(fragment.token);
      } else if (auto ok = model_->encode(fragment.text, begins, out); !ok) {
        return fail(ok.error());
      }
      begins = fragment.token != kNoToken;
    }
    if (options.add_special && ends_.eos) out.push_back(*vocab_.eos);
    if (options.add_special && ends_.sep) out.push_back(*vocab_.sep);
    return out;
  }

  std::string token_bytes(TokenId id, bool render_special) const override {
    if (!vocab_.contains(id)) return {};
    const std::string_view text = vocab_.text(id);
    switch (vocab_.type(id)) {
      case TokenType::kControl:
      case TokenType::kUnknown:
        return render_special ? std::string(text) : std::string();
      case TokenType::kUserDefined:
        return std::string(text);
      case TokenType::kByte:
        if (const auto byte = vocab_.byte_value(id)) return std::string(1, static_cast<char>(*byte));
        break;
      case TokenType::kUndefined:
      case TokenType::kNormal:
      case TokenType::kUnused:
        break;
    }
    return model_->bytes_of_token(text);
  }

  std::string decode(std::span<const TokenId> ids, bool render_special) const override {
    std::string out;
    for (const TokenId id : ids) out += token_bytes(id, render_special);
    if (strips_leading_space() && out.starts_with(' ')) out.erase(0, 1);
    return out;
  }

  TokenId vocab_size() const override { return vocab_.size(); }
  std::string_view token_text(TokenId id) const override {
    return vocab_.contains(id) ? vocab_.text(id) : std::string_view();
  }
  std::optional<TokenId> bos() const override { return vocab_.bos; }
  std::optional<TokenId> eos() const override { return vocab_.eos; }
  bool adds_bos() const override { return ends_.bos; }
  bool ends_generation(TokenId id) const override { return vocab_.ends_generation(id); }
  bool is_special(TokenId id) const override { return vocab_.is_special(id); }
  bool strips_leading_space() const override { return model_->strips_leading_space(); }

 private:
  GgufTokenizer(Vocab vocab, const Metadata& metadata)
      : vocab_(std::move(vocab)), special_tokens_(vocab_, metadata) {}

  Status choose_model(const Metadata& m) {
    if (m.model == "gpt2" || m.model == "gemma4") return choose_bpe(m);
    if (m.model == "llama") {
      model_ = std::make_unique<SpmModel>(vocab_, m.add_space_prefix.value_or(true));
      ends_ = {.bos = vocab_.bos.has_value()};
      return {};
    }
    if (m.model == "bert") {
      if (!vocab_.unk || !vocab_.bos || !vocab_.sep) {
        return fail(ErrorCode::kCorrupt, "a BERT vocabulary needs an unknown, a CLS and a separator token.");
      }
      const bool lowercase = m.lowercase.value_or(true);
      model_ = std::make_unique<WordPieceModel>(vocab_,
                                                BertOptions{lowercase, m.strip_accents.value_or(lowercase)});
      ends_ = {.bos = true, .sep = true};
      return {};
    }
    return fail(
        ErrorCode::kUnsupported,
        fmt::format("tokenizer.ggml.model \"{}\" is not supported; known are gpt2, llama, gemma4 and bert.",
                    printable(m.model)));
  }

  Status choose_bpe(const Metadata& m) {
    const bool gemma = m.model == "gemma4" || m.pre == "gemma4";
    const PretokenizerSpec* spec = find_pretokenizer(gemma ? std::string_view("gemma4") : m.pre);
    if (spec == nullptr) {
      return fail(ErrorCode::kUnsupported,
                  fmt::format("the pre-tokenizer \"{}\" (tokenizer.ggml.pre) is not supported; see "
                              "kernels/tokenizer/README.md for how to add one.",
                              printable(m.pre)));
    }
    auto model = BpeModel::build(vocab_, m, *spec,
                                 gemma ? BpeModel::Alphabet::kCharacters : BpeModel::Alphabet::kBytes);
    if (!model) return fail(model.error());
    model_ = std::move(*model);
    ends_ = {.bos = (spec->adds_bos || gemma) && vocab_.bos.has_value()};
    // Early Gemma 4 files deny the BOS that the model cannot do without.
    force_bos_ = gemma && vocab_.bos.has_value();
    return {};
  }

  Status choose_ends(const Metadata& m) {
    // A BERT text always stands between CLS and SEP.
    if (m.model == "bert") return {};
    if (!force_bos_) ends_.bos = m.add_bos.value_or(ends_.bos);
    ends_.eos = m.add_eos.value_or(ends_.eos);
    if (ends_.bos && !vocab_.bos)
      return fail(ErrorCode::kCorrupt, "the tokenizer asks for a BOS token but names none.");
    if (ends_.eos && !vocab_.eos)
      return fail(ErrorCode::kCorrupt, "the tokenizer asks for an EOS token but names none.");
    return {};
  }

  Vocab vocab_;
  SpecialTokens special_tokens_;
  std::unique_ptr<TextModel> model_;
  Ends ends_;
  bool force_bos_ = false;
};

}  // namespace

Result<std::unique_ptr<const Tokenizer>> Tokenizer::from_metadata(const Metadata& metadata) {
  return GgufTokenizer::build(metadata);
}

Result<std::unique_ptr<const Tokenizer>> Tokenizer::from_gguf(const gguf::Reader& file) {
  auto metadata = read_metadata(file);
  if (!metadata) return fail(metadata.error());
  auto tokenizer = from_metadata(*metadata);
  if (!tokenizer) return file.error(tokenizer.error().code, tokenizer.error().message);
  return tokenizer;
}

}  // namespace zswarm::tokenizer
