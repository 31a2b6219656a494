#include "gateway/openai/completion_request.h"

#include <gtest/gtest.h>

#include "gateway/openai/embedding_request.h"

namespace zswarm::gateway {
namespace {

using Ids = std::vector<node::TokenId>;

ApiResult<CompletionRequest> parse_completion(const std::string& body) {
  return parse_completion_request(body, Limits());
}
std::string wrong_field_of(const ApiResult<CompletionRequest>& result) {
  return result ? "accepted" : result.error().param;
}

TEST(CompletionRequest, TakesAPromptInFourShapes) {
  EXPECT_EQ(parse_completion(R"({"prompt":"a"})")->prompts, (std::vector<Prompt>{"a"}));
  EXPECT_EQ(parse_completion(R"({"prompt":["a","b"]})")->prompts, (std::vector<Prompt>{"a", "b"}));
  EXPECT_EQ(parse_completion(R"({"prompt":[1,2]})")->prompts, (std::vector<Prompt>{Ids{1, 2}}));
  EXPECT_EQ(parse_completion(R"({"prompt":[[1],[2,3]]})")->prompts, (std::vector<Prompt>{Ids{1}, Ids{2, 3}}));
}

TEST(CompletionRequest, NamesWhatIsWrongWithAPrompt) {
  EXPECT_EQ(wrong_field_of(parse_completion("{}")), "prompt");
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":[]})")), "prompt");
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":{}})")), "prompt");
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":[1,"a"]})")), "prompt[1]");
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":["a",7]})")), "prompt[1]");
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":[[1],[]]})")), "prompt[1]");
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":[[1],[-1]]})")), "prompt[1][0]");
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":[4294967296]})")), "prompt[0]");
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":[1.0]})")), "prompt[0]");
}

TEST(CompletionRequest, GeneratesSixteenTokensUnlessToldOtherwise) {
  EXPECT_EQ(parse_completion(R"({"prompt":"a"})")->generation.max_tokens, 16u);
  EXPECT_EQ(parse_completion(R"({"prompt":"a","max_tokens":5})")->generation.max_tokens, 5u);
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":"a","max_tokens":0})")), "max_tokens");
  EXPECT_EQ(parse_completion(R"({"prompt":"a","max_tokens":0,"echo":true})")->generation.max_tokens, 0u);
}

TEST(CompletionRequest, RefusesSuffixAndBestOf) {
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":"a","suffix":"b"})")), "suffix");
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":"a","best_of":2})")), "best_of");
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":"a","best_of":1,"n":2})")), "best_of");
  EXPECT_TRUE(parse_completion(R"({"prompt":"a","best_of":2,"n":2,"suffix":null})"));
}

TEST(CompletionRequest, AsksForLogprobsByANumber) {
  EXPECT_EQ(parse_completion(R"({"prompt":"a"})")->generation.sampling.top_logprobs, -1);
  EXPECT_EQ(parse_completion(R"({"prompt":"a","logprobs":0})")->generation.sampling.top_logprobs, 0);
  EXPECT_EQ(parse_completion(R"({"prompt":"a","logprobs":5})")->generation.sampling.top_logprobs, 5);
  EXPECT_EQ(wrong_field_of(parse_completion(R"({"prompt":"a","logprobs":true})")), "logprobs");
}

TEST(EmbeddingRequest, ChecksItsFields) {
  const auto param = [](const std::string& body) {
    const auto request = parse_embedding_request(body, Limits());
    return request ? "accepted" : request.error().param;
  };
  EXPECT_EQ(param(R"({"input":["a",[1]]})"), "accepted");
  EXPECT_EQ(param(R"({})"), "input");
  EXPECT_EQ(param(R"({"input":""})"), "input");
  EXPECT_EQ(param(R"({"input":["a",""]})"), "input[1]");
  EXPECT_EQ(param(R"({"input":"a","encoding_format":"hex"})"), "encoding_format");
  EXPECT_EQ(param(R"({"input":"a","dimensions":5})"), "dimensions");
}

}  // namespace
}  // namespace zswarm::gateway
