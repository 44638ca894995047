// SPDX-License-Identifier: MIT
#include "config_file.hpp"

#include <unistd.h>

#include "config_support.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

namespace {

constexpr std::string_view kKeyInside = "[interface]\nprivate_key = \"%K\"\n";
constexpr std::string_view kKeyBeside = "[interface]\nprivate_key_file = \"wg0.key\"\n";

std::vector<std::string> load_errors(const Folder& folder, const std::string& path) {
  return folder.local(errors(load(path)));
}

using Messages = std::vector<std::string>;

}  // namespace

TEST_CASE("a file that holds a key is refused when group or others can read it") {
  const Folder folder;
  for (const ::mode_t mode : {0600u, 0400u, 0700u}) {
    const std::string path = folder.put("wg0.toml", kKeyInside, mode);
    CHECK(loaded(load(path)).config.private_key.secret.bytes()[0] == 1);
  }
  for (const ::mode_t mode : {0640u, 0604u, 0644u, 0440u}) {
    const std::string path = folder.put("wg0.toml", kKeyInside, mode);
    CHECK(load_errors(folder, path) ==
          Messages{"wg0.toml:2:15: error: this key can be read by others than the file's owner; "
                   "run: chmod go-rwx wg0.toml"});
  }
  const std::string everybody = folder.put("wg0.toml", kKeyBeside, 0666);
  CHECK(load_errors(folder, everybody) ==
        Messages{"wg0.toml: error: everybody can write to it; run: chmod go-rwx wg0.toml"});
}

TEST_CASE("a wg-quick file and a peer's file that hold keys are held to the same") {
  const Folder folder;
  const std::string conf =
      folder.put("wg0.conf", "[Interface]\nPrivateKey = %K\n[Peer]\nPublicKey = %A\nPresharedKey = %S\n", 0644);
  CHECK(load_errors(folder, conf) == Messages{"wg0.conf:2:14: error: this key can be read by others than the file's "
                                              "owner; run: chmod go-rwx wg0.conf"});
  const std::string path = folder.put("wg1.toml", kKeyInside);
  folder.put("wg1.d/a.toml", "public_key = \"%A\"\n", 0644);
  CHECK(loaded(load(path)).config.peers.size() == 1);
  folder.put("wg1.d/b.toml", "public_key = \"%B\"\npreshared_key = \"%S\"\n", 0644);
  CHECK(load_errors(folder, path) ==
        Messages{"wg1.d/b.toml:2:17: error: this key can be read by others than the file's owner; "
                 "run: chmod go-rwx wg1.d/b.toml"});
}

TEST_CASE("a key's file stands beside the file that names it, and only its owner can read it") {
  const Folder folder;
  const std::string path = folder.put("wg0.toml", kKeyBeside, 0644);
  folder.put("wg0.key", "%K\n", 0600);
  CHECK(loaded(load(path)).config.private_key.secret.bytes()[0] == 1);
  folder.put("wg0.key", "  %K  \r\n\n", 0400);
  CHECK(loaded(load(path)).config.private_key.secret.bytes()[0] == 1);

  for (const ::mode_t mode : {0640u, 0620u, 0610u, 0604u, 0602u}) {
    folder.put("wg0.key", "%K\n", mode);
    CHECK(load_errors(folder, path) ==
          Messages{"wg0.toml:2:20: error: interface.private_key_file = \"wg0.key\": others than its owner can read or "
                   "write it; run: chmod go-rwx wg0.key"});
  }
  const std::string elsewhere = folder.put("elsewhere.key", "%K\n");
  folder.put("wg0.toml", "[interface]\nprivate_key_file = \"" + elsewhere + "\"\n");
  CHECK(loaded(load(path)).config.private_key.secret.bytes()[0] == 1);
}

TEST_CASE("a key's file that is none is refused without being waited for or read whole") {
  const Folder folder;
  const std::string path = folder.put("wg0.toml", kKeyBeside);
  const std::string key = folder / "wg0.key";
  std::string reason;
  SUBCASE("not there") { reason = "there is no such file"; }
  SUBCASE("a symbolic link") {
    std::filesystem::create_symlink(folder.put("real.key", "%K"), key);
    reason = "is a symbolic link, which another could turn elsewhere; name the file itself";
  }
  SUBCASE("a pipe") {
    REQUIRE(::mkfifo(key.c_str(), 0600) == 0);
    reason = "is not a regular file";
  }
  SUBCASE("a folder") {
    std::filesystem::create_directory(key);
    reason = "is not a regular file";
  }
  SUBCASE("a gigabyte") {
    folder.put("wg0.key", "");
    REQUIRE(::truncate(key.c_str(), off_t{1} << 30) == 0);
    reason = "is larger than 4096 octets, which no such file needs";
  }
  SUBCASE("a word") {
    folder.put("wg0.key", "hunter2\n");
    reason = "what it holds is not a key: it has 7 characters instead of 44; copy all of it";
  }
  SUBCASE("nothing") {
    folder.put("wg0.key", "");
    reason = "what it holds is not a key: it has 0 characters instead of 44; copy all of it";
  }
  CHECK(load_errors(folder, path) ==
        Messages{"wg0.toml:2:20: error: interface.private_key_file = \"wg0.key\": " + reason});
}

TEST_CASE("a configuration that is no file is refused") {
  const Folder folder;
  const std::string path = folder / "wg0.toml";
  std::string reason;
  SUBCASE("not there") { reason = "there is no such file"; }
  SUBCASE("a pipe") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    reason = "is not a regular file";
  }
  SUBCASE("a folder") {
    std::filesystem::create_directory(path);
    reason = "is not a regular file";
  }
  SUBCASE("a gigabyte") {
    folder.put("wg0.toml", "");
    REQUIRE(::truncate(path.c_str(), off_t{1} << 30) == 0);
    reason = "is larger than 16777216 octets, which no such file needs";
  }
  CHECK(load_errors(folder, path) == Messages{"wg0.toml: error: " + reason});
}

TEST_CASE("a configuration may be reached by a symbolic link, and the file it leads to counts") {
  const Folder folder;
  const std::string real = folder.put("real", kKeyInside);
  const std::string path = folder / "wg0.toml";
  std::filesystem::create_symlink(real, path);
  CHECK(load(path).has_value());
  REQUIRE(::chmod(real.c_str(), 0644) == 0);
  CHECK(!load(path).has_value());
}

TEST_CASE("credentials come from systemd's folder, and may be open to its group") {
  const Folder folder;
  folder.put("wg0-key", "%K\n", 0440);
  folder.put("open", "%K\n", 0444);
  const auto key = read_credential(folder / "", "wg0-key");
  REQUIRE(key);
  CHECK(std::string(key->begin(), key->end()) == with_keys("%K\n"));
  const auto error = [&](const std::string& directory, const std::string& name) {
    const auto result = read_credential(directory, name);
    REQUIRE(!result);
    return result.error();
  };
  CHECK(error(folder / "", "open") == "everybody can read or write it");
  CHECK(error(folder / "", "none") == "there is no such file");
  CHECK(error(folder / "", "../x") == "is not a credential's name, which has no '/'");
  CHECK(error(folder / "", "..") == "is not a credential's name, which has no '/'");
  CHECK(error("", "wg0-key") ==
        "there are no credentials: $CREDENTIALS_DIRECTORY is not set; the systemd unit needs LoadCredential=");
}

TEST_CASE("the interface has its name from the file") {
  CHECK(interface_of_path("/etc/culvert/wg0.toml") == "wg0");
  CHECK(interface_of_path("wg0.conf") == "wg0");
  CHECK(interface_of_path("./a.b-c_d=e+f.toml") == "a.b-c_d=e+f");
  CHECK(!interface_of_path("/etc/culvert/wg0"));
  CHECK(!interface_of_path("/etc/culvert/.toml"));
  CHECK(!interface_of_path("sixteen-letters-.toml"));
  CHECK(!interface_of_path("with space.toml"));
  CHECK(!interface_of_path("..toml"));
  CHECK(peer_folder("/etc/culvert/wg0.toml") == "/etc/culvert/wg0.d");
  CHECK(errors(load("wg 0.toml")) ==
        Messages{"wg 0.toml: error: the file's name must be the interface's, with .toml or .conf after it "
                 "(1 to 15 of a-z A-Z 0-9 _ = + . -, but not \"all\" or \"default\")"});
  CHECK(!interface_of_path("/etc/culvert/all.toml"));
}

TEST_CASE("the folder's files come in the order of their names, and each may be wrong in its own way") {
  const Folder folder;
  const std::string path = folder.put("wg0.toml", kKeyInside);
  folder.put("wg0.d/b.toml", "public_key = \"%B\"\n");
  folder.put("wg0.d/a.toml", "[[peer]]\npublic_key = \"%A\"\nname = \"zoe\"\n");
  folder.put("wg0.d/.hidden.toml", "nonsense");
  folder.put("wg0.d/notes.txt", "nonsense");
  const Loaded all = loaded(load(path));
  REQUIRE(all.config.peers.size() == 2);
  CHECK(all.config.peers[0].name == "zoe");
  CHECK(all.config.peers[1].name == "b");
  CHECK(all.config.peers[1].place.line == 1);

  folder.put("wg0.d/a.toml", "[[peer]]\npublic_key = 3\n");
  folder.put("wg0.d/c.toml", "public_key\n");
  folder.put("wg0.d/d.toml", "[interface]\nmtu = 1400\n[[peer]]\npublic_key = \"%A\"\n");
  std::filesystem::create_directory(folder / "wg0.d/e.toml");
  CHECK(load_errors(folder, path) ==
        Messages{
            "wg0.d/e.toml: error: is not a regular file",
            "wg0.d/a.toml:2:14: error: peer[1].public_key = 3: not a key: it has 1 characters instead of 44; copy all "
            "of it",
            "wg0.d/c.toml:1:11: error: a key without '='; write KEY = VALUE",
            "wg0.d/d.toml:1:2: error: interface: only [[peer]] tables may stand in this file; everything else belongs "
            "into the main file",
        });
}
