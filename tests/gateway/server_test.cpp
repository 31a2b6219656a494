// The gateway over real sockets, with a scripted engine behind it.
#include "gateway/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/gateway/support/test_server.h"

namespace zswarm::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

constexpr char kChat[] = R"({"model":"scripted","messages":[{"role":"user","content":"Hi"}]})";

std::string chat_with(const std::string& fields) {
  return R"({"model":"scripted","messages":[{"role":"user","content":"Hi"}],)" + fields + "}";
}

// All four fields of OpenAI's error object.
void expect_error(const HttpAnswer& answer, int status, const std::string& code,
                  const std::string& param = "") {
  EXPECT_EQ(answer.status, status) << answer.body;
  const json body = json_of(answer);
  ASSERT_TRUE(body.is_object() && body.contains("error")) << answer.body;
  const json& error = body["error"];
  EXPECT_TRUE(error["message"].is_string() && !error["message"].get<std::string>().empty());
  EXPECT_TRUE(error["type"].is_string());
  ASSERT_TRUE(error.contains("param") && error.contains("code"));
  EXPECT_EQ(error["code"], json(code)) << answer.body;
  EXPECT_EQ(error["param"], param.empty() ? json() : json(param)) << answer.body;
}

TEST(Server, HealthIsOkOnlyWhenATokenWasGenerated) {
  TestServer server;
  server.client().set_readiness(node::Readiness::kLoading);
  expect_error(server.ask(get("/health")), 503, "loading");
  expect_error(server.post_json("/v1/chat/completions", kChat), 503, "loading");
  server.client().set_readiness(node::Readiness::kReady);
  const HttpAnswer answer = server.ask(get("/health"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(json_of(answer), json({{"status", "ok"}}));
}

TEST(Server, ModelsAreListedDefaultFirst) {
  TestServer server;
  const json body = json_of(server.ask(get("/v1/models")));
  EXPECT_EQ(body["object"], "list");
  EXPECT_EQ(body["data"][0]["id"], "scripted");
  EXPECT_EQ(body["data"][0]["object"], "model");
  EXPECT_EQ(body["data"][0]["created"], 1'700'000'000);
  EXPECT_EQ(body["data"][0]["owned_by"], "zswarm");
}

TEST(Server, AModelIsShownByItsEncodedOrPlainId) {
  TestServer server;
  EXPECT_EQ(json_of(server.ask(get("/v1/models/scripted")))["id"], "scripted");
  EXPECT_EQ(json_of(server.ask(get("/v1/models/org%2Fother%20model")))["id"], "org/other model");
  EXPECT_EQ(json_of(server.ask(get("/v1/models/org/other%20model")))["id"], "org/other model");
  expect_error(server.ask(get("/v1/models/none")), 404, "model_not_found", "model");
}

TEST(Server, AChatIsAnsweredInOpenAisShape) {
  TestServer server;
  const HttpAnswer answer = server.post_json("/v1/chat/completions", kChat);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(answer.headers.at("content-type"), "application/json");
  EXPECT_THAT(answer.headers.at("x-request-id"), testing::StartsWith("req_"));
  const json body = json_of(answer);
  EXPECT_THAT(body["id"].get<std::string>(), testing::StartsWith("chatcmpl-"));
  EXPECT_EQ(body["object"], "chat.completion");
  EXPECT_EQ(body["model"], "scripted");
  ASSERT_EQ(body["choices"].size(), 1u);
  EXPECT_EQ(body["choices"][0]["message"]["role"], "assistant");
  EXPECT_EQ(body["choices"][0]["message"]["content"], "Hello, world.");
  EXPECT_EQ(body["choices"][0]["finish_reason"], "stop");
  EXPECT_EQ(body["choices"][0]["logprobs"], json());
  const std::size_t prompt = std::string("<user>Hi<assistant>").size();
  EXPECT_EQ(body["usage"]["prompt_tokens"], prompt);
  EXPECT_EQ(body["usage"]["completion_tokens"], 14);
  EXPECT_EQ(body["usage"]["total_tokens"], prompt + 14);
  EXPECT_EQ(body["usage"]["prompt_tokens_details"]["cached_tokens"], 2);
}

TEST(Server, AStreamBeginsWithTheRoleAndEndsWithDone) {
  TestServer server;
  const HttpAnswer answer = server.post_json(
      "/v1/chat/completions", chat_with(R"("stream":true,"stream_options":{"include_usage":true})"));
  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(answer.headers.at("content-type"), "text/event-stream");
  const auto events = events_of(answer.body);
  ASSERT_GE(events.size(), 4u);
  EXPECT_EQ(events.back(), "[DONE]");
  std::string text;
  for (std::size_t i = 0; i + 1 < events.size(); ++i) {
    const json chunk = json::parse(events[i]);
    EXPECT_EQ(chunk["object"], "chat.completion.chunk");
    EXPECT_EQ(chunk["id"], json::parse(events[0])["id"]);
    if (i + 2 == events.size()) {
      EXPECT_EQ(chunk["choices"], json::array());
      EXPECT_EQ(chunk["usage"]["completion_tokens"], 14);
      continue;
    }
    EXPECT_EQ(chunk["usage"], json());
    const json& choice = chunk["choices"][0];
    EXPECT_EQ(choice["delta"].contains("role"), i == 0);
    text += choice["delta"].value("content", "");
    EXPECT_EQ(choice["finish_reason"], i + 3 == events.size() ? json("stop") : json());
  }
  EXPECT_EQ(text, "Hello, world.");
}

TEST(Server, StreamedTextAndLogprobsEqualTheWholeAnswers) {
  Script script;
  script.answer = [](const node::GenerateRequest&) { return "naïve → 😀 end"; };
  TestServer server(script);
  const std::string fields = R"("logprobs":true,"top_logprobs":3)";
  const json whole = json_of(server.post_json("/v1/chat/completions", chat_with(fields)));
  const auto events =
      events_of(server.post_json("/v1/chat/completions", chat_with(fields + R"(,"stream":true)")).body);
  std::string text;
  json logprobs = json::array();
  for (const auto& event : events) {
    if (event == "[DONE]") continue;
    const json choice = json::parse(event)["choices"][0];
    text += choice["delta"].value("content", "");
    if (!choice["logprobs"].is_null()) {
      for (const auto& entry : choice["logprobs"]["content"]) logprobs.push_back(entry);
    }
  }
  EXPECT_EQ(whole["choices"][0]["message"]["content"], text);
  EXPECT_EQ(whole["choices"][0]["logprobs"]["content"], logprobs);
  std::string joined;
  for (const auto& entry : logprobs) {
    EXPECT_EQ(entry["top_logprobs"].size(), 3u);
    for (const auto& byte : entry["bytes"]) joined += static_cast<char>(byte.get<int>());
  }
  EXPECT_EQ(joined, text);
}

TEST(Server, ChoicesDifferAndAreTheSameEachTime) {
  Script script;
  script.answer = [](const node::GenerateRequest& request) { return std::to_string(request.sampling.seed); };
  TestServer server(script);
  const json first = json_of(server.post_json("/v1/chat/completions", chat_with(R"("n":3,"seed":42)")));
  const json again = json_of(server.post_json("/v1/chat/completions", chat_with(R"("n":3,"seed":42)")));
  ASSERT_EQ(first["choices"].size(), 3u);
  EXPECT_EQ(first["choices"], again["choices"]);
  EXPECT_EQ(first["choices"][0]["message"]["content"], "42");
  EXPECT_NE(first["choices"][1]["message"]["content"], first["choices"][2]["message"]["content"]);
  const std::size_t prompt = std::string("<user>Hi<assistant>").size();
  EXPECT_EQ(first["usage"]["prompt_tokens"], prompt);
}

TEST(Server, MoreAnswersThanTheQueueHoldsAreAskedForInTurn) {
  Script script;
  script.queue = 3;
  TestServer server(script);
  const json body = json_of(
      server.post_json("/v1/completions", R"({"prompt":["a","b","c","d","e"],"n":2,"max_tokens":3})"));
  ASSERT_EQ(body["choices"].size(), 10u) << body;
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(body["choices"][i]["index"], i);
    EXPECT_EQ(body["choices"][i]["text"], "Hel");
    EXPECT_EQ(body["choices"][i]["finish_reason"], "length");
  }
  EXPECT_EQ(body["usage"]["prompt_tokens"], 10);
  EXPECT_EQ(body["usage"]["completion_tokens"], 30);
}

TEST(Server, AFullQueueIsSaidWithRetryAfter) {
  Script script;
  script.queue = 1;
  script.per_token = std::chrono::seconds(30);
  TestServer server(script);
  RawConnection busy = server.connect();
  busy.send(post("/v1/chat/completions", kChat));
  ASSERT_TRUE(
      server.client().wait_for([&] { return server.client().running() == 1; }, std::chrono::seconds(5)));
  const HttpAnswer answer = server.post_json("/v1/chat/completions", kChat);
  expect_error(answer, 429, "queue_full");
  EXPECT_EQ(answer.headers.at("retry-after"), "1");
}

TEST(Server, CompletionsEchoWithLegacyLogprobs) {
  TestServer server;
  const json body = json_of(
      server.post_json("/v1/completions", R"({"prompt":"ab","echo":true,"logprobs":1,"max_tokens":2})"));
  const json& choice = body["choices"][0];
  EXPECT_EQ(choice["text"], "abHe");
  EXPECT_EQ(choice["logprobs"]["tokens"], json({"<s>", "a", "b", "H", "e"}));
  EXPECT_EQ(choice["logprobs"]["text_offset"], json({0, 0, 1, 2, 3}));
  EXPECT_EQ(choice["logprobs"]["token_logprobs"][0], json());
  EXPECT_TRUE(choice["logprobs"]["token_logprobs"][1].is_number());
  EXPECT_EQ(choice["logprobs"]["top_logprobs"][1].size(), 1u);
  EXPECT_EQ(body["object"], "text_completion");
}

TEST(Server, EchoAloneScoresThePrompt) {
  TestServer server;
  const json body = json_of(
      server.post_json("/v1/completions", R"({"prompt":"abc","echo":true,"logprobs":0,"max_tokens":0})"));
  const json& choice = body["choices"][0];
  EXPECT_EQ(choice["text"], "abc") << body;
  EXPECT_EQ(choice["logprobs"]["tokens"], json({"<s>", "a", "b", "c"}));
  EXPECT_EQ(choice["finish_reason"], "length");
  EXPECT_EQ(body["usage"]["completion_tokens"], 0);
  const json single = json_of(
      server.post_json("/v1/completions", R"({"prompt":[97],"echo":true,"logprobs":0,"max_tokens":0})"));
  EXPECT_EQ(single["choices"][0]["text"], "a") << single;
  EXPECT_EQ(single["choices"][0]["logprobs"]["token_logprobs"], json::array({nullptr}));
  EXPECT_EQ(single["usage"]["completion_tokens"], 0);
  const json plain =
      json_of(server.post_json("/v1/completions", R"({"prompt":"abc","echo":true,"max_tokens":0})"));
  EXPECT_EQ(plain["choices"][0]["text"], "abc");
  EXPECT_EQ(plain["choices"][0]["logprobs"], json());
}

TEST(Server, LogprobsThatWouldFillTheMemoryAreRefused) {
  gateway::Options options;
  options.limits.logprob_entries = 20;
  TestServer server({}, options);
  const auto ask = [&](const std::string& fields) {
    return server.post_json("/v1/completions", R"({"prompt":"abcdef",)" + fields + "}");
  };
  EXPECT_EQ(ask(R"("logprobs":0,"max_tokens":10)").status, 200);
  expect_error(ask(R"("logprobs":5,"max_tokens":10)"), 400, "too_many_logprobs", "logprobs");
  expect_error(ask(R"("logprobs":5,"echo":true,"max_tokens":0)"), 400, "too_many_logprobs", "logprobs");
  EXPECT_EQ(events_of(ask(R"("logprobs":5,"max_tokens":10,"stream":true)").body).back(), "[DONE]");
}

TEST(Server, PromptsMayBeIds) {
  TestServer server;
  const json body = json_of(
      server.post_json("/v1/completions", R"({"prompt":[[72,105],[33]],"echo":true,"max_tokens":1})"));
  EXPECT_EQ(body["choices"][0]["text"], "HiH") << body;
  EXPECT_EQ(body["choices"][1]["text"], "!H");
  EXPECT_EQ(server.client().seen()[0].prompt, (std::vector<node::TokenId>{72, 105}));
  expect_error(server.post_json("/v1/completions", R"({"prompt":[72,300]})"), 400, "invalid_value",
               "prompt[1]");
}

TEST(Server, SamplingFieldsReachTheEngine) {
  TestServer server;
  const std::string fields =
      R"("temperature":0.5,"top_p":0.9,"top_k":7,"min_p":0.1,"typical_p":0.8,"repeat_penalty":1.2,"frequency_penalty":-1,)"
      R"("presence_penalty":1.5,"seed":-3,"max_completion_tokens":9,"stop":["x","y"],"logit_bias":{"5":-100},"ignore_eos":true)";
  ASSERT_EQ(server.post_json("/v1/chat/completions", chat_with(fields)).status, 200);
  const node::GenerateRequest seen = server.client().seen().at(0);
  EXPECT_FLOAT_EQ(seen.sampling.temperature, 0.5f);
  EXPECT_FLOAT_EQ(seen.sampling.top_p, 0.9f);
  EXPECT_EQ(seen.sampling.top_k, 7);
  EXPECT_FLOAT_EQ(seen.sampling.min_p, 0.1f);
  EXPECT_FLOAT_EQ(seen.sampling.typical_p, 0.8f);
  EXPECT_FLOAT_EQ(seen.sampling.repetition_penalty, 1.2f);
  EXPECT_FLOAT_EQ(seen.sampling.frequency_penalty, -1);
  EXPECT_FLOAT_EQ(seen.sampling.presence_penalty, 1.5f);
  EXPECT_EQ(seen.sampling.seed, static_cast<std::uint64_t>(-3));
  EXPECT_EQ(seen.max_tokens, 9u);
  EXPECT_EQ(seen.stop, (std::vector<std::string>{"x", "y"}));
  ASSERT_EQ(seen.sampling.logit_bias.size(), 1u);
  EXPECT_EQ(seen.sampling.logit_bias[0], (std::pair<node::TokenId, float>{5, -100.0f}));
  EXPECT_TRUE(seen.ignore_eos);
}

TEST(Server, EmbeddingsComeAsFloatsOrBase64) {
  TestServer server;
  const json floats =
      json_of(server.post_json("/v1/embeddings", R"({"input":["ab",[1,2,3]],"model":"scripted"})"));
  EXPECT_EQ(floats["data"][0]["embedding"], json({3.0, 256.0 + 97 + 98, 0.5})) << floats;
  EXPECT_EQ(floats["data"][1]["embedding"], json({3.0, 6.0, 0.5}));
  EXPECT_EQ(floats["data"][1]["index"], 1);
  EXPECT_EQ(floats["usage"], json({{"prompt_tokens", 6}, {"total_tokens", 6}}));
  const json base64 =
      json_of(server.post_json("/v1/embeddings", R"({"input":[1,2,3],"encoding_format":"base64"})"));
  EXPECT_EQ(base64["data"][0]["embedding"], "AABAQAAAwEAAAAA/");
  expect_error(server.post_json("/v1/embeddings", R"({"input":"a","dimensions":3})"), 400, "not_supported",
               "dimensions");
}

TEST(Server, TokenEndpointsHaveLlamaServersShapes) {
  TestServer server;
  EXPECT_EQ(json_of(server.post_json("/tokenize", R"({"content":"Hi","add_special":true})")),
            json({{"tokens", {256, 72, 105}}}));
  EXPECT_EQ(json_of(server.post_json("/tokenize", R"({"content":["H",105]})")),
            json({{"tokens", {72, 105}}}));
  const json pieces = json_of(server.post_json("/tokenize", R"({"content":"é","with_pieces":true})"));
  EXPECT_EQ(pieces["tokens"][0], json({{"id", 195}, {"piece", {195}}}));
  EXPECT_EQ(json_of(server.post_json("/detokenize", R"({"tokens":[72,105]})")), json({{"content", "Hi"}}));
  EXPECT_EQ(json_of(server.post_json("/apply-template", R"({"messages":[{"role":"user","content":"Hi"}]})")),
            json({{"prompt", "<user>Hi<assistant>"}}));
  EXPECT_EQ(
      json_of(server.post_json(
          "/apply-template", R"({"messages":[{"role":"x","content":"Hi"}],"add_generation_prompt":false})")),
      json({{"prompt", "<x>Hi"}}));
}

TEST(Server, ATemplateIsTakenFromARequestOnlyIfAllowed) {
  const std::string body =
      R"({"messages":[{"role":"user","content":"Hi"}],"tools":[],"chat_template":"context"})";
  TestServer closed;
  expect_error(closed.post_json("/apply-template", body), 400, "invalid_value", "chat_template");
  gateway::Options options;
  options.allow_template_override = true;
  TestServer open({}, options);
  const json context =
      json::parse(json_of(open.post_json("/apply-template", body))["prompt"].get<std::string>());
  EXPECT_EQ(context["messages"], json::parse(R"([{"role":"user","content":"Hi"}])"));
  EXPECT_EQ(context["tools"], json::array());
  EXPECT_EQ(context["add_generation_prompt"], true);
}

TEST(Server, ATemplateThatRefusesSaysWhy) {
  gateway::Options options;
  options.allow_template_override = true;
  TestServer server({}, options);
  const HttpAnswer answer =
      server.post_json("/v1/chat/completions", chat_with(R"("chat_template":"refuse")"));
  expect_error(answer, 400, "invalid_value", "messages");
  EXPECT_THAT(answer.body, HasSubstr("roles must alternate"));
  expect_error(server.post_json("/v1/chat/completions", chat_with(R"("chat_template":"endless")")), 400,
               "deadline", "messages");
  expect_error(server.post_json("/v1/chat/completions",
                                R"({"model":"org/other model","messages":[{"role":"user","content":"x"}]})"),
               400, "no_chat_template", "messages");
}

TEST(Server, KeysAreAskedForEverywhereButAtHealth) {
  gateway::Options options;
  options.keys = *gateway::ApiKeys::parse("secret-one\n# comment\nsecret-two # mine\n", "keys");
  TestServer server({}, options);
  EXPECT_EQ(server.ask(get("/health")).status, 200);
  const HttpAnswer missing = server.ask(get("/v1/models"));
  expect_error(missing, 401, "invalid_api_key");
  EXPECT_EQ(missing.headers.at("www-authenticate"), "Bearer");
  expect_error(server.ask(get("/v1/models", "Authorization: Bearer secret-on\r\n")), 401, "invalid_api_key");
  expect_error(server.ask(post("/v1/chat/completions", kChat, "Authorization: Bearer \r\n")), 401,
               "invalid_api_key");
  EXPECT_EQ(server.ask(get("/v1/models", "Authorization: Bearer secret-two\r\n")).status, 200);
  EXPECT_EQ(server.ask(get("/metrics", "Authorization: bearer secret-one\r\n")).status, 200);
}

TEST(Server, WithoutKeysItListensOnLoopbackOnly) {
  ScriptedClient client;
  gateway::Options options;
  options.address = "0.0.0.0";
  options.port = 0;
  gateway::Server closed(client, options);
  const Status refused = closed.listen();
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("--api-keys"));
  options.open = true;
  gateway::Server open(client, options);
  EXPECT_TRUE(open.listen());
}

TEST(Server, PagesOfOtherSitesMayNotCallAnOpenGateway) {
  TestServer server;
  expect_error(server.ask(post("/v1/chat/completions", kChat, "Origin: https://evil.example\r\n")), 403,
               "origin_not_allowed");
  EXPECT_EQ(server.ask(post("/v1/chat/completions", kChat, "Origin: http://localhost:3000\r\n")).status, 200);
}

TEST(Server, WrongPathsAndMethodsAreToldApart) {
  TestServer server;
  expect_error(server.ask(get("/v2/models")), 404, "unknown_url");
  const HttpAnswer answer = server.ask(get("/v1/chat/completions"));
  expect_error(answer, 405, "method_not_allowed");
  EXPECT_EQ(answer.headers.at("allow"), "POST");
  expect_error(server.ask("DELETE /v1/models/scripted HTTP/1.1\r\nHost: x\r\n\r\n"), 405,
               "method_not_allowed");
  expect_error(server.post_json("/v1/chat/completions",
                                R"({"model":"none","messages":[{"role":"user","content":"x"}]})"),
               404, "model_not_found", "model");
}

TEST(Server, HeadIsGetWithoutABody) {
  TestServer server;
  RawConnection connection = server.connect();
  connection.send("HEAD /health HTTP/1.1\r\nHost: x\r\n\r\n" + get("/health"));
  const HttpAnswer head = connection.answer(true);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers.at("content-length"), "15");
  EXPECT_EQ(connection.answer().body, R"({"status":"ok"})");
}

TEST(Server, TooLongAPromptIsSaid) {
  TestServer server;
  const std::string text(5000, 'a');
  expect_error(
      server.post_json("/v1/chat/completions", R"({"messages":[{"role":"user","content":")" + text + "\"}]}"),
      400, "context_length_exceeded", "messages");
  expect_error(server.post_json("/v1/completions", R"({"prompt":")" + text + "\"}"), 400,
               "context_length_exceeded", "prompt");
  expect_error(server.post_json("/v1/embeddings", R"({"input":["a",")" + text + "\"]}"), 400,
               "context_length_exceeded", "input[1]");
}

TEST(Server, AnErrorAfterTheFirstWordsIsAnEventInTheStream) {
  Script script;
  script.fail_after_tokens = 3;
  TestServer server(script);
  RawConnection connection = server.connect();
  connection.send(post("/v1/chat/completions", chat_with(R"("stream":true)")));
  const HttpAnswer answer = connection.answer();
  EXPECT_EQ(answer.status, 200);
  const auto events = events_of(answer.body);
  ASSERT_GE(events.size(), 2u);
  EXPECT_EQ(json::parse(events.back())["error"]["code"], "internal");
  EXPECT_TRUE(connection.closed_by_peer());
}

TEST(Server, ConnectionsAreKeptAndPipelinedRequestsAnsweredInOrder) {
  TestServer server;
  RawConnection connection = server.connect();
  connection.send(post("/v1/chat/completions", chat_with(R"("stream":true)")) + get("/v1/models") +
                  post("/tokenize", R"({"content":"Hi"})") + get("/health"));
  EXPECT_EQ(events_of(connection.answer().body).back(), "[DONE]");
  EXPECT_EQ(json_of(connection.answer())["object"], "list");
  EXPECT_EQ(json_of(connection.answer())["tokens"], json({72, 105}));
  EXPECT_EQ(json_of(connection.answer())["status"], "ok");
  connection.send(get("/health", "Connection: close\r\n"));
  EXPECT_EQ(connection.answer().headers.at("connection"), "close");
  EXPECT_TRUE(connection.closed_by_peer());
}

TEST(Server, Http10GetsItsStreamUntilTheConnectionCloses) {
  TestServer server;
  const std::string body = chat_with(R"("stream":true)");
  RawConnection connection = server.connect();
  connection.send("POST /v1/chat/completions HTTP/1.0\r\nContent-Length: " + std::to_string(body.size()) +
                  "\r\n\r\n" + body);
  const HttpAnswer answer = connection.answer();
  EXPECT_FALSE(answer.headers.contains("transfer-encoding"));
  EXPECT_EQ(events_of(answer.body).back(), "[DONE]");
}

TEST(Server, MetricsCountRequests) {
  TestServer server;
  ASSERT_EQ(server.post_json("/v1/chat/completions", kChat).status, 200);
  static_cast<void>(server.ask(get("/secret-looking-path")));
  const HttpAnswer answer = server.ask(get("/metrics"));
  EXPECT_THAT(
      answer.body,
      HasSubstr(R"(zswarm_http_requests_total{route="/v1/chat/completions",method="POST",status="200"} 1)"));
  EXPECT_THAT(answer.body,
              HasSubstr(R"(zswarm_http_requests_total{route="other",method="GET",status="404"} 1)"));
  EXPECT_THAT(answer.body, testing::Not(HasSubstr("secret-looking")));
  EXPECT_THAT(answer.body, HasSubstr("# TYPE zswarm_time_to_first_token_seconds histogram"));
}

}  // namespace
}  // namespace zswarm::test
