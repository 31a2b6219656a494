#include "kernels/tokenizer/spm.h"

#include <algorithm>
#include <cstdint>
#include <unordered_map>

#include "kernels/base/utf8.h"

namespace zswarm::tokenizer {
namespace {

/// One text on its way to tokens.
class Segmentation {
 public:
  Segmentation(const Vocab& vocab, std::string_view text, std::vector<TokenId>& out)
      : vocab_(vocab), text_(text), out_(out) {}

  void run() {
    split_characters();
    for (std::int32_t i = 0; i + 1 < static_cast<std::int32_t>(symbols_.size()); ++i) consider(i);
    std::make_heap(heap_.begin(), heap_.end(), later);
    while (!heap_.empty()) merge_best();
    for (std::int32_t i = 0; i >= 0; i = symbol(i).next) emit(part(symbol(i)));
  }

 private:
  struct Symbol {
    std::uint32_t begin = 0, length = 0;  // bytes of text_; length 0: swallowed by its left neighbour
    std::int32_t prev = -1, next = -1;
  };
  struct Candidate {
    float score = 0;
    std::int32_t at = 0;
    std::uint32_t length = 0;  // of both parts; anything else there means that it is out of date
  };

  static bool later(const Candidate& a, const Candidate& b) {
    return a.score != b.score ? a.score < b.score : a.at > b.at;
  }

  Symbol& symbol(std::int32_t i) { return symbols_[static_cast<std::size_t>(i)]; }
  std::string_view part(const Symbol& s) const { return text_.substr(s.begin, s.length); }

  void split_characters() {
    for (std::size_t at = 0; at < text_.size();) {
      const utf8::Char c = utf8::decode(text_.substr(at));
      // Broken bytes stay single, so that each becomes its own byte token.
      const std::uint32_t length = c.valid ? c.length : 1;
      const auto index = static_cast<std::int32_t>(symbols_.size());
      symbols_.push_back({static_cast<std::uint32_t>(at), length, index - 1, index + 1});
      at += length;
    }
    symbols_.back().next = -1;
  }

  /// Adds the merge of symbol `at` with its right neighbour to the heap's storage, if it makes a token.
  bool consider(std::int32_t at) {
    if (at < 0 || symbol(at).next < 0) return false;
    const Symbol& left = symbol(at);
    const Symbol& right = symbol(left.next);
    const std::uint32_t length = left.length + right.length;
    if (length > vocab_.longest_text()) return false;
    const TokenId id = vocab_.find_plain(text_.substr(left.begin, length));
    if (id == kNoToken) return false;
    heap_.push_back({vocab_.score(id), at, length});
    // An unused token may serve as a step towards a longer one, but is taken apart again if it is left over.
    if (vocab_.type(id) == TokenType::kUnused) halves_[id] = {part(left), part(right)};
    return true;
  }

  void merge_best() {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const Candidate best = heap_.back();
    heap_.pop_back();
    Symbol& left = symbol(best.at);
    if (left.length == 0 || left.next < 0) return;
    Symbol& right = symbol(left.next);
    if (left.length + right.length != best.length) return;
    left.length = best.length;
    right.length = 0;
    left.next = right.next;
    if (left.next >= 0) symbol(left.next).prev = best.at;
    for (const std::int32_t at : {left.prev, best.at}) {
      if (consider(at)) std::push_heap(heap_.begin(), heap_.end(), later);
    }
  }

  void emit(std::string_view whole) {
    // Halves are shorter than the whole, so this ends.
    std::vector<std::string_view> todo{whole};
    while (!todo.empty()) {
      const std::string_view piece = todo.back();
      todo.pop_back();
      const TokenId id = vocab_.find_plain(piece);
      const auto halves = id == kNoToken ? halves_.end() : halves_.find(id);
      if (halves != halves_.end()) {
        todo.push_back(halves->second.second);
        todo.push_back(halves->second.first);
      } else if (id != kNoToken) {
        out_.push_back(id);
      } else {
        emit_bytes(piece);
      }
    }
  }

  void emit_bytes(std::string_view piece) {
    for (const char byte : piece) {
      const TokenId id = vocab_.byte_token(static_cast<unsigned char>(byte));
      if (id != kNoToken) {
        out_.push_back(id);
      } else if (vocab_.unk && (out_.empty() || out_.back() != *vocab_.unk)) {
        out_.push_back(*vocab_.unk);  // one for a run of unknown characters
      }
    }
  }

  const Vocab& vocab_;
  std::string_view text_;
  std::vector<TokenId>& out_;
  std::vector<Symbol> symbols_;
  std::vector<Candidate> heap_;
  std::unordered_map<TokenId, std::pair<std::string_view, std::string_view>> halves_;
};

}  // namespace

Status SpmModel::encode(std::string_view text, bool begins, std::vector<TokenId>& out) const {
  std::string marked;
  if (begins && adds_space_prefix_) marked = kSpaceMark;
  marked += with_space_marks(text);
  Segmentation(vocab_, marked, out).run();
  return {};
}

}  // namespace zswarm::tokenizer
