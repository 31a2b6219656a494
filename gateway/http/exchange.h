// One request and its answer on a connection, as an endpoint sees them. Loop thread only; valid while the
// endpoint runs.
#pragma once

#include <functional>
#include <string>

#include "gateway/async/asio.h"
#include "gateway/http/message.h"

namespace zswarm::gateway {

class Exchange {
 public:
  virtual ~Exchange() = default;

  [[nodiscard]] virtual Request& request() = 0;

  /// From now on `on_gone` is called (at most once, never from inside this call) when the client has left. It
  /// must stay callable until unwatch_client() or the end of the endpoint.
  virtual void watch_client(std::function<void()> on_gone) = 0;
  virtual void unwatch_client() = 0;

  /// Begins a 200 answer of server-sent events. False: the client is gone.
  virtual asio::awaitable<bool> begin_events() = 0;
  /// Writes complete events (see event()). Returns when the client's side took them; false: it is gone or too
  /// slow.
  virtual asio::awaitable<bool> send_events(std::string events) = 0;
  /// Ends the answer. The connection can carry further requests.
  virtual asio::awaitable<void> end_events() = 0;
  /// Marks the answer as broken off: the connection is closed after it.
  virtual void close_after() = 0;
};

}  // namespace zswarm::gateway
