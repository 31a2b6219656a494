#include "gateway/openai/chat_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace zswarm::gateway {
namespace {

ApiResult<ChatRequest> parse(const std::string& body) {
  return parse_chat_request(body, Limits(), false);
}

ApiResult<ChatRequest> with(const std::string& fields) {
  return parse(R"({"messages":[{"role":"user","content":"x"}],)" + fields + "}");
}

std::string param_of(const ApiResult<ChatRequest>& result) {
  return result ? "accepted" : result.error().param;
}
std::string code_of(const ApiResult<ChatRequest>& result) {
  return result ? "accepted" : result.error().code;
}

Json messages_of(const std::string& messages) {
  const auto request = parse(R"({"messages":)" + messages + "}");
  if (!request) return request.error().message;
  return Json::parse(request->template_context)["messages"];
}

TEST(ChatRequest, HasOpenAisDefaults) {
  const auto request = parse(R"({"messages":[{"role":"user","content":"x"}]})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->generation.model, "");
  EXPECT_EQ(request->generation.choices, 1u);
  EXPECT_FLOAT_EQ(request->generation.sampling.temperature, 1);
  EXPECT_EQ(request->generation.sampling.top_logprobs, -1);
  EXPECT_FALSE(request->generation.max_tokens);
  EXPECT_FALSE(request->generation.seed);
  EXPECT_FALSE(request->generation.stream);
}

TEST(ChatRequest, CutsOffUnlikelyTokensUnlessTheRequestSaysHow) {
  EXPECT_FLOAT_EQ(with(R"("temperature":1.2)")->generation.sampling.min_p, 0.05f);
  EXPECT_FLOAT_EQ(with(R"("min_p":0.2)")->generation.sampling.min_p, 0.2f);
  for (const char* named : {R"("top_p":1)", R"("top_k":40)", R"("typical_p":0.9)", R"("min_p":0)"}) {
    EXPECT_FLOAT_EQ(with(named)->generation.sampling.min_p, 0) << named;
  }
}

TEST(ChatRequest, TakesNullForAbsent) {
  EXPECT_TRUE(with(
      R"("temperature":null,"stop":null,"n":null,"tools":null,"logit_bias":null,"stream_options":null)"));
}

TEST(ChatRequest, TakesFieldsThatClientsSendAndThatChangeNothing) {
  EXPECT_TRUE(with(
      R"("user":"me","store":false,"metadata":{"a":"b"},"service_tier":"auto","parallel_tool_calls":true,)"
      R"("tools":[],"reasoning_effort":"low","response_format":{"type":"text"},"modalities":["text"],)"
      R"("top_logprobs":0,"an_extension":1)"));
}

TEST(ChatRequest, GivesTheTemplateItsMessagesWithoutNullsInOrder) {
  EXPECT_EQ(messages_of(R"([{"role":"user","name":null,"content":"x","z":1,"a":null}])").dump(),
            R"([{"role":"user","content":"x","z":1}])");
}

TEST(ChatRequest, TakesToolCallsAsHistory) {
  const std::string history =
      R"([{"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function",)"
      R"("function":{"name":"f","arguments":"{}"}}]},{"role":"tool","tool_call_id":"c","content":"ok"}])";
  const Json messages = messages_of(history);
  EXPECT_FALSE(messages[0].contains("content")) << messages;
  EXPECT_EQ(messages[0]["tool_calls"][0]["function"]["arguments"], "{}");
  EXPECT_EQ(messages[1]["content"], "ok");
}

TEST(ChatRequest, SaysThatToolsAreNotSupported) {
  const auto request = with(R"("tools":[{"type":"function","function":{"name":"f"}}])");
  EXPECT_EQ(param_of(request), "tools");
  EXPECT_EQ(code_of(request), "not_supported");
  EXPECT_THAT(request.error().message, testing::HasSubstr("not supported"));
}

TEST(ChatRequest, RefusesAToolChoiceThatNamesNoFunction) {
  EXPECT_EQ(param_of(with(R"("tools":[{"type":"function","function":{"name":"f"}}],)"
                          R"("tool_choice":{"type":"function","function":{"name":"g"}})")),
            "tool_choice");
  EXPECT_EQ(param_of(with(R"("tool_choice":{"type":"function","function":{"name":"g"}})")), "tool_choice");
  EXPECT_EQ(param_of(with(R"("tool_choice":"sometimes")")), "tool_choice");
  EXPECT_EQ(param_of(with(R"("tool_choice":"required")")), "tool_choice");
  EXPECT_EQ(param_of(with(R"("tool_choice":{"type":"function"})")), "tool_choice.function");
  EXPECT_TRUE(with(R"("tool_choice":"none")"));
}

TEST(ChatRequest, NamesWhatIsNotOffered) {
  for (const char* fields :
       {R"("response_format":{"type":"json_object"})", R"("functions":[{"name":"f"}])",
        R"("audio":{"voice":"x"})", R"("web_search_options":{"a":1})", R"("prediction":{"type":"content"})",
        R"("modalities":["audio"])", R"("guided_json":{"a":1})", R"("grammar":"x")",
        R"("continue_final_message":true)", R"("mirostat":2)"}) {
    const auto request = with(fields);
    EXPECT_EQ(code_of(request), "not_supported") << fields;
    ASSERT_FALSE(request);
    EXPECT_THAT(request.error().message, testing::HasSubstr("not supported"));
  }
}

TEST(ChatRequest, AsksForLogprobsByTwoFields) {
  EXPECT_EQ(with(R"("logprobs":true)")->generation.sampling.top_logprobs, 0);
  EXPECT_EQ(with(R"("logprobs":true,"top_logprobs":20)")->generation.sampling.top_logprobs, 20);
  EXPECT_EQ(param_of(with(R"("logprobs":true,"top_logprobs":21)")), "top_logprobs");
  EXPECT_EQ(param_of(with(R"("top_logprobs":2)")), "top_logprobs");
  EXPECT_EQ(param_of(with(R"("logprobs":3)")), "logprobs");
}

TEST(ChatRequest, PrefersTheNewNameOfMaxTokens) {
  EXPECT_EQ(with(R"("max_tokens":3,"max_completion_tokens":5)")->generation.max_tokens, 5u);
  EXPECT_EQ(with(R"("max_tokens":3)")->generation.max_tokens, 3u);
}

TEST(ChatRequest, HandsVariablesToTheTemplate) {
  const auto request = with(R"("chat_template_kwargs":{"enable_thinking":false})");
  EXPECT_EQ(Json::parse(request->template_context)["enable_thinking"], false);
  EXPECT_EQ(param_of(with(R"("chat_template_kwargs":{"messages":[]})")), "chat_template_kwargs");
}

TEST(ChatRequest, TakesTopPZeroAsTheMostLikelyTokenAlone) {
  const float top_p = with(R"("top_p":0)")->generation.sampling.top_p;
  EXPECT_GT(top_p, 0);
  EXPECT_LT(top_p, 1e-30f);
}

TEST(AnswerSeed, IsTheRequestsOwnForTheFirstAndDiffersAfterwards) {
  EXPECT_EQ(answer_seed(7, 0), 7u);
  EXPECT_NE(answer_seed(7, 1), answer_seed(7, 2));
  EXPECT_NE(answer_seed(7, 1), answer_seed(8, 1));
  // A fixed function: streams taken up by another version must go on with the same seed.
  EXPECT_EQ(answer_seed(0, 1), 0xe220a8397b1dcdafull);
}

}  // namespace
}  // namespace zswarm::gateway
