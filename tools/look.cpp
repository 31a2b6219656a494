#include "tools/look.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "tools/data_path.h"
#include "tools/local_socket.h"
#include "tools/token_option.h"
#include "tools/visit.h"

namespace zswarm::tools {

namespace {

Result<std::vector<bus::Endpoint>> contacts_of(const std::vector<std::string>& texts) {
  std::vector<bus::Endpoint> contacts;
  for (const std::string& text : texts) {
    auto endpoint = bus::parse_endpoint(text);
    if (!endpoint)
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("--bootstrap '{}': {}", printable(text), endpoint.error().message));
    contacts.push_back(std::move(*endpoint));
  }
  return contacts;
}

}  // namespace

void LookFlags::add_to(CLI::App& command) {
  command.add_option("--data", data_, "Data folder of the node to ask (ZSWARM_DATA, or the XDG data folder)")
      ->option_text("DIR");
  command
      .add_option("--token", token_,
                  "Look from outside, as a visitor: the network's token, or a file that holds it, or -")
      ->option_text("TOKEN");
  command.add_option("--bootstrap", bootstrap_, "Join socket of a node to visit (may be repeated)")
      ->option_text("HOST:PORT")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command.add_flag("--json", json_, "Print JSON");
}

Result<nlohmann::json> LookFlags::status() const {
  // A token in the environment is the one a node would join with; only a flag asks for a visit.
  if (token_.empty() && bootstrap_.empty()) {
    const auto folder = data_path(data_);
    if (!folder) return fail(folder.error());
    return ask_local_node(*folder, {{"do", "status"}}, kLocalPatience);
  }
  const auto token = token_given(token_);
  if (!token) return fail(token.error());
  if (!*token)
    return fail(ErrorCode::kInvalidArgument,
                "--bootstrap alone is not enough: a visit needs the network's --token.");
  auto contacts = contacts_of(bootstrap_);
  if (!contacts) return fail(std::move(contacts.error()));
  return visit(**token, std::move(*contacts));
}

}  // namespace zswarm::tools
