#include "bus/zmq/zap.h"

#include <algorithm>
#include <string_view>
#include <zmq_addon.hpp>

namespace zswarm::bus {
namespace {

constexpr const char* kEndpoint = "inproc://zeromq.zap.01";

// Frames of a request: version, request id, domain, address, identity, mechanism, credentials.
enum Frame { kVersion, kRequestId, kDomain, kAddress, kIdentity, kMechanism, kCredentials, kFrames };

}  // namespace

ZapHandler::ZapHandler(zmq::context_t& context) : socket_(context, zmq::socket_type::rep) {
  socket_.set(zmq::sockopt::linger, 0);
  socket_.bind(kEndpoint);
}

void ZapHandler::admit(const NodeId& node, const CurvePublicKey& key) {
  expel(node);
  members_.insert_or_assign(key, node);
  keys_.insert_or_assign(node, key);
}

void ZapHandler::expel(const NodeId& node) {
  const auto known = keys_.find(node);
  if (known == keys_.end()) return;
  const auto member = members_.find(known->second);
  if (member != members_.end() && member->second == node) members_.erase(member);
  keys_.erase(known);
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
  const auto member = members_.find(client);
  if (member == members_.end()) {
    counts_.refused_member += 1;
    return {false, {}};
  }
  counts_.admitted += 1;
  return {true, member->second.text()};
}

bool ZapHandler::answer() {
  std::vector<zmq::message_t> question;
  if (!zmq::recv_multipart(socket_, std::back_inserter(question), zmq::recv_flags::dontwait)) return false;
  Verdict verdict{false, {}};
  std::string request_id;
  if (question.size() >= kCredentials) request_id = question[kRequestId].to_string();
  if (question.size() == kFrames && question[kVersion].to_string_view() == "1.0") {
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
