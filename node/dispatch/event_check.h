// Whether what a node says can be true: the next event of a generation, against what was asked and told so
// far.
//
// A breach is the node's fault, never the client's: the stream goes on elsewhere. What only another
// computation could show (a wrong token) is not noticed here. Pure functions, any thread.
#pragma once

#include <cstdint>
#include <optional>

#include "kernels/base/error.h"
#include "node/client.h"

namespace zswarm::node {

struct Told {
  const GenerateRequest& what;  // `delivered`: all tokens that were told, and those of before
  std::optional<std::int32_t> vocab_size;
  bool scores_due = false;                  // PromptScored must come before anything else
  std::optional<std::uint32_t> logprobs{};  // how many log-probabilities were told; nothing if unknown
};

/// kCorrupt, with what is wrong. Deltas hold at least one token, and their numbers have no gap.
Status check_scored(const Told& told, const PromptScored& news);
Status check_delta(const Told& told, const Delta& news);
Status check_finished(const Told& told, const Finished& news);

}  // namespace zswarm::node
