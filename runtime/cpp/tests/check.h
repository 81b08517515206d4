// What the tests say when something is not as it should be.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>

#include "error.h"

namespace check {

inline int failures = 0;

inline void that(bool holds, const char *text, const char *file, int line) {
    if (!holds) {
        std::fprintf(stderr, "%s:%d: not so: %s\n", file, line, text);
        ++failures;
    }
}

// Whether `body` throws an error with this status whose message holds `part`.
template <typename Body>
bool throws(ioebss_status status, const std::string &part, const Body &body) {
    try {
        body();
    } catch (const ioebss::core::Error &error) {
        if (error.status() == status && std::string(error.what()).find(part) != std::string::npos) {
            return true;
        }
        std::fprintf(stderr, "status %d: %s\n", static_cast<int>(error.status()), error.what());
    }
    return false;
}

// The exit status of the program.
inline int result() {
    std::printf("%d failed\n", failures);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

constexpr int kSkipped = 77;

// Whether there is an ONNX Runtime to test with; says so if there is none.
inline bool has_engine() {
    const char *library = std::getenv("IOEBSS_ONNXRUNTIME");
    if (library != nullptr && *library != '\0') {
        return true;
    }
    std::printf("skipped: no ONNX Runtime; name the file of its library in IOEBSS_ONNXRUNTIME\n");
    return false;
}

}  // namespace check

#define CHECK(condition) check::that((condition), #condition, __FILE__, __LINE__)
