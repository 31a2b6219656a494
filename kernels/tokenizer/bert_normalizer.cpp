#include "kernels/tokenizer/bert_normalizer.h"

#include <utf8proc.h>

#include <algorithm>

#include "kernels/base/error.h"
#include "kernels/base/utf8.h"
#include "kernels/tokenizer/unicode.h"
#include "kernels/tokenizer/unicode8.h"

namespace zswarm::tokenizer {
namespace {

/// Control characters; so vertical tab, form feed and U+0085 go, though they are white space.
bool is_dropped(char32_t code) {
  if (code == '\t' || code == '\n' || code == '\r') return false;
  return code == 0xfffd || unicode8::is_control(code);
}

bool is_chinese(char32_t c) {
  return (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) ||
         (c >= 0x2a700 && c <= 0x2b73f) || (c >= 0x2b740 && c <= 0x2b81f) ||
         (c >= 0x2b920 && c <= 0x2ceaf) ||  // sic: the reference leaves out the first 256 of this block
         (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f);
}

/// Unicode's punctuation and all of ASCII's signs.
bool stands_alone(char32_t c) {
  if (c < 0x80)
    return (c >= 0x21 && c <= 0x2f) || (c >= 0x3a && c <= 0x40) || (c >= 0x5b && c <= 0x60) ||
           (c >= 0x7b && c <= 0x7e);
  return unicode8::is_punctuation(c);
}

/// Characters that stay, white space as U+0020, Chinese characters between spaces.
std::u32string cleaned(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const utf8::Char c = utf8::decode(text);
    text.remove_prefix(c.length);
    if (is_dropped(c.code)) continue;
    if (is_white_space(c.code)) {
      out += U' ';
    } else if (is_chinese(c.code)) {
      out += {U' ', c.code, U' '};
    } else {
      out += c.code;
    }
  }
  return out;
}

/// Canonical decomposition (Unicode, section 3.11).
std::u32string decomposed(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  utf8proc_int32_t parts[8];  // no canonical decomposition is longer than 4
  for (const char32_t c : text) {
    int boundary = 0;
    const utf8proc_ssize_t count =
        utf8proc_decompose_char(static_cast<utf8proc_int32_t>(c), parts, 8, UTF8PROC_DECOMPOSE, &boundary);
    ZS_ASSERT(count >= 0 && count <= 8);
    for (utf8proc_ssize_t i = 0; i < count; ++i) out += static_cast<char32_t>(parts[i]);
  }
  const auto combining_class = [](char32_t c) {
    return utf8proc_get_property(static_cast<utf8proc_int32_t>(c))->combining_class;
  };
  for (std::size_t begin = 0; begin < out.size(); ++begin) {
    if (combining_class(out[begin]) == 0) continue;
    std::size_t end = begin;
    while (end < out.size() && combining_class(out[end]) != 0) ++end;
    std::stable_sort(out.begin() + static_cast<std::ptrdiff_t>(begin),
                     out.begin() + static_cast<std::ptrdiff_t>(end),
                     [&](char32_t a, char32_t b) { return combining_class(a) < combining_class(b); });
    begin = end;
  }
  return out;
}

std::u32string without_accents(const std::u32string& text) {
  std::u32string out = decomposed(text);
  std::erase_if(out, unicode8::is_nonspacing_mark);
  return out;
}

std::u32string lower_case(const std::u32string& text) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    if (c == 0x130) {
      out += {U'i', 0x307};  // İ, the only letter whose lower case is two characters (SpecialCasing.txt)
    } else {
      out += static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c)));
    }
  }
  return out;
}

}  // namespace

std::vector<std::u32string> bert_words(std::string_view text, BertOptions options) {
  std::u32string normal = cleaned(text);
  if (options.strip_accents) normal = without_accents(normal);
  if (options.lowercase) normal = lower_case(normal);
  std::vector<std::u32string> words;
  std::u32string word;
  const auto finish = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (const char32_t c : normal) {
    if (is_white_space(c)) {
      finish();
    } else if (stands_alone(c)) {
      finish();
      words.emplace_back(1, c);
    } else {
      word += c;
    }
  }
  finish();
  return words;
}

}  // namespace zswarm::tokenizer
