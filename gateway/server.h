// The gateway: an HTTP server over a node::Client.
//
// Starts no threads. Its owner calls listen(), then run() on one thread (the loop) and run_worker() on at
// least one other (parsing and tokenizing large texts); both return after shutdown(). Before the Server is
// destroyed, all of them must have returned. The Client must outlive the Server.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "gateway/auth/api_keys.h"
#include "gateway/limits.h"
#include "kernels/base/error.h"
#include "node/client.h"

namespace zswarm::gateway {

struct Options {
  std::string address = "127.0.0.1";     // an IP address, or "localhost"
  std::uint16_t port = 8080;             // 0: the system picks one
  std::optional<ApiKeys> keys;           // who may call; without keys, everybody who can reach the address
  bool open = false;                     // allows other addresses than loopback without keys
  bool allow_template_override = false;  // requests may bring their own chat_template
  Limits limits;
};

/// "127.0.0.1:8080", "[::1]:8080", ":8080" (all addresses), "8080": sets address and port. kInvalidArgument.
[[nodiscard]] Status parse_address(const std::string& text, Options& options);

class Server {
 public:
  Server(node::Client& client, Options options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// kInvalidArgument (not an address; not loopback without keys or `open`), kIo (in use, not permitted).
  [[nodiscard]] Status listen();

  /// "127.0.0.1:8080" with the port that was picked; after listen().
  [[nodiscard]] std::string address() const;

  /// The loop. Returns when shutdown() has done its work.
  void run();
  /// A worker. Returns after shutdown().
  void run_worker();

  /// Any thread, but not a signal handler. No new connections and requests; those in hand may go on for
  /// `grace`, then they are told that the server stops. A second call shortens the grace.
  void shutdown(std::chrono::milliseconds grace);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace zswarm::gateway
