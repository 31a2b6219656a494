// What an entry and a host say to each other in the service `generate`: the bytes of requests, events and
// ends (node/PROTOCOL.md).
//
// Readers check every length, range and text; what they give is safe to hand on, though not to believe.
// Tokens travel as little-endian int32 in raw frames or bins. One thread each; no state but EventReader's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "bus/base/bytes.h"
#include "kernels/base/error.h"
#include "node/client.h"
#include "node/dispatch/model_hash.h"
#include "node/dispatch/progress.h"

namespace zswarm::node {

inline constexpr std::string_view kGenerateService = "generate";

// Limits of the protocol.
inline constexpr std::size_t kCallTokens = 1u << 20;  // of prompt and delivered tokens together
inline constexpr std::size_t kCallStops = 64, kCallStopBytes = 4096, kCallBiases = 4096;
inline constexpr std::size_t kLogprobBytes = 1024;  // of one token's text
inline constexpr std::size_t kLogprobAlternatives = 20;

/// A request on the wire. `what.model` does not travel: the hash names the model.
struct GenerateCall {
  ModelHash model{};
  GenerateRequest what;
};
struct CallBytes {
  bus::Bytes payload;
  std::vector<bus::Bytes> frames;  // the prompt, then the delivered tokens, cut where a frame is full
};

/// kTooLarge beyond a limit above.
[[nodiscard]] Result<CallBytes> write_call(const GenerateCall& call);
/// kInvalidArgument for bytes that are no such request.
[[nodiscard]] Result<GenerateCall> read_call(bus::ByteView payload, std::span<const bus::Bytes> frames);

/// Payloads of the events that say `news`, each small enough for one event. Finished and Error are ends: see
/// write_end_trailer().
[[nodiscard]] std::vector<bus::Bytes> write_events(const PromptScored& news);
[[nodiscard]] std::vector<bus::Bytes> write_events(const Delta& news);
[[nodiscard]] bus::Bytes write_progress(const Progress& progress);

using HostNews = std::variant<Progress, PromptScored, Delta>;

/// Puts events together again. Holds at most the log-probabilities of `tokens_max` tokens.
class EventReader {
 public:
  explicit EventReader(std::size_t tokens_max) : tokens_max_(tokens_max) {}
  /// Nothing if more parts are to come; kCorrupt for what no host would send.
  [[nodiscard]] Result<std::optional<HostNews>> read(bus::ByteView payload);

 private:
  std::size_t tokens_max_;
  std::vector<TokenLogprob> pending_;
};

/// How a generation ended, with a program's error whole: its field and its code.
using End = std::variant<Finished, Error>;
[[nodiscard]] bus::Bytes write_end_trailer(const End& end);
[[nodiscard]] Result<End> read_end_trailer(bus::ByteView trailer);

}  // namespace zswarm::node
