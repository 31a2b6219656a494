#include "kernels/tokenizer/unicode.h"

#include "kernels/base/utf8.h"

namespace zswarm::tokenizer {

bool is_white_space(char32_t code) {
  return (code >= 0x09 && code <= 0x0d) || code == 0x20 || code == 0x85 || code == 0xa0 || code == 0x1680 ||
         (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 || code == 0x202f ||
         code == 0x205f || code == 0x3000;
}

std::string_view without_leading_space(std::string_view text) {
  while (!text.empty()) {
    const utf8::Char c = utf8::decode(text);
    if (!c.valid || !is_white_space(c.code)) break;
    text.remove_prefix(c.length);
  }
  return text;
}

std::string_view without_trailing_space(std::string_view text) {
  while (!text.empty()) {
    std::size_t start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xc0) == 0x80) --start;
    const utf8::Char c = utf8::decode(text.substr(start));
    if (!c.valid || c.length != text.size() - start || !is_white_space(c.code)) break;
    text.remove_suffix(c.length);
  }
  return text;
}

}  // namespace zswarm::tokenizer
