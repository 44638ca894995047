// SPDX-License-Identifier: MIT
// Plays systemd-resolved on a message bus: takes its name, prints each call with its arguments, and answers with
// nothing.
//
//   fake_resolved BUS_ADDRESS [METHOD]     METHOD is refused
#include <systemd/sd-bus.h>

#include <cstdio>
#include <string_view>

namespace {

std::string_view refused;

int answer(sd_bus_message* message, void*, sd_bus_error*) {
  if (sd_bus_message_is_method_call(message, nullptr, nullptr) <= 0) return 0;
  const std::string_view method = sd_bus_message_get_member(message);
  std::printf("call %s\n", sd_bus_message_get_member(message));
  sd_bus_message_dump(message, stdout, SD_BUS_MESSAGE_DUMP_SUBTREE_ONLY);
  std::fflush(stdout);
  if (method == refused)
    return sd_bus_reply_method_errorf(message, "org.freedesktop.resolve1.LinkBusy", "Link is managed by another");
  return sd_bus_reply_method_return(message, "");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  if (argc > 2) refused = argv[2];
  sd_bus* bus = nullptr;
  if (sd_bus_new(&bus) < 0 || sd_bus_set_address(bus, argv[1]) < 0 || sd_bus_set_bus_client(bus, 1) < 0 ||
      sd_bus_start(bus) < 0 || sd_bus_add_filter(bus, nullptr, answer, nullptr) < 0 ||
      sd_bus_request_name(bus, "org.freedesktop.resolve1", 0) < 0) {
    std::fputs("no bus at the address\n", stderr);
    return 1;
  }
  std::puts("ready");
  std::fflush(stdout);
  for (;;) {
    const int done = sd_bus_process(bus, nullptr);
    if (done < 0 || (done == 0 && sd_bus_wait(bus, UINT64_MAX) < 0)) return 1;
  }
}
