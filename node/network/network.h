// This node as a member of a network: what its data folder keeps, and the bus on a thread of its own.
//
// start() takes the folder (one process at a time), finds out which network is meant (saved_token.h), binds
// the sockets and begins to look for others; it does not wait for them. The destructor says goodbye to the
// neighbours and ends the thread. Beside the token, the folder keeps the ledger and where others were, in
// files named by the network. Calls come from the owner's thread, ask() from any but the bus thread.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "bus/keys/data_folder.h"
#include "bus/zmq/bus.h"
#include "node/network/saved_token.h"

namespace zswarm::node {

struct NetworkOptions {
  std::filesystem::path data;
  std::optional<bus::Token> token;
  bus::BusOptions bus;  // addresses, limits; name, version, roles and labels in bus.core.card
};

class Network {
 public:
  /// kUnavailable if another process has the folder; what files and sockets can say.
  static Result<std::unique_ptr<Network>> start(NetworkOptions options);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  /// Runs `work(bus, core, now)` on the bus thread and waits for what it returns. kUnavailable if the bus
  /// does not come to it within kPatience.
  template <class Work>
  [[nodiscard]] auto ask(Work work)
      -> Result<std::invoke_result_t<Work, bus::Bus&, bus::Core&, const bus::Now&>> {
    using Answer = std::invoke_result_t<Work, bus::Bus&, bus::Core&, const bus::Now&>;
    auto promise = std::make_shared<std::promise<Answer>>();
    auto answer = promise->get_future();
    bus_->post([this, promise = std::move(promise), work = std::move(work)](
                   bus::Core& core, const bus::Now& now) { promise->set_value(work(*bus_, core, now)); });
    if (answer.wait_for(kPatience) != std::future_status::ready)
      return fail(ErrorCode::kUnavailable, "The network's thread is too busy to answer; try again.");
    return answer.get();
  }
  static constexpr std::chrono::seconds kPatience{5};

  [[nodiscard]] bus::NodeId id() const { return bus_->id(); }
  [[nodiscard]] bus::Bus& bus() { return *bus_; }
  [[nodiscard]] const std::filesystem::path& data() const { return folder_.path(); }
  /// The present token: with a rotation another one takes its place.
  [[nodiscard]] bus::Token token() const;
  [[nodiscard]] ChosenToken::Origin token_origin() const { return origin_; }

 private:
  Network(bus::DataFolder folder, ChosenToken chosen)
      : folder_(std::move(folder)), token_(std::move(chosen.token)), origin_(chosen.origin) {}
  [[nodiscard]] Status open_bus(bus::BusOptions options);
  void keep_new_token(bus::Core& core);
  void keep_addresses(const std::vector<bus::Endpoint>& addresses);
  [[nodiscard]] std::filesystem::path file(std::string_view what) const;

  bus::DataFolder folder_;
  mutable std::mutex mutex_;
  bus::Token token_;  // guarded by mutex_; changed on the bus thread
  ChosenToken::Origin origin_;
  std::function<void(const std::string& sentence)> log_;
  std::vector<bus::Endpoint> kept_addresses_;  // bus thread
  bus::Time keep_due_;                         // bus thread
  std::unique_ptr<bus::Bus> bus_;
  std::thread thread_;
};

}  // namespace zswarm::node
