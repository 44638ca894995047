// SPDX-License-Identifier: MIT
// Runs a fuzz target without a fuzzer: over every file of the folders that are named, and over mutations of them that
// follow from a fixed seed. What it last ran is printed when the process dies.
//
//   fuzz-replay MUTATIONS FOLDER...
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Octets = std::vector<std::uint8_t>;
namespace fs = std::filesystem;

constexpr std::size_t kLongest = 4096;
const Octets* running = nullptr;

void run(const Octets& input) {
  running = &input;
  // A copy of exactly this size, so that a sanitizer sees one octet too much.
  const Octets exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

extern "C" void tell_input(int signal) {
  static constexpr char kDigits[] = "0123456789abcdef";
  static constexpr char kSaid[] = "the input that did it, in hexadecimal:\n";
  (void)!write(STDERR_FILENO, kSaid, sizeof kSaid - 1);
  for (const std::uint8_t octet : *running) {
    const char pair[2] = {kDigits[octet >> 4], kDigits[octet & 15]};
    (void)!write(STDERR_FILENO, pair, sizeof pair);
  }
  (void)!write(STDERR_FILENO, "\n", 1);
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

class Mutator {
 public:
  Octets next(const std::vector<Octets>& seeds) {
    Octets input = seeds[below(seeds.size())];
    for (std::size_t n = 1 + below(6); n > 0; --n) change(input, seeds);
    if (input.size() > kLongest) input.resize(kLongest);
    return input;
  }

 private:
  void change(Octets& input, const std::vector<Octets>& seeds) {
    const std::size_t at = input.empty() ? 0 : below(input.size());
    switch (below(6)) {
      case 0:
        if (!input.empty()) input[at] ^= static_cast<std::uint8_t>(1u << below(8));
        return;
      case 1:
        if (!input.empty()) input[at] = static_cast<std::uint8_t>(below(256));
        return;
      case 2:
        input.resize(at);
        return;
      case 3:
        for (std::size_t n = below(40); n > 0; --n) input.push_back(static_cast<std::uint8_t>(below(256)));
        return;
      case 4: {  // what stands here once more
        const Octets tail(input.begin() + static_cast<std::ptrdiff_t>(at), input.end());
        input.insert(input.end(), tail.begin(), tail.end());
        return;
      }
      case 5: {
        const Octets& other = seeds[below(seeds.size())];
        input.resize(at);
        input.insert(input.end(), other.begin(), other.end());
        return;
      }
    }
  }
  std::size_t below(std::size_t n) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<std::size_t>((state_ >> 33) % n);
  }
  std::uint64_t state_ = 20240607;
};

std::vector<Octets> read_all(char** names, int count) {
  std::vector<fs::path> files;
  for (int i = 0; i < count; ++i)
    for (const auto& entry : fs::directory_iterator(names[i]))
      if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Octets> seeds;
  for (const fs::path& file : files) {
    std::ifstream stream(file, std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>());
  }
  return seeds;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s MUTATIONS FOLDER...\n", argv[0]);
    return 2;
  }
  const unsigned long mutations = std::strtoul(argv[1], nullptr, 10);
  const std::vector<Octets> seeds = read_all(argv + 2, argc - 2);
  if (seeds.empty()) {
    std::fprintf(stderr, "no seed in the folders that were named\n");
    return 1;
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS, SIGILL}) std::signal(signal, tell_input);
  for (const Octets& seed : seeds) run(seed);
  Mutator mutator;
  for (unsigned long i = 0; i < mutations; ++i) run(mutator.next(seeds));
  std::printf("%zu seeds and %lu mutations of them: nothing found\n", seeds.size(), mutations);
  return 0;
}
