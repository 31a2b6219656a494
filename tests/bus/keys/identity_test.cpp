#include "bus/keys/identity.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>
#include <utility>

#include "bus/keys/operator_key.h"
#include "bus/keys/private_file.h"

namespace zswarm::bus {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class KeyFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "zswarm-keys-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    root_ = name;
  }
  void TearDown() override { fs::remove_all(root_); }

  [[nodiscard]] fs::path data() const { return root_ / "above" / "data"; }
  static unsigned mode_of(const fs::path& path) {
    struct stat status {};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status.st_mode & 0777;
  }
  static std::string text_of(const fs::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write(const fs::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  static std::set<std::string> names_in(const fs::path& folder) {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
    return names;
  }
  /// One start of a node, to its end.
  [[nodiscard]] Result<Identity> start() const {
    auto folder = DataFolder::open(data());
    if (!folder) return tl::unexpected(folder.error());
    return start_identity(*folder);
  }

  fs::path root_;
};

TEST_F(KeyFiles, IdentityStaysAndItsIncarnationGrows) {
  const auto first = start(), second = start();
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(first->id, second->id);
  EXPECT_EQ(first->sign.public_key, second->sign.public_key);
  EXPECT_EQ(first->curve.public_key, second->curve.public_key);
  EXPECT_EQ(second->incarnation, first->incarnation + kIncarnationsPerStart);
}

TEST_F(KeyFiles, AreForTheirOwnerAlone) {
  const mode_t before = umask(0);
  const auto started = start();
  umask(before);
  ASSERT_TRUE(started);
  EXPECT_EQ(mode_of(data()), 0700u);
  EXPECT_EQ(mode_of(data() / "identity"), 0600u);
  EXPECT_EQ(names_in(data()), (std::set<std::string>{"identity", "lock"}));
}

TEST_F(KeyFiles, ThatOthersMayReadAreRefused) {
  ASSERT_TRUE(start());
  const fs::path file = data() / "identity";
  for (const unsigned mode : {0640u, 0604u, 0620u, 0601u}) {
    ASSERT_EQ(chmod(file.c_str(), mode), 0);
    const auto refused = start();
    ASSERT_FALSE(refused) << mode;
    EXPECT_EQ(refused.error().code, ErrorCode::kRefused);
    EXPECT_THAT(refused.error().message, HasSubstr("chmod 600"));
    EXPECT_THAT(refused.error().message, HasSubstr(file.string()));
  }
  ASSERT_EQ(chmod(file.c_str(), 0600), 0);
  EXPECT_TRUE(start());
}

TEST_F(KeyFiles, ThatAreDamagedAreRefusedAndLeftAsTheyAre) {
  ASSERT_TRUE(start());
  const fs::path file = data() / "identity";
  const std::string good = text_of(file);
  std::vector<std::string> damaged = {"", "\n", good + "\n", good + good, std::string(10'000, '0')};
  for (std::size_t i = 0; i < good.size(); ++i) {
    damaged.push_back(good.substr(0, i));
    std::string changed = good;
    changed[i] = changed[i] == '7' ? '8' : '7';
    damaged.push_back(changed);
  }
  for (const std::string& text : damaged) {
    write(file, text);
    const auto refused = start();
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, ErrorCode::kMalformed);
    EXPECT_THAT(refused.error().message, HasSubstr("damaged"));
    ASSERT_EQ(text_of(file), text);
  }
  write(file, good);
  EXPECT_TRUE(start());
}

TEST_F(KeyFiles, OfAnotherKindOrShapeAreRefused) {
  ASSERT_TRUE(make_private_folder(data()));
  const fs::path file = data() / "identity";
  ASSERT_TRUE(write_private_file(file, "operator key", Bytes(40), WriteMode::kCreate));
  EXPECT_EQ(start().error().code, ErrorCode::kMalformed);
  for (const Bytes& contents : {Bytes(), Bytes(39), Bytes(41), Bytes(40, 0xff)}) {
    ASSERT_TRUE(write_private_file(file, "identity", contents, WriteMode::kReplace));
    EXPECT_EQ(start().error().code, ErrorCode::kMalformed) << contents.size();
  }
  fs::remove(file);
  ASSERT_EQ(mkfifo(file.c_str(), 0600), 0);  // would hold a reader for ever
  EXPECT_EQ(start().error().code, ErrorCode::kMalformed);
}

TEST_F(KeyFiles, AreNotMadeWhereNothingCanBeWritten) {
  write(root_ / "above", "a file where a folder should be");
  const auto refused = start();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kIo);
  EXPECT_THAT(refused.error().message, HasSubstr("above"));
}

TEST_F(KeyFiles, OfTwoThatAreMadeAtOneTimeOneStays) {
  ASSERT_TRUE(make_private_folder(data()));
  ASSERT_TRUE(write_private_file(data() / "key", "test", Bytes{1}, WriteMode::kCreate));
  EXPECT_EQ(write_private_file(data() / "key", "test", Bytes{2}, WriteMode::kCreate).error().code,
            ErrorCode::kBusy);
  EXPECT_EQ(read_private_file(data() / "key", "test")->reveal(), Bytes{1});
  EXPECT_TRUE(write_private_file(data() / "key", "test", Bytes{3}, WriteMode::kReplace));
  EXPECT_EQ(read_private_file(data() / "key", "test")->reveal(), Bytes{3});
  EXPECT_EQ(names_in(data()), std::set<std::string>{"key"});
}

/// A process of its own that holds a data folder until it is killed, at the latest with this object.
class Holder {
 public:
  explicit Holder(const fs::path& folder) {
    int told[2];
    if (pipe(told) != 0) return;
    pid_ = fork();
    if (pid_ == 0) {
      const auto held = DataFolder::open(folder);
      const char answer = held ? 'y' : 'n';
      if (::write(told[1], &answer, 1) == 1) pause();
      _exit(1);
    }
    close(told[1]);
    char answer = 0;
    holds_ = read(told[0], &answer, 1) == 1 && answer == 'y';
    close(told[0]);
  }
  ~Holder() { end(); }
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(std::exchange(pid_, -1), nullptr, 0);
  }
  [[nodiscard]] bool holds() const { return holds_; }
  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  bool holds_ = false;
};

TEST_F(KeyFiles, DataFolderIsHeldByOneProcess) {
  Holder holder(data());
  ASSERT_TRUE(holder.holds());
  const auto refused = DataFolder::open(data());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kBusy);
  EXPECT_THAT(refused.error().message, HasSubstr("process " + std::to_string(holder.pid())));
  EXPECT_THAT(refused.error().message, HasSubstr("--data"));
  holder.end();
  EXPECT_TRUE(DataFolder::open(data()));  // a killed holder leaves nothing behind
}

TEST_F(KeyFiles, ConcurrentFirstStartsMakeOneIdentity) {
  // Processes that start together either see the lock, or the identity that the first has made.
  constexpr int kProcesses = 8;
  int gate[2], ids[2];
  ASSERT_EQ(pipe(gate), 0);
  ASSERT_EQ(pipe(ids), 0);
  std::vector<pid_t> children;
  for (int i = 0; i < kProcesses; ++i) {
    const pid_t child = fork();
    if (child == 0) {
      char byte;
      close(gate[1]);
      (void)!read(gate[0], &byte, 1);  // ends when all have been started
      for (;;) {
        const auto identity = start();
        if (!identity && identity.error().code == ErrorCode::kBusy) continue;
        const NodeId id = identity ? identity->id : NodeId{};
        _exit(::write(ids[1], id.bytes.data(), id.bytes.size()) == ssize_t{16} ? 0 : 1);
      }
    }
    children.push_back(child);
  }
  close(gate[0]);
  close(gate[1]);
  std::set<NodeId> seen;
  for (const pid_t child : children) {
    int status = 1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    NodeId id;
    ASSERT_EQ(read(ids[0], id.bytes.data(), id.bytes.size()), ssize_t{16});
    seen.insert(id);
  }
  close(ids[0]);
  close(ids[1]);
  EXPECT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen.count(NodeId{}), 0u);
  EXPECT_EQ(start()->incarnation, (kProcesses + 1) * kIncarnationsPerStart);
}

TEST_F(KeyFiles, KeepTheOperatorsKeyOfEachNetwork) {
  const auto first = make_operator_key(data()), second = make_operator_key(data());
  ASSERT_TRUE(first && second);
  EXPECT_EQ(mode_of(operator_key_path(data(), first->public_key)), 0600u);
  EXPECT_TRUE(load_operator_key(data(), first->public_key)->secret_key == first->secret_key);
  EXPECT_TRUE(load_operator_key(data(), second->public_key)->secret_key == second->secret_key);
  const auto elsewhere = load_operator_key(root_ / "elsewhere", first->public_key);
  ASSERT_FALSE(elsewhere);
  EXPECT_EQ(elsewhere.error().code, ErrorCode::kNotFound);
  EXPECT_THAT(elsewhere.error().message, HasSubstr("token new"));
  fs::copy_file(operator_key_path(data(), first->public_key), operator_key_path(data(), second->public_key),
                fs::copy_options::overwrite_existing);
  EXPECT_EQ(load_operator_key(data(), second->public_key).error().code, ErrorCode::kMalformed);
}

}  // namespace
}  // namespace zswarm::bus
