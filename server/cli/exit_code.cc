#include "server/cli/exit_code.h"

#include <cstdio>

namespace moira::server {

int ExitCode(StatusCode code) {
  switch (code) {
    case StatusCode::kOk:
      return 0;
    case StatusCode::kInvalidArgument:
      return 64;  // EX_USAGE
    case StatusCode::kInvalidData:
      return 65;  // EX_DATAERR: the model file
    case StatusCode::kNotFound:
      return 66;  // EX_NOINPUT
    case StatusCode::kUnsupported:
      return 78;  // EX_CONFIG: a valid file Moira cannot serve
    case StatusCode::kUnavailable:
      return 69;  // EX_UNAVAILABLE: port busy, server not there
    case StatusCode::kInternal:
      return 70;  // EX_SOFTWARE
    case StatusCode::kResourceExhausted:
      return 71;  // EX_OSERR: memory
    case StatusCode::kIoError:
      return 74;  // EX_IOERR
    case StatusCode::kDeadlineExceeded:
      return 75;  // EX_TEMPFAIL: the drain ran out of time
    case StatusCode::kCancelled:
      return 130;  // as a shell reports SIGINT
  }
  return 70;
}

int Report(const Status& status) {
  if (!status.ok()) std::fprintf(stderr, "moira: %s\n", status.message().c_str());
  return ExitCode(status.code());
}

}  // namespace moira::server
