#include "gateway/openai/embedding_response.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "gateway/json/json.h"

namespace zswarm::gateway {
namespace {

Json floats_json(const std::vector<float>& values) {
  Json out = Json::array();
  for (const float value : values)
    out.push_back(std::isfinite(value) ? Json(static_cast<double>(value)) : Json());
  return out;
}

}  // namespace

std::string base64_of(const std::vector<float>& values) {
  static_assert(std::endian::native == std::endian::little);
  static constexpr char kLetters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::vector<std::uint8_t> bytes(values.size() * sizeof(float));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(bytes.size() - i, 3);
    std::uint32_t word = 0;
    for (std::size_t k = 0; k < 3; ++k) word = word << 8 | (k < left ? bytes[i + k] : 0u);
    for (std::size_t k = 0; k < 4; ++k) out += k <= left ? kLetters[word >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::string embedding_response(const std::string& model, const std::vector<std::vector<float>>& vectors,
                               std::size_t prompt_tokens, bool base64) {
  Json data = Json::array();
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    Json entry;
    entry["object"] = "embedding";
    entry["index"] = i;
    entry["embedding"] = base64 ? Json(base64_of(vectors[i])) : floats_json(vectors[i]);
    data.push_back(std::move(entry));
  }
  Json out;
  out["object"] = "list";
  out["data"] = std::move(data);
  out["model"] = model;
  out["usage"] = {{"prompt_tokens", prompt_tokens}, {"total_tokens", prompt_tokens}};
  return to_text(out);
}

}  // namespace zswarm::gateway
