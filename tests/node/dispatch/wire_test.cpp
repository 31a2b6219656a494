#include "node/dispatch/wire.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "bus/service/limits.h"
#include "bus/wire/pack.h"

namespace zswarm::node {
namespace {

GenerateCall some_call() {
  GenerateCall call;
  call.model.fill(7);
  call.what.prompt = {1, 2, 300000};
  call.what.delivered = {4, 5};
  call.what.max_tokens = 99;
  call.what.stop = {"\n\n", "ж"};
  call.what.own_text = true;
  call.what.score_prompt = true;
  call.what.sampling.temperature = 0.7f;
  call.what.sampling.seed = ~std::uint64_t{0};
  call.what.sampling.logit_bias = {{3, -100.0f}, {8, 1.5f}};
  call.what.sampling.top_logprobs = 5;
  return call;
}

void expect_same(const GenerateRequest& a, const GenerateRequest& b) {
  EXPECT_EQ(a.prompt, b.prompt);
  EXPECT_EQ(a.delivered, b.delivered);
  EXPECT_EQ(a.max_tokens, b.max_tokens);
  EXPECT_EQ(a.stop, b.stop);
  EXPECT_EQ(std::tie(a.own_text, a.ignore_eos, a.score_prompt),
            std::tie(b.own_text, b.ignore_eos, b.score_prompt));
  const sampling::Params &p = a.sampling, &q = b.sampling;
  EXPECT_EQ(
      std::tie(p.temperature, p.top_k, p.top_p, p.min_p, p.typical_p, p.repetition_penalty, p.penalty_window),
      std::tie(q.temperature, q.top_k, q.top_p, q.min_p, q.typical_p, q.repetition_penalty,
               q.penalty_window));
  EXPECT_EQ(std::tie(p.frequency_penalty, p.presence_penalty, p.logit_bias, p.seed, p.top_logprobs),
            std::tie(q.frequency_penalty, q.presence_penalty, q.logit_bias, q.seed, q.top_logprobs));
}

TEST(DispatchWire, CarriesEveryFieldOfARequest) {
  const GenerateCall call = some_call();
  const auto bytes = write_call(call);
  ASSERT_TRUE(bytes);
  const auto read = read_call(bytes->payload, bytes->frames);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->model, call.model);
  expect_same(read->what, call.what);
}

TEST(DispatchWire, CarriesPromptsOfMoreThanOneFrame) {
  GenerateCall call;
  call.what.prompt.resize(bus::kFrameBytes / 4 + 5);
  for (std::size_t i = 0; i < call.what.prompt.size(); ++i) call.what.prompt[i] = static_cast<TokenId>(i);
  const auto bytes = write_call(call);
  ASSERT_TRUE(bytes);
  ASSERT_EQ(bytes->frames.size(), 2u);
  EXPECT_EQ(read_call(bytes->payload, bytes->frames)->what.prompt, call.what.prompt);
  call.what.prompt.resize(kCallTokens + 1);
  EXPECT_EQ(write_call(call).error().code, ErrorCode::kTooLarge);
}

TEST(DispatchWire, RefusesRequestsThatLackSomething) {
  const auto bytes = write_call(some_call()).value();
  for (std::size_t length = 0; length < bytes.payload.size(); ++length) {
    const auto read = read_call(bus::ByteView(bytes.payload).first(length), bytes.frames);
    ASSERT_FALSE(read) << length;
    EXPECT_EQ(read.error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(read_call(bytes.payload, {})) << "no frames";
  auto frames = bytes.frames;
  frames.front().pop_back();
  EXPECT_FALSE(read_call(bytes.payload, frames)) << "half a token";
  frames.front().resize(8);
  EXPECT_FALSE(read_call(bytes.payload, frames)) << "fewer tokens than counted";
}

std::vector<HostNews> read_all(const std::vector<bus::Bytes>& parts, std::size_t tokens_max = 100'000) {
  EventReader reader(tokens_max);
  std::vector<HostNews> news;
  for (const bus::Bytes& part : parts) {
    EXPECT_LE(part.size(), bus::kEventBytes);
    auto read = reader.read(part);
    EXPECT_TRUE(read) << read.error().message;
    if (read && *read) news.push_back(std::move(**read));
  }
  return news;
}

TokenLogprob some_logprob(TokenId token) {
  return {token, -1.5f, "\xff\xc3", {{token, -1.5f, "a"}, {token + 1, sampling::kLogprobMin, ""}}};
}

bool same(const TokenLogprob& a, const TokenLogprob& b) {
  return a.token == b.token && a.logprob == b.logprob && a.bytes == b.bytes && a.top.size() == b.top.size() &&
         std::equal(a.top.begin(), a.top.end(), b.top.begin(), [](const auto& x, const auto& y) {
           return x.token == y.token && x.logprob == y.logprob && x.bytes == y.bytes;
         });
}

TEST(DispatchWire, CarriesDeltasWithTheirLogprobs) {
  const Delta delta{41, {5, 6, 7}, "grün", {some_logprob(5), some_logprob(6)}};
  const auto news = read_all(write_events(delta));
  ASSERT_EQ(news.size(), 1u);
  const auto& read = std::get<Delta>(news.front());
  EXPECT_EQ(read.first_token, 41u);
  EXPECT_EQ(read.tokens, delta.tokens);
  EXPECT_EQ(read.text, delta.text);
  ASSERT_EQ(read.logprobs.size(), 2u);
  EXPECT_TRUE(same(read.logprobs[1], delta.logprobs[1]));
}

TEST(DispatchWire, CutsWhatIsTooLongForOneEventAndJoinsItAgain) {
  PromptScored scored;
  for (TokenId i = 0; i < 20'000; ++i) scored.tokens.push_back(some_logprob(i));
  const auto parts = write_events(scored);
  EXPECT_GT(parts.size(), 10u);
  const auto news = read_all(parts);
  ASSERT_EQ(news.size(), 1u);
  const auto& read = std::get<PromptScored>(news.front());
  ASSERT_EQ(read.tokens.size(), scored.tokens.size());
  EXPECT_TRUE(std::equal(read.tokens.begin(), read.tokens.end(), scored.tokens.begin(), same));

  Delta late{0, std::vector<TokenId>(100'000, 3), {}, {}};
  for (int i = 0; i < 70'000; ++i) late.text += "ж";
  std::string text;
  std::size_t tokens = 0;
  for (const HostNews& part : read_all(write_events(late))) {
    const auto& delta = std::get<Delta>(part);
    EXPECT_EQ(delta.first_token, tokens);
    tokens += delta.tokens.size();
    text += delta.text;
  }
  EXPECT_EQ(tokens, late.tokens.size());
  EXPECT_EQ(text, late.text);
}

TEST(DispatchWire, RefusesEventsThatNoHostSends) {
  const auto refused = [](bus::Bytes event) { return !EventReader(10).read(event); };
  EXPECT_TRUE(refused({}));
  EXPECT_TRUE(refused({0xc1}));
  EXPECT_TRUE(refused(bus::Writer(4).uint(4).uint(0).bin(bus::Bytes(5)).text("x").take())) << "half a token";
  EXPECT_TRUE(refused(bus::Writer(4).uint(4).uint(0).bin({}).text("\xc3").take())) << "half a character";
  bus::Writer nan(2);
  nan.uint(2).array(1).array(4).sint(1).real(std::numeric_limits<double>::quiet_NaN()).bin({}).array(0);
  EXPECT_TRUE(refused(nan.take()));
  const auto later = EventReader(10).read(bus::Writer(2).uint(77).uint(0).take());
  ASSERT_TRUE(later) << "kinds of later versions are passed over";
  EXPECT_FALSE(*later);
}

TEST(DispatchWire, HoldsNoMoreLogprobsThanTokensWereAskedFor) {
  PromptScored scored;
  for (TokenId i = 0; i < 11; ++i) scored.tokens.push_back(some_logprob(i));
  EXPECT_FALSE(EventReader(10).read(write_events(scored).front()));
  EXPECT_TRUE(EventReader(11).read(write_events(scored).front()));
}

TEST(DispatchWire, CarriesEndsGoodAndBad) {
  const Finished done{FinishReason::kLength, 10, 4, 20, 0.5, 0.25, 2};
  const auto read = read_end_trailer(write_end_trailer(done));
  ASSERT_TRUE(read);
  const auto& finished = std::get<Finished>(*read);
  EXPECT_EQ(finished.reason, FinishReason::kLength);
  EXPECT_EQ(std::tie(finished.prompt_tokens, finished.cached_tokens, finished.completion_tokens),
            std::tie(done.prompt_tokens, done.cached_tokens, done.completion_tokens));
  EXPECT_EQ(finished.decode_s, 2);

  const Error error{ErrorCode::kContextLength, "zu lang: grün", "messages"};
  const auto bad = read_end_trailer(write_end_trailer(error));
  ASSERT_TRUE(bad);
  EXPECT_EQ(std::get<Error>(*bad).code, ErrorCode::kContextLength);
  EXPECT_EQ(std::get<Error>(*bad).message, error.message);
  EXPECT_EQ(std::get<Error>(*bad).param, "messages");
  EXPECT_FALSE(read_end_trailer({}));
}

RC_GTEST_PROP(DispatchWire, SurvivesAnyBytes, (const bus::Bytes& bytes)) {
  (void)read_call(bytes, {});
  (void)EventReader(100).read(bytes);
  (void)read_end_trailer(bytes);
}

}  // namespace
}  // namespace zswarm::node
