// SPDX-License-Identifier: MIT
#include "key_commands.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include <culvert/keys.hpp>

#include "failure.hpp"
#include "key_text.hpp"
#include "system_entropy.hpp"
#include "x25519.hpp"

namespace culvert::cli {
namespace {

constexpr std::size_t kMostInput = 256;

void warn_of_readers(const Console& console) {
  struct stat file {};
  if (::fstat(STDOUT_FILENO, &file) == 0 && S_ISREG(file.st_mode) && (file.st_mode & (S_IRWXG | S_IRWXO)) != 0)
    console.err("culvert: warning: others may read the file that this key goes to; set \"umask 077\" first\n");
}

void print_secret(const Console& console, std::span<const std::uint8_t, 32> key) {
  warn_of_readers(console);
  const auto text = crypto::encode_key(key);
  const auto bytes = text.bytes();
  // borrowed: the console writes it through, and keeps no copy
  console.out({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  console.out("\n");
}

}  // namespace

void genkey(const Console& console) {
  SystemEntropy entropy;
  print_secret(console, crypto::generate_private_key(entropy).secret.bytes());
}

void genpsk(const Console& console) {
  SystemEntropy entropy;
  PresharedKey key;
  entropy.fill(key.secret.bytes());
  print_secret(console, key.secret.bytes());
}

std::string_view without_line_end(std::string_view word) noexcept {
  while (!word.empty() && (word.back() == '\n' || word.back() == '\r' || word.back() == ' ')) word.remove_suffix(1);
  return word;
}

void pubkey(const Console& console) {
  if (console.input == Console::Kind::terminal)
    console.err("culvert: type or paste the private key, then press Enter and Ctrl-D\n");
  auto text = console.read_all(kMostInput);
  PrivateKey key;
  bool good = false;
  if (text) {
    good = crypto::decode_key(without_line_end(*text), key.secret.bytes());
    sodium_memzero(text->data(), text->size());
  }
  if (!good)
    throw Failure(ExitCode::failed,
                  "standard input is no private key: 44 characters of base64, as \"culvert genkey\" prints them");
  console.out(to_base64(crypto::public_key(key)) + "\n");
}

}  // namespace culvert::cli
