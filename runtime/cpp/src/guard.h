// The border of the C ABI: no exception crosses it, each becomes a status and the thread's last
// error.
#pragma once

#include <exception>
#include <new>
#include <string>

#include "error.h"

namespace ioebss::core {

std::string &last_error();

// Remembers the message; returns the status.
ioebss_status failed(ioebss_status status, const char *message) noexcept;

template <typename Body>
ioebss_status guarded(const Body &body) noexcept {
    try {
        body();
        return IOEBSS_OK;
    } catch (const Error &error) {
        return failed(error.status(), error.what());
    } catch (const std::bad_alloc &) {
        return failed(IOEBSS_ERROR_MEMORY, "there is not enough memory; close other sessions");
    } catch (const std::exception &error) {
        return failed(IOEBSS_ERROR_INTERNAL, error.what());
    } catch (...) {
        return failed(IOEBSS_ERROR_INTERNAL, "an unknown exception");
    }
}

}  // namespace ioebss::core
