// SPDX-License-Identifier: MIT
#include "nft.hpp"

#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include <fmt/format.h>

#include "firewall.hpp"

extern "C" {
#include <nftables/libnftables.h>
}

namespace culvert::host {
namespace {

struct FreeContext {
  void operator()(nft_ctx* context) const noexcept { nft_ctx_free(context); }
};

/// The first line of a complaint says what is wrong; those after it repeat the command.
std::string first_line(std::string_view text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  return std::string(line.empty() ? std::string_view("nftables refused, without a word") : line);
}

Result<std::string, std::string> run(const std::string& commands, unsigned output_flags) {
  const std::unique_ptr<nft_ctx, FreeContext> context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context) return Err{std::string("no memory for nftables")};
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  nft_ctx_output_set_flags(context.get(), output_flags);
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) != 0)
    return Err{first_line(nft_ctx_get_error_buffer(context.get()))};
  return std::string(nft_ctx_get_output_buffer(context.get()));
}

Failure nft_failure(const std::string& table, const std::string& complaint) {
  return {0, fmt::format("firewall table {}", table), complaint,
          "nf_tables must be in this kernel or loadable, with nft_ct, nft_fib_inet, nft_masq and nft_reject_inet"};
}

}  // namespace

Result<std::string, std::string> run_nft(const std::string& commands) { return run(commands, 0); }

Result<std::string, std::string> ask_nft(const std::string& commands) { return run(commands, NFT_CTX_OUTPUT_JSON); }

Result<Before, Failure> look(const std::string&, const step::Firewall& step) {
  Before before;
  if (run_nft(fmt::format("list table inet {}", step.table))) before.emplace("present", "1");
  return before;
}

Result<void, Failure> make(const std::string&, const step::Firewall& step, const Before&) {
  if (const auto done = run_nft(step.text); !done) return Err{nft_failure(step.table, done.error())};
  return {};
}

Result<void, Failure> undo(const std::string& interface, const step::Firewall& step, const Before&) {
  if (const auto done = run_nft(lift_text(interface)); !done) return Err{nft_failure(step.table, done.error())};
  return {};
}

}  // namespace culvert::host
