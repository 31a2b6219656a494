// zswarm token: make a network's token, look at one; rotate and client are in token_change.cpp.
//
// `token new` prints the token alone on standard output, so that it can be kept in a variable or a file; what
// a person should know beside it goes to standard error. `token show` never prints the token unless told to.
#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bus/base/base32.h"
#include "bus/keys/network_keys.h"
#include "bus/keys/operator_key.h"
#include "tools/command.h"
#include "tools/data_path.h"
#include "tools/files.h"
#include "tools/lifetime.h"
#include "tools/output.h"
#include "tools/token_commands.h"
#include "tools/token_option.h"

namespace zswarm::tools {

namespace {

bus::WallTime wall_now() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count()};
}

struct NewOptions {
  std::vector<std::string> bootstrap;
  std::string expires, data;
  bool json = false;
};

struct ShowOptions {
  std::string token;
  bool reveal = false;
  bool json = false;
};

/// What the options say of the token; its secret and operator key are still to be made.
Result<bus::Token> token_from(const NewOptions& options) {
  bus::Token token;
  if (options.bootstrap.size() > bus::kMaxBootstrapEndpoints) {
    return fail(ErrorCode::kInvalidArgument,
                fmt::format("a token takes at most {} --bootstrap addresses.", bus::kMaxBootstrapEndpoints));
  }
  for (const std::string& text : options.bootstrap) {
    auto endpoint = bus::parse_endpoint(text);
    if (!endpoint) {
      return fail(ErrorCode::kInvalidArgument,
                  fmt::format("--bootstrap '{}': {}", printable(text), endpoint.error().message));
    }
    token.bootstrap.push_back(std::move(*endpoint));
  }
  if (!options.expires.empty()) {
    const auto expires_s = expiry_after(options.expires);
    if (!expires_s) return fail(expires_s.error());
    token.expires_s = *expires_s;
  }
  return token;
}

int make_new(const NewOptions& options) {
  auto token = token_from(options);
  if (!token) return report_usage(token.error().message);
  const auto folder = data_path(options.data);
  if (!folder) return report(folder.error());
  const auto operator_keys = bus::make_operator_key(*folder);
  if (!operator_keys) return report(operator_keys.error().message);
  token->secret = bus::Secret<32>::random();
  token->operator_key = operator_keys->public_key;
  const bus::SecretText text = token->text();
  const std::string network = bus::NetworkKeys::of(*token).id.text();
  const auto key_file = bus::operator_key_path(*folder, token->operator_key);
  if (options.json) {
    nlohmann::ordered_json shown = {{"token", text.reveal()},
                                    {"network", network},
                                    {"epoch", token->epoch},
                                    {"operator_key_file", key_file.string()}};
    if (token->expires_s) shown["expires_s"] = *token->expires_s;
    put_json(shown);
    return kDone;
  }
  put(text.reveal() + "\n");
  flush();
  fmt::print(stderr,
             "Network {}{}. Whoever has this token can join it.\n"
             "What revokes members and changes the token is {}; keep it.\n",
             network, token->expires_s ? ", until " + bus::utc_text(*token->expires_s) : "", shown(key_file));
  return kDone;
}

void show_text(const bus::Token& token, const bus::NetworkKeys& keys, bool reveal) {
  put(fmt::format("network    {}\nepoch      {}\njoin key   {}\noperator   {}\n", keys.id.text(), token.epoch,
                  bus::z85_text(keys.join_server.public_key), bus::base32_text(token.operator_key)));
  if (token.expires_s) put(fmt::format("expires    {}\n", bus::utc_text(*token.expires_s)));
  for (const bus::Endpoint& endpoint : token.bootstrap) put(fmt::format("bootstrap  {}\n", endpoint.text()));
  if (reveal) put(fmt::format("token      {}\n", token.text().reveal()));
  flush();
}

void show_json(const bus::Token& token, const bus::NetworkKeys& keys, bool reveal) {
  auto bootstrap = nlohmann::ordered_json::array();
  for (const bus::Endpoint& endpoint : token.bootstrap) bootstrap.push_back(endpoint.text());
  nlohmann::ordered_json shown = {{"network", keys.id.text()},
                                  {"epoch", token.epoch},
                                  {"join_key", bus::z85_text(keys.join_server.public_key)},
                                  {"operator_key", bus::base32_text(token.operator_key)},
                                  {"bootstrap", bootstrap}};
  if (token.expires_s) shown["expires_s"] = *token.expires_s;
  if (reveal) shown["token"] = token.text().reveal();
  put_json(shown);
}

int show(const ShowOptions& options) {
  const auto given = token_given(options.token);
  if (!given) return report(given.error());
  if (!*given)
    return report_usage("there is no token to show; give --token (a file, or -), ZSWARM_TOKEN or TOKEN.");
  const bus::Token& token = **given;
  const auto keys = bus::NetworkKeys::of(token);
  options.json ? show_json(token, keys, options.reveal) : show_text(token, keys, options.reveal);
  const auto valid = bus::check_expiry(token, wall_now());
  if (!valid) report(valid.error().message);
  return kDone;
}

void add_new(CLI::App& app, Action& action) {
  auto options = std::make_shared<NewOptions>();
  CLI::App* command = app.add_subcommand("new", "Make the token of a new network and print it");
  command
      ->add_option("--bootstrap", options->bootstrap,
                   "HOST:PORT of a node to start from, put into the token; again for more")
      ->type_name("HOST:PORT")
      ->allow_extra_args(false);
  command
      ->add_option("--expires", options->expires,
                   "Until when machines may join with it: 30d, 12h, 45m (for ever)")
      ->type_name("TIME");
  command
      ->add_option("--data", options->data,
                   "Folder that keeps the operator's key (ZSWARM_DATA, or the XDG data folder)")
      ->type_name("DIR");
  command->add_flag("--json", options->json,
                    "Print one JSON object: token, network, epoch, operator_key_file…");
  command->footer(
      "Example:\n"
      "  zswarm token new > home.token\n"
      "  zswarm token new --expires 30d --bootstrap node.example.org:7000");
  command->callback([options, &action] { action = [options] { return make_new(*options); }; });
}

void add_show(CLI::App& app, Action& action) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* command = app.add_subcommand("show", "Show what a token holds, without its secret");
  command->add_option("--token", options->token, kTokenHelp)->type_name("TOKEN");
  command->add_flag("--reveal", options->reveal, "Print the token itself too");
  command->add_flag("--json", options->json, "Print one JSON object: network, epoch, join_key…");
  command->footer(
      "Example:\n"
      "  zswarm token show --token home.token\n"
      "  pass show network | zswarm token show --token - --json");
  command->callback([options, &action] { action = [options] { return show(*options); }; });
}

}  // namespace

void add_token(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("token", "Make a network's token, look at one, change it");
  command->require_subcommand(1);
  command->footer("Example:\n  zswarm token new > home.token\n  zswarm token show --token home.token");
  add_new(*command, action);
  add_show(*command, action);
  add_token_rotate(*command, action);
  add_token_client(*command, action);
}

}  // namespace zswarm::tools
