// SPDX-License-Identifier: MIT
#include "capture_command.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <map>
#include <system_error>
#include <utility>

#include <culvert/printable.hpp>

#include "capture_words.hpp"
#include "failure.hpp"
#include "locate.hpp"
#include "pcapng.hpp"
#include "unique_fd.hpp"
#include "values.hpp"

namespace culvert::cli {
namespace {

using Clock = std::chrono::steady_clock;
using control::Piece;
namespace piece = control::piece;

constexpr auto kLastWord = std::chrono::seconds(5);  // for the daemon to send what it still has
constexpr std::size_t kBuffer = 64 << 10;

volatile std::sig_atomic_t told_to_end = 0;

/// SIGINT and SIGTERM end the capture, not the program, and interrupt no call but `ppoll`.
class EndSignals {
 public:
  EndSignals() {
    told_to_end = 0;
    struct sigaction action {};
    action.sa_handler = [](int) { told_to_end = 1; };
    ::sigaction(SIGINT, &action, &interrupt_);
    ::sigaction(SIGTERM, &action, &terminate_);
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGPIPE, &ignore, &pipe_);
    sigset_t blocked;
    ::sigemptyset(&blocked);
    ::sigaddset(&blocked, SIGINT);
    ::sigaddset(&blocked, SIGTERM);
    ::pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  EndSignals(const EndSignals&) = delete;
  EndSignals& operator=(const EndSignals&) = delete;
  ~EndSignals() {
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    ::sigaction(SIGINT, &interrupt_, nullptr);
    ::sigaction(SIGTERM, &terminate_, nullptr);
    ::sigaction(SIGPIPE, &pipe_, nullptr);
  }
  [[nodiscard]] const sigset_t& while_waiting() const noexcept { return before_; }

 private:
  sigset_t before_{};
  struct sigaction interrupt_ {};
  struct sigaction terminate_ {};
  struct sigaction pipe_ {};
};

io::UniqueFd open_output(const std::string& path, int how) {
  io::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOCTTY | how, 0600));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0)
    throw Failure(code_of_errno(errno),
                  fmt::format("{} cannot be written: {}", path, std::generic_category().message(errno)));
  // A file that was there may have been open to others.
  if (S_ISREG(status.st_mode) && ::fchmod(fd.get(), 0600) != 0)
    throw Failure(code_of_errno(errno),
                  fmt::format("{} cannot be made private: {}", path, std::generic_category().message(errno)));
  return fd;
}

/// A file or a pipe, behind a buffer; opened when the daemon has agreed, so that a refusal leaves a file as it is.
class Output {
 public:
  enum class Reader : std::uint8_t { there, gone };

  /// \param path  empty: standard output.
  explicit Output(std::string path) : path_(std::move(path)) {}

  void open() {
    if (!path_.empty()) fd_ = open_output(path_, O_TRUNC);
  }
  void put(std::string_view octets) {
    buffer_ += octets;
    if (buffer_.size() >= kBuffer) flush();
  }
  void flush() {
    std::string_view rest = buffer_;
    while (reader_ == Reader::there && !rest.empty()) {
      const ssize_t n = ::write(fd_ ? fd_.get() : STDOUT_FILENO, rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0 && errno == EPIPE) {
        reader_ = Reader::gone;
        break;
      }
      if (n < 0)
        throw Failure(code_of_errno(errno), fmt::format("{}: {}", path_.empty() ? "standard output" : path_,
                                                        std::generic_category().message(errno)));
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
    buffer_.clear();
  }
  [[nodiscard]] Reader reader() const noexcept { return reader_; }

 private:
  std::string path_;
  io::UniqueFd fd_;
  std::string buffer_;
  Reader reader_ = Reader::there;
};

/// What to write for each piece, and what has been written.
class Recorder {
 public:
  Recorder(const CaptureOptions& options, Output& packets) : options_(options), packets_(packets) {}

  void operator()(const piece::Begun& begun) {
    if (std::exchange(begun_, true)) return;
    packets_.open();
    if (!options_.keys.empty()) keys_ = open_output(options_.keys, O_APPEND);
    packets_.put(pcapng::section_header("culvert " CULVERT_VERSION));
    packets_.put(pcapng::interface_description(
        printable(begun.interface), "packets inside the tunnel, as its peers send and receive them", options_.snap));
    packets_.flush();  // so that a reader sees at once that it works
  }
  void operator()(const piece::Refused& refused) const { throw Failure(ExitCode::failed, printable(refused.why)); }
  void operator()(const piece::Peer& peer) {
    const std::string key = to_short(peer.public_key);
    comments_[peer.number] = peer.name.empty() ? key : fmt::format("{} ({})", printable(peer.name), key);
  }
  void operator()(const piece::Packet& packet) {
    if (!begun_ || has_enough()) return;
    last_ = packet.nanoseconds;
    ++written_;
    const auto comment = comments_.find(packet.peer);
    using Way = piece::Packet::Way;
    using Direction = pcapng::Packet::Direction;
    packets_.put(pcapng::packet({.nanoseconds = packet.nanoseconds,
                                 .direction = packet.way == Way::in ? Direction::inbound : Direction::outbound,
                                 .whole = packet.whole,
                                 .octets = packet.octets,
                                 .comment = comment == comments_.end() ? std::string_view() : comment->second}));
  }
  void operator()(const piece::Secrets& secrets) const {
    std::string_view rest = secrets.lines;
    while (keys_ && !rest.empty()) {
      const ssize_t n = ::write(keys_.get(), rest.data(), rest.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0)
        throw Failure(code_of_errno(errno),
                      fmt::format("{}: {}", options_.keys, std::generic_category().message(errno)));
      rest.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  void operator()(const piece::Counts& counts) { counts_ = counts; }

  void finish() {
    if (!begun_) return;
    packets_.put(pcapng::statistics(last_, written_ + counts_.left_out, counts_.left_out));
    packets_.flush();
  }
  [[nodiscard]] bool begun() const noexcept { return begun_; }
  [[nodiscard]] bool has_enough() const noexcept { return options_.count && written_ >= *options_.count; }
  [[nodiscard]] std::string summary() const {
    return fmt::format("{} packets captured, {} left out because the reader was too slow\n", written_,
                       counts_.left_out);
  }

 private:
  const CaptureOptions& options_;  // borrowed, as is the output: as long as the capture
  Output& packets_;
  io::UniqueFd keys_;
  std::map<std::uint32_t, std::string> comments_;  // by a peer's number
  std::uint64_t written_ = 0, last_ = 0;
  piece::Counts counts_;
  bool begun_ = false;
};

enum class Stream : std::uint8_t { open, ended };

Stream read_some(int fd, control::PieceReader& reader, Recorder& recorder) {
  const std::span<char> room = reader.room();
  const ssize_t n = ::recv(fd, room.data(), room.size(), MSG_DONTWAIT);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return Stream::open;
  if (n <= 0) return Stream::ended;
  reader.filled(static_cast<std::size_t>(n));
  for (;;) {
    auto piece = reader.next();
    if (!piece) throw Failure(ExitCode::failed, piece.error());
    if (!*piece) return Stream::open;
    std::visit([&](const auto& one) { recorder(one); }, **piece);
  }
}

timespec until(Clock::time_point end) noexcept {
  const auto left = std::max(Clock::duration::zero(), end - Clock::now());
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
  return {static_cast<time_t>(seconds.count()), static_cast<long>(std::chrono::nanoseconds(left - seconds).count())};
}

void follow(int fd, const CaptureOptions& options, Output& packets, Recorder& recorder) {
  const EndSignals signals;
  control::PieceReader reader;
  std::optional<Clock::time_point> end;
  if (options.seconds) end = Clock::now() + std::chrono::seconds(*options.seconds);
  bool ending = false;
  for (;;) {
    const bool enough = told_to_end != 0 || recorder.has_enough() || packets.reader() == Output::Reader::gone ||
                        (end && Clock::now() >= *end);
    if (enough && ending && end && Clock::now() >= *end) return;
    if (enough && !ending) {
      ending = true;
      end = Clock::now() + kLastWord;
      ::shutdown(fd, SHUT_WR);  // the daemon sends the rest, and its counts
    }
    pollfd wait{fd, POLLIN, 0};
    const timespec left = until(end.value_or(Clock::time_point{}));
    const int ready = ::ppoll(&wait, 1, end ? &left : nullptr, &signals.while_waiting());
    if (ready > 0 && read_some(fd, reader, recorder) == Stream::ended) return;
    // What came last is on its way to the reader before we wait.
    if (pollfd more{fd, POLLIN, 0}; ::poll(&more, 1, 0) == 0) packets.flush();
  }
}

}  // namespace

void capture(const CaptureOptions& options, const SocketFolders& folders, const Console& console) {
  const std::string name = interface_named(options.name);
  const bool to_standard = options.output.empty() || options.output == "-";
  if (to_standard && console.output == Console::Kind::terminal)
    throw Failure(ExitCode::usage,
                  fmt::format("a capture is nothing for a terminal; write it with -w FILE, or look at it as it comes "
                              "with: culvert capture {} | tshark -r -",
                              name));
  const io::UniqueFd fd = connect_socket(folders.status + "/" + name + ".capture", name);
  control::CaptureRequest request{.peers = options.peers, .snap = options.snap};
  if (!options.keys.empty()) request.secrets = control::CaptureRequest::Secrets::told;
  send_request(fd.get(), control::to_line(request), name);

  Output packets(to_standard ? std::string() : options.output);
  Recorder recorder(options, packets);
  follow(fd.get(), options, packets, recorder);
  recorder.finish();
  if (!recorder.begun()) throw Failure(ExitCode::failed, fmt::format("{} ended before the capture began", name));
  console.err(recorder.summary());
}

}  // namespace culvert::cli
