#include "kernels/base/utf8.h"

#include <algorithm>

namespace zswarm::utf8 {
namespace {

struct Lead {
  std::uint8_t length;                  // of the whole character; 0: not a lead byte
  std::uint8_t second_min, second_max;  // allowed range of the second byte (table 3-7)
  std::uint8_t bits;                    // payload of the lead byte
};

Lead classify(std::uint8_t b) {
  if (b < 0x80) return {1, 0, 0, b};
  if (b < 0xc2) return {0, 0, 0, 0};
  if (b < 0xe0) return {2, 0x80, 0xbf, static_cast<std::uint8_t>(b & 0x1f)};
  if (b == 0xe0) return {3, 0xa0, 0xbf, 0};
  if (b == 0xed) return {3, 0x80, 0x9f, 0x0d};
  if (b < 0xf0) return {3, 0x80, 0xbf, static_cast<std::uint8_t>(b & 0x0f)};
  if (b == 0xf0) return {4, 0x90, 0xbf, 0};
  if (b < 0xf4) return {4, 0x80, 0xbf, static_cast<std::uint8_t>(b & 0x07)};
  if (b == 0xf4) return {4, 0x80, 0x8f, 4};
  return {0, 0, 0, 0};
}

struct Scan {
  Char c;
  bool cut = false;  // broken only because the text ends too early
};

Scan scan(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const Lead lead = classify(byte(0));
  if (lead.length == 0) return {{0xfffd, 1, false}, false};
  char32_t code = lead.bits;
  for (std::uint8_t i = 1; i < lead.length; ++i) {
    if (i >= text.size()) return {{0xfffd, i, false}, true};
    const std::uint8_t lo = i == 1 ? lead.second_min : 0x80;
    const std::uint8_t hi = i == 1 ? lead.second_max : 0xbf;
    if (byte(i) < lo || byte(i) > hi) return {{0xfffd, i, false}, false};
    code = (code << 6) | (byte(i) & 0x3f);
  }
  return {{code, lead.length, true}, false};
}

}  // namespace

Char decode(std::string_view text) {
  return scan(text).c;
}

void append(char32_t code, std::string& out) {
  const auto put = [&](char32_t v) { out += static_cast<char>(static_cast<unsigned char>(v)); };
  if (code < 0x80) {
    put(code);
  } else if (code < 0x800) {
    put(0xc0 | (code >> 6));
    put(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    put(0xe0 | (code >> 12));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  } else {
    put(0xf0 | (code >> 18));
    put(0x80 | ((code >> 12) & 0x3f));
    put(0x80 | ((code >> 6) & 0x3f));
    put(0x80 | (code & 0x3f));
  }
}

bool is_valid(std::string_view text) {
  while (!text.empty()) {
    const Char c = decode(text);
    if (!c.valid) return false;
    text.remove_prefix(c.length);
  }
  return true;
}

std::size_t incomplete_tail(std::string_view text) {
  const std::size_t most = std::min<std::size_t>(3, text.size());
  for (std::size_t n = 1; n <= most; ++n) {
    const std::string_view tail = text.substr(text.size() - n);
    if ((static_cast<std::uint8_t>(tail[0]) & 0xc0) == 0x80)
      continue;  // a continuation byte: look further back
    const Scan s = scan(tail);
    return s.cut && s.c.length == n ? n : 0;
  }
  return 0;
}

std::string sanitized(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Char c = decode(text);
    if (c.valid) {
      out.append(text.substr(0, c.length));
    } else {
      out += "\xef\xbf\xbd";
    }
    text.remove_prefix(c.length);
  }
  return out;
}

}  // namespace zswarm::utf8
