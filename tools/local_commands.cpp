#include "tools/local_commands.h"

#include <fmt/format.h>

#include <future>
#include <memory>
#include <nlohmann/json.hpp>

#include "bus/keys/network_keys.h"
#include "bus/keys/operator_key.h"
#include "node/network/bus_error.h"
#include "tools/files.h"
#include "tools/status_json.h"

namespace zswarm::tools {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;
constexpr std::size_t kMinIdCharacters = 4, kMaxReasonBytes = 200;

std::string text_field(const json& request, const char* name) {
  const auto found = request.find(name);
  return found != request.end() && found->is_string() ? found->get<std::string>() : std::string();
}

/// What the bus answered, whichever side failed.
template <class T>
Result<T> both(Result<bus::Result<T>> answer) {
  if (!answer) return fail(std::move(answer.error()));
  return node::from_bus(std::move(*answer));
}
Status both(Result<bus::Status> answer) {
  if (!answer) return fail(std::move(answer.error()));
  if (!*answer) return fail(node::from_bus(std::move(answer->error())));
  return {};
}

/// Shared, since the bus may come to a request after we have given up waiting for it.
using OperatorKeys = std::shared_ptr<const bus::SignKeyPair>;

Result<OperatorKeys> operator_keys(const node::Network& network) {
  const bus::SignPublicKey key = network.token().operator_key;
  auto keys = bus::load_operator_key(network.data(), key);
  if (keys) return std::make_shared<const bus::SignKeyPair>(std::move(*keys));
  if (keys.error().code != bus::ErrorCode::kNotFound) return fail(node::from_bus(keys.error()));
  return fail(
      ErrorCode::kInvalidArgument,
      fmt::format(
          "Only who made the network can do this: the operator's key {} is not here. Do it where zswarm "
          "token new or the first zswarm run --p2p was typed.",
          shown(bus::operator_key_path(network.data(), key))));
}

Result<ordered_json> status(node::Network& network, const json&) {
  const auto view = network.ask(
      [](bus::Bus& bus, bus::Core& core, const bus::Now&) { return view_of(bus.status(), core); });
  if (!view) return fail(view.error());
  return status_json(*view);
}

Result<ordered_json> revoke(node::Network& network, const json& request) {
  const auto keys = operator_keys(network);
  if (!keys) return fail(keys.error());
  const auto known = network.ask([](bus::Bus&, bus::Core& core, const bus::Now&) { return known_ids(core); });
  if (!known) return fail(known.error());
  const auto id = meant_node(text_field(request, "node"), *known);
  if (!id) return fail(id.error());
  if (*id == network.id())
    return fail(ErrorCode::kInvalidArgument,
                "That is the node that you are asking. To take it out, stop it.");
  std::string reason = text_field(request, "reason");
  if (reason.empty()) reason = "revoked by the operator";
  if (reason.size() > kMaxReasonBytes)
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("The reason is longer than {} bytes.", kMaxReasonBytes));
  auto done = both(network.ask(
      [keys = *keys, id = *id, reason](bus::Bus&, bus::Core& core, const bus::Now& now) -> bus::Status {
        return core.put_as_operator(now, *keys, "network/revoked/" + id.text(), bus::bytes_of(reason));
      }));
  if (!done) return fail(std::move(done.error()));
  return ordered_json{{"node", id->text()}};
}

Result<ordered_json> rotate(node::Network& network, const json& request) {
  const auto keys = operator_keys(network);
  if (!keys) return fail(keys.error());
  auto next = std::make_shared<bus::Token>(network.token());
  ++next->epoch;
  next->secret = bus::Secret<32>::random();
  next->expires_s.reset();
  if (const auto expires = request.find("expires_s");
      expires != request.end() && expires->is_number_unsigned())
    next->expires_s = expires->get<std::uint64_t>();
  auto done =
      both(network.ask([keys = *keys, next](bus::Bus&, bus::Core& core, const bus::Now& now) -> bus::Status {
        return core.rotate(now, *keys, *next);
      }));
  if (!done) return fail(std::move(done.error()));
  return ordered_json{{"token", next->text().reveal()},
                      {"network", bus::NetworkKeys::of(*next).id.text()},
                      {"epoch", next->epoch}};
}

Result<ordered_json> trace(node::Federation& federation, const json& request) {
  auto promise = std::make_shared<std::promise<Result<std::string>>>();
  auto answer = promise->get_future();
  const auto asked =
      federation.ask_network({node::NetworkQuestion::What::kTrace, text_field(request, "request")},
                             [promise](Result<std::string> text) { promise->set_value(std::move(text)); });
  if (!asked) return fail(asked.error());
  if (answer.wait_for(node::Network::kPatience) != std::future_status::ready)
    return fail(ErrorCode::kUnavailable, "The network's thread is too busy to answer; try again.");
  auto text = answer.get();
  if (!text) return fail(std::move(text.error()));
  return ordered_json::parse(*text);
}

Result<ordered_json> admit_client(node::Network& network, const json& request) {
  const auto key = bus::z85_key(text_field(request, "public"));
  if (!key) return fail(ErrorCode::kInvalidArgument, "The client's key is no CURVE key in Z85.");
  const std::string name = text_field(request, "name");
  auto done = both(network.ask([key = *key, name](bus::Bus&, bus::Core& core, const bus::Now& now) {
    return core.add_client(now, key, name);
  }));
  if (!done) return fail(std::move(done.error()));
  return ordered_json{{"id", bus::client_id_of(*key).text()}};
}

}  // namespace

LocalServer::Handler local_commands(node::Network& network, node::Federation* federation) {
  return [&network, federation](const json& request) -> Result<ordered_json> {
    const std::string name = text_field(request, "do");
    if (name == "status") return status(network, request);
    if (name == "revoke") return revoke(network, request);
    if (name == "rotate") return rotate(network, request);
    if (name == "client") return admit_client(network, request);
    if (name == "trace" && federation != nullptr) return trace(*federation, request);
    return fail(ErrorCode::kUnsupported,
                "The node that runs does not know this command; it may be an older version. Restart it.");
  };
}

Result<bus::NodeId> meant_node(std::string_view text,
                               const std::vector<std::pair<bus::NodeId, std::string>>& known) {
  std::vector<bus::NodeId> named, begun;
  for (const auto& [id, name] : known) {
    if (name == text) named.push_back(id);
    if (text.size() >= kMinIdCharacters && id.text().starts_with(text)) begun.push_back(id);
  }
  const std::vector<bus::NodeId>& fitting = begun.empty() ? named : begun;
  if (fitting.size() == 1) return fitting.front();
  if (fitting.empty()) {
    return fail(
        ErrorCode::kNotFound,
        fmt::format(
            "There is no node '{}'; zswarm nodes lists them. An id may be cut to its first {} characters.",
            printable(text), kMinIdCharacters));
  }
  return fail(ErrorCode::kInvalidArgument,
              fmt::format("{} nodes are called '{}'; name one by its id ({}…).", fitting.size(),
                          printable(text), fitting.front().text().substr(0, 8)));
}

}  // namespace zswarm::tools
