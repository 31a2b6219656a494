#include "node/engine/text_output.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "kernels/base/error.h"
#include "kernels/base/utf8.h"

namespace zswarm::node {

namespace {

bool begins_character(std::string_view text, std::size_t offset) {
  return offset >= text.size() || (static_cast<unsigned char>(text[offset]) & 0xc0) != 0x80;
}

}  // namespace

void TextOutput::Matcher::push(char byte) {
  if (complete()) matched = fallback[matched];
  while (matched > 0 && pattern[matched] != byte) matched = fallback[matched];
  if (pattern[matched] == byte) ++matched;
}

TextOutput::TextOutput(const tokenizer::Tokenizer& tokenizer, const std::vector<std::string>& stops,
                       bool with_logprobs, bool own_text)
    : tokenizer_(&tokenizer),
      with_logprobs_(with_logprobs),
      strip_space_(own_text && tokenizer.strips_leading_space()) {
  for (const std::string& stop : stops) {
    ZS_ASSERT(!stop.empty());
    Matcher matcher{stop, std::vector<std::uint32_t>(stop.size() + 1, 0)};
    for (std::size_t n = 1; n < stop.size(); ++n) {  // matched: of stop, within stop[1, n)
      matcher.push(stop[n]);
      matcher.fallback[n + 1] = matcher.matched;
    }
    matcher.matched = 0;
    matchers_.push_back(std::move(matcher));
  }
}

bool TextOutput::push(TokenLogprob token) {
  ZS_ASSERT(!stopped_);
  std::string bytes = tokenizer_->token_bytes(token.token);
  if (strip_space_ && !bytes.empty()) {
    strip_space_ = false;
    if (bytes.front() == ' ') bytes.erase(0, 1);
  }
  tokens_.push_back({std::move(token), 0, false});
  decode(bytes);
  if (stopped_) {
    release(tokens_.size(), text_.size());
  } else {
    release_certain();
  }
  return !stopped_;
}

/// Appends the whole characters that `bytes`, the last token's, complete.
void TextOutput::decode(std::string_view bytes) {
  const std::size_t owner = tokens_.size() - 1;
  const std::size_t from_tail = tail_.size();
  const std::string raw = tail_ + std::string(bytes);
  const std::size_t certain = raw.size() - utf8::incomplete_tail(raw);
  // The tail is the beginning of one character: it is settled as a whole, or not at all.
  for (std::size_t k = 0; k < from_tail; ++k) tokens_[tail_owners_[k]].unfinished = false;
  const auto owner_of = [&](std::size_t i) { return i < from_tail ? tail_owners_[i] : owner; };
  for (std::size_t i = 0; i < certain;) {
    const utf8::Char c = utf8::decode(std::string_view(raw).substr(i));
    if (!c.valid) {
      if (!append("\xef\xbf\xbd", owner_of(i))) return;
    } else {
      // A character's bytes belong to the tokens that they came from; it is matched byte by byte anyway.
      for (std::size_t k = 0; k < c.length; ++k) {
        if (!append(std::string_view(raw).substr(i + k, 1), owner_of(i + k))) return;
      }
    }
    i += c.length;
  }
  std::size_t owners[4] = {};
  for (std::size_t i = certain; i < raw.size(); ++i) owners[i - certain] = owner_of(i);
  std::copy(std::begin(owners), std::end(owners), std::begin(tail_owners_));
  tail_ = raw.substr(certain);
  for (std::size_t k = 0; k < tail_.size(); ++k) tokens_[tail_owners_[k]].unfinished = true;
}

/// Adds text; false if it completes a stop string, which is then cut off.
bool TextOutput::append(std::string_view bytes, std::size_t owner) {
  for (const char byte : bytes) {
    text_ += byte;
    tokens_[owner].bytes += 1;
    std::size_t longest = 0;
    for (Matcher& matcher : matchers_) {
      matcher.push(byte);
      if (matcher.complete()) longest = std::max(longest, matcher.pattern.size());
    }
    if (longest > 0) {
      text_.resize(text_.size() - longest);
      stopped_ = true;
      return false;
    }
  }
  return true;
}

void TextOutput::release_certain() {
  std::size_t held = 0;
  for (const Matcher& matcher : matchers_) held = std::max<std::size_t>(held, matcher.matched);
  const std::size_t certain = text_.size() - held;
  std::size_t tokens = 0, bytes = 0, end = 0;
  for (std::size_t i = 0; i < tokens_.size() && !tokens_[i].unfinished; ++i) {
    end += tokens_[i].bytes;
    if (end > certain) break;
    if (begins_character(text_, end)) tokens = i + 1, bytes = end;
  }
  release(tokens, bytes);
}

/// Releases the first `bytes` of text and those of the first `tokens` that have a share in it.
void TextOutput::release(std::size_t tokens, std::size_t bytes) {
  std::size_t begin = 0;
  for (std::size_t i = 0; i < tokens; ++i) {
    Pending& pending = tokens_[i];
    const std::size_t share = std::min(pending.bytes, bytes - begin);
    const bool complete = share == pending.bytes && !pending.unfinished && !(stopped_ && begin == bytes);
    if (share == 0 && !complete) break;  // what follows is not visible either
    if (with_logprobs_) {
      pending.token.bytes = text_.substr(begin, share);
      released_logprobs_.push_back(std::move(pending.token));
    }
    begin += share;
  }
  released_text_.append(text_, 0, bytes);
  text_.erase(0, bytes);
  tokens_.erase(tokens_.begin(), tokens_.begin() + static_cast<std::ptrdiff_t>(tokens));
  for (std::size_t k = 0; k < tail_.size(); ++k) tail_owners_[k] -= std::min(tail_owners_[k], tokens);
}

void TextOutput::finish() {
  if (stopped_) return;
  release(tokens_.size(), text_.size());
  tail_.clear();
  stopped_ = true;
}

void TextOutput::take(Delta& delta) {
  delta.text += released_text_;
  released_text_.clear();
  std::move(released_logprobs_.begin(), released_logprobs_.end(), std::back_inserter(delta.logprobs));
  released_logprobs_.clear();
}

void TextOutput::set_logprobs(std::vector<TokenLogprob> logprobs) {
  ZS_ASSERT(logprobs.size() == tokens_.size());
  for (std::size_t i = 0; i < tokens_.size(); ++i) tokens_[i].token = std::move(logprobs[i]);
}

}  // namespace zswarm::node
