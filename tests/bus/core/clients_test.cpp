#include "bus/core/clients.h"

#include <gtest/gtest.h>

#include "bus/service/messages.h"
#include "tests/bus/core/core_network.h"

namespace zswarm::bus {
namespace {

using namespace std::chrono_literals;

CurvePublicKey key_of(std::uint8_t number) {
  CurvePublicKey key{};
  key[0] = number;
  return key;
}
NodeId member(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}
ClientKey about(std::uint8_t maker, std::uint8_t number) {
  return {member(maker), client_id_of(key_of(number))};
}
Bytes entry(std::uint8_t number) {
  return write_client({key_of(number), "laptop"});
}

TEST(ClientEntries, AreReadAsTheyAreWrittenAndByLaterVersionsToo) {
  const auto read = read_client(entry(4));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->key, key_of(4));
  EXPECT_EQ(read->name, "laptop");
  EXPECT_TRUE(read_client(Writer(4).uint(1).bin(key_of(4)).text("x").text("more").take()));
  EXPECT_EQ(read_client(Writer(1).uint(2).take()).error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(read_client(Writer(3).uint(1).bin(Bytes(31)).text("x").take()).error().code,
            ErrorCode::kMalformed);
  EXPECT_EQ(read_client(Writer(3).uint(1).bin(key_of(4)).text("\x1b").take()).error().code,
            ErrorCode::kMalformed);
  EXPECT_EQ(read_client(Bytes{0xc1}).error().code, ErrorCode::kMalformed);
}

TEST(ClientKeys, AreReadInTheFormInWhichTheyAreWritten) {
  const std::string key = client_key(member(1), member(2));
  const auto read = parse_client_key(key);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->member, member(1));
  EXPECT_EQ(read->client, member(2));
  for (const std::string& wrong : {key + "/x", key.substr(0, key.size() - 1), std::string("client/"),
                                   "clients/" + key.substr(7), "client/" + member(1).text()})
    EXPECT_FALSE(parse_client_key(wrong)) << wrong;
}

TEST(Clients, AreAdmittedUntilTheirLastRegistrationGoes) {
  Clients clients{CoreLimits{}};
  EXPECT_EQ(*clients.add(about(1, 9), entry(9)), key_of(9));
  EXPECT_EQ(*clients.add(about(1, 9), entry(9)), std::nullopt);
  EXPECT_EQ(*clients.add(about(2, 9), entry(9)), std::nullopt);
  EXPECT_FALSE(clients.remove(about(1, 9)));
  EXPECT_TRUE(clients.contains(about(2, 9).client));
  EXPECT_TRUE(clients.remove(about(2, 9)));
  EXPECT_FALSE(clients.remove(about(2, 9)));
  EXPECT_FALSE(clients.contains(about(2, 9).client));
}

TEST(Clients, UnderAnIdThatIsNotTheirKeysAreRefused) {
  Clients clients{CoreLimits{}};
  EXPECT_EQ(clients.add(about(1, 9), entry(8)).error().code, ErrorCode::kRefused);
  EXPECT_TRUE(clients.all().empty());
}

TEST(Clients, AreBoundedInAllAndForEachMember) {
  CoreLimits limits;
  limits.clients = 3;
  limits.clients_of_node = 2;
  Clients clients(limits);
  EXPECT_TRUE(clients.add(about(1, 1), entry(1)));
  EXPECT_TRUE(clients.add(about(1, 2), entry(2)));
  EXPECT_EQ(clients.add(about(1, 3), entry(3)).error().code, ErrorCode::kBusy);
  EXPECT_TRUE(clients.add(about(2, 3), entry(3)));
  EXPECT_EQ(clients.add(about(3, 4), entry(4)).error().code, ErrorCode::kBusy);
  EXPECT_TRUE(clients.forget(about(1, 1).client));
  EXPECT_EQ(clients.registered_by(member(1)), 1u);
  EXPECT_TRUE(clients.add(about(3, 4), entry(4)));
}

class ClientsOfANetwork : public testing::Test {
 protected:
  ClientsOfANetwork() {
    for (int i = 0; i < 3; ++i) network.add(token);
    for (std::size_t i = 1; i < 3; ++i) EXPECT_TRUE(network.join(network[i], network[0]));
    network.run(3s);
    EXPECT_TRUE(network.act(
        network[0], [&](Core& core, const Now& now) { return core.add_client(now, key_of(5), "laptop"); }));
    network.run(2s);
  }
  bool admitted_everywhere() {
    bool all = true;
    for (std::size_t i = 0; i < 3; ++i) all = all && network[i].clients.contains(client);
    return all;
  }

  const SignKeyPair operator_keys = SignKeyPair::from_seed(Secret<32>::random());
  const Token token = test_token(operator_keys);
  const NodeId client = client_id_of(key_of(5));
  CoreNetwork network;
};

TEST_F(ClientsOfANetwork, AreAdmittedByEveryNode) {
  EXPECT_TRUE(admitted_everywhere());
  EXPECT_EQ(network[2].core->clients().all().at(client).name, "laptop");
}

TEST_F(ClientsOfANetwork, MayCallServicesAndNothingElse) {
  const Bytes call = write_request(7, {1, "zswarm.info", 1000, 0, {1, kEventBytes}, {}});
  EXPECT_TRUE(network.send_as(client, network[2], Lane::kDispatch, call));
  network.run(100ms);
  ASSERT_EQ(network.to_others.size(), 2u);
  EXPECT_EQ(read_header(network.to_others[0].message.message)->type, MessageType::kEvent);
  EXPECT_EQ(network.to_others[1].to, client);
  for (const MessageType type : {MessageType::kJoin, MessageType::kProbe, MessageType::kGossip,
                                 MessageType::kSyncOpen, MessageType::kChunkQuery})
    EXPECT_EQ(network.send_as(client, network[2], Lane::kControl, Writer(type, 0).take()).error().code,
              ErrorCode::kRefused);
}

TEST_F(ClientsOfANetwork, AreShutOutWhenTheirRegistrationIsTakenBack) {
  ASSERT_TRUE(admitted_everywhere());
  EXPECT_TRUE(
      network.act(network[0], [&](Core& core, const Now& now) { return core.remove_client(now, client); }));
  network.run(2s);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(network[i].clients.contains(client));
    EXPECT_FALSE(network[i].core->clients().contains(client));
    // Its connections may still be there.
    const Bytes call = write_request(7, {1, "zswarm.info", 1000, 0, {1, kEventBytes}, {}});
    EXPECT_EQ(network.send_as(client, network[i], Lane::kDispatch, call).error().code, ErrorCode::kRefused);
  }
}

TEST_F(ClientsOfANetwork, AreShutOutByTheOperatorAndStayOut) {
  EXPECT_TRUE(network.act(network[1], [&](Core& core, const Now& now) {
    return core.put_as_operator(now, operator_keys, "network/revoked/" + client.text(), bytes_of("lost"));
  }));
  network.run(2s);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(network[i].clients.contains(client));
  EXPECT_EQ(network
                .act(network[2],
                     [&](Core& core, const Now& now) { return core.add_client(now, key_of(5), "again"); })
                .error()
                .code,
            ErrorCode::kRefused);
  EXPECT_FALSE(network.send_as(client, network[0], Lane::kDispatch, write_cancel(1)));
}

TEST_F(ClientsOfANetwork, AreLetInAgainWhenTheirRevocationIsTakenBack) {
  const std::string key = "network/revoked/" + client.text();
  EXPECT_TRUE(network.act(network[1], [&](Core& core, const Now& now) {
    return core.put_as_operator(now, operator_keys, key, bytes_of("lost"));
  }));
  network.run(2s);
  ASSERT_FALSE(network[2].clients.contains(client));
  EXPECT_TRUE(network.act(network[1], [&](Core& core, const Now& now) {
    return core.erase_as_operator(now, operator_keys, key);
  }));
  network.run(2s);
  EXPECT_TRUE(admitted_everywhere());
}

TEST_F(ClientsOfANetwork, GoWithTheMemberThatMadeThemWhenItIsRevoked) {
  EXPECT_TRUE(network.act(network[1], [&](Core& core, const Now& now) {
    return core.put_as_operator(now, operator_keys, "network/revoked/" + network[0].id.text(), {});
  }));
  network.run(2s);
  for (std::size_t i = 1; i < 3; ++i) EXPECT_FALSE(network[i].clients.contains(client));
}

TEST_F(ClientsOfANetwork, AreNotMadeWithoutEnd) {
  Status last;
  for (std::uint8_t i = 6; i < 100 && last; ++i) {
    last = network.act(network[0],
                       [&](Core& core, const Now& now) { return core.add_client(now, key_of(i), ""); });
  }
  EXPECT_EQ(last.error().code, ErrorCode::kBusy);
  EXPECT_EQ(network[0].core->clients().all().size(), CoreLimits{}.clients_of_node);
}

}  // namespace
}  // namespace zswarm::bus
