// zswarm trace ID: the way of one request through the network, as the entry that took it tells.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/command.h"
#include "tools/data_path.h"
#include "tools/local_socket.h"
#include "tools/output.h"

namespace zswarm::tools {

namespace {

using nlohmann::json;

struct TraceOptions {
  std::string request, data;
  bool json = false;
};

std::string candidate_text(const json& candidate) {
  return fmt::format("            {:.8}… would take: link {} ms, queue {} ms, prefill {} ms, decode {} ms\n",
                     candidate.value("node", ""), candidate.value("link_ms", 0.0),
                     candidate.value("queue_ms", 0.0), candidate.value("prefill_ms", 0.0),
                     candidate.value("decode_ms", 0.0));
}

std::string text_of(const json& trace) {
  std::string text =
      fmt::format("request {} at entry {}\n", trace.value("request", ""), trace.value("entry", ""));
  for (const json& step : trace.value("steps", json::array())) {
    text += fmt::format("{:>9.1f} ms  {}", step.value("at_ms", 0.0), step.value("what", ""));
    if (step.contains("node")) text += fmt::format(" {:.8}…", step.value("node", ""));
    if (step.value("token", 0) > 0) text += fmt::format(", at token {}", step.value("token", 0));
    if (step.contains("note")) text += ": " + step.value("note", "");
    text += '\n';
    for (const json& candidate : step.value("candidates", json::array())) text += candidate_text(candidate);
  }
  return text;
}

int show_trace(const TraceOptions& options) {
  const auto folder = data_path(options.data);
  if (!folder) return report(folder.error());
  const auto trace = ask_local_node(*folder, {{"do", "trace"}, {"request", options.request}}, kLocalPatience);
  if (!trace) return report(trace.error());
  if (options.json) {
    put_json(*trace);
  } else {
    fmt::print("{}", text_of(*trace));
  }
  return kDone;
}

}  // namespace

void add_trace(CLI::App& app, Action& action) {
  auto options = std::make_shared<TraceOptions>();
  CLI::App* command =
      app.add_subcommand("trace", "Show the way of one request: which node, why, and what happened");
  command->add_option("ID", options->request, "The answer's header x-request-id")->required();
  command
      ->add_option("--data", options->data,
                   "Data folder of the entry to ask (ZSWARM_DATA, or the XDG data folder)")
      ->option_text("DIR");
  command->add_flag("--json", options->json, "Print JSON");
  command->footer("Example:\n  zswarm trace req_ea71b3c124ff17c528ad144a");
  command->callback([options, &action] { action = [options] { return show_trace(*options); }; });
}

}  // namespace zswarm::tools
