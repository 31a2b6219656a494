#include "kernels/tokenizer/bpe.h"

#include <fmt/core.h>

#include "kernels/base/utf8.h"
#include "kernels/tokenizer/byte_alphabet.h"

namespace zswarm::tokenizer {
namespace {

constexpr std::string_view kReplacement = "\xef\xbf\xbd";

}  // namespace

BpeModel::BpeModel(const Vocab& vocab, Pretokenizer pretokenizer, bool whole_words, Alphabet alphabet,
                   std::size_t merges)
    : vocab_(vocab),
      pretokenizer_(std::move(pretokenizer)),
      whole_words_(whole_words),
      alphabet_(alphabet),
      merges_(merges) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(static_cast<unsigned char>(byte));
    byte_ids_[byte] = alphabet == Alphabet::kBytes ? vocab.find_plain(spelling_of({&c, 1}))
                                                   : vocab.byte_token(static_cast<unsigned char>(byte));
  }
}

Result<std::unique_ptr<BpeModel>> BpeModel::build(const Vocab& vocab, const Metadata& metadata,
                                                  const PretokenizerSpec& spec, Alphabet alphabet) {
  if (metadata.merges.empty()) return fail(ErrorCode::kCorrupt, "tokenizer.ggml.merges is missing or empty.");
  auto pretokenizer = Pretokenizer::compile(spec);
  if (!pretokenizer) return fail(pretokenizer.error());
  std::unique_ptr<BpeModel> model(
      new BpeModel(vocab, std::move(*pretokenizer), spec.whole_words, alphabet, metadata.merges.size()));
  if (auto ok = model->read_merges(metadata); !ok) return fail(ok.error());
  return model;
}

Status BpeModel::read_merges(const Metadata& metadata) {
  std::string joined;
  for (std::size_t rank = 0; rank < metadata.merges.size(); ++rank) {
    const std::string_view merge = metadata.merges[rank];
    // Tokens hold no space, except one that is nothing but spaces.
    const std::size_t gap = merge.find(' ', 1);
    if (gap == merge.npos || gap + 1 == merge.size()) {
      return fail(ErrorCode::kCorrupt,
                  fmt::format("tokenizer.ggml.merges[{}], \"{}\", is not two tokens with a space between.",
                              rank, printable(merge)));
    }
    const std::string_view left = merge.substr(0, gap), right = merge.substr(gap + 1);
    joined.assign(left);
    joined += right;
    const MergeTable::Merge entry{vocab_.find(left), vocab_.find(right), static_cast<std::uint32_t>(rank),
                                  vocab_.find(joined)};
    for (const auto& [id, text] :
         {std::pair(entry.left, left), {entry.right, right}, {entry.result, std::string_view(joined)}}) {
      if (id == kNoToken) {
        return fail(
            ErrorCode::kCorrupt,
            fmt::format("tokenizer.ggml.merges[{}] needs the token \"{}\", which the vocabulary lacks.", rank,
                        printable(text)));
      }
    }
    merges_.add(entry);
  }
  return {};
}

void BpeModel::append_bytes(std::string_view piece, std::vector<TokenId>& ids) const {
  const auto append = [&](char byte) {
    const TokenId id = byte_ids_[static_cast<unsigned char>(byte)];
    if (id != kNoToken) ids.push_back(id);
    return id != kNoToken;
  };
  // The pre-tokenizer never puts broken bytes into one piece with characters.
  const bool broken = !utf8::decode(piece).valid;
  for (const char byte : piece) {
    if (!append(byte) && broken) {
      for (const char c : kReplacement) append(c);
    }
  }
}

void BpeModel::append_characters(std::string_view piece, std::vector<TokenId>& ids) const {
  while (!piece.empty()) {
    const utf8::Char c = utf8::decode(piece);
    const std::string_view character = piece.substr(0, c.length);
    piece.remove_prefix(c.length);
    if (const TokenId id = c.valid ? vocab_.find_plain(character) : kNoToken; id != kNoToken) {
      ids.push_back(id);
      continue;
    }
    for (const char byte : character) {
      const TokenId id = byte_ids_[static_cast<unsigned char>(byte)];
      if (id != kNoToken) {
        ids.push_back(id);
      } else if (vocab_.unk && (ids.empty() || ids.back() != *vocab_.unk)) {
        ids.push_back(*vocab_.unk);
      }
    }
  }
}

Status BpeModel::encode(std::string_view text, bool /*begins*/, std::vector<TokenId>& out) const {
  std::string marked;
  if (alphabet_ == Alphabet::kCharacters) {
    marked = with_space_marks(text);
    text = marked;
  }
  std::vector<std::string_view> pieces;
  if (auto ok = pretokenizer_.split(text, pieces); !ok) return ok;
  std::vector<TokenId> ids;
  MergeScratch scratch;
  for (const std::string_view piece : pieces) {
    if (whole_words_ && piece.size() <= vocab_.longest_text()) {
      const TokenId id =
          vocab_.find_plain(alphabet_ == Alphabet::kBytes ? spelling_of(piece) : std::string(piece));
      if (id != kNoToken) {
        out.push_back(id);
        continue;
      }
    }
    ids.clear();
    if (alphabet_ == Alphabet::kBytes) {
      append_bytes(piece, ids);
    } else {
      append_characters(piece, ids);
    }
    merge_pairs(merges_, ids, scratch);
    out.insert(out.end(), ids.begin(), ids.end());
  }
  return {};
}

std::string BpeModel::bytes_of_token(std::string_view text) const {
  return alphabet_ == Alphabet::kBytes ? bytes_of(text) : without_space_marks(text);
}

}  // namespace zswarm::tokenizer
