// What the endpoints share. Owned by the server; loop thread only, except for the references to thread-safe
// things.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "gateway/async/loop.h"
#include "gateway/auth/api_keys.h"
#include "gateway/limits.h"
#include "gateway/metrics/http_metrics.h"
#include "node/client.h"

namespace zswarm::gateway {

class Generation;

struct Context {
  node::Client& client;
  Limits limits;
  bool allow_template_override = false;
  std::optional<ApiKeys> keys;
  bool check_origin = false;  // open on loopback: pages of other sites may not call

  asio::io_context& loop_io;
  asio::io_context& worker_io;  // run by Server::run_worker()
  std::shared_ptr<Loop> loop;

  HttpMetrics metrics;
  std::set<Generation*> generations;  // running ones, to be told when the server stops
  std::size_t body_bytes = 0;         // of all requests at present
  bool draining = false;              // no new requests
  bool stopping = false;              // the grace period is over: end everything
};

/// Runs `compute` on a worker thread if `heavy`, else at once. `compute` must not touch the context.
template <class T>
asio::awaitable<T> offload(Context& context, bool heavy, std::function<T()> compute) {
  if (!heavy) co_return compute();
  Reply<T> reply(context.loop_io, context.loop);
  auto job = [compute = std::move(compute), sink = reply.sink()] { sink(compute()); };
  asio::post(context.worker_io, std::move(job));
  co_return co_await reply.get();
}

}  // namespace zswarm::gateway
