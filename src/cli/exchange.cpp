// SPDX-License-Identifier: MIT
#include "exchange.hpp"

#include <fmt/format.h>

#include <utility>

#include <culvert/printable.hpp>

#include "failure.hpp"
#include "files.hpp"
#include "findings.hpp"
#include "locate.hpp"
#include "units.hpp"
#include "wg_quick_write.hpp"
#include "write.hpp"

namespace culvert::cli {

void import_file(const ImportOptions& options, const std::string& config_folder, const Console& console) {
  if (!options.file.ends_with(".conf"))
    throw Failure(ExitCode::usage,
                  fmt::format("{} is no wg-quick file: its name must end in .conf", printable(options.file)));
  if (!options.name.empty()) require_interface_name(options.name);
  const Located source = locate(options.file, config_folder);
  config::Config config = load_or_fail(source, console);
  if (std::exchange(config.save_config, false))
    console.err("culvert: left out: SaveConfig: a .toml is not written back\n");
  const std::string name = options.name.empty() ? source.interface : options.name;
  const std::string path = config_path(name, config_folder);
  const io::UniqueFd lock = lock_config(path);
  write_private_file(path, view_of(config::to_toml(config)), options.existing);
  console.err(fmt::format("Wrote {}: {}, {}.\nNext:  culvert up {}\n", path,
                          count_text(config.addresses.size(), "address"), count_text(config.peers.size(), "peer"),
                          name));
}

void export_file(const ExportOptions& options, const std::string& config_folder, const Console& console) {
  const Located located = locate(options.what, config_folder);
  const config::WgQuickText text = config::to_wg_quick(load_or_fail(located, console));
  for (const std::string& sentence : text.left_out) console.err(fmt::format("culvert: left out: {}\n", sentence));
  if (options.output.empty()) return console.out(view_of(text.text));
  write_private_file(options.output, view_of(text.text), options.existing);
  console.err(fmt::format("Wrote {}. It holds keys.\n", options.output));
}

}  // namespace culvert::cli
