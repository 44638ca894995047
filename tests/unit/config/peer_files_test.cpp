// SPDX-License-Identifier: MIT
#include "peer_files.hpp"

#include "config_support.hpp"

using namespace culvert;
using namespace culvert::config;
using namespace culvert::config::test;

namespace {

constexpr std::string_view kMain = R"(# The office.
[interface]
private_key = "%K"

# Anna, from sales
[[peer]]
name = "anna"      # her phone
# in two networks
public_key = "%A"
allowed_ips = [
  "10.0.0.2/32",
  "10.0.1.0/24",   # and her lab
]

# Ben, from support
[[peer]]
name = "ben"
public_key = "%B"
allowed_ips = "10.0.0.3/32"

[dns]   # of the office
servers = "10.0.0.53"
)";

::mode_t mode_of(const std::string& path) {
  struct stat status {};
  REQUIRE(::stat(path.c_str(), &status) == 0);
  return status.st_mode & 0777;
}

PeerConfig new_peer(std::string name, std::uint8_t octet) {
  PeerConfig peer;
  peer.name = std::move(name);
  peer.public_key.octets.fill(octet);
  peer.allowed_ips.push_back({IpAddress{Family::v4, {10, 0, 0, octet}}, 32});
  return peer;
}

}  // namespace

TEST_CASE("a removed peer takes exactly its lines with it") {
  const Folder folder;
  const std::string path = folder.put("wg0.toml", kMain);
  REQUIRE(remove_peer(path, loaded(load(path)).config.peers[0]));
  CHECK(folder.get("wg0.toml") == with_keys(R"(# The office.
[interface]
private_key = "%K"

# Anna, from sales

# Ben, from support
[[peer]]
name = "ben"
public_key = "%B"
allowed_ips = "10.0.0.3/32"

[dns]   # of the office
servers = "10.0.0.53"
)"));
  REQUIRE(remove_peer(path, loaded(load(path)).config.peers[0]));
  CHECK(folder.get("wg0.toml") == with_keys(R"(# The office.
[interface]
private_key = "%K"

# Anna, from sales

# Ben, from support

[dns]   # of the office
servers = "10.0.0.53"
)"));
  CHECK(loaded(load(path)).config.peers.empty());
}

TEST_CASE("a replaced peer stands where it stood, and all else is as it was") {
  const Folder folder;
  const std::string path = folder.put("wg0.toml", kMain);
  REQUIRE(replace_peer(loaded(load(path)).config.peers[0], new_peer("carla", 7)));
  CHECK(folder.get("wg0.toml") == with_keys(R"(# The office.
[interface]
private_key = "%K"

# Anna, from sales
[[peer]]
name = "carla"
public_key = "%S"
allowed_ips = ["10.0.0.7/32"]

# Ben, from support
[[peer]]
name = "ben"
public_key = "%B"
allowed_ips = "10.0.0.3/32"

[dns]   # of the office
servers = "10.0.0.53"
)"));
}

TEST_CASE("an added peer gets a file of its own, which only its owner can read") {
  const Folder folder;
  const std::string path = folder.put("wg0.toml", kMain);
  const auto file = add_peer(path, new_peer("Dora's phone", 7));
  REQUIRE(file);
  CHECK(*file == folder / "wg0.d/Dora's phone.toml");
  CHECK(folder.get("wg0.d/Dora's phone.toml") ==
        with_keys("name = \"Dora's phone\"\npublic_key = \"%S\"\nallowed_ips = [\"10.0.0.7/32\"]\n"));
  CHECK(mode_of(*file) == 0600);
  CHECK(mode_of(folder / "wg0.d") == 0700);
  CHECK(folder.count("wg0.d") == 1);  // no draft is left behind
  const Loaded all = loaded(load(path));
  REQUIRE(all.config.peers.size() == 3);
  CHECK(all.config.peers[2].name == "Dora's phone");

  const auto again = add_peer(path, new_peer("Dora's phone", 8));
  REQUIRE(!again);
  CHECK(again.error() == *file + ": this file exists already; remove it first, or choose another name");
  CHECK(folder.count("wg0.d") == 1);

  SUBCASE("and its removal removes the file") {
    REQUIRE(remove_peer(path, all.config.peers[2]));
    CHECK(folder.count("wg0.d") == 0);
    CHECK(loaded(load(path)).config.peers.size() == 2);
  }
  SUBCASE("and its replacement rewrites the file") {
    REQUIRE(replace_peer(all.config.peers[2], new_peer("Dora's phone", 8)));
    CHECK(loaded(load(path)).config.peers[2].public_key.octets[0] == 8);
    CHECK(mode_of(*file) == 0600);
    CHECK(folder.count("wg0.d") == 1);
  }
}

TEST_CASE("a file of several peers goes with the last of them") {
  const Folder folder;
  const std::string path = folder.put("wg0.toml", "[interface]\nprivate_key = \"%K\"\n");
  folder.put("wg0.d/all.toml", "# all\n[[peer]]\npublic_key = \"%A\"\n[[peer]]\npublic_key = \"%B\"");
  REQUIRE(remove_peer(path, loaded(load(path)).config.peers[1]));
  CHECK(folder.get("wg0.d/all.toml") == with_keys("# all\n[[peer]]\npublic_key = \"%A\"\n"));
  REQUIRE(remove_peer(path, loaded(load(path)).config.peers[0]));
  CHECK(!folder.has("wg0.d/all.toml"));
}

TEST_CASE("the mode of a file and the link that leads to it survive an edit") {
  const Folder folder;
  const std::string real = folder.put("elsewhere/office.toml", kMain, 0640);
  REQUIRE(::chmod(real.c_str(), 0400) == 0);
  const std::string path = folder / "wg0.toml";
  std::filesystem::create_symlink(real, path);
  REQUIRE(remove_peer(path, loaded(load(path)).config.peers[1]));
  CHECK(std::filesystem::is_symlink(path));
  CHECK(mode_of(real) == 0400);
  CHECK(folder.count("elsewhere") == 1);
  CHECK(loaded(load(path)).config.peers.size() == 1);
}

TEST_CASE("a preshared key in a file of its own stays there until it changes") {
  const Folder folder;
  folder.put("anna.psk", "%S\n");
  const std::string path = folder.put("wg0.toml", R"([interface]
private_key_file = "anna.psk"
[[peer]]
name = "anna"
public_key = "%A"
preshared_key_file = "anna.psk"
)",
                                      0644);
  const Loaded all = loaded(load(path));
  PeerConfig changed = new_peer("anna", 9);
  changed.preshared_key = all.config.peers[0].preshared_key.clone();
  REQUIRE(replace_peer(all.config.peers[0], changed));
  CHECK(folder.get("wg0.toml") == with_keys(R"([interface]
private_key_file = "anna.psk"
[[peer]]
name = "anna"
public_key = "%A"
allowed_ips = ["10.0.0.9/32"]
preshared_key_file = "anna.psk"
)"));

  changed.preshared_key.secret.bytes()[0] = 8;
  const Edit edit = replace_peer(all.config.peers[0], changed);
  REQUIRE(!edit);
  CHECK(edit.error() == path + ": others could read the preshared key in it; run: chmod go-rwx " + path);
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  REQUIRE(replace_peer(loaded(load(path)).config.peers[0], changed));
  CHECK(loaded(load(path)).config.peers[0].preshared_key.secret.bytes()[0] == 8);
}

TEST_CASE("what cannot be edited is left as it is, with a reason") {
  const Folder folder;
  SUBCASE("a peer in braces") {
    const std::string text =
        with_keys("peer = [{public_key = \"%A\"},\n  {public_key = \"%B\"}]\n[interface]\nprivate_key = \"%K\"\n");
    const std::string path = folder.put("wg0.toml", text);
    const Loaded all = loaded(load(path));
    const Edit edit = remove_peer(path, all.config.peers[0]);
    REQUIRE(!edit);
    CHECK(edit.error() == path + ": the peer in line 1 is not a [[peer]] table; edit it by hand");
    CHECK(folder.get("wg0.toml") == text);
  }
  SUBCASE("a peer that somebody else removed meanwhile") {
    const std::string path = folder.put("wg0.toml", kMain);
    const Loaded all = loaded(load(path));
    folder.put("wg0.toml", "[interface]\n");
    const Edit edit = replace_peer(all.config.peers[0], new_peer("x", 7));
    REQUIRE(!edit);
    CHECK(edit.error() == path + ": line 6 holds no peer any more; try again");
    CHECK(folder.get("wg0.toml") == "[interface]\n");
  }
  SUBCASE("a wg-quick file") {
    const std::string path = folder.put("wg0.conf", "[Interface]\nPrivateKey = %K\n[Peer]\nPublicKey = %A\n");
    const Edit edit = remove_peer(path, loaded(load(path)).config.peers[0]);
    REQUIRE(!edit);
    CHECK(edit.error() ==
          path + ": peers of wg-quick files are not edited; make a TOML file of it with: culvert import");
  }
  SUBCASE("a folder that is not there") {
    const Edit edit = write_file(folder / "none/x.toml", "a = 1\n", Existing::replace);
    REQUIRE(!edit);
    CHECK(edit.error() == (folder / "none/x.toml") + ": no file can be made in its folder: No such file or directory");
  }
}

TEST_CASE("a name becomes a file's name that no shell takes amiss") {
  CHECK(peer_file_name("anna") == "anna.toml");
  CHECK(peer_file_name("Anna's phone") == "Anna's phone.toml");
  CHECK(peer_file_name("\xc3\x9cml\xc3\xa4ut") == "\xc3\x9cml\xc3\xa4ut.toml");
  CHECK(peer_file_name("a*b\\c\"d$e`f:g|h<i>j?k") == "a-b-c-d-e-f-g-h-i-j-k.toml");
  CHECK(peer_file_name("-rf") == "peer-rf.toml");
}
