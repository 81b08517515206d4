// The errors of the library: a status of the C ABI and a message that says what to do.
#pragma once

#include <stdexcept>
#include <string>

#include "ioebss/ioebss.h"

namespace ioebss::core {

class Error : public std::runtime_error {
  public:
    Error(ioebss_status status, const std::string &message)
        : std::runtime_error(message), status_(status) {}

    ioebss_status status() const noexcept { return status_; }

  private:
    ioebss_status status_;
};

inline Error usage_error(const std::string &message) { return {IOEBSS_ERROR_USAGE, message}; }
inline Error click_error(const std::string &message) { return {IOEBSS_ERROR_CLICK, message}; }
inline Error image_error(const std::string &message) { return {IOEBSS_ERROR_IMAGE, message}; }
inline Error model_error(const std::string &message) { return {IOEBSS_ERROR_MODEL, message}; }
inline Error backend_error(const std::string &message) { return {IOEBSS_ERROR_BACKEND, message}; }

// Whether an engine refused: the next one may be tried.
inline bool is_refusal(const Error &error) {
    return error.status() == IOEBSS_ERROR_BACKEND || error.status() == IOEBSS_ERROR_MISSING_LIBRARY;
}

}  // namespace ioebss::core
