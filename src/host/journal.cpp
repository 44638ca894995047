// SPDX-License-Identifier: MIT
#include "journal.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "json_number.hpp"
#include "step_json.hpp"

namespace culvert::host {
namespace {

using nlohmann::json;

constexpr unsigned kVersion = 1;
constexpr std::size_t kLargestJournal = 64U << 20U;

/// FNV-1a: tells a torn line, and guards against nothing else.
std::uint64_t checksum(std::string_view text) noexcept {
  std::uint64_t sum = 0xcbf29ce484222325;
  for (const char each : text) sum = (sum ^ static_cast<unsigned char>(each)) * 0x100000001b3;
  return sum;
}

std::string line_of(const json& record) {
  const std::string text = record.dump();
  return fmt::format("{:016x} {}\n", checksum(text), text);
}

std::optional<json> record_of(std::string_view line) {
  constexpr std::size_t kSum = 16;
  if (line.size() <= kSum || line[kSum] != ' ') return std::nullopt;
  const std::string_view text = line.substr(kSum + 1);
  if (fmt::format("{:016x}", checksum(text)) != line.substr(0, kSum)) return std::nullopt;
  json record = json::parse(text, nullptr, false);
  if (record.is_discarded() || !record.is_object()) return std::nullopt;
  return record;
}

json head_of(const JournalContent& content) {
  return {{"journal", kVersion},
          {"interface", content.interface},
          {"boot", content.boot},
          {"mark", content.choice.mark},
          {"table", content.choice.table}};
}

json record_of(const Made& made) { return {{"make", made.id}, {"step", to_json(made.step)}, {"before", made.before}}; }

template <class T>
T number_or_zero(const json& record, const char* key) {
  return record.contains(key) ? number_from<T>(record.at(key)) : 0;
}

std::optional<JournalContent> head_from(const json& record) {
  if (number_or_zero<unsigned>(record, "journal") != kVersion) return std::nullopt;
  return JournalContent{.interface = record.value("interface", ""),
                        .boot = record.value("boot", ""),
                        .choice = {.mark = number_or_zero<std::uint32_t>(record, "mark"),
                                   .table = number_or_zero<std::uint32_t>(record, "table")},
                        .made = {}};
}

/// Takes one record after the head. Not taken: what a newer version wrote.
bool take(JournalContent& content, const json& record) {
  if (record.contains("gone")) {
    const auto id = number_from<std::uint64_t>(record.at("gone"));
    std::erase_if(content.made, [&](const Made& made) { return made.id == id; });
    return true;
  }
  if (!record.contains("make") || !record.contains("step") || !record.contains("before")) return false;
  auto step = step_from_json(record.at("step"));
  if (!step) return false;
  Made made{number_from<std::uint64_t>(record.at("make")), std::move(*step), record.at("before").get<Before>()};
  // A step that replaces another keeps its number: what was before the first is what is brought back.
  const auto same =
      std::find_if(content.made.begin(), content.made.end(), [&](const Made& each) { return each.id == made.id; });
  if (same != content.made.end())
    *same = std::move(made);
  else
    content.made.push_back(std::move(made));
  return true;
}

Failure file_failure(int code, const std::string& what, const std::string& path) {
  return system_failure(code, what + " the journal " + path);
}

int write_all(int fd, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t wrote = ::write(fd, text.data(), text.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return 0;
}

/// A new or removed name is on disk when its folder is.
int sync_folder(const std::string& folder) noexcept {
  const io::UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return fd && ::fsync(fd.get()) == 0 ? 0 : errno;
}

}  // namespace

std::optional<JournalContent> parse_journal(std::string_view text) {
  std::optional<JournalContent> content;
  try {
    for (std::size_t end = 0; (end = text.find('\n')) != std::string_view::npos; text.remove_prefix(end + 1)) {
      const auto record = record_of(text.substr(0, end));
      if (!record) break;
      if (!content) {
        content = head_from(*record);
        if (!content) return std::nullopt;
      } else if (!take(*content, *record)) {
        break;
      }
    }
  } catch (const json::exception&) {
    // A value of another type than ours: as a broken line. Want of memory is none, and ends the reading.
  } catch (const std::invalid_argument&) {
    // A number that is none of ours: likewise.
  }
  return content;
}

Result<std::optional<JournalContent>, Failure> Journal::read(const std::string& path) {
  const io::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno == ENOENT) return std::optional<JournalContent>{};
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0) return Err{file_failure(errno, "opening", path)};
  if (!S_ISREG(status.st_mode) || static_cast<std::size_t>(status.st_size) > kLargestJournal)
    return Err{Failure{0, "reading the journal " + path, "it is no file of this program", "remove it"}};
  std::string text(static_cast<std::size_t>(status.st_size), '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const ssize_t got = ::read(fd.get(), text.data() + filled, text.size() - filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Err{file_failure(errno, "reading", path)};
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  // Cut off before its head: it was started, and nothing was changed yet.
  auto content = parse_journal(std::string_view(text).substr(0, filled));
  if (!content && filled > 0 && text.find('\n') != std::string::npos)
    return Err{Failure{0, "reading the journal " + path, "it is damaged, or of another version",
                       "look what it lists, undo that by hand, and remove the file"}};
  return content;
}

std::string Journal::folder() const {
  const std::size_t slash = path_.rfind('/');
  return slash == std::string::npos ? "." : path_.substr(0, std::max<std::size_t>(slash, 1));
}

Result<void, Failure> Journal::start(const JournalContent& content) {
  std::string text = line_of(head_of(content));
  for (const Made& made : content.made) text += line_of(record_of(made));
  const std::string fresh = path_ + ".new";
  io::UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!fd) return Err{file_failure(errno, "making", fresh)};
  int error = write_all(fd.get(), text);
  if (error == 0 && ::fsync(fd.get()) != 0) error = errno;
  if (error == 0 && ::rename(fresh.c_str(), path_.c_str()) != 0) error = errno;
  if (error == 0) error = sync_folder(folder());
  if (error != 0) {
    ::unlink(fresh.c_str());
    return Err{file_failure(error, "writing", path_)};
  }
  file_ = std::move(fd);
  return {};
}

Result<void, Failure> Journal::append(const std::string& line, Sync sync) {
  if (!file_) return Err{Failure{EBADF, "writing the journal " + path_, "it was not started", ""}};
  const off_t whole = ::lseek(file_.get(), 0, SEEK_END);
  int error = write_all(file_.get(), line);
  if (error == 0 && sync == Sync::yes && ::fsync(file_.get()) != 0) error = errno;
  if (error == 0) return {};
  // Half a line would hide those that follow. If even this fails, those are refused too.
  if (whole < 0 || ::ftruncate(file_.get(), whole) != 0) file_.reset();
  return Err{file_failure(error, "writing", path_)};
}

std::string boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

bool outlives_boot(const Step& step) noexcept { return std::holds_alternative<step::Dns>(step); }

void forget_boot(JournalContent& content) {
  std::erase_if(content.made, [](const Made& made) { return !outlives_boot(made.step); });
  content.choice = {};
}

std::vector<JournalContent> other_journals(const std::string& folder, const std::string& interface,
                                           const std::string& boot) {
  std::vector<JournalContent> others;
  std::error_code none;
  for (const auto& file : std::filesystem::directory_iterator(folder, none)) {
    if (file.path().extension() != ".journal") continue;
    auto content = Journal::read(file.path().string());
    if (!content || !content->has_value() || (*content)->interface == interface) continue;
    JournalContent& other = **content;
    if (other.boot != boot) forget_boot(other);
    others.push_back(std::move(other));
  }
  return others;
}

std::optional<Before> before_another(const std::string& folder, const std::string& interface, const Step& step) {
  for (const JournalContent& other : other_journals(folder, interface, boot_id()))
    for (const Made& made : other.made)
      if (made.step == step) return made.before;
  return std::nullopt;
}

Result<void, Failure> Journal::will_make(const Made& made) {
  return append(line_of(record_of(made)), outlives_boot(made.step) ? Sync::yes : Sync::no);
}

Result<void, Failure> Journal::is_gone(std::uint64_t id) { return append(line_of({{"gone", id}}), Sync::no); }

Result<void, Failure> Journal::finish() {
  file_.reset();
  if (::unlink(path_.c_str()) != 0 && errno != ENOENT) return Err{file_failure(errno, "removing", path_)};
  if (const int error = sync_folder(folder()); error != 0 && error != ENOENT)
    return Err{file_failure(error, "removing", path_)};
  return {};
}

}  // namespace culvert::host
