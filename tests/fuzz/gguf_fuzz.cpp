// Any bytes as a GGUF file: opening fails with a printable sentence, or everything that the reader hands out
// lies inside the file.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/gguf/describe.h"
#include "kernels/gguf/reader.h"
#include "kernels/model/config.h"
#include "kernels/model/obstacles.h"

namespace {

using zswarm::gguf::Reader;

void check_printable(const std::string& text) {
  ZS_ASSERT(zswarm::printable(text, text.size()) == text);
}

void check_tensors(const Reader& file) {
  const auto whole = file.file().bytes();
  unsigned sum = 0;
  for (const auto& tensor : file.tensors()) {
    ZS_ASSERT(!tensor.data.empty() && tensor.data.data() >= whole.data());
    ZS_ASSERT(tensor.data.data() + tensor.data.size() <= whole.data() + whole.size());
    ZS_ASSERT(file.tensor(tensor.name) == &tensor);
    sum += std::to_integer<unsigned>(tensor.data.front()) + std::to_integer<unsigned>(tensor.data.back());
  }
  volatile unsigned read = sum;  // the sanitizers must see the reads
  static_cast<void>(read);
}

void check_metadata(const Reader& file) {
  for (const auto& [key, value] : file.metadata()) {
    ZS_ASSERT(file.find(key) == &value);
    const auto strings = value.as_strings();
    if (strings) ZS_ASSERT(strings->size() == value.size());
    const auto floats = value.as_floats();
    if (floats) ZS_ASSERT(floats->size() == value.size());
    static_cast<void>(value.as_ints());
    static_cast<void>(value.as_float());
    if (const auto number = file.get_int(key, 0, 100); !number) check_printable(number.error().message);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  const auto file = Reader::from_bytes(std::vector<std::byte>(bytes, bytes + size), "fuzz.gguf");
  if (!file) {
    check_printable(file.error().message);
    return 0;
  }
  check_tensors(*file);
  check_metadata(*file);
  static_cast<void>(zswarm::gguf::to_text(zswarm::gguf::describe(*file)));
  for (const std::string& obstacle : zswarm::model::obstacles(*file)) check_printable(obstacle);
  if (const auto config = zswarm::model::read_config(*file)) {
    ZS_ASSERT(config->heads % config->kv_heads == 0 && config->head_dim % 2 == 0 && config->vocab_size > 0);
  }
  return 0;
}
