#include "gateway/openai/legacy_logprobs.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cmath>

#include "gateway/openai/answer_format.h"
#include "kernels/base/utf8.h"

namespace zswarm::gateway {
namespace {

node::TokenLogprob token(std::string bytes, float logprob = -1) {
  return {1, logprob, std::move(bytes), {}};
}

TEST(LegacyLogprobs, CountOffsetsInCharacters) {
  LegacyLogprobs logprobs;
  logprobs.add({token("é"), token("\xf0\x9f"), token("\x98\x80"), token("x")});
  const Json out = logprobs.take();
  EXPECT_EQ(out["text_offset"], Json({0, 1, 1, 2}));
  EXPECT_EQ(out["tokens"], Json({"é", "bytes:\\xf0\\x9f", "bytes:\\x98\\x80", "x"}));
}

TEST(LegacyLogprobs, PutAnEchoedPromptInFront) {
  LegacyLogprobs logprobs;
  logprobs.add_prompt({token("<s>"), token(" Once"), token(" a")}, "Once a");
  logprobs.add({token("b")});
  const Json out = logprobs.take();
  EXPECT_EQ(out["text_offset"], Json({0, 0, 4, 6}));
  EXPECT_EQ(out["token_logprobs"][0], Json());
  EXPECT_EQ(out["top_logprobs"][0], Json());
  EXPECT_EQ(out["token_logprobs"][3], Json(-1.0));
}

TEST(LegacyLogprobs, ContainTheSampledTokenBesidesTheBest) {
  LegacyLogprobs logprobs;
  node::TokenLogprob sampled = token("c", -3);
  sampled.top = {{5, -0.5f, "a"}, {6, -1.0f, "b"}, {7, -2.0f, "a"}};
  logprobs.add({sampled});
  EXPECT_EQ(logprobs.take()["top_logprobs"][0], Json({{"a", -0.5}, {"b", -1.0}, {"c", -3.0}}));
}

TEST(LegacyLogprobs, HaveNoInfinity) {
  LegacyLogprobs logprobs;
  logprobs.add({token("a", -INFINITY), token("b", NAN)});
  EXPECT_EQ(logprobs.take()["token_logprobs"], Json({-9999.0, -9999.0}));
}

// Any text, cut into tokens at any byte and into chunks at any token: the chunks joined are the whole.
RC_GTEST_PROP(LegacyLogprobs, StreamedEqualWhole, ()) {
  std::string text;
  for (const auto code :
       *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::inRange<std::uint32_t>(1, 0x10000))) {
    if (code < 0xd800 || code > 0xdfff) utf8::append(code, text);
  }
  std::vector<node::TokenLogprob> tokens;
  for (std::size_t at = 0; at < text.size();) {
    const auto length = *rc::gen::inRange<std::size_t>(1, 6);
    tokens.push_back(token(text.substr(at, length)));
    at += length;
  }
  LegacyLogprobs whole, streamed;
  whole.add(tokens);
  Json joined = streamed.take();
  for (const auto& one : tokens) {
    streamed.add({one});
    const Json part = streamed.take();
    for (const auto& [key, list] : part.items()) joined[key].push_back(list[0]);
  }
  RC_ASSERT(joined == whole.take());
  if (!tokens.empty()) {
    RC_ASSERT(joined["text_offset"][0] == 0);
  }
}

}  // namespace
}  // namespace zswarm::gateway
