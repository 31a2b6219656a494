// Asks other machines whether a process listens at a node's address, by the first segments of a TCP
// connection: the operating system refuses it where nobody does, takes it even for a process that is frozen,
// and where the machine is off or cut off there is no answer, and none is told here.
//
// What somebody in between says (a firewall that rejects, a proxy that takes everything) is taken for the
// machine's own word; overlay/detector.h says what is made of it. The connection carries nothing and is
// closed at once.
//
// Bounded: kMost at a time, each for kPatience; what is beyond is not asked. Belongs to the thread of the
// bus.
#pragma once

#include <string>
#include <utility>
#include <vector>
#include <zmq.hpp>

#include "bus/base/node_id.h"
#include "bus/base/time.h"
#include "bus/keys/descriptor.h"

namespace zswarm::bus {

class Knocks {
 public:
  static constexpr std::size_t kMost = 128;
  // The kernel sends the first segment again after a second, and after three; the detector knocks anew
  // sooner.
  static constexpr Duration kPatience = std::chrono::seconds(2);

  struct Answer {
    NodeId node;
    bool listens = false;
  };

  /// `address` is HOST:PORT with a numeric host; at any other nobody answers.
  void knock(Time now, const NodeId& node, const std::string& address);

  /// Adds ours to what is polled; poll_done() then gets the same list back, from the index on where ours
  /// begin.
  void add_poll_items(std::vector<zmq::pollitem_t>& items) const;
  void poll_done(const std::vector<zmq::pollitem_t>& items, std::size_t first);
  /// Gives up what has had no answer for kPatience. Call it at least every second.
  void tick(Time now);

  [[nodiscard]] std::vector<Answer> take_answers() { return std::exchange(answers_, {}); }
  [[nodiscard]] std::size_t under_way() const { return under_way_.size(); }

 private:
  struct UnderWay {
    NodeId node;
    Descriptor socket;
    Time until;
  };
  void note(const NodeId& node, int error);

  std::vector<UnderWay> under_way_;
  std::vector<Answer> answers_;
};

}  // namespace zswarm::bus
