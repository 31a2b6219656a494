// Renders chat templates on one thread, in a child process (chat_process.h): for whoever speaks to a model,
// whether it is computed here or elsewhere.
//
// render() and close() from any thread; run() on a thread of the owner's, which waits for children there.
#pragma once

#include "node/chat_process.h"
#include "node/client.h"
#include "node/job_queue.h"
#include "node/model_store.h"

namespace zswarm::node {

class Renderer {
 public:
  explicit Renderer(ChatProcessOptions options) : options_(std::move(options)), jobs_(kMostJobs) {}

  /// `model` must live until the sink was called; see Client::render.
  Status render(std::shared_ptr<const StoredModel> model, RenderRequest request, RenderSink sink);
  /// Another job for the same thread; it is told false if there was no time for it. False: full or closed.
  [[nodiscard]] bool post(JobQueue::Job job) { return jobs_.put(std::move(job)); }
  /// Until close(); what was accepted and not done then is told kUnavailable.
  void run();
  void close() { jobs_.close(); }

 private:
  static constexpr std::size_t kMostJobs = 256;
  ChatProcessOptions options_;
  JobQueue jobs_;
  std::unique_ptr<ChatProcess> process_;  // of run()
};

}  // namespace zswarm::node
