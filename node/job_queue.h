// A bounded queue of jobs between threads that ask and one that does.
//
// put() and close() from any thread; run() on the one that does the jobs. Each job accepted is called once:
// with true to be done, with false if the queue was closed before its turn.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <utility>

namespace zswarm::node {

class JobQueue {
 public:
  using Job = std::function<void(bool go)>;

  explicit JobQueue(std::size_t most) : most_(most) {}

  /// False if it is full or closed; the job is not called then.
  [[nodiscard]] bool put(Job job) {
    const std::lock_guard lock(mutex_);
    if (closed_ || jobs_.size() >= most_) return false;
    jobs_.push_back(std::move(job));
    changed_.notify_one();
    return true;
  }

  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_one();
  }

  /// Does jobs in their order until close(); then tells the rest that they will not be done, and returns.
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return closed_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const Job job = std::move(jobs_.front());
      jobs_.pop_front();
      const bool go = !closed_;
      lock.unlock();
      job(go);
      lock.lock();
    }
  }

 private:
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool closed_ = false;
};

}  // namespace zswarm::node
