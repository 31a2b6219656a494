#include "bus/zmq/zap.h"

#include <gtest/gtest.h>

#include <zmq_addon.hpp>

#include "tests/bus/zmq/named.h"

namespace zswarm::bus {
namespace {

using test::node;

CurvePublicKey key_of(std::uint8_t number) {
  CurvePublicKey key{};
  key.fill(number);
  return key;
}

class Zap : public testing::Test {
 protected:
  explicit Zap(const SocketLimits& limits = {})
      : zap(context, limits), libzmq(context, zmq::socket_type::req) {
    libzmq.set(zmq::sockopt::linger, 0);
    libzmq.set(zmq::sockopt::rcvtimeo, 5000);
    libzmq.connect("inproc://zeromq.zap.01");
  }

  /// Whom the handler takes the key's owner for: "refused", "" (admitted without a name), or an id.
  std::string asked(const std::string& domain, const CurvePublicKey& key,
                    const std::string& mechanism = "CURVE") {
    const std::array<zmq::const_buffer, 7> question = {zmq::str_buffer("1.0"),
                                                       zmq::str_buffer("1"),
                                                       zmq::buffer(domain),
                                                       zmq::str_buffer("192.0.2.7"),
                                                       zmq::str_buffer(""),
                                                       zmq::buffer(mechanism),
                                                       zmq::buffer(key.data(), key.size())};
    zmq::send_multipart(libzmq, question);
    EXPECT_TRUE(zap.answer());
    std::vector<zmq::message_t> answer;
    EXPECT_TRUE(zmq::recv_multipart(libzmq, std::back_inserter(answer)));
    if (answer.size() != 6) return "malformed";
    return answer[2].to_string() == "200" ? answer[4].to_string() : "refused";
  }

  zmq::context_t context;
  ZapHandler zap;
  zmq::socket_t libzmq;
};

TEST_F(Zap, TheJoinSocketTakesTheKeyOfTheTokenOnly) {
  zap.set_join_keys({key_of(1)});
  zap.admit(node(2), key_of(2));
  EXPECT_EQ(asked("join", key_of(1)), "");
  EXPECT_EQ(asked("join", key_of(2)), "refused");
  zap.set_join_keys({key_of(3)});
  EXPECT_EQ(asked("join", key_of(1)), "refused");
  EXPECT_EQ(asked("join", key_of(1), "PLAIN"), "refused");
}

TEST_F(Zap, MembersMayUseTheOtherSocketsUntilTheyAreExpelled) {
  zap.set_join_keys({key_of(1)});
  EXPECT_TRUE(zap.admit(node(2), key_of(2)));
  for (const char* domain : {"gossip", "control", "dispatch"}) {
    EXPECT_EQ(asked(domain, key_of(2)), node(2).text());
    EXPECT_EQ(asked(domain, key_of(1)), "refused");
  }
  EXPECT_TRUE(zap.admit(node(2), key_of(4)));
  EXPECT_EQ(asked("control", key_of(2)), "refused");
  EXPECT_EQ(asked("control", key_of(4)), node(2).text());
  zap.expel(node(2));
  EXPECT_EQ(asked("control", key_of(4)), "refused");
  EXPECT_FALSE(zap.admits(node(2)));
}

TEST_F(Zap, ClientsMayUseTheDispatchSocketOnly) {
  EXPECT_TRUE(zap.admit_client(node(5), key_of(5)));
  EXPECT_EQ(asked("dispatch", key_of(5)), node(5).text());
  for (const char* domain : {"join", "gossip", "control", "stage", ""})
    EXPECT_EQ(asked(domain, key_of(5)), "refused");
  zap.expel(node(5));
  EXPECT_EQ(asked("dispatch", key_of(5)), "refused");
}

TEST_F(Zap, NobodySpeaksForAMemberWhoseKeyTheyRegisterAsAClients) {
  EXPECT_TRUE(zap.admit_client(node(9), key_of(2)));
  EXPECT_TRUE(zap.admit(node(2), key_of(2)));
  EXPECT_EQ(asked("dispatch", key_of(2)), node(2).text());
  EXPECT_TRUE(zap.admit_client(node(9), key_of(2)));
  EXPECT_EQ(asked("dispatch", key_of(2)), node(2).text());
  zap.expel(node(9));
  EXPECT_EQ(asked("dispatch", key_of(2)), node(2).text());
}

class SmallZap : public Zap {
 protected:
  SmallZap()
      : Zap([] {
          SocketLimits limits;
          limits.admitted = 2;
          limits.admitted_clients = 1;
          return limits;
        }()) {}
};

TEST_F(SmallZap, AdmitsNoMoreThanItMay) {
  EXPECT_TRUE(zap.admit(node(1), key_of(1)));
  EXPECT_TRUE(zap.admit(node(2), key_of(2)));
  EXPECT_FALSE(zap.admit(node(3), key_of(3)));
  EXPECT_EQ(asked("control", key_of(3)), "refused");
  EXPECT_TRUE(zap.admit(node(2), key_of(4)));
  EXPECT_TRUE(zap.admit_client(node(5), key_of(5)));
  EXPECT_FALSE(zap.admit_client(node(6), key_of(6)));
  zap.expel(node(1));
  EXPECT_TRUE(zap.admit(node(3), key_of(3)));
}

}  // namespace
}  // namespace zswarm::bus
