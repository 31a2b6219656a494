// What the gateway and the tools ask of a node, whether it is in this process or across the bus.
//
// Threads: every call may come from any thread and returns at once (it queues work). An EventSink is called
// on the engine's thread, one event at a time and in order; the first event may come before the caller has
// taken up the id that generate() returns. A sink must not block and must not call generate() or embed().
// After Finished or an Error no further event comes. A sink that throws is a bug.
//
// Nothing accepted is lost: every accepted request ends in exactly one Finished or Error.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "kernels/base/error.h"
#include "kernels/sampling/sampler.h"

namespace zswarm::node {

using RequestId = std::uint64_t;
using TokenId = std::int32_t;

struct GenerateRequest {
  std::string model;                        // id or alias; empty: the default model
  std::vector<TokenId> prompt;              // at least one token
  sampling::Params sampling;                // with an explicit seed
  std::optional<std::uint32_t> max_tokens;  // at least 1; absent: as many as the context holds
  std::vector<std::string> stop;  // not empty strings; the answer ends before the first that appears
  bool own_text = false;      // a chat's answer: without the space that some vocabularies put before a text
  bool ignore_eos = false;    // for benchmarks
  bool score_prompt = false;  // PromptScored comes first (echo with logprobs)
  // Tokens of the answer that the client already has (a stream taken up in the middle): generation goes on
  // after them, and only what their deltas did not release yet is told. They count for max_tokens; the prompt
  // is not scored again.
  std::vector<TokenId> delivered;
  std::string request_id;  // for logs and traces; what is computed does not depend on it
};

struct TokenAlternative {
  TokenId token = 0;
  float logprob = 0;
  std::string bytes;
};

struct TokenLogprob {
  TokenId token = 0;
  float logprob = 0;
  std::string bytes;  // what the token contributes to the text; joined over the answer they give its text
  std::vector<TokenAlternative> top;  // most likely first
};

/// Log-probabilities of prompt[1..]; prompt[0] has none.
struct PromptScored {
  std::vector<TokenLogprob> tokens;  // prompt.size() - 1 of them
};

/// News of a generation. Token numbers are consecutive: the first delta begins at delivered.size().
struct Delta {
  std::uint32_t first_token = 0;
  std::vector<TokenId> tokens;  // sampled since the last delta; their text may still be held back (half
                                // characters, possible stops)
  std::string text;             // newly visible text: whole characters
  std::vector<TokenLogprob> logprobs;  // of tokens whose text is newly visible; only if asked for
};

enum class FinishReason { kStop, kLength };

struct Finished {
  FinishReason reason = FinishReason::kStop;
  std::uint32_t prompt_tokens = 0;
  std::uint32_t cached_tokens = 0;      // of the prompt, found in the prefix cache
  std::uint32_t completion_tokens = 0;  // including delivered ones and the one that ended it, if sampled
  double queue_s = 0;
  double prefill_s = 0;
  double decode_s = 0;
};

using Event = std::variant<PromptScored, Delta, Finished, Error>;
using EventSink = std::function<void(Event)>;

struct EmbedRequest {
  std::string model;
  std::vector<TokenId> tokens;  // at least one, at most the context
};
/// Mean of the final hidden states over all tokens, scaled to length 1.
using EmbedSink = std::function<void(Result<std::vector<float>>)>;

struct ModelCard {
  std::string id;                    // file name without .gguf, or the alias
  std::string description;           // general.name
  std::int64_t created_unix_s = 0;   // the file's modification time
  std::uint32_t context_length = 0;  // what a request may use here
  std::int32_t vocab_size = 0;
  bool has_chat_template = false;
  std::optional<TokenId> bos;
};

/// One model's figures since start; counters only grow.
struct ModelStats {
  std::string id;
  std::uint64_t requests = 0, requests_failed = 0, requests_cancelled = 0, requests_refused = 0,
                preemptions = 0;
  std::uint64_t prompt_tokens = 0, cached_tokens = 0, generated_tokens = 0;
  std::uint64_t steps = 0;      // of the engine: they grow while it works
  double prefill_tokens_s = 0;  // of late; 0: nothing is known yet
  std::uint32_t running = 0, waiting = 0;
  std::uint32_t places = 0;  // requests that can run at once
  std::uint32_t kv_pages_used = 0, kv_pages = 0;
  // Cumulative histograms: counts[i] observations were <= kBounds_s[i]; the last count is all of them.
  static constexpr double kBounds_s[] = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                         0.5,   1,      2.5,   5,    10,    30,   60};
  struct Histogram {
    std::uint64_t counts[std::size(kBounds_s) + 1] = {};
    double sum_s = 0;
  };
  Histogram time_to_first_token, time_per_token, queue_time;
};

enum class Readiness { kLoading, kReady, kDraining, kFailed };  // kReady: a real token was generated

/// Extra variables and messages for a chat template, as JSON text: see kernels/chat/chat_template.h.
struct RenderRequest {
  std::string model;
  std::string
      context_json;  // messages, tools, add_generation_prompt, …; special tokens are added by the node
  std::optional<std::string> chat_template;  // instead of the model's own
};
using RenderSink = std::function<void(Result<std::string>)>;  // on a thread of the node; must not block

/// What a node can tell about the network that it is in.
struct NetworkQuestion {
  enum class What { kNodes, kModels, kToken, kTrace };
  What what = What::kNodes;
  std::string request_id;  // whose trace
};
using NetworkSink =
    std::function<void(Result<std::string>)>;  // JSON; on a thread of the node; must not block

class Client {
 public:
  virtual ~Client() = default;

  /// kNotFound (model), kInvalidArgument (param set), kContextLength, kUnavailable (queue full, draining).
  virtual Result<RequestId> generate(GenerateRequest request, EventSink sink) = 0;
  virtual Status embed(EmbedRequest request, EmbedSink sink) = 0;
  /// Ends the request with Error{kCancelled}, if it has not ended. Unknown ids are ignored.
  virtual void cancel(RequestId id) = 0;

  /// The default model first.
  [[nodiscard]] virtual std::vector<ModelCard> models() const = 0;
  /// An id or alias; empty for the default. kNotFound.
  [[nodiscard]] virtual Result<ModelCard> model(std::string_view name) const = 0;
  [[nodiscard]] virtual std::vector<ModelStats> stats() const = 0;
  [[nodiscard]] virtual Readiness readiness() const = 0;

  /// These compute on the calling thread.
  [[nodiscard]] virtual Result<std::vector<TokenId>> tokenize(std::string_view model, std::string_view text,
                                                              bool add_special, bool parse_special) const = 0;
  [[nodiscard]] virtual Result<std::string> detokenize(std::string_view model,
                                                       const std::vector<TokenId>& tokens) const = 0;
  /// The bytes of one token, special tokens spelled out: for logprobs and /tokenize with pieces.
  [[nodiscard]] virtual Result<std::string> token_bytes(std::string_view model, TokenId token) const = 0;

  /// kNotFound if the model has no template; the template's refusal is kInvalidArgument.
  virtual Status render(RenderRequest request, RenderSink sink) = 0;

  /// kNotFound if the node is on no network, or (told to the sink) does not know the request.
  virtual Status ask_network(NetworkQuestion question, NetworkSink sink) {
    static_cast<void>(question);
    static_cast<void>(sink);
    return fail(ErrorCode::kNotFound, "this node is on no network: start it with --p2p or a token");
  }
};

}  // namespace zswarm::node
