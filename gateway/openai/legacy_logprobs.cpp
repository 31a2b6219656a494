#include "gateway/openai/legacy_logprobs.h"

#include <fmt/format.h>

#include "gateway/openai/answer_format.h"
#include "kernels/base/utf8.h"

namespace zswarm::gateway {

std::string legacy_token_text(std::string_view bytes) {
  if (utf8::is_valid(bytes)) return std::string(bytes);
  std::string out = "bytes:";
  for (const char byte : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
  return out;
}

void LegacyLogprobs::push(const node::TokenLogprob& token, bool has_logprob) {
  tokens_.push_back(legacy_token_text(token.bytes));
  offsets_.push_back(characters_);
  if (!has_logprob) {
    token_logprobs_.push_back(nullptr);
    top_.push_back(nullptr);
    return;
  }
  token_logprobs_.push_back(finite_logprob(token.logprob));
  Json top = Json::object();
  for (const auto& alternative : token.top) {
    // Equal texts of different tokens share a key: the likelier one came first and stays.
    const std::string text = legacy_token_text(alternative.bytes);
    if (!top.contains(text)) top[text] = finite_logprob(alternative.logprob);
  }
  const std::string text = legacy_token_text(token.bytes);
  if (!top.contains(text)) top[text] = finite_logprob(token.logprob);
  top_.push_back(std::move(top));
}

void LegacyLogprobs::advance(std::string_view bytes) {
  partial_ += bytes;
  std::size_t done = 0;
  const std::size_t whole = partial_.size() - utf8::incomplete_tail(partial_);
  while (done < whole) {
    done += utf8::decode(std::string_view(partial_).substr(done)).length;
    ++characters_;
  }
  partial_.erase(0, done);
}

void LegacyLogprobs::add(const std::vector<node::TokenLogprob>& tokens) {
  for (const auto& token : tokens) {
    push(token, true);
    advance(token.bytes);
  }
}

void LegacyLogprobs::add_prompt(const std::vector<node::TokenLogprob>& tokens, std::string_view text) {
  bool first = true;
  for (const auto& token : tokens) {
    push(token, !first);
    first = false;
    std::string_view part = token.bytes;
    if (!text.starts_with(part) && part.starts_with(' ') && text.starts_with(part.substr(1)))
      part.remove_prefix(1);
    if (!text.starts_with(part)) continue;
    text.remove_prefix(part.size());
    advance(part);
  }
}

Json LegacyLogprobs::take() {
  Json out;
  out["tokens"] = std::move(tokens_);
  out["token_logprobs"] = std::move(token_logprobs_);
  out["top_logprobs"] = std::move(top_);
  out["text_offset"] = std::move(offsets_);
  tokens_ = token_logprobs_ = top_ = offsets_ = Json::array();
  return out;
}

}  // namespace zswarm::gateway
