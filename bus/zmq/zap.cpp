#include "bus/zmq/zap.h"

#include <algorithm>
#include <string_view>
#include <zmq_addon.hpp>

namespace zswarm::bus {
namespace {

constexpr const char* kEndpoint = "inproc://zeromq.zap.01";

// Frames of a request: version, request id, domain, address, identity, mechanism, credentials.
enum Frame { kVersion, kRequestId, kDomain, kAddress, kIdentity, kMechanism, kCredentials, kZapFrames };

}  // namespace

ZapHandler::ZapHandler(zmq::context_t& context, const SocketLimits& limits)
    : socket_(context, zmq::socket_type::rep),
      members_max_(limits.admitted),
      clients_max_(limits.admitted_clients) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind(kEndpoint);
}

bool ZapHandler::Admitted::add(const NodeId& node, const CurvePublicKey& key, std::size_t most) {
  if (keys.size() >= most && !keys.contains(node)) return false;
  remove(node);
  owners.insert_or_assign(key, node);
  keys.insert_or_assign(node, key);
  return true;
}

void ZapHandler::Admitted::remove(const NodeId& node) {
  const auto known = keys.find(node);
  if (known == keys.end()) return;
  const auto owned = owners.find(known->second);
  if (owned != owners.end() && owned->second == node) owners.erase(owned);
  keys.erase(known);
}

const NodeId* ZapHandler::Admitted::owner(const CurvePublicKey& key) const {
  const auto owned = owners.find(key);
  return owned == owners.end() ? nullptr : &owned->second;
}

bool ZapHandler::admit(const NodeId& node, const CurvePublicKey& key) {
  return members_.add(node, key, members_max_);
}

bool ZapHandler::admit_client(const NodeId& client, const CurvePublicKey& key) {
  return clients_.add(client, key, clients_max_);
}

void ZapHandler::expel(const NodeId& node) {
  members_.remove(node);
  clients_.remove(node);
}

ZapHandler::Verdict ZapHandler::judge(std::string_view domain, std::string_view mechanism, ByteView key) {
  CurvePublicKey client;
  if (mechanism != "CURVE" || key.size() != client.size()) {
    counts_.malformed += 1;
    return {false, {}};
  }
  std::copy(key.begin(), key.end(), client.begin());
  if (domain == socket_name(Socket::kJoin)) {
    const bool admitted = std::find(join_keys_.begin(), join_keys_.end(), client) != join_keys_.end();
    admitted ? counts_.admitted++ : counts_.refused_join++;
    return {admitted, {}};
  }
  const NodeId* owner = members_.owner(client);
  if (owner == nullptr && domain == socket_name(Socket::kDispatch)) owner = clients_.owner(client);
  if (owner == nullptr) {
    counts_.refused_member += 1;
    return {false, {}};
  }
  counts_.admitted += 1;
  return {true, owner->text()};
}

bool ZapHandler::answer() {
  std::vector<zmq::message_t> question;
  if (!zmq::recv_multipart(socket_, std::back_inserter(question), zmq::recv_flags::dontwait)) return false;
  Verdict verdict{false, {}};
  std::string request_id;
  if (question.size() >= kCredentials) request_id = question[kRequestId].to_string();
  if (question.size() == kZapFrames && question[kVersion].to_string_view() == "1.0") {
    const zmq::message_t& key = question[kCredentials];
    verdict = judge(question[kDomain].to_string_view(), question[kMechanism].to_string_view(),
                    {key.data<std::uint8_t>(), key.size()});
  } else {
    counts_.malformed += 1;
  }
  const std::array<zmq::const_buffer, 6> reply = {
      zmq::str_buffer("1.0"),
      zmq::buffer(request_id),
      verdict.admitted ? zmq::str_buffer("200") : zmq::str_buffer("400"),
      verdict.admitted ? zmq::str_buffer("OK") : zmq::str_buffer("no member"),
      zmq::buffer(verdict.user_id),
      zmq::str_buffer("")};
  zmq::send_multipart(socket_, reply);
  return true;
}

}  // namespace zswarm::bus
