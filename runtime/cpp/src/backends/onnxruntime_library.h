// ONNX Runtime's library: where it is found, its functions, and handles that are released.
#pragma once

#include <onnxruntime_c_api.h>

#include <cstdint>
#include <memory>
#include <string>

#include "shared_library.h"

namespace ioebss::core {

// What is used of it is in all versions from 1.14 on, so these are all accepted whatever version
// the headers are of.
constexpr std::uint32_t kOrtApi = 14;
static_assert(ORT_API_VERSION >= kOrtApi, "take headers of ONNX Runtime 1.14 or newer");

class OnnxRuntimeLibrary {
  public:
    // From `path`; else IOEBSS_ONNXRUNTIME; else beside libioebss; else where the loader finds it.
    // Throws a missing library error that says what was tried, a backend error if it is too old.
    explicit OnnxRuntimeLibrary(const std::string &path);

    const OrtApi &api() const { return *api_; }

    // Throws an error with this status if ONNX Runtime reports one, and frees the report.
    void check(OrtStatus *report, int status, const std::string &what) const;

    // Whether this build has a provider, "CUDAExecutionProvider" for example.
    bool has_provider(const std::string &name) const;

  private:
    SharedLibrary library_;
    const OrtApi *api_;
};

// A handle with the function of OrtApi that releases it.
template <typename T>
class OrtHandle {
  public:
    explicit OrtHandle(void (*release)(T *)) : release_(release) {}
    OrtHandle(const OrtHandle &) = delete;
    OrtHandle &operator=(const OrtHandle &) = delete;
    ~OrtHandle() {
        if (handle_ != nullptr) {
            release_(handle_);
        }
    }

    T *get() const { return handle_; }
    T **out() { return &handle_; }

  private:
    void (*release_)(T *);
    T *handle_ = nullptr;
};

}  // namespace ioebss::core
