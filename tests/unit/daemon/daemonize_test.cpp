// SPDX-License-Identifier: MIT
// Detaching is seen from outside only: a small program does it, and this one looks at exit codes, texts and the note
// that the background process leaves. Orphans come to this process, so that their ends can be waited for.
#include "daemonize.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

std::string content(const std::string& path) {
  std::stringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

struct Fixture {
  std::string directory = (std::filesystem::temp_directory_path() / "culvert-XXXXXX").string();
  std::string note, errors;

  Fixture() {
    REQUIRE(::mkdtemp(directory.data()) != nullptr);
    note = directory + "/note";
    errors = directory + "/errors";
    REQUIRE(::prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
  }
  ~Fixture() { std::filesystem::remove_all(directory); }

  [[nodiscard]] pid_t start(const char* how) const {
    const pid_t pid = ::fork();
    REQUIRE(pid >= 0);
    if (pid == 0) {
      ::dup2(::open(errors.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
      for (const int fd : {40, 41, 42}) ::dup2(::open("/dev/zero", O_RDONLY | O_CLOEXEC), fd);
      ::execl(CULVERT_DETACH_PROGRAM, CULVERT_DETACH_PROGRAM, how, note.c_str(), nullptr);
      ::_exit(98);
    }
    return pid;
  }
  static int end_of(pid_t pid) {
    int status = -1;
    CHECK(::waitpid(pid, &status, 0) == pid);
    return status;
  }
  /// Exit code of the first process.
  [[nodiscard]] int run(const char* how) const {
    const int status = end_of(start(how));
    REQUIRE(WIFEXITED(status));
    return WEXITSTATUS(status);
  }
  /// Waits for the background process, which became our child when the first one ended.
  static int end_of_orphan() {
    int status = -1;
    CHECK(::waitpid(-1, &status, 0) > 0);
    return status;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the first process ends with 0 once the background one is ready") {
  CHECK(run("ready") == 0);
  CHECK(content(errors).empty());
  CHECK(end_of_orphan() == 0);
  std::istringstream words(content(note));
  std::string pid, role, directory_of_work, in, out, err, before, kept, after;
  words >> pid >> role >> directory_of_work >> in >> out >> err >> before >> kept >> after;
  CHECK(role == "leader");
  CHECK(directory_of_work == "/");
  CHECK(in == "/dev/null");
  CHECK(out == "/dev/null");
  CHECK(err == "/dev/null");
  // The program keeps descriptor 41 and lets go of all others that its caller left open.
  CHECK(before == "none");
  CHECK(kept == "/dev/zero");
  CHECK(after == "none");
}

TEST_CASE_FIXTURE(Fixture, "a failure's text and exit code 1 reach the caller") {
  CHECK(run("fail") == 1);
  CHECK(content(errors) == "culvertd: no tunnel today\n");
  CHECK(end_of_orphan() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a failure without a text is a failure") {
  CHECK(run("fail-without-a-word") == 1);
  CHECK(!content(errors).empty());
  CHECK(end_of_orphan() == 0);
}

TEST_CASE_FIXTURE(Fixture, "a background process that ends without a word is a failure, and how it ended is told") {
  CHECK(run("exit") == 1);
  CHECK(content(errors) == "culvertd: the background process did not get ready: it ended with exit code 7\n");
  CHECK(run("crash") == 1);
  CHECK(content(errors).find("it was ended by signal 9") != std::string::npos);
}

TEST_CASE_FIXTURE(Fixture, "ending the first process before the report ends the background one") {
  const pid_t first = start("hang");
  while (!std::filesystem::exists(note)) {
    REQUIRE(::waitpid(first, nullptr, WNOHANG) == 0);  // it is there
    ::sched_yield();
  }
  ::kill(first, SIGINT);
  const int first_end = end_of(first);
  CHECK(WIFSIGNALED(first_end));
  const int status = end_of_orphan();
  CHECK(WIFSIGNALED(status));
  CHECK(WTERMSIG(status) == SIGTERM);
}

TEST_CASE("in the foreground there is nobody to report to") {
  culvert::daemon::StartReport report;
  CHECK(!report.in_background());
  report.succeeded();
  report.failed("x");
}
