#include "node/job_queue.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace zswarm::node {
namespace {

TEST(JobQueue, DoesJobsInOrderOnItsThread) {
  JobQueue queue(1000);
  std::vector<int> done;
  std::thread worker([&] { queue.run(); });
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(queue.put([&done, i](bool) { done.push_back(i); }));
  }
  queue.close();
  worker.join();
  ASSERT_EQ(done.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(done[static_cast<std::size_t>(i)], i);
}

TEST(JobQueue, RefusesWhatIsTooMuch) {
  JobQueue queue(2);
  EXPECT_TRUE(queue.put([](bool) {}) && queue.put([](bool) {}));
  EXPECT_FALSE(queue.put([](bool) {}));
}

TEST(JobQueue, TellsJobsThatCloseOvertook) {
  JobQueue queue(2);
  bool went = true;
  EXPECT_TRUE(queue.put([&](bool go) { went = go; }));
  queue.close();
  queue.run();
  EXPECT_FALSE(went);
  EXPECT_FALSE(queue.put([](bool) {}));
}

}  // namespace
}  // namespace zswarm::node
