#include "gateway/json/json.h"

#include <fmt/format.h>

#include <vector>

namespace zswarm::gateway {
namespace {

// Walks the text and stops at the first thing that is wrong. nlohmann's parser keeps its own stack of one bit
// per level, so depth costs no stack here either.
class Inspector final : public nlohmann::json_sax<Json> {
 public:
  explicit Inspector(const JsonLimits& limits) : limits_(limits) {}

  [[nodiscard]] const std::string& problem() const { return problem_; }

  bool null() override { return value(); }
  bool boolean(bool) override { return value(); }
  bool number_integer(number_integer_t) override { return value(); }
  bool number_unsigned(number_unsigned_t) override { return value(); }
  bool number_float(number_float_t, const string_t&) override { return value(); }
  bool string(string_t&) override { return value(); }
  bool binary(binary_t&) override { return value(); }
  bool start_object(std::size_t) override { return enter(); }
  bool key(string_t&) override {
    if (++keys_.back() <= limits_.keys_per_object) return true;
    return stop(fmt::format("an object in the JSON has more than {} keys", limits_.keys_per_object));
  }
  bool end_object() override { return leave(); }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return stop(fmt::format("the body is not valid JSON: it goes wrong at byte {}", position));
  }

 private:
  bool value() {
    if (++values_ <= limits_.values) return true;
    return stop(fmt::format("the JSON has more than {} values", limits_.values));
  }
  bool enter() {
    if (keys_.size() == limits_.depth) {
      return stop(fmt::format("the JSON is nested deeper than {} levels", limits_.depth));
    }
    keys_.push_back(0);
    return value();
  }
  bool leave() {
    keys_.pop_back();
    return true;
  }
  bool stop(std::string problem) {
    problem_ = std::move(problem);
    return false;
  }

  const JsonLimits& limits_;
  std::vector<std::size_t> keys_;  // one entry per open array or object
  std::size_t values_ = 0;
  std::string problem_;
};

ApiError not_json(std::string problem) {
  problem[0] = static_cast<char>(problem[0] - 'a' + 'A');
  return bad_request(problem + ".", "", "invalid_json");
}

}  // namespace

ApiResult<Json> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return refuse(not_json("the body is empty where JSON was expected"));
  }
  Inspector inspector(limits);
  if (!Json::sax_parse(text.begin(), text.end(), &inspector)) return refuse(not_json(inspector.problem()));
  Json value = Json::parse(text.begin(), text.end(), nullptr, false);
  ZS_ASSERT(!value.is_discarded());
  return value;
}

ApiResult<Json> parse_body(std::string_view text, const JsonLimits& limits) {
  auto value = parse_json(text, limits);
  if (value && !value->is_object()) {
    return refuse(bad_request(fmt::format("The body must be a JSON object, not {}.", kind_of(*value)), "",
                              "invalid_type"));
  }
  return value;
}

std::string to_text(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string_view kind_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "an array";
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return "a boolean";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "an integer";
    case Json::value_t::number_float:
      return "a decimal";
    default:
      return "something else";
  }
}

}  // namespace zswarm::gateway
