#include "tests/gateway/support/test_server.h"

#include <spdlog/spdlog.h>

#include <stdexcept>

namespace zswarm::test {
namespace {

gateway::Options on_free_port(gateway::Options options) {
  options.port = 0;
  return options;
}

}  // namespace

TestServer::TestServer(Script script, gateway::Options options)
    : client_(std::move(script)), server_(client_, on_free_port(std::move(options))) {
  // Made before there are threads: Debian's libspdlog is not instrumented, so ThreadSanitizer would not see
  // that the compiler locks the making of it.
  spdlog::default_logger();
  if (const Status listening = server_.listen(); !listening)
    throw std::runtime_error(listening.error().message);
  const std::string address = server_.address();
  port_ = static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  loop_ = std::thread([this] { server_.run(); });
  worker_ = std::thread([this] { server_.run_worker(); });
}

TestServer::~TestServer() {
  server_.shutdown(std::chrono::milliseconds(0));
  join();
}

void TestServer::join() {
  if (loop_.joinable()) loop_.join();
  if (worker_.joinable()) worker_.join();
}

HttpAnswer TestServer::ask(const std::string& request) const {
  RawConnection connection(port_);
  connection.send(request);
  return connection.answer();
}

HttpAnswer TestServer::post_json(const std::string& path, const std::string& body) const {
  return ask(post(path, body));
}

nlohmann::json json_of(const HttpAnswer& answer) {
  return nlohmann::json::parse(answer.body, nullptr, false);
}

gateway::Limits short_limits() {
  gateway::Limits limits;
  limits.idle = std::chrono::milliseconds(600);
  limits.header = std::chrono::milliseconds(400);
  limits.body = std::chrono::milliseconds(600);
  limits.write_stall = std::chrono::milliseconds(800);
  limits.linger = std::chrono::milliseconds(500);
  return limits;
}

}  // namespace zswarm::test
