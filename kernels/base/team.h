// A fixed team of compute threads that runs one function together (SPMD), with barriers inside.
//
// A Team starts no threads: its owner (node/node.cpp, or a tool) starts size()-1 threads which call serve(1),
// serve(2), …; the thread that calls run() is member 0. One run() at a time, always from the same thread.
// Work is handed out in chunks by an atomic counter (claim), so a thread that the machine slows down takes
// less; what is computed never depends on who computed it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>

namespace zswarm {

class Team {
 public:
  explicit Team(std::size_t size);
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  [[nodiscard]] std::size_t size() const { return size_; }

  /// Runs `body(member)` on every member and returns when all have finished. `body` must not throw.
  void run(const std::function<void(std::size_t member)>& body);

  /// Inside body: waits until every member has arrived.
  void barrier();

  /// Inside body, between two barriers: the next index below `count` that nobody has taken yet, or `count` if
  /// none is left. All members use the same `count`; barrier() begins a new round.
  [[nodiscard]] std::size_t claim(std::size_t count);

  /// The same for a range of at most `most` indexes, empty if none is left. Ranges begin long, for memory
  /// that is read in one stream, and end short, so that nobody waits long for the last one (Polychronopoulos,
  /// Kuck: "Guided self-scheduling", 1987). A round uses either claim() or claim_range().
  struct Range {
    std::size_t begin, end;
  };
  [[nodiscard]] Range claim_range(std::size_t count, std::size_t most);

  /// Called by a helper thread: takes part in every run() until stop(). Returns after stop().
  void serve(std::size_t member);

  /// Ends serve() on all helper threads. Call once, from the thread that calls run(), never inside body.
  void stop();

 private:
  void wait_for(const std::atomic<std::uint32_t>& word, std::uint32_t old_value);

  const std::size_t size_;
  std::atomic<std::uint32_t> start_{0};  // generation of the current run
  std::atomic<std::uint32_t> arrived_{0};
  std::atomic<std::uint32_t> phase_{0};  // generation of the barrier
  std::atomic<std::size_t> next_[2]{};   // claim counters: one in use, one ready for the next round
  std::atomic<bool> stopping_{false};
  const std::function<void(std::size_t)>* body_ = nullptr;
};

}  // namespace zswarm
