#include "kernels/tokenizer/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/core.h>
#include <pcre2.h>

#include <algorithm>
#include <limits>
#include <string>

#include "kernels/tokenizer/unicode_additions.h"

namespace zswarm::tokenizer {
namespace {

// White_Space, written so that it fits inside and outside a bracket.
constexpr std::string_view kSpaceClass =
    R"(\x{09}-\x{0d}\x{20}\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";

/// The bracket's content for the property that `rest` begins with ("\p{L}…"), and its length there in
/// `length`.
std::string property_class(std::string_view rest, std::size_t& length) {
  length = rest.find('}') + 1;
  ZS_ASSERT(rest.size() > 2 && rest[2] == '{' && length > 3);
  const std::string_view property = rest.substr(3, length - 4);
  std::string out(rest.substr(0, length));
  for (const UnicodeAddition& addition : kUnicodeAdditions) {
    if (addition.property == property) out += addition.ranges;
  }
  return out;
}

/// Writes \s and \S out and completes \p{…}. `\S` does not occur inside brackets in our expressions, `\P`
/// nowhere.
std::string with_own_classes(std::string_view expression) {
  std::string out;
  bool in_class = false;
  const auto put_class = [&](std::string_view content) {
    out += in_class ? std::string(content) : fmt::format("[{}]", content);
  };
  for (std::size_t i = 0; i < expression.size(); ++i) {
    const char c = expression[i];
    if (c == '\\' && i + 1 < expression.size()) {
      const char next = expression[i + 1];
      std::size_t length = 2;
      if (next == 's') {
        put_class(kSpaceClass);
      } else if (next == 'S') {
        ZS_ASSERT(!in_class);
        out += fmt::format("[^{}]", kSpaceClass);
      } else if (next == 'p') {
        put_class(property_class(expression.substr(i), length));
      } else {
        out += expression.substr(i, 2);
      }
      i += length - 1;
      continue;
    }
    if (c == '[' && !in_class) {
      in_class = true;
    } else if (c == ']' && in_class) {
      in_class = false;
    }
    out += c;
  }
  return out;
}

std::string message_of(int code) {
  PCRE2_UCHAR text[256] = {};
  pcre2_get_error_message(code, text, sizeof text);
  std::string out;
  for (const PCRE2_UCHAR* c = text; *c != 0; ++c) out += static_cast<char>(*c);
  return out;
}

PCRE2_SPTR units(std::string_view text) {
  return reinterpret_cast<PCRE2_SPTR>(text.data());
}

}  // namespace

namespace detail {
void CodeDeleter::operator()(void* code) const {
  pcre2_code_free(static_cast<pcre2_code*>(code));
}
void MatchDataDeleter::operator()(void* data) const {
  pcre2_match_data_free(static_cast<pcre2_match_data*>(data));
}
void MatchContextDeleter::operator()(void* context) const {
  pcre2_match_context_free(static_cast<pcre2_match_context*>(context));
}
}  // namespace detail

Result<Regex> Regex::compile(std::string_view expression) {
  const std::string expanded = with_own_classes(expression);
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(units(expanded), expanded.size(),
                                   PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
                                   &error, &offset, nullptr);
  if (code == nullptr) {
    return fail(ErrorCode::kInternal,
                fmt::format("a pre-tokenizer's regular expression does not compile at byte {}: {}.", offset,
                            message_of(error)));
  }
  Regex regex;
  regex.code_.reset(code);
  regex.jit_ =
      pcre2_jit_compile(code, PCRE2_JIT_COMPLETE) == 0;  // without it the interpreter gives the same matches
  return regex;
}

RegexMatcher::RegexMatcher(std::size_t subject_bytes_max)
    : data_(pcre2_match_data_create(1, nullptr)), context_(pcre2_match_context_create(nullptr)) {
  ZS_ASSERT(data_ != nullptr && context_ != nullptr);
  auto* context = static_cast<pcre2_match_context*>(context_.get());
  // Our expressions backtrack over a run of characters at most a few times; a limit in proportion to the
  // subject lets that pass and stops anything worse. Heap in KiB, for the interpreter's backtracking points.
  const std::size_t steps =
      std::min<std::size_t>(10'000 + 64 * subject_bytes_max, std::numeric_limits<std::uint32_t>::max() / 2);
  pcre2_set_match_limit(context, static_cast<std::uint32_t>(steps));
  pcre2_set_depth_limit(context, static_cast<std::uint32_t>(steps));
  pcre2_set_heap_limit(context, 64 * 1024);
}

Result<std::optional<Span>> RegexMatcher::find(const Regex& regex, std::string_view subject,
                                               std::size_t from) {
  auto* data = static_cast<pcre2_match_data*>(data_.get());
  auto* context = static_cast<pcre2_match_context*>(context_.get());
  const auto* code = static_cast<const pcre2_code*>(regex.code_.get());
  const int found =
      regex.jit_
          ? pcre2_jit_match(code, units(subject), subject.size(), from, PCRE2_NO_UTF_CHECK, data, context)
          : pcre2_match(code, units(subject), subject.size(), from, PCRE2_NO_UTF_CHECK, data, context);
  if (found == PCRE2_ERROR_NOMATCH) return std::nullopt;
  if (found < 0) {
    return fail(ErrorCode::kInternal,
                fmt::format("splitting the text hit a limit of the regular expression engine: {}.",
                            message_of(found)));
  }
  const PCRE2_SIZE* ends = pcre2_get_ovector_pointer(data);
  return Span{ends[0], ends[1]};
}

}  // namespace zswarm::tokenizer
