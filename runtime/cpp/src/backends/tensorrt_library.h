// The library of TensorRT or TensorRT-RTX: where it is found, its version, and what it complains
// of.
#pragma once

#include <NvInfer.h>

#include <memory>
#include <mutex>
#include <string>

#include "backends/shared_library.h"

namespace ioebss::core {

// Whether NvInfer.h is TensorRT-RTX's, which counts its versions from 1.
constexpr bool kRtxHeaders = NV_TENSORRT_MAJOR < 10;

// Keeps the last error, for messages. The libraries call it from several threads.
class TensorRtLog : public nvinfer1::ILogger {
  public:
    void log(Severity severity, const nvinfer1::AsciiChar *message) noexcept override;
    std::string last() const;

  private:
    mutable std::mutex mutex_;
    std::string last_;
};

class TensorRtLibrary {
  public:
    // From beside libioebss, else where the loader finds it. Throws a missing library error; a
    // backend error if it is of another version than goes with the headers.
    explicit TensorRtLibrary(const std::string &flavour);

    const std::string &version() const { return version_; }  // "11.4.0.22"

    // Null where it fails. The log must live as long.
    std::unique_ptr<nvinfer1::IRuntime> make_runtime(TensorRtLog &log) const;

  private:
    std::string flavour_;
    SharedLibrary library_;
    std::string version_;
};

}  // namespace ioebss::core
