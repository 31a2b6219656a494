// How many tokens of prompts one step may compute, so that steps stay short: those who decode get their
// tokens steadily, and a cancelled request stops soon, also while a long prompt is read on a slow machine.
//
// Learns the time per token from the steps themselves. Results do not depend on it, only waiting times do.
// One thread.
#pragma once

#include <algorithm>
#include <cstdint>

namespace zswarm::node {

class Pacer {
 public:
  static constexpr std::uint32_t kFewest = 4;  // also if the machine is too slow for the aims
  static constexpr std::uint32_t kFirst = 64;  // before anything is known
  static constexpr double kAloneAim_s = 0.4;   // a step of prompts only: cancelling must work within 1.5 s
  static constexpr double kBesideAim_s = 0.1;  // a step beside sequences that decode

  /// `fixed`: always this many tokens; 0: learn.
  Pacer(std::uint32_t most, std::uint32_t fixed) : most_(most), fixed_(std::min(fixed, most)) {}

  [[nodiscard]] std::uint32_t prefill_tokens(bool beside_decoding) const {
    if (fixed_ > 0) return fixed_;
    if (token_s_ <= 0) return std::min(kFirst, most_);
    const double tokens = (beside_decoding ? kBesideAim_s : kAloneAim_s) / token_s_;
    return static_cast<std::uint32_t>(
        std::clamp(tokens, static_cast<double>(std::min(kFewest, most_)), static_cast<double>(most_)));
  }

  /// A step computed `tokens` in `seconds`. Steps of few tokens say nothing of prompts: they read all weights
  /// for little.
  void observe(std::uint32_t tokens, double seconds) {
    if (tokens < kFewest || (tokens < 16 && token_s_ > 0 && seconds / tokens > token_s_)) return;
    const double now_s = seconds / tokens;
    token_s_ = token_s_ <= 0 ? now_s : 0.7 * token_s_ + 0.3 * now_s;
  }

  /// As learned; 0: nothing yet.
  [[nodiscard]] double tokens_per_s() const { return token_s_ > 0 ? 1 / token_s_ : 0; }

 private:
  std::uint32_t most_, fixed_;
  double token_s_ = 0;
};

}  // namespace zswarm::node
