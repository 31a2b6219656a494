#include "tools/status_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <vector>

namespace zswarm::tools {

namespace {

using nlohmann::json;
constexpr std::size_t kShownIdCharacters = 8;

std::string text_of(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

std::string joined(const json& list) {
  std::string text;
  if (!list.is_array()) return text;
  for (const json& item : list) {
    if (item.is_string()) text += (text.empty() ? "" : ", ") + item.get<std::string>();
  }
  return text;
}

std::string load_text(const json& member) {
  const json& load = member.contains("load") ? member["load"] : json();
  if (!load.is_object() || !load.contains("running")) return "";
  const auto waiting = load.value("waiting", 0);
  return waiting > 0 ? fmt::format("{} + {} waiting", load.value("running", 0), waiting)
                     : fmt::format("{} running", load.value("running", 0));
}

std::string round_trip_text(const json& member) {
  if (member.value("self", false)) return "this node";
  const auto rtt = member.find("rtt_ms");
  return rtt != member.end() && rtt->is_number() ? fmt::format("{:.1f} ms", rtt->get<double>()) : "";
}

std::string resources_text(const json& member) {
  const json resources = member.value("resources", json::object());
  std::string text;
  if (resources.contains("cores")) text = fmt::format("{} cores", resources.value("cores", 0));
  if (resources.contains("memory_bytes"))
    text += fmt::format("{}{}", text.empty() ? "" : ", ", bytes_text(resources.value("memory_bytes", 0.0)));
  return text;
}

using Row = std::array<std::string, 9>;

std::string table_text(const std::vector<Row>& rows) {
  std::array<std::size_t, std::tuple_size_v<Row>> widths{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (widths[i] > 0) line += fmt::format("{:<{}}  ", row[i], widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace

std::string bytes_text(double bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  for (; bytes >= 1024 && unit + 1 < kUnits.size(); ++unit) bytes /= 1024;
  return unit == 0 ? fmt::format("{:.0f} {}", bytes, kUnits[unit])
                   : fmt::format("{:.1f} {}", bytes, kUnits[unit]);
}

std::string members_text(const json& members) {
  std::vector<Row> rows{
      {"NAME", "ID", "STATE", "ROUND TRIP", "VERSION", "RESOURCES", "LOAD", "MODELS", "JOIN SOCKET"}};
  for (const json& member : members) {
    rows.push_back({text_of(member, "name"), text_of(member, "id").substr(0, kShownIdCharacters),
                    text_of(member, "state"), round_trip_text(member), text_of(member, "version"),
                    resources_text(member), load_text(member), joined(member.value("models", json::array())),
                    text_of(member.value("sockets", json::object()), "join")});
  }
  return table_text(rows);
}

std::string status_text(const json& status) {
  const json& node = status.at("node");
  const json& network = status.at("network");
  const json& views = status.at("views");
  const json& traffic = status.at("traffic");
  const json& members = status.at("members");
  const auto alive = std::count_if(members.begin(), members.end(),
                                   [](const json& member) { return text_of(member, "state") == "alive"; });
  std::string text = fmt::format("network  {}, epoch {}, {} of {} members alive\n", text_of(network, "id"),
                                 network.value("epoch", 0), alive, members.size());
  text += fmt::format("node     {} ({}), version {}, up {:.0f} s\n", text_of(node, "name"),
                      text_of(node, "id"), text_of(node, "version"), node.value("uptime_s", 0.0));
  text +=
      fmt::format("views    {} active, {} passive\n", views.at("active").size(), views.at("passive").size());
  text += fmt::format("traffic  {} in, {} out\n", bytes_text(traffic.value("in_bytes", 0.0)),
                      bytes_text(traffic.value("out_bytes", 0.0)));
  if (const json& twice = status.at("duplicates"); !twice.empty())
    text += fmt::format("WARNING  two processes run with one identity: {}\n", joined(twice));
  return text + "\n" + members_text(members);
}

}  // namespace zswarm::tools
