#include "node/dispatch/host.h"

#include <algorithm>

namespace zswarm::node {

Host::Host(Client& models, std::map<ModelHash, std::string> served, const HostConfig& config,
           std::function<void()> wake)
    : models_(models),
      served_(std::move(served)),
      config_(config),
      mailbox_(std::make_shared<Mailbox>(std::move(wake))) {}

Host::~Host() {
  for (auto& [call, answer] : answers_) stop(answer);
}

bus::Status Host::offer(bus::ServiceServer& server) const {
  return server.offer(std::string(kGenerateService), config_.calls_max);
}

void Host::on_notice(const bus::CallNotice& notice) {
  const auto at = answers_.find(notice.call);
  if (at == answers_.end() || !notice.ended) return;  // credit: turn() sends
  stop(at->second);
  answers_.erase(at);
}

void Host::turn(bus::Time now, bus::ServiceServer& server, bus::Outbox& out) {
  for (const bus::IncomingCall& call : server.take_calls_of(kGenerateService))
    take_call(now, call, server, out);
  for (Mailbox::Mail& mail : mailbox_->take()) {
    const auto generation = generations_.find(mail.key);
    if (generation == generations_.end()) continue;  // of one that was ended meanwhile
    on_event(answers_.at(generation->second), std::move(mail.event));
  }
  for (auto at = answers_.begin(); at != answers_.end();) {
    auto& [call, answer] = *at;
    if (flush(now, call, answer, server, out)) {
      beat(now, call, answer, server, out);
      ++at;
    } else {
      stop(answer);
      at = answers_.erase(at);
    }
  }
}

void Host::take_call(bus::Time now, const bus::IncomingCall& call, bus::ServiceServer& server,
                     bus::Outbox& out) {
  ++stats_.requests;
  auto read = read_call(call.payload, call.frames);
  Answer answer;
  answer.last_sent = now;
  if (!read) {
    answer.end = std::move(read.error());
  } else if (const auto model = served_.find(read->model); model == served_.end()) {
    answer.end = Error{ErrorCode::kNotFound, "this node does not serve that model (any more)", "model"};
  } else {
    answer.asked = std::move(read->what);
    answer.asked.model = model->second;
    start(call.call, answer);
  }
  if (answer.end) ++stats_.refused;
  // A call that cannot be answered any more has a notice, or gets one.
  if (flush(now, call.call, answer, server, out)) answers_.emplace(call.call, std::move(answer));
}

void Host::start(bus::CallId call, Answer& answer) {
  const std::uint64_t generation = ++last_generation_;
  auto started = models_.generate(
      answer.asked, [box = mailbox_, generation](Event event) { box->put(generation, std::move(event)); });
  if (!started) {
    answer.end = std::move(started.error());
    return;
  }
  answer.request = *started;
  answer.generation = generation;
  generations_.emplace(generation, call);
}

void Host::on_event(Answer& answer, Event event) {
  if (auto* delta = std::get_if<Delta>(&event)) {
    answer.decoding = true;
    answer.asked.delivered.insert(answer.asked.delivered.end(), delta->tokens.begin(), delta->tokens.end());
    for (bus::Bytes& part : write_events(*delta)) answer.pending.push_back(std::move(part));
    if (answer.pending.size() > config_.ahead) park(answer);
  } else if (const auto* scored = std::get_if<PromptScored>(&event)) {
    answer.asked.score_prompt = false;
    for (bus::Bytes& part : write_events(*scored)) answer.pending.push_back(std::move(part));
  } else {
    generations_.erase(*answer.generation);
    answer.generation.reset();
    if (auto* done = std::get_if<Finished>(&event)) {
      answer.end = *done;
    } else {
      answer.end = std::move(std::get<Error>(event));
    }
  }
}

void Host::park(Answer& answer) {
  ++stats_.parked;
  stop(answer);
}

void Host::stop(Answer& answer) {
  if (!answer.generation) return;
  generations_.erase(*answer.generation);
  answer.generation.reset();
  models_.cancel(answer.request);
}

bool Host::flush(bus::Time now, bus::CallId call, Answer& answer, bus::ServiceServer& server,
                 bus::Outbox& out) {
  while (!answer.pending.empty()) {
    const auto room = server.writable(call);
    if (!room) return false;
    if (room->credit.events == 0 || room->credit.bytes < answer.pending.front().size()) return true;
    if (!server.event(now, call, std::move(answer.pending.front()), {}, out)) return false;
    answer.pending.pop_front();
    answer.last_sent = now;
  }
  if (!answer.end && !answer.generation) start(call, answer);  // it was parked, and the reader has caught up
  if (answer.end) {
    // An end that cannot be told any more has been told otherwise.
    (void)server.finish(now, call, write_end_trailer(*answer.end), out);
    return false;
  }
  return true;
}

void Host::beat(bus::Time now, bus::CallId call, Answer& answer, bus::ServiceServer& server,
                bus::Outbox& out) {
  if (!answer.pending.empty() || now - answer.last_sent < config_.beat_every) return;
  answer.last_sent = now;
  std::uint64_t steps = 0;
  for (const ModelStats& stats : models_.stats()) steps += stats.steps;
  if (steps == answer.steps_told) return;  // the engine stands still: silence says so
  answer.steps_told = steps;
  const auto room = server.writable(call);
  if (!room || room->credit.events == 0) return;
  const auto phase = answer.decoding ? Progress::Phase::kDecode : Progress::Phase::kWaiting;
  (void)server.event(now, call, write_progress({phase, steps}), {}, out);  // its end comes as a notice
}

bus::Time Host::next_timer() const {
  bus::Time due = bus::kNever;
  for (const auto& [call, answer] : answers_)
    if (answer.pending.empty()) due = std::min(due, answer.last_sent + config_.beat_every);
  return due;
}

}  // namespace zswarm::node
