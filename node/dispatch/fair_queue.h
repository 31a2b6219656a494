// Requests that wait at an entry for room at the nodes: bounded, and shared fairly between their owners.
//
// Between owners: start-time fair queueing (Goyal, Vin, Cheng, 1996): an owner's virtual time advances by the
// tokens it was served, and who is furthest behind goes first, so each gets the same share of tokens,
// whatever it asks. Of one owner the priority decides, as a head start of kPriorityStep a level: nobody
// starves. An owner may wait with as many requests as there is room left (the dynamic threshold of Choudhury
// and Hahne, 1998), so one alone cannot fill the queue. How long it takes is learned from what leaves.
//
// Sans I/O, one thread. Memory: at most `capacity` requests and kDebtsMax owners that have had one.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "bus/base/time.h"
#include "kernels/base/error.h"

namespace zswarm::node {

struct Waiting {
  std::uint64_t id = 0;  // unique in the queue
  std::string owner;
  std::uint8_t priority = 0;  // higher goes earlier
  double tokens = 1;          // asked: prompt and answer; at least 1
};

class FairQueue {
 public:
  static constexpr bus::Duration kPriorityStep = std::chrono::seconds(10);
  static constexpr std::size_t kDebtsMax = 1024;
  static constexpr bus::Duration kRetryMin = std::chrono::seconds(1), kRetryMax = std::chrono::minutes(10);

  explicit FairQueue(std::size_t capacity) : capacity_(capacity) {}

  /// kUnavailable if it is full, the owner has its share of it already, or the wait is expected to exceed
  /// `patience`.
  Status push(bus::Time now, Waiting waiting, bus::Duration patience);
  /// Whose turn it is.
  [[nodiscard]] std::optional<std::uint64_t> front() const;
  /// The front leaves to be served.
  void pop(bus::Time now);
  /// One leaves without: cancelled, or too late. Unknown ids are ignored.
  void remove(std::uint64_t id);

  /// Until a request of this owner that came now would leave; zero while nothing is known.
  [[nodiscard]] bus::Duration expected_wait(bus::Time now, const std::string& owner, double tokens) const;
  /// The same, fit for a Retry-After: kRetryMin to kRetryMax.
  [[nodiscard]] bus::Duration retry_after(bus::Time now, const std::string& owner, double tokens) const;
  [[nodiscard]] std::size_t size() const { return where_.size(); }

 private:
  struct Place {
    bus::Time order;  // of coming, less the head start
    std::uint64_t arrival;
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  struct Owner {
    double start = 0;  // virtual time of its next request
    double tokens = 0;
    std::map<Place, Waiting> waiting;
  };
  using Turn = std::pair<double, std::string>;

  void drop(const std::string& owner, const Place& place);
  void keep_debt(const std::string& owner, double start);

  std::size_t capacity_;
  std::map<std::string, Owner> owners_;  // those that wait
  std::set<Turn> turns_;                 // (start, owner) of the same
  std::map<std::uint64_t, std::pair<std::string, Place>> where_;
  std::map<std::string, double> debts_;  // starts of owners that do not wait just now and are ahead
  double virtual_time_ = 0;
  std::uint64_t arrivals_ = 0;
  double s_per_token_ = 0;  // smoothed, while somebody waits; 0: not known yet
  bus::Time last_pop_;      // or since when somebody waits
};

}  // namespace zswarm::node
