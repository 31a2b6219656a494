#include "bus/chunks/file_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "bus/chunks/memory_store.h"
#include "tests/bus/chunks/chunk_peer.h"

namespace zswarm::bus {
namespace {

class FileStoreTest : public ::testing::Test {
 protected:
  FileStoreTest() {
    std::string folder = ::testing::TempDir() + "file_store_XXXXXX";
    folder_ = ::mkdtemp(folder.data());
    path_ = folder_ / "blob";
  }
  ~FileStoreTest() override { std::filesystem::remove_all(folder_); }

  static void copy(BlobStore& from, BlobStore& to, std::uint64_t first, std::uint64_t end) {
    for (std::uint64_t chunk = first; chunk < end; ++chunk) {
      const Bytes data = *from.chunk(chunk), proof = *from.proof(chunk);
      const auto siblings = verify_chunk(to.manifest(), to.shape(), chunk, data, proof);
      ASSERT_TRUE(siblings);
      ASSERT_TRUE(to.put(chunk, data, *siblings));
    }
  }
  Bytes contents() const {
    std::ifstream file(path_, std::ios::binary);
    return Bytes(std::istreambuf_iterator<char>(file), {});
  }
  bool there(const std::string& ending) const { return std::filesystem::exists(path_.string() + ending); }

  const Bytes bytes_ = some_bytes(20 * kChunkBytesMin + 100, 1);
  const std::shared_ptr<MemoryStore> whole_ = MemoryStore::of(bytes_, kChunkBytesMin);
  std::filesystem::path folder_, path_;
};

TEST_F(FileStoreTest, GoesOnAfterARestartWithWhatWasSaved) {
  {
    const auto store = FileStore::open(path_, whole_->manifest());
    ASSERT_TRUE(store) << store.error().message;
    copy(*whole_, **store, 0, 7);
    ASSERT_TRUE((*store)->checkpoint());
    copy(*whole_, **store, 7, 9);  // not saved: as if the machine had crashed
  }
  const auto store = FileStore::open(path_, whole_->manifest());
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_EQ((*store)->have().count(), 7u);
  EXPECT_FALSE(there(""));
  for (std::uint64_t chunk = 0; chunk < 7; ++chunk) {  // it can prove to others what it has
    EXPECT_TRUE(verify_chunk(whole_->manifest(), whole_->shape(), chunk, *(*store)->chunk(chunk),
                             *(*store)->proof(chunk)));
  }
  EXPECT_EQ((*store)->chunk(7).error().code, ErrorCode::kNotFound);
  EXPECT_EQ((*store)->chunk(21).error().code, ErrorCode::kNotFound);
  copy(*whole_, **store, 7, 21);
  ASSERT_TRUE((*store)->finish());
  EXPECT_EQ(contents(), bytes_);
  EXPECT_FALSE(there(".part") || there(".map"));
}

TEST_F(FileStoreTest, FinishesWhatACrashLeftUnrenamed) {
  {
    const auto store = FileStore::open(path_, whole_->manifest());
    copy(*whole_, **store, 0, 21);
    ASSERT_TRUE((*store)->checkpoint());
  }
  Random random(1);
  const auto store = FileStore::open(path_, whole_->manifest());
  ASSERT_TRUE(store) << store.error().message;
  ChunkFetch fetch({}, *store, random);
  fetch.start({});
  ASSERT_TRUE(fetch.outcome());
  EXPECT_TRUE(*fetch.outcome());
  EXPECT_EQ(contents(), bytes_);
}

TEST_F(FileStoreTest, KeepsItsFilesToTheirOwner) {
  const auto store = FileStore::open(path_, whole_->manifest());
  ASSERT_TRUE((*store)->checkpoint());
  for (const char* ending : {".part", ".tree", ".map"}) {
    struct stat status {};
    ASSERT_EQ(::stat((path_.string() + ending).c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
  }
}

TEST_F(FileStoreTest, ServesAFileThatWasPublishedOrFetchedAfterARestart) {
  std::ofstream(path_, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes_.data()), static_cast<std::streamsize>(bytes_.size()));
  {
    const auto published = FileStore::publish(path_, kChunkBytesMin);
    ASSERT_TRUE(published) << published.error().message;
    EXPECT_EQ((*published)->manifest(), whole_->manifest());
  }
  const auto store = FileStore::open(path_, whole_->manifest());
  ASSERT_TRUE(store) << store.error().message;
  EXPECT_TRUE((*store)->have().complete() && (*store)->finished());
  for (std::uint64_t chunk = 0; chunk < 21; ++chunk)
    EXPECT_EQ(*(*store)->proof(chunk), *whole_->proof(chunk));
}

TEST_F(FileStoreTest, RefusesFilesOfAnotherBlob) {
  const auto other = MemoryStore::of(some_bytes(20 * kChunkBytesMin + 100, 2), kChunkBytesMin);
  {
    const auto store = FileStore::open(path_, whole_->manifest());
    copy(*whole_, **store, 0, 3);
    ASSERT_TRUE((*store)->checkpoint());
  }
  EXPECT_EQ(FileStore::open(path_, other->manifest()).error().code, ErrorCode::kMalformed);
  {
    const auto store = FileStore::open(path_, whole_->manifest());
    copy(*whole_, **store, 3, 21);
    ASSERT_TRUE((*store)->finish());
  }
  EXPECT_EQ(FileStore::open(path_, other->manifest()).error().code, ErrorCode::kMalformed);
  EXPECT_FALSE(FileStore::open(path_, Manifest{}));
}

TEST_F(FileStoreTest, RefusesADamagedMap) {
  std::ofstream(path_.string() + ".map") << "these are not the bytes of a map";
  EXPECT_EQ(FileStore::open(path_, whole_->manifest()).error().code, ErrorCode::kMalformed);
}

TEST_F(FileStoreTest, IsOpenOnlyOnce) {
  const auto store = FileStore::open(path_, whole_->manifest());
  const auto second = FileStore::open(path_, whole_->manifest());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kIo);
}

TEST_F(FileStoreTest, SaysWhatTheSystemRefused) {
  const auto store = FileStore::open(folder_ / "missing" / "blob", whole_->manifest());
  ASSERT_FALSE(store);
  EXPECT_EQ(store.error().code, ErrorCode::kIo);
  EXPECT_THAT(store.error().message, ::testing::HasSubstr("No such file"));
  EXPECT_EQ(FileStore::publish(folder_ / "missing").error().code, ErrorCode::kIo);
}

TEST_F(FileStoreTest, CanStopPublishing) {
  std::ofstream(path_) << "some text";
  const auto store = FileStore::publish(path_, kChunkBytesMin, [](std::uint64_t) { return false; });
  EXPECT_EQ(store.error().code, ErrorCode::kCancelled);
}

TEST_F(FileStoreTest, FetchedOverTheNetworkAcrossARestartAsksOnlyForWhatIsMissing) {
  TestNetwork network(1, 10ms);
  ChunkPeer source(1, {.peer_bytes_per_s = 4 * kChunkBytesMin, .peer_burst_bytes = kChunkBytesMin});
  source.server.offer(whole_);
  network.add(node_named(2), source);
  for (const bool restart : {false, true}) {
    ChunkPeer fetcher(2 + restart);
    network.add(node_named(1), fetcher);
    const auto store = FileStore::open(path_, whole_->manifest());
    ASSERT_TRUE(store) << store.error().message;
    network.act(node_named(1), [&](Outbox& out) {
      EXPECT_TRUE(fetcher.client.fetch(network.now(), *store, {node_named(2)}, out));
    });
    network.run(network.now() + (restart ? Duration(60s) : Duration(2s)));
    fetcher.client.cancel(whole_->manifest().id());
    network.kill(node_named(1));
    EXPECT_GT((*store)->have().count(), 4u);
    network.run(network.now() + 10s);  // what is queued for the dead one goes nowhere
  }
  EXPECT_EQ(contents(), bytes_);
  EXPECT_LT(source.chunks_sent, 21u + 6u);  // and those on their way when it stopped
}

}  // namespace
}  // namespace zswarm::bus
