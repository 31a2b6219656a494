#include "tools/npy_writer.h"

#include <fmt/format.h>
#include <unistd.h>

#include <bit>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "tools/files.h"
#include "tools/signals.h"

namespace zswarm::tools {

static_assert(std::endian::native == std::endian::little);

NpyWriter::NpyWriter(std::filesystem::path path, std::size_t values)
    : path_(std::move(path)), part_(path_.native() + ".part"), values_missing_(values) {}

Result<std::unique_ptr<NpyWriter>> NpyWriter::create(const std::filesystem::path& path, std::size_t rows,
                                                     std::size_t columns) {
  std::unique_ptr<NpyWriter> writer(new NpyWriter(path, rows * columns));
  writer->file_ = std::fopen(writer->part_.c_str(), "wb");
  if (writer->file_ == nullptr) return writer->error();
  StopSignals::instance().set_unfinished_file(writer->part_.native());

  // Magic, version 1.0, header length; the header ends with a newline at a multiple of 64 bytes.
  std::string header =
      fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, columns);
  constexpr std::size_t kPrefix = 10;
  header.append(64 - (kPrefix + header.size() + 1) % 64, ' ');
  header += '\n';
  const auto length = static_cast<std::uint16_t>(header.size());
  const unsigned char prefix[kPrefix] = {0x93,
                                         'N',
                                         'U',
                                         'M',
                                         'P',
                                         'Y',
                                         1,
                                         0,
                                         static_cast<unsigned char>(length & 255u),
                                         static_cast<unsigned char>(length >> 8u)};
  if (std::fwrite(prefix, 1, kPrefix, writer->file_) != kPrefix ||
      std::fwrite(header.data(), 1, header.size(), writer->file_) != header.size()) {
    return writer->error();
  }
  return writer;
}

NpyWriter::~NpyWriter() {
  if (file_ != nullptr) {
    std::fclose(file_);
    unlink(part_.c_str());
  }
  StopSignals::instance().set_unfinished_file({});
}

Status NpyWriter::append(std::span<const float> values) {
  ZS_ASSERT(values.size() <= values_missing_);
  values_missing_ -= values.size();
  if (std::fwrite(values.data(), sizeof(float), values.size(), file_) != values.size()) return error();
  return {};
}

Status NpyWriter::finish() {
  ZS_ASSERT(values_missing_ == 0);
  std::FILE* const file = std::exchange(file_, nullptr);
  if (std::fclose(file) != 0 || std::rename(part_.c_str(), path_.c_str()) != 0) {
    auto failed = error();
    unlink(part_.c_str());
    return failed;
  }
  return {};
}

tl::unexpected<Error> NpyWriter::error() const {
  return fail(ErrorCode::kIo, fmt::format("{}: cannot be written: {}.", shown(path_), std::strerror(errno)));
}

}  // namespace zswarm::tools
