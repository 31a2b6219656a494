#include "bus/chunks/messages.h"

#include "bus/wire/message.h"
#include "bus/wire/pack.h"

namespace zswarm::bus {
namespace {

constexpr std::string_view kOk = "ok";
constexpr std::size_t kCodeBytes = 32;

tl::unexpected<Error> malformed() {
  return fail(ErrorCode::kMalformed, "a message of the chunk transfer does not have the fields of its type");
}

std::string_view code_text(const std::optional<ErrorCode>& error) {
  return error ? error_code_name(*error) : kOk;
}

std::optional<ErrorCode> read_code(Reader& reader) {
  const std::string_view code = reader.text(kCodeBytes);
  return code == kOk ? std::nullopt : std::optional(error_code_of(code));
}

Bytes owned(ByteView view) {
  return Bytes(view.begin(), view.end());
}

}  // namespace

Bytes write_message(const ChunkQuery& query) {
  return Writer(MessageType::kChunkQuery, 2).bin(query.blob).uint(query.first).take();
}

Bytes write_message(const ChunkHave& have) {
  return Writer(MessageType::kChunkHave, 5)
      .bin(have.blob)
      .text(code_text(have.error))
      .uint(have.count)
      .uint(have.first)
      .bin(have.map)
      .take();
}

Bytes write_message(const ChunkGet& get) {
  Writer writer(MessageType::kChunkGet, 2);
  writer.bin(get.blob).array(static_cast<std::uint32_t>(get.chunks.size()));
  for (const std::uint64_t chunk : get.chunks) writer.uint(chunk);
  return writer.take();
}

Bytes write_message(const ChunkData& data) {
  return Writer(MessageType::kChunkData, 5)
      .bin(data.blob)
      .uint(data.chunk)
      .text(code_text(data.error))
      .bin(data.proof)
      .bin(data.data)
      .take();
}

Result<ChunkQuery> read_chunk_query(ByteView message) {
  Reader reader = Reader::of_message(message);
  ChunkQuery query;
  query.blob = reader.fixed<32>();
  query.first = reader.uint(kChunks);
  if (!reader.ok() || query.first % 8 != 0) return malformed();
  return query;
}

Result<ChunkHave> read_chunk_have(ByteView message) {
  Reader reader = Reader::of_message(message);
  ChunkHave have;
  have.blob = reader.fixed<32>();
  have.error = read_code(reader);
  have.count = reader.uint(kChunks);
  have.first = reader.uint(kChunks);
  have.map = owned(reader.bin(kMapBytes));
  if (!reader.ok() || have.first % 8 != 0) return malformed();
  return have;
}

Result<ChunkGet> read_chunk_get(ByteView message) {
  Reader reader = Reader::of_message(message);
  ChunkGet get;
  get.blob = reader.fixed<32>();
  Reader chunks = reader.array(kChunksPerGet);
  while (chunks.left() > 0) get.chunks.push_back(chunks.uint(kChunks));
  if (!reader.ok()) return malformed();
  return get;
}

Result<ChunkData> read_chunk_data(ByteView message) {
  Reader reader = Reader::of_message(message);
  ChunkData data;
  data.blob = reader.fixed<32>();
  data.chunk = reader.uint(kChunks);
  data.error = read_code(reader);
  data.proof = owned(reader.bin(kProofBytes));
  data.data = owned(reader.bin(kChunkBytesMax));
  if (!reader.ok()) return malformed();
  return data;
}

}  // namespace zswarm::bus
