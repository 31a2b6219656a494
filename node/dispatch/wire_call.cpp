// Requests of the service `generate`.
#include <algorithm>

#include "bus/service/limits.h"
#include "bus/wire/pack.h"
#include "kernels/base/utf8.h"
#include "node/dispatch/tokens_wire.h"
#include "node/dispatch/wire.h"

namespace zswarm::node {

namespace {

constexpr std::uint64_t kCallFormat = 1;
constexpr std::uint64_t kOwnText = 1, kIgnoreEos = 2, kScorePrompt = 4, kKnownFlags = 7;
constexpr bus::PackLimits kCallLimits{.elements = 2 * kCallBiases, .depth = 4, .bytes = kCallStopBytes};
constexpr std::size_t kFrameTokens = bus::kFrameBytes / sizeof(TokenId);

void write_sampling(bus::Writer& writer, const sampling::Params& params) {
  writer.array(13).real(params.temperature).sint(params.top_k).real(params.top_p).real(params.min_p);
  writer.real(params.typical_p).real(params.repetition_penalty).sint(params.penalty_window);
  writer.real(params.frequency_penalty).real(params.presence_penalty).uint(params.seed);
  writer.sint(params.top_logprobs);
  writer.array(static_cast<std::uint32_t>(params.logit_bias.size()));
  for (const auto& bias : params.logit_bias) writer.sint(bias.first);
  writer.array(static_cast<std::uint32_t>(params.logit_bias.size()));
  for (const auto& bias : params.logit_bias) writer.real(bias.second);
}

float small(bus::Reader& reader) {
  return static_cast<float>(reader.real(-1e6, 1e6));
}

/// Ranges are the engine's to judge, with the names of fields; these only keep numbers in their types.
sampling::Params read_sampling(bus::Reader reader) {
  constexpr std::int64_t kLow = std::numeric_limits<std::int32_t>::min(),
                         kHigh = std::numeric_limits<std::int32_t>::max();
  sampling::Params params;
  params.temperature = small(reader);
  params.top_k = static_cast<std::int32_t>(reader.sint(kLow, kHigh));
  params.top_p = small(reader);
  params.min_p = small(reader);
  params.typical_p = small(reader);
  params.repetition_penalty = small(reader);
  params.penalty_window = static_cast<std::int32_t>(reader.sint(kLow, kHigh));
  params.frequency_penalty = small(reader);
  params.presence_penalty = small(reader);
  params.seed = reader.uint();
  params.top_logprobs = static_cast<std::int32_t>(reader.sint(kLow, kHigh));
  bus::Reader ids = reader.array(kCallBiases), values = reader.array(kCallBiases);
  if (ids.left() != values.left()) reader.fault();
  while (ids.left() > 0 && reader.ok()) {
    const auto id = static_cast<TokenId>(ids.sint(kLow, kHigh));
    params.logit_bias.emplace_back(id, small(values));
  }
  return params;
}

void cut_into_frames(std::span<const TokenId> tokens, std::vector<bus::Bytes>& frames) {
  for (std::size_t at = 0; at < tokens.size(); at += kFrameTokens)
    append_tokens(tokens.subspan(at, std::min(kFrameTokens, tokens.size() - at)), frames.emplace_back());
}

tl::unexpected<Error> no_call(const char* what) {
  return fail(ErrorCode::kInvalidArgument,
              std::string("the request to generate is malformed: ") + what + " (node/PROTOCOL.md)");
}

/// Joins the frames; nothing if they do not hold `wanted` tokens.
std::optional<std::vector<TokenId>> tokens_of(std::span<const bus::Bytes> frames, std::size_t wanted) {
  std::size_t bytes = 0;
  for (const bus::Bytes& frame : frames) {
    if (frame.size() % sizeof(TokenId) != 0) return std::nullopt;
    bytes += frame.size();
  }
  if (bytes != wanted * sizeof(TokenId)) return std::nullopt;
  std::vector<TokenId> tokens;
  tokens.reserve(wanted);
  for (const bus::Bytes& frame : frames) append_tokens(frame, tokens);
  return tokens;
}

}  // namespace

Result<CallBytes> write_call(const GenerateCall& call) {
  const GenerateRequest& what = call.what;
  if (what.prompt.size() + what.delivered.size() > kCallTokens)
    return fail(ErrorCode::kTooLarge, "the prompt has too many tokens to be sent to another node", "prompt");
  if (what.stop.size() > kCallStops || what.sampling.logit_bias.size() > kCallBiases ||
      std::any_of(what.stop.begin(), what.stop.end(),
                  [](const auto& s) { return s.size() > kCallStopBytes; }))
    return fail(ErrorCode::kTooLarge, "the request has too many stops or biases to be sent to another node");
  bus::Writer writer(9);
  writer.uint(kCallFormat).bin(call.model).uint(what.prompt.size()).uint(what.delivered.size());
  writer.uint(what.max_tokens.value_or(0));
  writer.array(static_cast<std::uint32_t>(what.stop.size()));
  for (const std::string& stop : what.stop) writer.text(stop);
  writer.uint((what.own_text ? kOwnText : 0) | (what.ignore_eos ? kIgnoreEos : 0) |
              (what.score_prompt ? kScorePrompt : 0));
  write_sampling(writer, what.sampling);
  writer.array(0);  // for later versions
  CallBytes bytes{writer.take(), {}};
  std::vector<TokenId> all = what.prompt;
  all.insert(all.end(), what.delivered.begin(), what.delivered.end());
  cut_into_frames(all, bytes.frames);
  return bytes;
}

Result<GenerateCall> read_call(bus::ByteView payload, std::span<const bus::Bytes> frames) {
  auto reader = bus::Reader::of_bytes(payload, kCallLimits);
  if (reader.uint() != kCallFormat || !reader.ok()) return no_call("it is of another format");
  GenerateCall call;
  GenerateRequest& what = call.what;
  call.model = reader.fixed<32>();
  const std::uint64_t prompt = reader.uint(kCallTokens), delivered = reader.uint(kCallTokens);
  const auto most = static_cast<std::uint32_t>(reader.uint(std::numeric_limits<std::uint32_t>::max()));
  if (most != 0) what.max_tokens = most;
  bus::Reader stops = reader.array(kCallStops);
  while (stops.left() > 0) what.stop.emplace_back(stops.text(kCallStopBytes));
  const std::uint64_t flags = reader.uint(kKnownFlags);
  what.own_text = (flags & kOwnText) != 0;
  what.ignore_eos = (flags & kIgnoreEos) != 0;
  what.score_prompt = (flags & kScorePrompt) != 0;
  what.sampling = read_sampling(reader.array(13));
  (void)reader.array(kCallLimits.elements);
  if (!reader.ok()) return no_call("a field is missing or out of range");
  if (std::any_of(what.stop.begin(), what.stop.end(),
                  [](const auto& s) { return s.empty() || !utf8::is_valid(s); }))
    return no_call("a stop is empty or not UTF-8");
  if (prompt == 0) return no_call("it has no prompt");
  auto tokens = tokens_of(frames, prompt + delivered);
  if (!tokens) return no_call("its frames do not hold the tokens that it counts");
  what.delivered.assign(tokens->begin() + static_cast<std::ptrdiff_t>(prompt), tokens->end());
  tokens->resize(prompt);
  what.prompt = std::move(*tokens);
  return call;
}

}  // namespace zswarm::node
