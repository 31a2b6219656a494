// How fast the engine serves a model file to several streams at once, and how long they wait for their first
// token.
//
//   engine_streams MODEL.gguf [threads=physical cores] [prompt=128] [answer=64]
//
// Prints, for 1, 4 and 16 streams: tokens per second in total over the time of generation, and time to the
// first token. Compare with llama-batched-bench -npp 128 -ntg 64 -npl 1,4,16 in the same minutes: machines
// differ from one minute to the next.
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "node/machine.h"
#include "node/node.h"

namespace {

using namespace zswarm;
using Clock = std::chrono::steady_clock;

double seconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

struct Board {
  std::mutex mutex;
  std::condition_variable changed;
  int ended = 0, failed = 0;
  std::size_t tokens_after_last_first = 0;
  int first_seen = 0;
  Clock::time_point last_first, end;
  double first_sum_s = 0;
};

bool measure(node::Node& node, int streams, std::uint32_t prompt, std::uint32_t answer) {
  Board board;
  const auto start = Clock::now();
  for (int stream = 0; stream < streams; ++stream) {
    node::GenerateRequest request;
    for (std::uint32_t i = 0; i < prompt; ++i) {  // different prompts: nothing is shared
      request.prompt.push_back(
          static_cast<node::TokenId>(100 + (i * 37 + static_cast<std::uint32_t>(stream) * 1013) % 5000));
    }
    request.max_tokens = answer;
    request.ignore_eos = true;
    request.sampling.seed = static_cast<std::uint64_t>(stream);
    const auto accepted = node.generate(std::move(request), [&board, streams, start](node::Event event) {
      const std::lock_guard lock(board.mutex);
      if (const auto* delta = std::get_if<node::Delta>(&event)) {
        if (delta->first_token == 0) {
          board.first_seen += 1;
          board.last_first = Clock::now();
          board.first_sum_s += seconds(start, board.last_first);
        } else if (board.first_seen == streams) {
          board.tokens_after_last_first += delta->tokens.size();
        }
        return;
      }
      board.ended += 1;
      board.failed += std::holds_alternative<Error>(event) ? 1 : 0;
      board.end = Clock::now();
      board.changed.notify_all();
    });
    if (!accepted) {
      std::fprintf(stderr, "%s\n", accepted.error().message.c_str());
      return false;
    }
  }
  std::unique_lock lock(board.mutex);
  board.changed.wait(lock, [&] { return board.ended == streams; });
  std::printf("%2d streams: %7.1f tokens/s together once all generate, first token after %.3f s on average\n",
              streams,
              static_cast<double>(board.tokens_after_last_first) / seconds(board.last_first, board.end),
              board.first_sum_s / streams);
  return board.failed == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (const auto sandbox = node::run_if_chat_sandbox(argc, argv)) return *sandbox;
  if (argc < 2) {
    std::fprintf(stderr, "usage: engine_streams MODEL.gguf [threads] [prompt] [answer]\n");
    return 2;
  }
  node::NodeOptions options;
  options.models = {{argv[1], ""}};
  options.threads = argc > 2 ? static_cast<std::size_t>(std::atoi(argv[2])) : node::physical_cores();
  const auto prompt = static_cast<std::uint32_t>(argc > 3 ? std::atoi(argv[3]) : 128);
  const auto answer = static_cast<std::uint32_t>(argc > 4 ? std::atoi(argv[4]) : 64);
  const auto start = Clock::now();
  auto node = node::Node::start(std::move(options));
  if (!node) {
    std::fprintf(stderr, "%s\n", node.error().message.c_str());
    return 1;
  }
  if (const Status ready = (*node)->wait_ready(); !ready) {
    std::fprintf(stderr, "%s\n", ready.error().message.c_str());
    return 1;
  }
  std::printf("ready after %.3f s\n", seconds(start, Clock::now()));
  for (const int streams : {1, 4, 16}) {
    if (!measure(**node, streams, prompt, answer)) return 1;
  }
  return 0;
}
