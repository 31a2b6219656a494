// Clients that leave, read slowly, or stay silent; and the server's own end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/gateway/support/test_server.h"

namespace zswarm::test {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

std::string chat(const std::string& fields = R"("stream":false)") {
  return post("/v1/chat/completions", R"({"messages":[{"role":"user","content":"Hi"}],)" + fields + "}");
}

// An answer that takes minutes.
Script slow_script() {
  Script script;
  script.answer = [](const node::GenerateRequest&) { return std::string(4000, 'x'); };
  script.per_token = 50ms;
  return script;
}

void expect_stops_soon(TestServer& server) {
  const auto left = std::chrono::steady_clock::now();
  EXPECT_TRUE(server.client().wait_for([&] { return server.client().running() == 0; }, 5s));
  EXPECT_LT(std::chrono::steady_clock::now() - left, 1500ms);
  EXPECT_GE(server.client().cancelled(), 1u);
}

void await_running(TestServer& server, std::size_t count) {
  ASSERT_TRUE(server.client().wait_for([&] { return server.client().running() == count; }, 5s));
}

TEST(Disconnect, EndsAStream) {
  TestServer server(slow_script());
  RawConnection connection = server.connect();
  connection.send(chat(R"("stream":true)"));
  connection.read_until("\"x\"");
  connection.close();
  expect_stops_soon(server);
}

TEST(Disconnect, EndsAnAnswerThatIsNotStreamed) {
  TestServer server(slow_script());
  RawConnection connection = server.connect();
  connection.send(chat());
  await_running(server, 1);
  connection.close();
  expect_stops_soon(server);
}

TEST(Disconnect, ByResetEndsIt) {
  TestServer server(slow_script());
  RawConnection connection = server.connect();
  connection.send(chat());
  await_running(server, 1);
  connection.reset();
  expect_stops_soon(server);
}

TEST(Disconnect, EndsAllChoices) {
  TestServer server(slow_script());
  RawConnection connection = server.connect();
  connection.send(chat(R"("n":4)"));
  await_running(server, 4);
  connection.close();
  expect_stops_soon(server);
}

TEST(Disconnect, IsNoticedBehindAPipelinedRequest) {
  TestServer server(slow_script());
  RawConnection connection = server.connect();
  connection.send(chat());
  await_running(server, 1);
  connection.send(get("/health"));
  connection.close();
  expect_stops_soon(server);
}

TEST(Disconnect, IsNoticedBehindARequestThatCameTogetherWithTheFirst) {
  TestServer server(slow_script());
  RawConnection connection = server.connect();
  connection.send(chat() + get("/health"));
  await_running(server, 1);
  connection.close();
  expect_stops_soon(server);
}

TEST(SlowClient, SlowsOnlyItsOwnStreamAndIsCutOff) {
  Script script;
  script.answer = [](const node::GenerateRequest& request) {
    return std::string(request.stop.empty() ? 10 : 5'000, 'x');
  };
  script.context_length = 100'000;
  gateway::Options options;
  options.limits = short_limits();
  TestServer server(script, options);
  RawConnection slow = server.connect();
  slow.shrink_receive_buffer();
  slow.send(chat(R"("stream":true,"logprobs":true,"top_logprobs":20,"stop":["never"])"));
  EXPECT_EQ(slow.read_until("\r\n\r\n").substr(0, 15), "HTTP/1.1 200 OK");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(server.ask(chat()).status, 200);
  // It reads nothing more: after write_stall its connection and its generation are gone.
  EXPECT_TRUE(server.client().wait_for([&] { return server.client().running() == 0; }, 10s));
  const auto only_the_asking_one = [&] {
    return server.ask(get("/metrics")).body.find("\nzswarm_http_connections 1\n") != std::string::npos;
  };
  EXPECT_TRUE(server.client().wait_for(only_the_asking_one, 10s));
}

TEST(SlowClient, WithTooLargeABacklogIsCutOff) {
  Script script;
  script.answer = [](const node::GenerateRequest&) { return std::string(20'000, 'x'); };
  script.context_length = 100'000;
  gateway::Options options;
  options.limits.stream_backlog_bytes = 100'000;
  TestServer server(script, options);
  RawConnection slow = server.connect();
  slow.shrink_receive_buffer();
  slow.send(chat(R"("stream":true,"logprobs":true,"top_logprobs":20)"));
  EXPECT_TRUE(server.client().wait_for([&] { return server.client().cancelled() == 1; }, 10s));
  EXPECT_TRUE(server.client().wait_for([&] { return server.client().running() == 0; }, 10s));
}

TEST(SilentClient, IsClosedWhileIdleInTheHeaderAndInTheBody) {
  gateway::Options options;
  options.limits = short_limits();
  TestServer server({}, options);
  RawConnection idle = server.connect(), header = server.connect(), body = server.connect(),
                kept = server.connect();
  header.send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-");
  body.send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
  kept.send(get("/health"));
  EXPECT_EQ(kept.answer().status, 200);
  EXPECT_TRUE(idle.closed_by_peer());
  EXPECT_TRUE(header.closed_by_peer());
  EXPECT_TRUE(body.closed_by_peer());
  EXPECT_TRUE(kept.closed_by_peer());
}

TEST(SilentClient, ThatDripsBytesIsClosedToo) {
  gateway::Options options;
  options.limits = short_limits();
  TestServer server({}, options);
  RawConnection connection = server.connect();
  connection.send("GET /health HTTP/1.1\r\nHost: x\r\n");
  // One header line after the other never ends the header: the time for all of it is what counts.
  const auto begin = std::chrono::steady_clock::now();
  bool open = true;
  for (int i = 0; i < 2000 && open; ++i) {
    std::this_thread::sleep_for(10ms);  // the drip itself, not a wait for anything
    open = connection.send("A: b\r\n");
  }
  EXPECT_FALSE(open);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 10s);
}

TEST(ManyClients, SilentOnesMakeRoomForOthers) {
  gateway::Options options;
  options.limits.connections = 50;
  TestServer server({}, options);
  std::vector<RawConnection> silent;
  for (int i = 0; i < 200; ++i) silent.push_back(server.connect());
  EXPECT_EQ(server.ask(get("/health")).status, 200);
  EXPECT_TRUE(silent.front().closed_by_peer());
}

TEST(ManyClients, BusyOnesAreNotPushedOut) {
  gateway::Options options;
  options.limits.connections = 3;
  Script script = slow_script();
  TestServer server(script, options);
  std::vector<RawConnection> busy;
  for (int i = 0; i < 3; ++i) {
    busy.push_back(server.connect());
    busy.back().send(chat());
  }
  await_running(server, 3);
  EXPECT_EQ(server.ask(get("/health")).status, 503);
  EXPECT_EQ(server.client().running(), 3u);
}

TEST(Shutdown, LetsRunningRequestsFinish) {
  Script script;
  script.per_token = 20ms;
  TestServer server(script);
  RawConnection connection = server.connect();
  connection.send(chat());
  await_running(server, 1);
  server.server().shutdown(10s);
  const HttpAnswer answer = connection.answer();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(json_of(answer)["choices"][0]["message"]["content"], "Hello, world.");
  server.join();
}

TEST(Shutdown, WaitsNeitherForHalfRequestsNorForStuckReaders) {
  Script script;
  script.answer = [](const node::GenerateRequest&) { return std::string(60'000, 'x'); };
  script.context_length = 100'000;
  TestServer server(script);
  RawConnection half = server.connect(), stuck = server.connect();
  half.send("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{");
  stuck.shrink_receive_buffer();
  stuck.send(chat(R"("stream":true,"logprobs":true)"));
  stuck.read_until("\r\n\r\n");
  const auto begin = std::chrono::steady_clock::now();
  server.server().shutdown(0ms);
  server.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 8s);
}

TEST(Shutdown, TellsThoseThatTakeTooLong) {
  TestServer server(slow_script());
  RawConnection whole = server.connect(), stream = server.connect(), idle = server.connect();
  whole.send(chat());
  stream.send(chat(R"("stream":true)"));
  stream.read_until("\"x\"");
  await_running(server, 2);
  server.server().shutdown(200ms);
  const HttpAnswer answer = whole.answer();
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(json_of(answer)["error"]["code"], "stopping");
  EXPECT_NE(stream.read_until("\"stopping\"").find("\"stopping\""), std::string::npos);
  EXPECT_TRUE(stream.closed_by_peer());
  EXPECT_TRUE(idle.closed_by_peer());
  server.join();
  EXPECT_TRUE(server.client().wait_for([&] { return server.client().running() == 0; }, 5s));
}

}  // namespace
}  // namespace zswarm::test
