// Only regular files are read: opening a pipe may wait for ever (runtime/regular_files.py).
#pragma once

#include <filesystem>
#include <string>

namespace ioebss::core {

// Passes if a path leads to a regular file, over links too, or to nothing, which whoever opens it
// says. Throws a model error otherwise.
//   what: should be there, for the message: "a model file".
void check_regular(const std::filesystem::path &path, const std::string &what);

}  // namespace ioebss::core
