#include "regular_files.h"

#include <system_error>

#include "error.h"

namespace ioebss::core {
namespace {

namespace fs = std::filesystem;

// Null for regular files, for nothing, and for what cannot be looked at.
const char *irregular(fs::file_type type) {
    switch (type) {
        case fs::file_type::directory:
            return "folder";
        case fs::file_type::fifo:
            return "pipe";
        case fs::file_type::socket:
            return "socket";
        case fs::file_type::character:
        case fs::file_type::block:
            return "device";
        default:
            return nullptr;
    }
}

}  // namespace

void check_regular(const fs::path &path, const std::string &what) {
    std::error_code failure;
    if (const char *kind = irregular(fs::status(path, failure).type())) {
        throw model_error(path.string() + " is a " + kind + ", not " + what +
                          ": only files are read");
    }
}

}  // namespace ioebss::core
