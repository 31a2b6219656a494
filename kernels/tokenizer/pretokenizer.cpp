#include "kernels/tokenizer/pretokenizer.h"

#include <algorithm>

#include "kernels/base/utf8.h"

namespace zswarm::tokenizer {
namespace {

/// Length of the longest prefix of `text` that is UTF-8 (`valid`) or that holds no character (not `valid`).
std::size_t run_length(std::string_view text, bool valid) {
  std::size_t i = 0;
  while (i < text.size()) {
    const utf8::Char c = utf8::decode(text.substr(i));
    if (c.valid != valid) break;
    i += c.length;
  }
  return i;
}

Status split_piece(const Regex& stage, std::string_view piece, RegexMatcher& matcher,
                   std::vector<std::string_view>& out) {
  std::size_t begin = 0;
  while (begin < piece.size()) {
    auto found = matcher.find(stage, piece, begin);
    if (!found) return fail(found.error());
    if (!*found) break;
    const Span match = **found;
    ZS_ASSERT(match.end > match.begin);  // no expression of the table matches nothing
    if (match.begin > begin) out.push_back(piece.substr(begin, match.begin - begin));
    out.push_back(piece.substr(match.begin, match.end - match.begin));
    begin = match.end;
  }
  if (begin < piece.size()) out.push_back(piece.substr(begin));
  return {};
}

}  // namespace

const PretokenizerSpec* find_pretokenizer(std::string_view name) {
  for (const PretokenizerSpec& spec : pretokenizer_table()) {
    if (std::find(spec.names.begin(), spec.names.end(), name) != spec.names.end()) return &spec;
  }
  return nullptr;
}

Result<Pretokenizer> Pretokenizer::compile(const PretokenizerSpec& spec) {
  Pretokenizer pretokenizer;
  for (const std::string_view expression : spec.expressions) {
    auto regex = Regex::compile(expression);
    if (!regex) return fail(regex.error());
    pretokenizer.stages_.push_back(std::move(*regex));
  }
  return pretokenizer;
}

Status Pretokenizer::split_valid(std::string_view text, RegexMatcher& matcher,
                                 std::vector<std::string_view>& pieces) const {
  std::vector<std::string_view> current{text}, next;
  for (const Regex& stage : stages_) {
    next.clear();
    next.reserve(current.size());
    for (const std::string_view piece : current) {
      if (auto ok = split_piece(stage, piece, matcher, next); !ok) return ok;
    }
    current.swap(next);
  }
  pieces.insert(pieces.end(), current.begin(), current.end());
  return {};
}

Status Pretokenizer::split(std::string_view text, std::vector<std::string_view>& pieces) const {
  pieces.clear();
  RegexMatcher matcher(text.size());
  while (!text.empty()) {
    const std::size_t valid = run_length(text, true);
    if (valid > 0) {
      if (auto ok = split_valid(text.substr(0, valid), matcher, pieces); !ok) return ok;
      text.remove_prefix(valid);
    }
    if (const std::size_t broken = run_length(text, false); broken > 0) {
      pieces.push_back(text.substr(0, broken));
      text.remove_prefix(broken);
    }
  }
  return {};
}

}  // namespace zswarm::tokenizer
