// A whole network as one node::Client: requests go to the node that serves them best, and on to another one
// when that fails (dispatch/entry.h); what this node serves itself is one of the places, and is offered to
// the others (dispatch/host.h).
//
// Lives on the bus thread as bus::Program; the Client's calls come from any thread and return at once. An
// EventSink is called on the bus thread. run_text() is a thread of the owner's: it reads vocabularies that
// came from other nodes and renders chat templates. Order of life: Federation, then the Network that drives
// it, which ends first; the local node outlives both. What is asked after the network has ended is told
// kUnavailable.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "bus/base/random.h"
#include "bus/zmq/bus.h"
#include "node/dispatch/entry.h"
#include "node/dispatch/host.h"
#include "node/federation/attempts.h"
#include "node/federation/catalogue.h"
#include "node/federation/known_models.h"
#include "node/federation/load_teller.h"
#include "node/federation/vocabularies.h"
#include "node/node.h"
#include "node/renderer.h"

namespace zswarm::node {

struct FederationOptions {
  Node* local = nullptr;  // none: an entry without models
  ChatProcessOptions chat_process;
  HostConfig host;
  EntryConfig entry;
  std::uint64_t seed = 0;  // random
  /// What an operator should know, one sentence each; on the bus thread.
  std::function<void(const std::string& sentence)> log = [](const std::string&) {};
};

class Federation final : public Client, public bus::Program {
 public:
  explicit Federation(FederationOptions options);
  ~Federation() override;

  /// Answers what is asked of nodes and the token (client.h), as JSON; on the bus thread. To be set before
  /// somebody asks.
  using Describe = std::function<Result<std::string>(const NetworkQuestion&, bus::Bus&, bus::Core&)>;
  void set_describe(Describe describe);
  /// Ends run_text(). Once the network has ended.
  void close();
  void run_text() { renderer_.run(); }

  // bus::Program
  void begin(bus::Bus& bus) override;
  void end() override;
  void turn(bus::Core& core, const bus::Now& now) override;
  [[nodiscard]] bus::Time next_timer() const override;

  // Client
  Result<RequestId> generate(GenerateRequest request, EventSink sink) override;
  Status embed(EmbedRequest request, EmbedSink sink) override;
  void cancel(RequestId id) override;
  [[nodiscard]] std::vector<ModelCard> models() const override;
  [[nodiscard]] Result<ModelCard> model(std::string_view name) const override;
  [[nodiscard]] std::vector<ModelStats> stats() const override;
  [[nodiscard]] Readiness readiness() const override;
  [[nodiscard]] Result<std::vector<TokenId>> tokenize(std::string_view model, std::string_view text,
                                                      bool add_special, bool parse_special) const override;
  [[nodiscard]] Result<std::string> detokenize(std::string_view model,
                                               const std::vector<TokenId>& tokens) const override;
  [[nodiscard]] Result<std::string> token_bytes(std::string_view model, TokenId token) const override;
  Status render(RenderRequest request, RenderSink sink) override;
  Status ask_network(NetworkQuestion question, NetworkSink sink) override;

 private:
  struct Asked {
    RequestId id = 0;
    std::shared_ptr<const KnownModel> model;
    GenerateRequest request;
    EventSink sink;
  };
  /// What other threads want; emptied by turn().
  struct Wishes {
    std::vector<Asked> asked;
    std::vector<RequestId> cancelled;
    std::vector<std::pair<NetworkQuestion, NetworkSink>> questions;
    std::vector<std::pair<ModelHash, std::shared_ptr<const StoredModel>>> read;  // vocabularies
  };
  struct Stream {
    RequestId id = 0;
    EventSink sink;
  };

  void wake();
  void serve_local(bus::Core& core, const bus::Now& now);
  void take_wishes(bus::Core& core, bus::Time now);
  void look_at_network(bus::Core& core, bus::Time now);
  [[nodiscard]] std::optional<NodeView> view_of(bus::Core& core, bus::Time now, const bus::NodeId& id);
  void know_models();
  void take_deliveries(bus::Core& core, bus::Time now);
  void fetch_vocabularies(bus::Core& core, bus::Time now);
  void carry_out(bus::Core& core, bus::Time now);
  void tell(StreamId stream, Event event);
  [[nodiscard]] std::string models_json(const bus::Core& core) const;
  void answer(bus::Core& core, const NetworkQuestion& question, const NetworkSink& sink);

  FederationOptions options_;
  bus::Random random_;
  Renderer renderer_;
  KnownModels known_;
  std::atomic<RequestId> next_id_{1};

  std::mutex mutex_;
  Wishes wishes_;            // guarded by mutex_
  bool closed_ = false;      // guarded by mutex_
  Describe describe_;        // guarded by mutex_
  bus::Bus* bus_ = nullptr;  // guarded by mutex_

  // The bus thread's.
  std::vector<ServedModel> served_;  // by the local node
  std::vector<std::vector<std::byte>> vocabulary_files_;
  bool offered_ = false;
  std::unique_ptr<Host> host_;
  LoadTeller load_teller_;
  std::map<bus::NodeId, std::pair<bus::Time, std::optional<Hint>>> hints_;  // as read, with when they came
  Entry entry_;
  Attempts attempts_;
  Catalogue catalogue_;
  Vocabularies vocabularies_;
  std::map<ModelHash, std::shared_ptr<const StoredModel>> texts_;
  std::unordered_map<StreamId, Stream> streams_;
  std::unordered_map<RequestId, StreamId> stream_of_;
  std::deque<std::pair<std::string, StreamId>> traced_;  // the latest requests with an id, bounded
  bus::Time look_due_;
};

}  // namespace zswarm::node
