// A gateway with its threads: the loop, and workers for large texts.
//
// Made, stopped and destroyed by one thread; the node must outlive it.
#pragma once

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/server.h"
#include "node/client.h"

namespace zswarm::tools {

class ServerThreads {
 public:
  ServerThreads(node::Client& client, gateway::Options options) : server_(client, std::move(options)) {}
  ~ServerThreads() {
    if (threads_.empty()) return;
    server_.shutdown(std::chrono::milliseconds(0));
    join();
  }
  ServerThreads(const ServerThreads&) = delete;
  ServerThreads& operator=(const ServerThreads&) = delete;

  [[nodiscard]] gateway::Server& server() { return server_; }

  /// After server().listen().
  void start() {
    threads_.emplace_back([this] { server_.run(); });
    threads_.emplace_back([this] { server_.run_worker(); });
  }

  /// Waits for the end of what server().shutdown() began.
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

 private:
  gateway::Server server_;
  std::vector<std::thread> threads_;
};

}  // namespace zswarm::tools
