// SPDX-License-Identifier: MIT
#include "run.hpp"

int main(int argc, char** argv) { return culvert::daemon::run(argc, argv); }
