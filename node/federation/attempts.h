// The tries of an entry's requests while they run: at the local node through its Client, at others through
// the bus service `generate`. Turns what comes back into the entry's words.
//
// One thread, that of the bus; the local engine's news come through a mailbox. `wake` is called from its
// thread.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "bus/core/core.h"
#include "node/dispatch/entry.h"
#include "node/dispatch/mailbox.h"
#include "node/dispatch/wire.h"

namespace zswarm::node {

class Attempts {
 public:
  /// `local` computes what is to be done `here`; null if this entry has no models. It outlives this object.
  Attempts(Client* local, std::function<void()> wake);
  ~Attempts();  // cancels what runs here
  Attempts(const Attempts&) = delete;
  Attempts& operator=(const Attempts&) = delete;

  /// `local_name`: what the model is called here. Failures are told to the entry.
  void start(bus::Time now, bus::Core& core, Entry& entry, StartAttempt wanted,
             const std::string* local_name);
  void stop(bus::Time now, bus::Core& core, AttemptId attempt);
  /// Hands everything that has come to the entry.
  void take_news(bus::Time now, bus::Core& core, Entry& entry);

 private:
  struct Local {
    RequestId request = 0;
    std::uint64_t steps = 0;  // of the engine when it last said so
  };
  struct Remote {
    AttemptId attempt = 0;
    EventReader reader;
  };
  void on_delivery(bus::Time now, bus::Core& core, Entry& entry, bus::StreamEvent& event);
  void on_delivery(bus::Time now, Entry& entry, const bus::StreamEnd& end);
  void beat_locals(bus::Time now, Entry& entry);

  Client* local_;
  std::shared_ptr<Mailbox> mailbox_;
  std::map<AttemptId, Local> locals_;
  std::map<std::uint32_t, Remote> remotes_;  // by stream of the bus
  std::map<AttemptId, std::uint32_t> stream_of_;
  bus::Time beat_due_;
};

}  // namespace zswarm::node
