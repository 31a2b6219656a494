#include "tools/about.h"

#include <nlohmann/json.hpp>

#include "bus/base/text.h"
#include "node/dispatch/hint.h"

namespace zswarm::tools {

namespace {

using nlohmann::json;
using nlohmann::ordered_json;
constexpr std::size_t kAboutBytesMax = 8192, kMaxModels = 64, kMaxModelNameBytes = 256;

json object_of(bus::ByteView text) {
  if (text.size() > kAboutBytesMax) return json::object();
  auto read = json::parse(text.begin(), text.end(), nullptr, false);
  return read.is_object() ? std::move(read) : json::object();
}

void copy_number(const json& from, const char* name, ordered_json& to) {
  const auto found = from.find(name);
  if (found != from.end() && found->is_number_unsigned()) to[name] = found->get<std::uint64_t>();
}

}  // namespace

std::string about_key(const bus::NodeId& id) {
  return "node/" + id.text() + "/about";
}

ordered_json read_about(bus::ByteView text) {
  const json read = object_of(text);
  ordered_json about = ordered_json::object();
  if (const auto models = read.find("models"); models != read.end() && models->is_array()) {
    auto names = ordered_json::array();
    for (const json& model : *models) {
      if (names.size() == kMaxModels || !model.is_string()) break;
      const auto& name = model.get_ref<const std::string&>();
      if (name.size() <= kMaxModelNameBytes && bus::is_plain_text(name)) names.push_back(name);
    }
    about["models"] = std::move(names);
  }
  copy_number(read, "cores", about);
  copy_number(read, "memory_bytes", about);
  return about;
}

ordered_json read_load(bus::ByteView bytes) {
  ordered_json load = ordered_json::object();
  const auto hint = node::read_hint(bytes);
  if (!hint) return load;
  std::uint64_t running = 0, waiting = 0;
  for (const node::ModelLoad& model : hint->models) {
    running += model.running;
    waiting += model.waiting;
  }
  load["running"] = running;
  load["waiting"] = waiting;
  return load;
}

}  // namespace zswarm::tools
