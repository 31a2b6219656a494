// The gateway over a scripted engine, with the flags of `zswarm run` that its tests use: clients in other
// languages can be tried against it without a model. Usage: scripted_gateway run MODEL --http 127.0.0.1:0
// --ready-out FILE [--api-keys FILE]
// [--allow-template-override] [--short-limits]. MODEL is not read. Ends on SIGTERM or SIGINT.
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/gateway/support/test_server.h"

int main(int argc, char** argv) {
  using namespace zswarm;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  gateway::Options options;
  std::string ready_out;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& name = arguments[i];
    const std::string value = i + 1 < arguments.size() ? arguments[i + 1] : "";
    Status status;
    if (name == "--http") status = gateway::parse_address(value, options);
    if (name == "--ready-out") ready_out = value;
    if (name == "--allow-template-override") options.allow_template_override = true;
    if (name == "--short-limits") options.limits = test::short_limits();
    if (name == "--api-keys") {
      auto keys = gateway::ApiKeys::load(value);
      if (keys) options.keys = std::move(*keys);
      if (!keys) status = fail(keys.error());
    }
    if (!status) return std::fprintf(stderr, "%s\n", status.error().message.c_str()), 1;
  }

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals,
                  nullptr);  // before any thread starts, so that all of them leave the signals to us

  test::Script script;
  script.per_token = std::chrono::milliseconds(1);
  script.answer = [](const node::GenerateRequest& request) {
    std::string text = "Paris";
    for (int i = 0; i < 200; ++i)
      text += " word" + std::to_string((request.sampling.seed + static_cast<unsigned>(i)) % 1000);
    return text;
  };
  test::ScriptedClient client(std::move(script));
  gateway::Server server(client, options);
  if (const Status listening = server.listen(); !listening)
    return std::fprintf(stderr, "%s\n", listening.error().message.c_str()), 1;
  std::thread loop([&] { server.run(); });
  std::thread worker([&] { server.run_worker(); });
  if (!ready_out.empty()) {
    std::ofstream(ready_out + ".part") << "{\"http\":\"" << server.address() << "\"}\n";
    std::rename((ready_out + ".part").c_str(), ready_out.c_str());
  }
  int signal = 0;
  sigwait(&signals, &signal);
  server.shutdown(std::chrono::seconds(2));
  loop.join();
  worker.join();
  return 0;
}
