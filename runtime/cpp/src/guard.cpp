#include "guard.h"

namespace ioebss::core {

std::string &last_error() {
    thread_local std::string message;
    return message;
}

ioebss_status failed(ioebss_status status, const char *message) noexcept {
    try {
        last_error() = message;
    } catch (const std::bad_alloc &) {
        last_error().clear();
    }
    return status;
}

}  // namespace ioebss::core
