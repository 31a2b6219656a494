// A gateway on a free port of loopback, with its threads, over a ScriptedClient.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "gateway/server.h"
#include "tests/gateway/support/raw_http.h"
#include "tests/gateway/support/scripted_client.h"

namespace zswarm::test {

class TestServer {
 public:
  explicit TestServer(Script script = {}, gateway::Options options = {});
  ~TestServer();

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] ScriptedClient& client() { return client_; }
  [[nodiscard]] gateway::Server& server() { return server_; }
  [[nodiscard]] RawConnection connect() const { return RawConnection(port_); }

  /// One request on a connection of its own.
  [[nodiscard]] HttpAnswer ask(const std::string& request) const;
  /// POST with a JSON text; the answer's JSON (discarded if it is none).
  [[nodiscard]] HttpAnswer post_json(const std::string& path, const std::string& body) const;
  /// Waits for run() to return, which it does after shutdown().
  void join();

 private:
  ScriptedClient client_;
  gateway::Server server_;
  std::uint16_t port_ = 0;
  std::thread loop_, worker_;
};

[[nodiscard]] nlohmann::json json_of(const HttpAnswer& answer);

/// Limits that let tests of slow clients end soon.
[[nodiscard]] gateway::Limits short_limits();

}  // namespace zswarm::test
