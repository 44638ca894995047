// SPDX-License-Identifier: MIT
// TOML files: the first octet says who may read the file, and where its text is cut into the main file and one of the
// folder. Whatever the text, there is a configuration that keeps the rules, or findings that people can read.
#include "support/config_findings.hpp"

using namespace culvert;
using namespace culvert::fuzz;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t how = input.octet();
  const Bytes rest = input.octets(size);
  const std::string text(rest.begin(), rest.end());
  // 0x1c, the file separator, is no character of TOML.
  const std::size_t cut = std::min(text.find('\x1c'), text.size());
  const std::string main = text.substr(0, cut), folder = cut < text.size() ? text.substr(cut + 1) : "";
  const auto readers = how & 1 ? config::Readers::others : config::Readers::owner;
  const std::vector<config::SourceText> peers = {{"wg0.d/alice.toml", folder, readers}};
  check_result(config::read_toml("wg0", {"wg0.toml", main, readers}, std::span(peers).first(cut < text.size() ? 1 : 0),
                                 config::KeySources::none()));
  return 0;
}
