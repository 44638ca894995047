// SPDX-License-Identifier: MIT
// What was changed on the host and how it was before, on disk before it is done: so that whoever starts next can undo
// what a crash left.
//
// The file is a list of lines, "CHECKSUM JSON". The first names the interface and the boot; each further one says that
// a change is about to be made ("make"), or that it is undone ("gone"). A line is written and synced before what it
// announces; a line that was torn by a crash announces what never happened, and is left out. When the last change is
// undone the file goes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <culvert/result.hpp>

#include "host_failure.hpp"
#include "plan.hpp"
#include "unique_fd.hpp"

namespace culvert::host {

/// How it was before a change: what undoing it needs. Keys and values are the business of `Hands`.
using Before = std::map<std::string, std::string>;

/// A change that was made, or was about to be made.
struct Made {
  std::uint64_t id = 0;  // ascending in the order of making
  Step step;
  Before before;

  friend bool operator==(const Made&, const Made&) = default;
};

/// What a journal tells.
struct JournalContent {
  std::string interface;
  std::string boot;  // id of the boot in which it was written: the kernel's part is gone in the next
  Choice choice;
  std::vector<Made> made;  // not undone, in the order of making

  friend bool operator==(const JournalContent&, const JournalContent&) = default;
};

/// The content of a journal as text; nullopt: it is no journal. Lines after the first broken one are left out.
[[nodiscard]] std::optional<JournalContent> parse_journal(std::string_view text);

/// What a step changes is there after a reboot: DNS may be in a file.
[[nodiscard]] bool outlives_boot(const Step& step) noexcept;

/// What is left of the changes when the boot is over in which they were made; numbers are free again.
void forget_boot(JournalContent& content);

/// What the other interfaces have changed, by their journals in the folder; of an earlier boot only what outlives it.
/// One that cannot be read is left out.
[[nodiscard]] std::vector<JournalContent> other_journals(const std::string& folder, const std::string& interface,
                                                         const std::string& boot);

/// What another interface remembers that has made the same step; nullopt: none has.
[[nodiscard]] std::optional<Before> before_another(const std::string& folder, const std::string& interface,
                                                   const Step& step);

/// The id of this boot.
[[nodiscard]] std::string boot_id();

class Journal {
 public:
  /// \returns nothing where there is no such file; a failure where there is one that cannot be read.
  [[nodiscard]] static Result<std::optional<JournalContent>, Failure> read(const std::string& path);

  explicit Journal(std::string path) : path_(std::move(path)) {}

  /// Makes the file anew with the content, replacing another atomically. The folder must exist.
  [[nodiscard]] Result<void, Failure> start(const JournalContent& content);
  /// Written when this returns, and on disk if the step outlives the boot.
  [[nodiscard]] Result<void, Failure> will_make(const Made& made);
  [[nodiscard]] Result<void, Failure> is_gone(std::uint64_t id);
  /// Removes the file.
  [[nodiscard]] Result<void, Failure> finish();

  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string folder() const;
  /// It is there, and takes further lines.
  [[nodiscard]] bool started() const noexcept { return static_cast<bool>(file_); }

 private:
  enum class Sync : std::uint8_t { no, yes };
  [[nodiscard]] Result<void, Failure> append(const std::string& line, Sync sync);

  std::string path_;
  io::UniqueFd file_;
};

}  // namespace culvert::host
