// A program as a member of a network: joined as its settings say, open to questions of other commands on this
// machine, and what a person and scripts are told about it.
//
// One owner; the destructor leaves the network.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/federation/federation.h"
#include "node/network/network.h"
#include "tools/local_socket.h"
#include "tools/settings.h"

namespace zswarm::tools {

/// --token and --token-out.
class NetworkFlags {
 public:
  void add_to(CLI::App& command);
  /// A token is given, by the flag or the environment.
  [[nodiscard]] bool is_given() const;
  [[nodiscard]] Result<std::optional<bus::Token>> token() const;
  [[nodiscard]] const std::string& token_out() const { return token_out_; }

 private:
  std::string token_, token_out_;
};

/// What others are told of this node: about.h.
struct Presence {
  std::vector<std::string> roles;          // plain words
  std::vector<std::string> models;         // ids of what is served
  node::Federation* federation = nullptr;  // takes part in it; outlives the membership
};

class Membership {
 public:
  /// Binds the sockets and begins to look for others.
  [[nodiscard]] static Result<std::unique_ptr<Membership>> join(const Settings& settings,
                                                                const NetworkFlags& flags, Presence presence);

  [[nodiscard]] node::Network& network() { return *network_; }

  /// `pid`, `node` and `sockets` of --ready-out; `http` is null.
  [[nodiscard]] nlohmann::ordered_json ready_json();
  /// Where a new network was made: its token, and what to type on the next machine.
  void say_how_to_join() const;

 private:
  [[nodiscard]] Status tell_about(const Settings& settings, const std::vector<std::string>& models);
  explicit Membership(std::unique_ptr<node::Network> network) : network_(std::move(network)) {}
  std::unique_ptr<node::Network> network_;
  std::unique_ptr<LocalServer> local_;  // asks the network, so it ends first
};

/// The same of a program that is on no network.
[[nodiscard]] nlohmann::ordered_json ready_json_without_network();

}  // namespace zswarm::tools
