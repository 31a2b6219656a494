#include "node/federation/attempts.h"

#include <algorithm>

#include "node/network/bus_error.h"

namespace zswarm::node {

namespace {

constexpr bus::Credit kWindow{256, 4u << 20};
constexpr bus::Duration kLocalBeat = std::chrono::milliseconds(200);

}  // namespace

Attempts::Attempts(Client* local, std::function<void()> wake)
    : local_(local), mailbox_(std::make_shared<Mailbox>(std::move(wake))) {}

Attempts::~Attempts() {
  for (const auto& [attempt, local] : locals_) local_->cancel(local.request);
}

void Attempts::start(bus::Time now, bus::Core& core, Entry& entry, StartAttempt wanted,
                     const std::string* local_name) {
  const AttemptId attempt = wanted.attempt;
  if (wanted.node == core.id()) {
    if (local_ == nullptr || local_name == nullptr) {
      entry.on_failed(now, attempt, {ErrorCode::kNotFound, "this node does not serve that model", "model"});
      return;
    }
    wanted.what.model = *local_name;
    auto started = local_->generate(std::move(wanted.what), [box = mailbox_, attempt](Event event) {
      box->put(attempt, std::move(event));
    });
    if (started) {
      locals_[attempt].request = *started;
    } else {
      entry.on_failed(now, attempt, std::move(started.error()));
    }
    return;
  }
  const std::size_t tokens = wanted.what.prompt.size() + kCallTokens;
  auto call = write_call({wanted.model, std::move(wanted.what)});
  if (!call) return entry.on_failed(now, attempt, std::move(call.error()));
  bus::ServiceCall service{.service = std::string(kGenerateService),
                           .payload = std::move(call->payload),
                           .frames = std::move(call->frames),
                           .deadline = std::chrono::ceil<std::chrono::milliseconds>(wanted.deadline),
                           .window = kWindow};
  const auto stream = core.calls().call(now, wanted.node, std::move(service), core.out());
  if (!stream) return entry.on_failed(now, attempt, from_bus(stream.error()));
  remotes_.emplace(*stream, Remote{attempt, EventReader(tokens)});
  stream_of_[attempt] = *stream;
}

void Attempts::stop(bus::Time now, bus::Core& core, AttemptId attempt) {
  if (const auto local = locals_.find(attempt); local != locals_.end()) {
    local_->cancel(local->second.request);
    locals_.erase(local);
  } else if (const auto stream = stream_of_.find(attempt); stream != stream_of_.end()) {
    core.calls().cancel(now, stream->second, core.out());
    remotes_.erase(stream->second);
    stream_of_.erase(stream);
  }
}

void Attempts::take_news(bus::Time now, bus::Core& core, Entry& entry) {
  for (bus::StreamDelivery& delivery : core.calls().take_events()) {
    if (auto* event = std::get_if<bus::StreamEvent>(&delivery)) {
      on_delivery(now, core, entry, *event);
    } else {
      on_delivery(now, entry, std::get<bus::StreamEnd>(delivery));
    }
  }
  for (Mailbox::Mail& mail : mailbox_->take()) {
    const auto local = locals_.find(mail.key);
    if (local == locals_.end()) continue;  // stopped meanwhile
    const bool ended =
        std::holds_alternative<Finished>(mail.event) || std::holds_alternative<Error>(mail.event);
    if (ended) locals_.erase(local);
    if (auto* error = std::get_if<Error>(&mail.event)) {
      entry.on_failed(now, mail.key, std::move(*error));
    } else {
      entry.on_event(now, mail.key, std::move(mail.event));
    }
  }
  beat_locals(now, entry);
}

void Attempts::on_delivery(bus::Time now, bus::Core& core, Entry& entry, bus::StreamEvent& event) {
  const auto remote = remotes_.find(event.id);
  if (remote == remotes_.end()) return;  // stopped meanwhile
  const AttemptId attempt = remote->second.attempt;
  core.calls().grant(now, event.id, {1, event.payload.size()}, core.out());
  auto news = remote->second.reader.read(event.payload);
  if (!news) {
    stop(now, core, attempt);
    entry.on_failed(now, attempt, std::move(news.error()));
  } else if (*news) {
    if (const auto* progress = std::get_if<Progress>(&**news)) {
      entry.on_beat(now, attempt, *progress);
    } else if (auto* delta = std::get_if<Delta>(&**news)) {
      entry.on_event(now, attempt, std::move(*delta));
    } else {
      entry.on_event(now, attempt, std::move(std::get<PromptScored>(**news)));
    }
  }
}

void Attempts::on_delivery(bus::Time now, Entry& entry, const bus::StreamEnd& end) {
  const auto remote = remotes_.find(end.id);
  if (remote == remotes_.end()) return;
  const AttemptId attempt = remote->second.attempt;
  remotes_.erase(remote);
  stream_of_.erase(attempt);
  if (end.error) return entry.on_failed(now, attempt, from_bus(*end.error));
  auto said = read_end_trailer(end.trailer);
  if (!said) return entry.on_failed(now, attempt, std::move(said.error()));
  if (auto* error = std::get_if<Error>(&*said)) {
    entry.on_failed(now, attempt, std::move(*error));
  } else {
    entry.on_event(now, attempt, std::get<Finished>(*said));
  }
}

/// The local engine's steps are its beats.
void Attempts::beat_locals(bus::Time now, Entry& entry) {
  if (locals_.empty() || now < beat_due_) return;
  beat_due_ = now + kLocalBeat;
  std::uint64_t steps = 0;
  for (const ModelStats& stats : local_->stats()) steps += stats.steps;
  for (auto& [attempt, local] : locals_) {
    if (std::exchange(local.steps, steps) == steps) continue;
    entry.on_beat(now, attempt, {Progress::Phase::kWaiting, steps});
  }
}

}  // namespace zswarm::node
