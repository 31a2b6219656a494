#include "tools/visit.h"

#include <cstdlib>
#include <filesystem>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>

#include "node/network/network.h"
#include "tools/status_json.h"

namespace zswarm::tools {

namespace {

namespace fs = std::filesystem;

/// A folder for one run.
class PassingFolder {
 public:
  [[nodiscard]] static Result<PassingFolder> make() {
    std::error_code error;
    std::string path = (fs::temp_directory_path(error) / "zswarm-visit-XXXXXX").native();
    if (error || mkdtemp(path.data()) == nullptr)
      return fail(ErrorCode::kIo, "No temporary folder can be made.");
    return PassingFolder(std::move(path));
  }
  PassingFolder(PassingFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PassingFolder& operator=(PassingFolder&&) = delete;
  ~PassingFolder() {
    std::error_code ignored;  // nothing depends on what is left in a temporary folder
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  explicit PassingFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

/// Set on the bus thread as soon as there is something to see.
struct Arrival {
  std::promise<NetworkView> view;
  bool told = false;
};

}  // namespace

Result<nlohmann::json> visit(const bus::Token& token, std::vector<bus::Endpoint> contacts) {
  auto folder = PassingFolder::make();
  if (!folder) return fail(std::move(folder.error()));
  auto arrival = std::make_shared<Arrival>();
  auto arrived = arrival->view.get_future();
  node::NetworkOptions options;
  options.data = folder->path();
  options.token = token.copy();
  options.bus.bootstrap = std::move(contacts);
  options.bus.core.card.name = "visitor";
  options.bus.core.card.version = ZSWARM_VERSION;
  options.bus.core.card.roles = {"visitor"};
  options.bus.on_tick = [arrival](bus::Bus& bus, bus::Core& core, const bus::Now&) {
    if (arrival->told || !core.is_in_step()) return;
    arrival->told = true;
    arrival->view.set_value(view_of(bus.status(), core));
  };
  const auto network = node::Network::start(std::move(options));
  if (!network) return fail(network.error());
  if (arrived.wait_for(std::chrono::seconds(kVisitPatienceS)) != std::future_status::ready) {
    return fail(ErrorCode::kUnavailable,
                "Nobody of this network answers. Is a node running, and is its address right? Name one with "
                "--bootstrap HOST:PORT "
                "(zswarm status there shows its join socket).");
  }
  return nlohmann::json(status_json(arrived.get()));
}

}  // namespace zswarm::tools
