#include "node/dispatch/host.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bus/service/client.h"

namespace zswarm::node {
namespace {

using namespace std::chrono_literals;

ModelHash hash_of_model() {
  ModelHash hash;
  hash.fill(9);
  return hash;
}

/// A model whose next token is its position; each step gives one to every request that runs.
class SteppedModels final : public Client {
 public:
  Result<RequestId> generate(GenerateRequest request, EventSink sink) override {
    if (refusal) return fail(*refusal);
    asked.push_back(request);
    running[++last_id] = {std::move(request), std::move(sink)};
    return last_id;
  }
  void cancel(RequestId id) override {
    const auto at = running.find(id);
    if (at == running.end()) return;
    auto sink = std::move(at->second.second);
    running.erase(at);
    ++cancelled;
    sink(Error{ErrorCode::kCancelled, "cancelled", {}});
  }
  std::vector<ModelStats> stats() const override {
    ModelStats stats;
    stats.steps = steps;
    return {stats};
  }
  Status embed(EmbedRequest, EmbedSink) override { return fail(ErrorCode::kUnsupported, "no"); }
  std::vector<ModelCard> models() const override { return {}; }
  Result<ModelCard> model(std::string_view) const override { return fail(ErrorCode::kNotFound, "no"); }
  Readiness readiness() const override { return Readiness::kReady; }
  Result<std::vector<TokenId>> tokenize(std::string_view, std::string_view, bool, bool) const override {
    return fail(ErrorCode::kUnsupported, "no");
  }
  Result<std::string> detokenize(std::string_view, const std::vector<TokenId>&) const override {
    return fail(ErrorCode::kUnsupported, "no");
  }
  Result<std::string> token_bytes(std::string_view, TokenId) const override {
    return fail(ErrorCode::kUnsupported, "no");
  }
  Status render(RenderRequest, RenderSink) override { return fail(ErrorCode::kUnsupported, "no"); }

  void step() {
    ++steps;
    std::vector<RequestId> ended;
    for (auto& [id, job] : running) {
      auto& [request, sink] = job;
      const auto position = static_cast<std::uint32_t>(request.delivered.size());
      request.delivered.push_back(static_cast<TokenId>(position));
      sink(Delta{position, {static_cast<TokenId>(position)}, "x", {}});
      if (request.delivered.size() < request.max_tokens) continue;
      sink(Finished{FinishReason::kLength, 3, 0, position + 1, 0, 0, 0});
      ended.push_back(id);
    }
    for (const RequestId id : ended) running.erase(id);
  }

  std::optional<Error> refusal;
  std::vector<GenerateRequest> asked;
  std::map<RequestId, std::pair<GenerateRequest, EventSink>> running;
  RequestId last_id = 0;
  std::uint64_t steps = 0;
  int cancelled = 0;
};

/// A host and a caller, with nothing between them.
class HostTest : public testing::Test {
 protected:
  HostTest() { EXPECT_TRUE(host.offer(server)); }

  std::uint32_t call(std::uint32_t max_tokens, bus::Credit window = {64, 1u << 20}) {
    GenerateCall wanted;
    wanted.model = hash_of_model();
    wanted.what.prompt = {1, 2, 3};
    wanted.what.max_tokens = max_tokens;
    auto bytes = write_call(wanted).value();
    return call(std::move(bytes.payload), std::move(bytes.frames), window);
  }
  std::uint32_t call(bus::Bytes payload, std::vector<bus::Bytes> frames,
                     bus::Credit window = {64, 1u << 20}) {
    const auto id = *client.call(now, host_id,
                                 {.service = std::string(kGenerateService),
                                  .payload = std::move(payload),
                                  .frames = std::move(frames),
                                  .deadline = 60s,
                                  .window = window},
                                 to_host);
    turn();
    return id;
  }
  void grant(std::uint32_t id, std::uint64_t events) {
    client.grant(now, id, {events, events << 12}, to_host);
    turn();
  }
  /// Everything gets where it is sent, both ways.
  void turn() {
    deliver(to_host, [&](bus::Send& m) {
      (void)server.on_message(now, caller_id, *bus::read_header(m.message), m.message, m.frames, to_caller);
    });
    for (const bus::CallNotice& notice : server.take_notices()) host.on_notice(notice);
    host.turn(now, server, to_caller);
    deliver(to_caller, [&](bus::Send& m) {
      (void)client.on_message(now, host_id, *bus::read_header(m.message), m.message, m.frames, to_host);
    });
    for (bus::StreamDelivery& delivery : client.take_events()) take(delivery);
  }
  static void deliver(bus::Outbox& box, const std::function<void(bus::Send&)>& to) {
    for (bus::Effect& effect : box.take())
      if (auto* message = std::get_if<bus::Send>(&effect)) to(*message);
  }
  void take(bus::StreamDelivery& delivery) {
    if (const auto* event = std::get_if<bus::StreamEvent>(&delivery)) {
      const auto news = reader.read(event->payload);
      ASSERT_TRUE(news) << news.error().message;
      if (!*news) return;
      if (const auto* delta = std::get_if<Delta>(&**news)) {
        EXPECT_EQ(delta->first_token, tokens.size());
        tokens.insert(tokens.end(), delta->tokens.begin(), delta->tokens.end());
      } else if (std::holds_alternative<Progress>(**news)) {
        ++beats;
      }
    } else {
      const auto& last = std::get<bus::StreamEnd>(delivery);
      if (last.error) return;  // by the caller's own wish
      auto read = read_end_trailer(last.trailer);
      ASSERT_TRUE(read) << read.error().message;
      end = std::move(*read);
    }
  }

  bus::NodeId host_id{{1}}, caller_id{{2}};
  bus::Time now{1s};
  SteppedModels models;
  bus::Random random{1};
  bus::ServiceServer server{{}};
  bus::ServiceClient client{{}, 1, random};
  bus::Outbox to_host, to_caller;
  Host host{models, {{hash_of_model(), "tiny"}}, HostConfig{}, [] {}};
  EventReader reader{1000};
  std::vector<TokenId> tokens;
  std::optional<End> end;
  int beats = 0;
};

TEST_F(HostTest, GivesAGenerationWholeAndEndsIt) {
  call(5);
  ASSERT_EQ(models.asked.size(), 1u);
  EXPECT_EQ(models.asked.front().model, "tiny");
  EXPECT_EQ(models.asked.front().prompt, (std::vector<TokenId>{1, 2, 3}));
  for (int i = 0; i < 5; ++i) {
    models.step();
    turn();
  }
  EXPECT_EQ(tokens, (std::vector<TokenId>{0, 1, 2, 3, 4}));
  ASSERT_TRUE(end);
  EXPECT_EQ(std::get<Finished>(*end).completion_tokens, 5u);
  EXPECT_EQ(host.answers(), 0u);
}

TEST_F(HostTest, ParksTheGenerationOfASlowReaderAndGoesOnWhereItWas) {
  const auto id = call(500, {1, bus::kEventBytes});
  for (int i = 0; i < 300; ++i) {
    models.step();
    turn();
  }
  EXPECT_EQ(tokens.size(), 1u) << "no more was granted";
  EXPECT_TRUE(models.running.empty()) << "it must not compute for nobody";
  EXPECT_EQ(host.stats().parked, 1u);
  for (int round = 0; round < 600 && !end; ++round) {
    grant(id, 1);
    models.step();
    turn();
  }
  ASSERT_TRUE(end);
  ASSERT_EQ(tokens.size(), 500u);
  for (std::size_t i = 0; i < tokens.size(); ++i) EXPECT_EQ(tokens[i], static_cast<TokenId>(i));
  ASSERT_GE(models.asked.size(), 2u);
  EXPECT_EQ(models.asked[1].delivered.size(), models.asked[1].delivered.back() + 1u);
}

TEST_F(HostTest, EndsTheGenerationWhenTheCallerCancelsOrIsGone) {
  const auto id = call(100);
  client.cancel(now, id, to_host);
  turn();
  EXPECT_EQ(models.cancelled, 1);
  call(100);
  server.on_lost(now, caller_id);
  turn();
  EXPECT_EQ(models.cancelled, 2);
  EXPECT_EQ(host.answers(), 0u);
}

TEST_F(HostTest, TellsWhyItRefuses) {
  call({1, 2, 3}, {});
  ASSERT_TRUE(end);
  EXPECT_EQ(std::get<Error>(*end).code, ErrorCode::kInvalidArgument);

  GenerateCall other;
  other.what.prompt = {1};
  auto bytes = write_call(other).value();
  call(std::move(bytes.payload), std::move(bytes.frames));
  EXPECT_EQ(std::get<Error>(*end).code, ErrorCode::kNotFound);

  models.refusal = Error{ErrorCode::kContextLength, "too long", "prompt"};
  call(5);
  EXPECT_EQ(std::get<Error>(*end).code, ErrorCode::kContextLength);
  EXPECT_EQ(std::get<Error>(*end).param, "prompt");
  EXPECT_EQ(host.stats().refused, 3u);
}

TEST_F(HostTest, BeatsOnlyWhileTheEngineWorks) {
  call(100);
  const auto pass = [this](bool works) {
    now = now + 250ms;
    if (works) ++models.steps;
    turn();
    return beats;
  };
  EXPECT_EQ(pass(true), 1);
  EXPECT_EQ(pass(true), 2);
  EXPECT_EQ(pass(false), 2) << "an engine that stands still must not look alive";
  EXPECT_EQ(pass(true), 3);
  EXPECT_GT(host.next_timer(), now);
}

}  // namespace
}  // namespace zswarm::node
