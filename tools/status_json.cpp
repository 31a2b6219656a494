#include "tools/status_json.h"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "tools/about.h"

namespace zswarm::tools {

namespace {

using nlohmann::ordered_json;

template <class Duration>
double seconds(Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

ordered_json ids_json(const std::vector<bus::NodeId>& ids) {
  auto list = ordered_json::array();
  for (const bus::NodeId& id : ids) list.push_back(id.text());
  return list;
}

ordered_json labels_json(const bus::Card& card) {
  auto labels = ordered_json::object();
  for (const auto& [key, value] : card.labels) labels[key] = value;
  return labels;
}

ordered_json addresses_json(const bus::Card& card) {
  std::vector<std::string> hosts;
  for (const auto& endpoint : card.sockets) {
    if (endpoint && std::find(hosts.begin(), hosts.end(), endpoint->host) == hosts.end())
      hosts.push_back(endpoint->host);
  }
  return hosts;
}

bus::ByteView found_in(const std::map<bus::NodeId, bus::Bytes>& texts, const bus::NodeId& id) {
  const auto found = texts.find(id);
  return found == texts.end() ? bus::ByteView() : bus::ByteView(found->second);
}

ordered_json member_json(const NetworkView& view, const bus::NodeId& id, const bus::Card& card,
                         std::string_view state) {
  ordered_json about = read_about(found_in(view.about, id));
  ordered_json member = {{"id", id.text()},
                         {"name", card.name},
                         {"version", card.version},
                         {"state", state},
                         {"addresses", addresses_json(card)},
                         {"rtt_ms", nullptr},
                         {"labels", labels_json(card)},
                         {"roles", card.roles},
                         {"models", about.contains("models") ? about["models"] : ordered_json::array()},
                         {"load", read_load(found_in(view.load, id))},
                         {"resources", ordered_json::object()},
                         {"sockets", sockets_json(card)},
                         {"curve_key", bus::z85_text(card.curve_key)}};
  about.erase("models");
  member["resources"] = std::move(about);
  return member;
}

ordered_json members_json(const NetworkView& view) {
  auto members = ordered_json::array();
  ordered_json self = member_json(view, view.status.id, view.status.card, "alive");
  self["self"] = true;
  members.push_back(std::move(self));
  for (const bus::MemberStatus& member : view.status.members) {
    ordered_json shown = member_json(view, member.id, member.card, bus::member_state_name(member.state));
    if (member.rtt) shown["rtt_ms"] = seconds(*member.rtt) * 1000;
    shown["neighbour"] = member.neighbour;
    members.push_back(std::move(shown));
  }
  return members;
}

}  // namespace

NetworkView view_of(bus::BusStatus status, const bus::Core& core) {
  NetworkView view;
  const auto keep = [&view, &core](const bus::NodeId& id) {
    if (const auto about = core.ledger().get(about_key(id)))
      view.about[id] = {about->value.begin(), about->value.end()};
    if (const bus::Member* member = core.members().find(id); member != nullptr && !member->hint.empty())
      view.load[id] = member->hint;
  };
  keep(status.id);
  for (const bus::MemberStatus& member : status.members) keep(member.id);
  view.status = std::move(status);
  return view;
}

ordered_json status_json(const NetworkView& view) {
  const bus::BusStatus& status = view.status;
  return {{"node",
           {{"id", status.id.text()},
            {"name", status.card.name},
            {"version", status.card.version},
            {"roles", status.card.roles},
            {"incarnation", status.incarnation},
            {"uptime_s", seconds(status.uptime)},
            {"curve_key", bus::z85_text(status.card.curve_key)},
            {"sockets", sockets_json(status.card)}}},
          {"network", {{"id", status.network}, {"epoch", status.epoch}}},
          {"members", members_json(view)},
          {"views", {{"active", ids_json(status.active)}, {"passive", ids_json(status.passive)}}},
          {"duplicates", ids_json(status.duplicates)},
          {"ledger", {{"entries", status.ledger_entries}, {"size_bytes", status.ledger_bytes}}},
          {"traffic",
           {{"in_bytes", status.traffic.in_bytes},
            {"out_bytes", status.traffic.out_bytes},
            {"faulty", status.traffic.faulty},
            {"hellos_refused", status.traffic.hellos_refused},
            {"strangers_refused", status.traffic.strangers_refused}}}};
}

ordered_json sockets_json(const bus::Card& card) {
  auto sockets = ordered_json::object();
  for (std::size_t i = 0; i < bus::kSocketCount; ++i) {
    const auto socket = static_cast<bus::Socket>(i);
    if (const auto& endpoint = card.socket(socket))
      sockets[std::string(bus::socket_name(socket))] = endpoint->text();
  }
  return sockets;
}

std::vector<std::pair<bus::NodeId, std::string>> known_ids(const bus::Core& core) {
  std::vector<std::pair<bus::NodeId, std::string>> known{{core.id(), std::string()}};
  for (const auto& [id, member] : core.members().all()) known.emplace_back(id, member.card.name);
  for (const auto& [id, client] : core.clients().all()) known.emplace_back(id, client.name);
  return known;
}

}  // namespace zswarm::tools
