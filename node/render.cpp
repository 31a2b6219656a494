#include "node/render.h"

#include <nlohmann/json.hpp>

namespace zswarm::node {

namespace {

constexpr std::string_view kSpace = " \t\r\n";

std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Result<std::string> with_special_tokens(std::string_view context_json,
                                        const std::vector<std::pair<std::string, std::string>>& tokens) {
  const std::size_t open = context_json.find_first_not_of(kSpace);
  if (open == std::string_view::npos || context_json[open] != '{') {
    return fail(ErrorCode::kInvalidArgument, "the variables of a chat template must be a JSON object");
  }
  const std::size_t first = context_json.find_first_not_of(kSpace, open + 1);
  const bool empty = first != std::string_view::npos && context_json[first] == '}';
  std::string out(context_json.substr(0, open + 1));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    out += quoted(tokens[i].first) + ":" + quoted(tokens[i].second);
    if (i + 1 < tokens.size() || !empty) out += ",";
  }
  out += context_json.substr(open + 1);
  return out;
}

}  // namespace zswarm::node
