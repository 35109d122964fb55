#pragma once

#include "cache/device/status.h"

namespace moira::server {

// The process's exit code for how a command ended; after sysexits.h where it has a word for it.
// The table is part of the documentation (deploy/docs/exit-codes.md).
int ExitCode(StatusCode code);

// Writes "moira: MESSAGE" to standard error and gives the exit code. Nothing is written for
// success.
int Report(const Status& status);

}  // namespace moira::server
