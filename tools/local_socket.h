// The socket "node.sock" in the data folder, through which commands on this machine ask the node that runs
// there: one JSON object there, one back (ZeroMQ REQ and REP over ipc).
//
// Only the folder's owner can open it: the folder has mode 0700. Answers are {"result": …} or {"error":
// sentence}.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>

#include "kernels/base/error.h"

namespace zswarm::tools {

class LocalServer {
 public:
  /// What a request asks for; on the server's thread, one at a time. May take seconds.
  using Handler = std::function<Result<nlohmann::ordered_json>(const nlohmann::json& request)>;

  /// Listens, with a thread of its own. The folder is held by this process.
  [[nodiscard]] static Result<std::unique_ptr<LocalServer>> start(const std::filesystem::path& folder,
                                                                  Handler handler);
  ~LocalServer();
  LocalServer(const LocalServer&) = delete;
  LocalServer& operator=(const LocalServer&) = delete;

 private:
  struct Thread;
  explicit LocalServer(std::unique_ptr<Thread> thread);
  std::unique_ptr<Thread> thread_;
};

/// How long a command waits for the node on its own machine, unless it has a reason for another time.
inline constexpr std::chrono::seconds kLocalPatience{10};

/// Asks the node that runs with this data folder. kNotFound if none does; the node's refusal is
/// kInvalidArgument; kUnavailable if it does not answer in time.
[[nodiscard]] Result<nlohmann::json> ask_local_node(const std::filesystem::path& folder,
                                                    const nlohmann::ordered_json& request,
                                                    std::chrono::milliseconds patience);

}  // namespace zswarm::tools
