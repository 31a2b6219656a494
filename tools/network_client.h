// A node::Federation with the thread that reads vocabularies and renders templates for it.
//
// Made before the network is joined, which drives it, and destroyed after that has ended.
#pragma once

#include <spdlog/spdlog.h>

#include <random>
#include <thread>
#include <utility>

#include "node/federation/federation.h"
#include "tools/settings.h"

namespace zswarm::tools {

class NetworkClient {
 public:
  explicit NetworkClient(node::FederationOptions options)
      : federation_(std::move(options)), text_([this] { federation_.run_text(); }) {}
  ~NetworkClient() {
    federation_.close();
    text_.join();
  }
  NetworkClient(const NetworkClient&) = delete;
  NetworkClient& operator=(const NetworkClient&) = delete;

  [[nodiscard]] node::Federation& federation() { return federation_; }

 private:
  node::Federation federation_;
  std::thread text_;
};

/// `local`: the node in this process; null for an entry without models.
[[nodiscard]] inline node::FederationOptions federation_options(const Settings& settings, node::Node* local) {
  node::FederationOptions options;
  options.local = local;
  options.entry.strategy = settings.strategy;
  options.seed = std::random_device()();
  options.log = [](const std::string& sentence) { spdlog::warn("{}", sentence); };
  return options;
}

}  // namespace zswarm::tools
