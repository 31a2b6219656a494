// What cores do for each other beside membership, rotation and clients: load hints, zswarm.info, chunks,
// versions, bounds.
#include "bus/core/core.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "bus/chunks/memory_store.h"
#include "bus/core/info.h"
#include "bus/core/version.h"
#include "tests/bus/core/core_network.h"

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

class SmallCores : public testing::Test {
 protected:
  void grow(std::size_t size, const CoreOptions& options = {}) {
    for (std::size_t i = 0; i < size; ++i) {
      network.add(token, options);
      if (i > 0) {
        EXPECT_TRUE(network.join(network[i], network[0]));
      }
    }
    network.run(3s);
  }
  Status hint(std::size_t i, const Bytes& bytes) {
    return network.act(network[i], [&](Core& core, const Now& now) { return core.hint(now, bytes); });
  }
  const Member* member(std::size_t at, std::size_t of) {
    return network[at].core->members().find(network[of].id);
  }

  const SignKeyPair operator_keys = SignKeyPair::from_seed(Secret<32>::random());
  const Token token = test_token(operator_keys);
  CoreNetwork network;
};

TEST_F(SmallCores, LoadHintsStandBesideTheirMembersTheLatestOfEach) {
  grow(4);
  ASSERT_TRUE(hint(2, {1, 2}));
  network.run(1s);
  ASSERT_TRUE(hint(2, {3}));
  network.run(1s);
  for (const std::size_t i : {0u, 1u, 3u}) {
    EXPECT_EQ(member(i, 2)->hint, Bytes{3}) << i;
    EXPECT_GT(member(i, 2)->hint_at, Time{});
  }
  EXPECT_EQ(hint(2, Bytes(kMaxHintBytes + 1)).error().code, ErrorCode::kTooLarge);
  EXPECT_TRUE(hint(2, Bytes(kMaxHintBytes)));
}

TEST_F(SmallCores, WhoDiesBeforeAnyLinkWasMeasuredIsNoSuspectForEver) {
  for (std::size_t i = 0; i < 4; ++i) {
    network.add(token);
    if (i > 0) {
      EXPECT_TRUE(network.join(network[i], network[0]));
    }
    network.run(50ms);
  }
  network[3].reachable = false;
  network.run(60s);
  for (const std::size_t i : {0u, 1u, 2u}) {
    EXPECT_EQ(member(i, 3)->state, MemberState::kDead) << i;
    for (const std::size_t other : {0u, 1u, 2u}) {
      if (other != i) {
        EXPECT_EQ(member(i, other)->state, MemberState::kAlive);
      }
    }
  }
}

TEST_F(SmallCores, WhoShowsForgedCardsIsGivenUp) {
  grow(3);
  const auto show = [&](const Bytes& card) {
    Writer neighbour(MessageType::kNeighbour, 2);
    neighbour.uint(1);
    write_peer(neighbour, {network[1].id, card});
    return network.act(network[0], [&, message = neighbour.take()](Core& core, const Now& now) {
      return core.on_message(now, network[1].id, Lane::kControl, message, {}).error().code;
    });
  };
  const auto is_neighbour = [&] {
    const auto active = network[0].core->overlay().active();
    return std::any_of(active.begin(), active.end(), [&](const Peer& p) { return p.id == network[1].id; });
  };
  ASSERT_TRUE(is_neighbour());
  // Of an epoch that is not known here (yet): not necessarily a fault.
  const auto later = seal_card({}, SignKeyPair::from_seed(Secret<32>::random()),
                               NetworkKeys::of(test_token(operator_keys, 2)));
  ASSERT_TRUE(later);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(show(*later), ErrorCode::kRefused);
  EXPECT_TRUE(is_neighbour());
  Bytes forged = network[1].core->card();
  forged.back() ^= 1;  // of the MAC
  for (std::uint64_t i = 0; i <= OverlayConfig().faults_borne; ++i)
    EXPECT_EQ(show(forged), ErrorCode::kMalformed);
  EXPECT_FALSE(is_neighbour());
}

TEST_F(SmallCores, EveryNodeTellsWhoItIs) {
  grow(3);
  const auto called = network.act(network[1], [&](Core& core, const Now& now) {
    ServiceCall call;
    call.service = kInfoService;
    call.payload = {1, 2, 3};
    return core.calls().call(now.steady, network[2].id, std::move(call), core.out());
  });
  ASSERT_TRUE(called);
  network.run(1s);
  const auto deliveries = network[1].core->calls().take_events();
  ASSERT_EQ(deliveries.size(), 2u);
  const auto& info = std::get<StreamEvent>(deliveries[0]).payload;
  EXPECT_FALSE(std::get<StreamEnd>(deliveries[1]).error);
  const auto handle = msgpack::unpack(reinterpret_cast<const char*>(info.data()), info.size());
  const auto map = handle.get().as<std::map<std::string, msgpack::object>>();
  EXPECT_EQ(map.size(), 5u);
  EXPECT_EQ(map.at("id").as<std::string>(), network[2].id.text());
  EXPECT_EQ(map.at("name").as<std::string>(), "node 2");
  EXPECT_EQ(map.at("version").as<std::string>(), "1.2.3");
  EXPECT_EQ(map.at("members").as<std::uint64_t>(), 3u);
  EXPECT_EQ(map.at("uptime_s").as<std::uint64_t>(), 3u);
  EXPECT_TRUE(network[2].core->services().take_calls().empty());
  EXPECT_EQ(network[2].core->services().calls(), 0u);
}

TEST_F(SmallCores, BlobsTravelInChunks) {
  grow(3);
  Bytes blob(300'000);
  for (std::size_t i = 0; i < blob.size(); ++i) blob[i] = static_cast<std::uint8_t>(i * i >> 7);
  const auto full = MemoryStore::of(blob, 4096);
  const auto empty = std::make_shared<MemoryStore>(full->manifest());
  network[0].core->chunks().offer(full);
  network[1].core->chunks().offer(full);
  ASSERT_TRUE(network.act(network[2], [&](Core& core, const Now& now) {
    return core.fetches().fetch(now.steady, empty, {network[0].id, network[1].id}, core.out());
  }));
  network.run(10s);
  const auto results = network[2].core->fetches().take_results();
  ASSERT_EQ(results.size(), 1u);
  EXPECT_TRUE(results[0].outcome);
  EXPECT_EQ(empty->bytes(), blob);
}

TEST_F(SmallCores, WhatDidNotFitTheSocketEndsTheStreamsWithThatNode) {
  grow(2);
  ASSERT_TRUE(network[1].core->services().offer("slow", 4));
  ASSERT_TRUE(network.act(network[0], [&](Core& core, const Now& now) {
    return core.calls().call(now.steady, network[1].id, {.service = "slow", .payload = {}}, core.out());
  }));
  network.run(100ms);
  const auto calls = network[1].core->services().take_calls();
  ASSERT_EQ(calls.size(), 1u);
  network[1].core->on_stuck(network.now(), network[0].id);
  const auto notices = network[1].core->services().take_notices();
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_EQ(notices[0].ended->code, ErrorCode::kUnreachable);
  network[0].core->on_stuck(network.now(), network[1].id);
  const auto deliveries = network[0].core->calls().take_events();
  ASSERT_EQ(deliveries.size(), 1u);
  EXPECT_EQ(std::get<StreamEnd>(deliveries[0]).error->code, ErrorCode::kUnreachable);
}

Bytes of_version(Bytes message, std::uint8_t major, std::uint8_t minor) {
  message[0] = major;
  message[1] = minor;
  return message;
}

TEST_F(SmallCores, ANewerMinorVersionIsUnderstood) {
  grow(2);
  const Bytes probe = Writer(MessageType::kProbe, 8, 5)
                          .uint(1)
                          .uint(2)
                          .uint(0)
                          .uint(0)
                          .uint(0)
                          .uint(0)
                          .text("new")
                          .uint(9)
                          .take();
  EXPECT_TRUE(network.send_as(network[1].id, network[0], Lane::kControl, of_version(probe, 1, 200)));
  const Bytes hello = Writer(MessageType::kHello, 2).bin(network[1].core->card()).text("new").take();
  const Bytes answer = network[0].core->on_hello(network.now(), of_version(hello, 1, 200));
  EXPECT_EQ(read_header(answer)->type, MessageType::kWelcome);
}

TEST_F(SmallCores, AnotherMajorVersionIsToldAndNeverInALoop) {
  grow(2);
  const NodeId other{};  // known to no other test node, so answers are kept
  std::size_t told = 0;
  for (int i = 0; i < 200; ++i) {
    const auto status = network.send_as(other, network[0], i % 2 == 0 ? Lane::kControl : Lane::kDispatch,
                                        of_version(Writer(MessageType::kProbe, 0).take(), 2, 0));
    ASSERT_EQ(status.error().code, ErrorCode::kUnsupported);
  }
  network.run(50ms);
  for (const auto& sent : network.to_others) {
    ASSERT_EQ(read_header(sent.message.message)->type, MessageType::kVersion);
    Reader reader = Reader::of_message(sent.message.message);
    EXPECT_EQ(reader.uint(), kMajorVersion);
    EXPECT_EQ(reader.uint(), kMinorVersion);
    EXPECT_FALSE(reader.text(512).empty());
    EXPECT_TRUE(reader.ok());
    ++told;
  }
  EXPECT_GE(told, 1u);
  EXPECT_LE(told, CoreLimits{}.versions_burst + CoreLimits{}.versions_per_s);
  // What says so itself is not answered, whatever version it is of.
  network.to_others.clear();
  network.run(10s);
  for (const std::uint8_t major : Bytes{1, 2, 255}) {
    const auto status =
        network.send_as(other, network[0], Lane::kControl, of_version(version_message(), major, 3));
    EXPECT_EQ(status.error().code, ErrorCode::kUnsupported);
    EXPECT_NE(status.error().message.find("version"), std::string::npos);
  }
  network.run(50ms);
  EXPECT_TRUE(network.to_others.empty());
}

TEST_F(SmallCores, ANewcomerOfAnotherMajorVersionIsToldAtTheJoinSocket) {
  grow(1);
  const Bytes hello = Writer(MessageType::kHello, 1).bin(network[0].core->card()).take();
  const Bytes answer = network[0].core->on_hello(network.now(), of_version(hello, 2, 0));
  EXPECT_EQ(peek_header(answer)->type, MessageType::kVersion);
  EXPECT_TRUE(network[0].core->on_hello(network.now(), answer).empty());
  // As a member of version 2 would say it.
  const Bytes theirs =
      of_version(Writer(MessageType::kVersion, 3).uint(2).uint(1).text("update").take(), 2, 1);
  const Status welcomed = network[0].core->on_welcome(network.now(), theirs);
  EXPECT_EQ(welcomed.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(welcomed.error().message,
            "the other side speaks version 2.1 of the protocol, this node version 1.0: update the older one");
}

TEST_F(SmallCores, MembersBeyondThePlacesDisplaceThoseWhoAreGoneAndNeverANeighbour) {
  CoreOptions options;
  options.limits.members = 6;
  options.overlay.passive_max = 1;  // those in reserve are kept, too
  network.add(token, options);
  for (std::size_t i = 1; i < 4; ++i) {
    network.add(token);
    ASSERT_TRUE(network.join(network[i], network[0]));
  }
  network.run(3s);
  // Many whom nobody will ever hear of again: each shows its card once.
  for (int i = 0; i < 40; ++i) {
    CoreNetwork::Node& passing = network.add(token);
    passing.reachable = false;
    (void)network[0].core->on_hello(network.now(), passing.core->hello());
    network.act(network[0], [](Core&, const Now&) { return 0; });
    ASSERT_LE(network[0].core->members().all().size(), 6u);
    ASSERT_LE(network[0].admitted.size(), 7u);
  }
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_NE(member(0, i), nullptr) << i;
    EXPECT_FALSE(network[0].forgotten.contains(network[i].id));
  }
}

TEST_F(SmallCores, ANodeWhoseRevocationIsTakenBackMayComeBack) {
  grow(3);
  const std::string key = "network/revoked/" + network[2].id.text();
  ASSERT_TRUE(network.act(network[0], [&](Core& core, const Now& now) {
    return core.put_as_operator(now, operator_keys, key, bytes_of("lost"));
  }));
  network.run(2s);
  EXPECT_EQ(member(1, 2)->state, MemberState::kRevoked);
  EXPECT_FALSE(network.join(network[2], network[1]));
  ASSERT_TRUE(network.act(network[0], [&](Core& core, const Now& now) {
    return core.erase_as_operator(now, operator_keys, key);
  }));
  network.run(2s);
  EXPECT_NE(member(1, 2)->state, MemberState::kRevoked);
  EXPECT_TRUE(network.join(network[2], network[1]));
  network.run(2s);
  EXPECT_EQ(member(1, 2)->state, MemberState::kAlive);
  ASSERT_TRUE(network.act(network[2], [&](Core& core, const Now& now) {
    return core.put(now, "node/" + core.id().text() + "/note", bytes_of("back"));
  }));
  network.run(2s);
  EXPECT_TRUE(network[0].core->ledger().get("node/" + network[2].id.text() + "/note"));
}

TEST_F(SmallCores, NotesThatNobodyTakesAreBounded) {
  grow(1);
  Core& core = *network[0].core;
  const Bytes hello = of_version(Writer(MessageType::kHello, 0).take(), 9, 0);
  for (int i = 0; i < 1000; ++i) {
    const Now at{network.now().steady + i * 1s, network.now().wall};
    (void)core.on_hello(at, hello);
  }
  EXPECT_EQ(core.take_notes().size(), CoreLimits{}.notes);
  EXPECT_TRUE(core.take_notes().empty());
}

}  // namespace
}  // namespace zswarm::bus
