// Renders chat templates for tests that are written in Python: reads one JSON object per line,
// {"template": …, "context": {…}, "now": seconds}, and answers one per line, {"prompt": …} or {"error": …,
// "code": …}.
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "kernels/chat/chat_template.h"

namespace {

using nlohmann::ordered_json;

ordered_json answer(const zswarm::Error& error) {
  return {{"error", error.message}, {"code", std::string(zswarm::error_code_name(error.code))}};
}

ordered_json render(const std::string& line, std::map<std::string, zswarm::chat::ChatTemplate>& compiled) {
  const auto request = ordered_json::parse(line, nullptr, false);
  if (!request.is_object() || !request.contains("template") || !request.contains("context")) {
    return {{"error", "each line must be an object with template and context"}};
  }
  const auto source = request["template"].get<std::string>();
  auto known = compiled.find(source);
  if (known == compiled.end()) {
    auto fresh = zswarm::chat::ChatTemplate::compile(source);
    if (!fresh) {
      return answer(fresh.error());
    }
    known = compiled.emplace(source, std::move(*fresh)).first;
  }
  zswarm::chat::RenderLimits limits;
  if (request.contains("now")) {
    limits.now_unix_s = request["now"].get<std::int64_t>();
  }
  // The context may come as text, so that numbers keep their spelling.
  const auto& context = request["context"];
  auto prompt =
      known->second.render(context.is_string() ? context.get<std::string>() : context.dump(), limits);
  if (!prompt) {
    return answer(prompt.error());
  }
  return {{"prompt", *prompt}};
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  std::map<std::string, zswarm::chat::ChatTemplate> compiled;
  std::string line;
  while (std::getline(std::cin, line)) {
    std::cout << render(line, compiled).dump(-1, ' ', true) << "\n" << std::flush;
  }
  return 0;
}
