#include "kernels/base/utf8.h"
#include "kernels/tokenizer/tokenizer.h"

namespace zswarm::tokenizer {

std::string StreamDecoder::push(TokenId id) {
  pending_ += tokenizer_->token_bytes(id);
  if (first_ && !pending_.empty()) {
    first_ = false;
    if (tokenizer_->strips_leading_space() && pending_.front() == ' ') pending_.erase(0, 1);
  }
  const std::size_t complete = pending_.size() - utf8::incomplete_tail(pending_);
  std::string out = utf8::sanitized(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return out;
}

}  // namespace zswarm::tokenizer
