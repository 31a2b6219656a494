#include "kernels/tokenizer/wordpiece.h"

#include <algorithm>
#include <array>

#include "kernels/base/utf8.h"

namespace zswarm::tokenizer {
namespace {

constexpr std::size_t kMaxWordCharacters = 100;

/// Plain tokens only: "[SEP]" in a text is no separator unless special tokens are parsed.
bool is_plain(const Vocab& vocab, TokenId id) {
  return vocab.type(id) == TokenType::kNormal || vocab.type(id) == TokenType::kUndefined;
}

}  // namespace

TokenId WordPieceModel::longest(std::string_view rest, bool begins_word, std::size_t& length) const {
  struct Prefix {
    TextHash hash;
    std::size_t length = 0;
  };
  // Hashes of all prefixes that end with a character, in one pass.
  std::array<Prefix, kMaxWordCharacters + 1> prefixes;  // a word's characters and its mark
  std::size_t count = 0;
  TextHash hash;
  for (std::size_t at = 0; at < rest.size() && at < vocab_.longest_text();) {
    const std::size_t size = utf8::decode(rest.substr(at)).length;
    hash.add(rest.substr(at, size));
    at += size;
    prefixes[count++] = {hash, at};
  }
  while (count > 0) {
    const Prefix& prefix = prefixes[--count];
    // The mark alone begins no word, and inside a word it must not be taken for the start of one.
    if (begins_word ? prefix.length == kSpaceMark.size()
                    : prefix.length > kSpaceMark.size() && rest.starts_with(kSpaceMark))
      continue;
    const TokenId id = vocab_.find_hashed(rest.substr(0, prefix.length), prefix.hash);
    if (id == kNoToken || !is_plain(vocab_, id)) continue;
    length = prefix.length;
    return id;
  }
  return kNoToken;
}

Status WordPieceModel::encode(std::string_view text, bool /*begins*/, std::vector<TokenId>& out) const {
  std::string marked;
  for (const std::u32string& word : bert_words(text, options_)) {
    const std::size_t start = out.size();
    marked = kSpaceMark;
    for (const char32_t c : word) utf8::append(c, marked);
    std::string_view rest = marked;
    bool known = word.size() <= kMaxWordCharacters;
    while (known && !rest.empty()) {
      std::size_t length = 0;
      const TokenId id = longest(rest, rest.size() == marked.size(), length);
      known = id != kNoToken;
      if (known) out.push_back(id);
      rest.remove_prefix(length);
    }
    if (!known) {
      out.resize(start);
      out.push_back(*vocab_.unk);
    }
  }
  return {};
}

}  // namespace zswarm::tokenizer
