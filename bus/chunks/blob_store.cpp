#include "bus/chunks/blob_store.h"

namespace zswarm::bus {

Status BlobStore::put(std::uint64_t chunk, ByteView data, const std::vector<TreeNode>& siblings) {
  ZS_BUS_ASSERT(chunk < manifest_.chunks() && data.size() == manifest_.length(chunk));
  if (Status written = write(chunk * manifest_.chunk_bytes, data); !written) return written;
  for (const TreeNode& node : siblings) {
    if (Status written = write_node(node.number, node.hash); !written) return written;
  }
  have_.set(chunk);
  return {};
}

Result<Bytes> BlobStore::chunk(std::uint64_t chunk) {
  if (chunk >= manifest_.chunks() || !have_.has(chunk))
    return fail(ErrorCode::kNotFound, "this chunk is not here");
  Bytes data(manifest_.length(chunk));
  if (Status status = read(chunk * manifest_.chunk_bytes, data); !status)
    return tl::unexpected<Error>(std::move(status.error()));
  return data;
}

Result<Bytes> BlobStore::proof(std::uint64_t chunk) {
  if (chunk >= manifest_.chunks() || !have_.has(chunk))
    return fail(ErrorCode::kNotFound, "this chunk is not here");
  Bytes proof;
  for (const TreeShape::Step& step : shape_.path(chunk)) {
    if (!step.sibling) continue;
    Hash hash;
    if (Status status = read_node(*step.sibling, hash); !status)
      return tl::unexpected<Error>(std::move(status.error()));
    proof.insert(proof.end(), hash.begin(), hash.end());
  }
  return proof;
}

}  // namespace zswarm::bus
