// Events and ends of the service `generate`.
#include <algorithm>
#include <cmath>

#include "bus/service/limits.h"
#include "bus/wire/pack.h"
#include "kernels/base/utf8.h"
#include "node/dispatch/tokens_wire.h"
#include "node/dispatch/wire.h"

namespace zswarm::node {

namespace {

enum Kind : std::uint64_t { kProgressEvent = 1, kLogprobsEvent = 2, kScoredEvent = 3, kDeltaEvent = 4 };

// A part of an event stays well below bus::kEventBytes.
constexpr std::size_t kPartBytes = 128u << 10;
constexpr std::size_t kPartTokens = 512, kTextPart = 64u << 10;
constexpr bus::PackLimits kEventLimits{.elements = 4096, .depth = 6, .bytes = bus::kEventBytes};
constexpr bus::PackLimits kTrailerLimits{.elements = 16, .depth = 2, .bytes = bus::kTrailerBytes};
constexpr std::size_t kMessageBytes = 2048, kParamBytes = 256;
constexpr double kLongest = 1e9;  // seconds
constexpr std::uint64_t kCountMax = std::numeric_limits<std::uint32_t>::max();

tl::unexpected<Error> no_event() {
  return fail(ErrorCode::kCorrupt, "the node sent an event that is not one of a generation");
}

void write_one(bus::Writer& writer, TokenId token, float logprob, const std::string& bytes) {
  writer.sint(token).real(logprob).bin(bus::bytes_of(std::string_view(bytes).substr(0, kLogprobBytes)));
}

void write_logprob(bus::Writer& writer, const TokenLogprob& token) {
  writer.array(4);
  write_one(writer, token.token, token.logprob, token.bytes);
  writer.array(static_cast<std::uint32_t>(token.top.size()));
  for (const TokenAlternative& other : token.top) {
    writer.array(3);
    write_one(writer, other.token, other.logprob, other.bytes);
  }
}

std::size_t size_of(const TokenLogprob& token) {
  std::size_t bytes = 32 + std::min(token.bytes.size(), kLogprobBytes);
  for (const TokenAlternative& other : token.top) bytes += 24 + std::min(other.bytes.size(), kLogprobBytes);
  return bytes;
}

void append_logprobs(std::span<const TokenLogprob> tokens, std::vector<bus::Bytes>& parts) {
  for (std::size_t at = 0; at < tokens.size();) {
    std::size_t end = at, bytes = 0;
    while (end < tokens.size() && end - at < kPartTokens && (end == at || bytes < kPartBytes))
      bytes += size_of(tokens[end++]);
    bus::Writer writer(2);
    writer.uint(kLogprobsEvent).array(static_cast<std::uint32_t>(end - at));
    for (; at < end; ++at) write_logprob(writer, tokens[at]);
    parts.push_back(writer.take());
  }
}

template <class Token>
void read_one(bus::Reader& reader, Token& token) {
  token.token = static_cast<TokenId>(reader.sint(0, std::numeric_limits<TokenId>::max()));
  token.logprob = static_cast<float>(reader.real(sampling::kLogprobMin, 0.01));
  const bus::ByteView bytes = reader.bin(kLogprobBytes);
  token.bytes.assign(bytes.begin(), bytes.end());
}

TokenLogprob read_logprob(bus::Reader reader) {
  TokenLogprob token;
  read_one(reader, token);
  bus::Reader top = reader.array(kLogprobAlternatives);
  while (top.left() > 0) {
    bus::Reader other = top.array(3);
    read_one(other, token.top.emplace_back());
  }
  return token;
}

/// Text is cut between characters.
std::size_t cut(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text.size();
  return most - utf8::incomplete_tail(text.substr(0, most));
}

ErrorCode code_of(std::string_view name) {
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInternal); ++code)
    if (error_code_name(static_cast<ErrorCode>(code)) == name) return static_cast<ErrorCode>(code);
  return ErrorCode::kInternal;
}

}  // namespace

std::vector<bus::Bytes> write_events(const PromptScored& news) {
  std::vector<bus::Bytes> parts;
  append_logprobs(news.tokens, parts);
  parts.push_back(bus::Writer(1).uint(kScoredEvent).take());
  return parts;
}

std::vector<bus::Bytes> write_events(const Delta& news) {
  std::vector<bus::Bytes> parts;
  append_logprobs(news.logprobs, parts);
  const std::span<const TokenId> tokens = news.tokens;
  const std::string_view text = news.text;
  std::size_t token = 0, character = 0;
  do {  // long ones only where a client comes back for a long answer
    const std::size_t more_tokens =
        std::min<std::size_t>(tokens.size() - token, kPartBytes / sizeof(TokenId));
    const std::size_t more_text = cut(text.substr(character), kTextPart);
    bus::Bytes bytes;
    append_tokens(tokens.subspan(token, more_tokens), bytes);
    bus::Writer writer(4);
    writer.uint(kDeltaEvent)
        .uint(news.first_token + token)
        .bin(bytes)
        .text(text.substr(character, more_text));
    parts.push_back(writer.take());
    token += more_tokens;
    character += more_text;
  } while (token < tokens.size() || character < text.size());
  return parts;
}

bus::Bytes write_progress(const Progress& progress) {
  bus::Writer writer(3);
  return writer.uint(kProgressEvent)
      .uint(static_cast<std::uint64_t>(progress.phase))
      .uint(progress.steps)
      .take();
}

Result<std::optional<HostNews>> EventReader::read(bus::ByteView payload) {
  auto reader = bus::Reader::of_bytes(payload, kEventLimits);
  std::optional<HostNews> news;
  switch (reader.uint()) {
    case kProgressEvent: {
      const auto phase = static_cast<Progress::Phase>(reader.uint(2));
      news = Progress{phase, reader.uint()};
      break;
    }
    case kLogprobsEvent: {
      bus::Reader tokens = reader.array(kPartTokens);
      if (tokens.left() > tokens_max_ - std::min(tokens_max_, pending_.size())) return no_event();
      while (tokens.left() > 0) pending_.push_back(read_logprob(tokens.array(4)));
      break;
    }
    case kScoredEvent:
      news = PromptScored{std::exchange(pending_, {})};
      break;
    case kDeltaEvent: {
      Delta delta;
      delta.first_token = static_cast<std::uint32_t>(reader.uint(kCountMax));
      const bus::ByteView tokens = reader.bin(kPartBytes);
      if (tokens.size() % sizeof(TokenId) != 0) return no_event();
      append_tokens(tokens, delta.tokens);
      delta.text = reader.text(kTextPart);
      if (!utf8::is_valid(delta.text)) return no_event();
      delta.logprobs = std::exchange(pending_, {});
      news = std::move(delta);
      break;
    }
    default:
      return reader.ok() ? Result<std::optional<HostNews>>() : no_event();  // a later version's: passed over
  }
  if (!reader.ok()) return no_event();
  return news;
}

bus::Bytes write_end_trailer(const End& end) {
  if (const auto* error = std::get_if<Error>(&end)) {
    bus::Writer writer(4);
    writer.uint(1).text(error_code_name(error->code));
    writer.text(std::string_view(error->message).substr(0, cut(error->message, kMessageBytes)));
    return writer.text(std::string_view(error->param).substr(0, cut(error->param, kParamBytes))).take();
  }
  const auto& done = std::get<Finished>(end);
  bus::Writer writer(8);
  writer.uint(0).uint(done.reason == FinishReason::kLength ? 1 : 0).uint(done.prompt_tokens);
  writer.uint(done.cached_tokens).uint(done.completion_tokens);
  return writer.real(done.queue_s).real(done.prefill_s).real(done.decode_s).take();
}

Result<End> read_end_trailer(bus::ByteView trailer) {
  auto reader = bus::Reader::of_bytes(trailer, kTrailerLimits);
  std::optional<End> end;
  if (reader.uint(1) == 1) {
    Error error;
    error.code = code_of(reader.text(32));
    error.message = printable(reader.text(kMessageBytes), kMessageBytes);
    error.param = printable(reader.text(kParamBytes), kParamBytes);
    end = std::move(error);
  } else {
    Finished done;
    done.reason = reader.uint(1) == 1 ? FinishReason::kLength : FinishReason::kStop;
    done.prompt_tokens = static_cast<std::uint32_t>(reader.uint(kCountMax));
    done.cached_tokens = static_cast<std::uint32_t>(reader.uint(kCountMax));
    done.completion_tokens = static_cast<std::uint32_t>(reader.uint(kCountMax));
    done.queue_s = reader.real(0, kLongest);
    done.prefill_s = reader.real(0, kLongest);
    done.decode_s = reader.real(0, kLongest);
    end = done;
  }
  if (!reader.ok()) return no_event();
  return std::move(*end);
}

}  // namespace zswarm::node
