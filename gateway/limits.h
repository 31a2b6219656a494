// Every limit of the gateway, in one place: what a client may send, how long it may take, how many there may
// be.
//
// The defaults are what people run; tests shorten times and sizes. All of it is read on the gateway's loop
// thread and never changed once the server listens.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace zswarm::gateway {

struct JsonLimits {
  std::size_t depth = 64;              // arrays and objects inside each other
  std::size_t values = 500'000;        // in one document: a DOM takes many times the bytes of "[[],[],…"
  std::size_t keys_per_object = 1024;  // objects keep their order, so a lookup walks the keys
};

struct Limits {
  // Connections. Together the times close a silent or slow connection within 60 s.
  std::size_t connections = 900;             // further ones push out the longest idle one, or get a 503
  std::chrono::milliseconds idle{45'000};    // between requests, and before the first
  std::chrono::milliseconds header{15'000};  // from a request's first byte to its empty line
  std::chrono::milliseconds body{45'000};    // from there to the end of the body
  std::chrono::milliseconds write_stall{
      30'000};                              // for each write_piece_bytes to be taken by the client's side
  std::chrono::milliseconds linger{5'000};  // to read on after an early refusal, so that the client sees it
  std::size_t write_piece_bytes = 64u << 10;
  std::size_t linger_bytes = 64u << 20;

  // Requests.
  std::size_t header_bytes = 16u << 10;
  std::size_t header_fields = 100;
  std::size_t body_bytes = 8u << 20;
  std::size_t drained_body_bytes = 64u << 10;   // an unread body up to this size does not cost the connection
  std::size_t bodies_total_bytes = 256u << 20;  // of all connections together
  JsonLimits json;

  // Work that would hold up the loop goes to a worker thread from these sizes on.
  std::size_t inline_parse_bytes = 64u << 10;
  std::size_t inline_tokenize_bytes = 4u << 10;
  std::size_t inline_entries = 2'000;  // logprobs, or numbers of embeddings, in an answer

  // Fields.
  std::size_t messages = 4096;
  std::size_t content_parts = 1024;  // per message
  std::size_t tools = 256;
  std::size_t stop_strings = 4;
  std::size_t stop_bytes = 1024;  // each
  std::size_t logit_bias = 1000;
  std::size_t prompts = 256;  // texts in one completion request
  std::size_t embedding_inputs = 2048;
  std::size_t model_name_bytes = 512;
  std::int64_t choices = 32;  // n
  std::int64_t top_logprobs = 20;
  std::uint64_t answers = 256;  // prompts x n
  std::uint64_t logprob_entries =
      200'000;  // tokens x (1 + alternatives) that one HTTP request may gather in memory

  // Generation.
  std::size_t at_once_per_request = 8;  // answers of one HTTP request that generate side by side
  std::size_t stream_backlog_bytes =
      8u << 20;  // news that a slow reader has not taken yet; beyond it is cut off
  std::chrono::milliseconds hangup_poll{200};  // only for clients that send ahead, see http/peer_watch.h
};

}  // namespace zswarm::gateway
