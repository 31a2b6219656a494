// Bytes that no decent client sends: a clear error, or an end of the connection, and the process lives on.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/gateway/support/test_server.h"

namespace zswarm::test {
namespace {

using namespace std::string_literals;
using nlohmann::json;

class Abuse : public testing::Test {
 protected:
  // After whatever happened, somebody else is served.
  void TearDown() override { EXPECT_EQ(server_.ask(get("/health")).status, 200); }

  int status_of(const std::string& bytes) { return server_.ask(bytes).status; }

  void expect_400(const std::string& path, const std::string& body, const std::string& param) {
    const HttpAnswer answer = server_.post_json(path, body);
    EXPECT_EQ(answer.status, 400) << body.substr(0, 100) << "\n" << answer.body;
    const json parsed = json_of(answer);
    ASSERT_TRUE(parsed.contains("error")) << answer.body;
    EXPECT_EQ(parsed["error"]["param"], param.empty() ? json() : json(param)) << answer.body;
    EXPECT_FALSE(parsed["error"]["message"].get<std::string>().empty());
  }

  TestServer server_;
};

TEST_F(Abuse, GarbageGetsA400OrAnEnd) {
  std::mt19937 random(20'240'101);
  for (int round = 0; round < 50; ++round) {
    std::string bytes(1 + random() % 3000, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    RawConnection connection = server_.connect();
    connection.send(bytes + "\r\n\r\n");
    const int status = connection.answer().status;
    EXPECT_TRUE(status == 0 || (status >= 400 && status < 500) || status == 505) << status;
  }
  EXPECT_EQ(status_of("GET / HTTP/9.9\r\nHost: x\r\n\r\n"), 505);
  EXPECT_EQ(status_of("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), 400);  // TLS
}

TEST_F(Abuse, BrokenRequestLinesAreRefused) {
  EXPECT_EQ(status_of("GET\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET /health\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET health HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET /a%00b HTTP/1.1\r\nHost: x\r\n\r\n"), 400);
  EXPECT_EQ(status_of("GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n"s), 400);
  EXPECT_EQ(status_of("GET http://localhost/health HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
}

TEST_F(Abuse, HeadersAreLimited) {
  EXPECT_EQ(status_of(get("/health", "X: " + std::string(100'000, 'a') + "\r\n")), 431);
  std::string many;
  for (int i = 0; i < 500; ++i) many += fmt::format("X-{}: a\r\n", i);
  EXPECT_EQ(status_of(get("/health", many)), 431);
  EXPECT_EQ(status_of("GET /" + std::string(100'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n"), 431);
  EXPECT_EQ(status_of("GET /health HTTP/1.1\r\n\r\n"), 400);  // no Host
  EXPECT_EQ(status_of("GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), 400);
}

TEST_F(Abuse, SmugglingShapesAreRefusedAndEndTheConnection) {
  const std::string start = "POST /tokenize HTTP/1.1\r\nHost: x\r\n";
  for (const std::string framing :
       {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "Content-Length: 5\r\nContent-Length: 6\r\n",
        "Transfer-Encoding: xchunked\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: \x0b"
        "chunked\r\n",
        "Transfer-Encoding : chunked\r\n", "Content-Length: -1\r\n", "Content-Length: +5\r\n",
        "Content-Length: 0x5\r\n", "Content-Length: 5 5\r\n", "Content-Length: 99999999999999999999\r\n"}) {
    RawConnection connection = server_.connect();
    connection.send(start + framing + "\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n");
    const HttpAnswer first = connection.answer();
    EXPECT_TRUE(first.status == 400 || first.status == 413 || first.status == 501) << framing << first.status;
    EXPECT_EQ(connection.answer().status, 0) << framing;
  }
}

TEST_F(Abuse, ATooLargeBodyIsRefusedFromItsLengthAlone) {
  RawConnection connection = server_.connect();
  connection.send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 8388609\r\n\r\n");
  const HttpAnswer answer = connection.answer();  // not a byte of the body was sent
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(json_of(answer)["error"]["code"], "body_too_large");
  EXPECT_EQ(
      status_of(
          "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808\r\n\r\n"),
      413);
  EXPECT_EQ(status_of("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 8388609\r\n\r\n"), 404);
}

TEST_F(Abuse, AClientThatSendsTheWholeLargeBodyFirstStillSeesThe413) {
  RawConnection connection = server_.connect();
  connection.send(post("/v1/chat/completions", std::string(12u << 20, 'a')));
  EXPECT_EQ(connection.answer().status, 413);
}

TEST_F(Abuse, ChunkedBodiesAreCountedToo) {
  RawConnection connection = server_.connect();
  connection.send("POST /tokenize HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "100000\r\n" + std::string(1u << 20, 'a') + "\r\n";
  for (int i = 0; i < 10; ++i) connection.send(chunk);
  EXPECT_EQ(connection.answer().status, 413);
  EXPECT_EQ(status_of("POST /tokenize HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), 400);
  EXPECT_EQ(
      status_of(
          "POST /tokenize HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n"),
      400);
  EXPECT_EQ(json_of(server_.ask("POST /tokenize HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                                "8\r\n{\"conten\r\n8\r\nt\":\"Hi\"}\r\n0\r\n\r\n"))["tokens"],
            json({72, 105}));
}

TEST_F(Abuse, ExpectIsMetOrRefused) {
  RawConnection connection = server_.connect();
  connection.send("POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Length: 16\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(connection.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  connection.send(R"({"content":"Hi"})");
  EXPECT_EQ(connection.answer().status, 200);
  EXPECT_EQ(status_of(post("/tokenize", "{}", "Expect: wonders\r\n")), 417);
  // One who waits for leave to send a body that is refused is told at once.
  EXPECT_EQ(
      status_of("POST /v1/models HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"),
      405);
}

TEST_F(Abuse, OtherEncodingsAreRefused) {
  EXPECT_EQ(status_of(post("/tokenize", "x", "Content-Encoding: gzip\r\n")), 415);
}

TEST_F(Abuse, ABodyThatNeverComesCostsNothing) {
  RawConnection connection = server_.connect();
  connection.send("POST /tokenize HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{}");
  connection.close();
}

TEST_F(Abuse, JsonIsBounded) {
  for (const std::string path : {"/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/tokenize",
                                 "/detokenize", "/apply-template"}) {
    expect_400(path, "", "");
    expect_400(path, "{", "");
    expect_400(path, "[]", "");
    expect_400(path, "null", "");
    expect_400(path, "{}x", "");
    expect_400(path, std::string(100'000, '['), "");
    expect_400(path, R"({"a":)" + std::string(100'000, '[') + std::string(100'000, ']') + "}", "");
    std::string objects;
    for (int i = 0; i < 100'000; ++i) objects += R"({"a":)";
    expect_400(path, objects, "");
    expect_400(path, "{\"a\":\"\xff\xfe\"}", "");
    expect_400(path, R"({"a":"\ud800"})", "");
    expect_400(path, std::string("{\"a\":\"\0\"}", 9), "");
    expect_400(path, R"({"a":1e999})", "");
    expect_400(path, "{\"a\":" + std::string(1'000'000, '1') + "}", "");
  }
  std::string values = "{\"a\":[0";
  for (int i = 0; i < 600'000; ++i) values += ",0";
  expect_400("/tokenize", values + "]}", "");
  std::string keys = "{\"a0\":0";
  for (int i = 1; i < 2000; ++i) keys += fmt::format(",\"a{}\":0", i);
  expect_400("/tokenize", keys + "}", "");
}

TEST_F(Abuse, FieldsOfWrongTypeOrRangeAreNamed) {
  const std::pair<const char*, const char*> fields[] = {{"n", "1000000000"},
                                                        {"n", "0"},
                                                        {"n", "-1"},
                                                        {"n", "1.5"},
                                                        {"n", "\"2\""},
                                                        {"n", "18446744073709551615"},
                                                        {"temperature", "2.1"},
                                                        {"temperature", "-0.1"},
                                                        {"temperature", "\"hot\""},
                                                        {"temperature", "1e308"},
                                                        {"top_p", "1.1"},
                                                        {"top_p", "-1"},
                                                        {"frequency_penalty", "3"},
                                                        {"presence_penalty", "-2.5"},
                                                        {"max_tokens", "0"},
                                                        {"max_tokens", "-5"},
                                                        {"max_tokens", "9223372036854775808"},
                                                        {"max_tokens", "[]"},
                                                        {"logit_bias", "{\"1\":101}"},
                                                        {"logit_bias", "{\"300\":1}"},
                                                        {"logit_bias", "[]"},
                                                        {"logit_bias", "{\"x\":1}"},
                                                        {"stop", "[\"a\",\"b\",\"c\",\"d\",\"e\"]"},
                                                        {"stop", "7"},
                                                        {"stop", "\"\""},
                                                        {"seed", "1.5"},
                                                        {"seed", "\"a\""},
                                                        {"stream", "\"yes\""},
                                                        {"stream_options", "{\"include_usage\":true}"},
                                                        {"model", "7"},
                                                        {"top_k", "1.5"},
                                                        {"response_format", "{\"type\":\"json_object\"}"},
                                                        {"response_format", "{\"type\":\"json_schema\"}"},
                                                        {"service_tier", "\"priority\""},
                                                        {"grammar", "\"root ::= x\""}};
  for (const auto& [name, value] : fields) {
    const std::string field = fmt::format(R"("{}":{})", name, value);
    for (const auto& [path, start] :
         {std::pair("/v1/chat/completions", R"({"messages":[{"role":"user","content":"x"}],)"),
          std::pair("/v1/completions", R"({"prompt":"x",)")}) {
      const HttpAnswer answer = server_.post_json(path, start + field + "}");
      EXPECT_EQ(answer.status, 400) << field << answer.body;
      const std::string param = json_of(answer)["error"].value("param", "");
      EXPECT_TRUE(param == name || param.starts_with(std::string(name) + ".") ||
                  param.starts_with(std::string(name) + "["))
          << field << param;
    }
  }
}

TEST_F(Abuse, MessagesAreCheckedOneByOne) {
  const auto chat = [](const std::string& messages) { return R"({"messages":)" + messages + "}"; };
  expect_400("/v1/chat/completions", "{}", "messages");
  expect_400("/v1/chat/completions", chat("[]"), "messages");
  expect_400("/v1/chat/completions", chat("\"hi\""), "messages");
  expect_400("/v1/chat/completions", chat("[7]"), "messages[0]");
  expect_400("/v1/chat/completions", chat(R"([{"content":"x"}])"), "messages[0].role");
  expect_400("/v1/chat/completions", chat(R"([{"role":"king","content":"x"}])"), "messages[0].role");
  expect_400("/v1/chat/completions", chat(R"([{"role":"user"}])"), "messages[0].content");
  expect_400("/v1/chat/completions", chat(R"([{"role":"user","content":7}])"), "messages[0].content");
  expect_400("/v1/chat/completions", chat(R"([{"role":"user","content":"x"},{"role":"user","content":[]}])"),
             "messages[1].content");
  expect_400("/v1/chat/completions", chat(R"([{"role":"user","content":[{"type":"text"}]}])"),
             "messages[0].content[0].text");
  expect_400("/v1/chat/completions",
             chat(R"([{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}])"),
             "messages[0].content[0].type");
  expect_400("/v1/chat/completions", chat(R"([{"role":"tool","content":"x"}])"), "messages[0].tool_call_id");
  expect_400("/v1/chat/completions", chat(R"([{"role":"assistant"}])"), "messages[0].content");
}

TEST_F(Abuse, AVeryLongPromptIsRefusedInTime) {
  expect_400("/v1/chat/completions",
             R"({"messages":[{"role":"user","content":")" + std::string(131'072, 'a') + "\"}]}", "messages");
  expect_400("/v1/completions", R"({"prompt":")" + std::string(131'072, 'a') + "\"}", "prompt");
  expect_400("/v1/completions", R"({"prompt":")" + std::string(8'000'000, 'a') + "\"}", "prompt");
}

TEST_F(Abuse, ManySilentConnectionsDoNoHarm) {
  std::vector<RawConnection> silent;
  for (int i = 0; i < 500; ++i) silent.push_back(server_.connect());
  EXPECT_EQ(server_.post_json("/tokenize", R"({"content":"Hi"})").status, 200);
}

TEST_F(Abuse, HalfRequestsThenSilenceDoNotBlockOthers) {
  std::vector<RawConnection> half;
  for (int i = 0; i < 50; ++i) {
    half.push_back(server_.connect());
    half.back().send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"mess");
  }
  EXPECT_EQ(server_.post_json("/tokenize", R"({"content":"Hi"})").status, 200);
}

TEST_F(Abuse, PipelinedRefusalsKeepTheConnection) {
  RawConnection connection = server_.connect();
  connection.send(post("/nowhere", "{}") + post("/v1/models", "{\"a\":1}") + get("/health"));
  EXPECT_EQ(connection.answer().status, 404);
  EXPECT_EQ(connection.answer().status, 405);
  EXPECT_EQ(connection.answer().status, 200);
}

}  // namespace
}  // namespace zswarm::test
