// TensorRT and TensorRT-RTX. Their part is not in this library: it refuses, and says so.
#pragma once

#include "backend.h"
#include "error.h"

namespace ioebss::core {

inline std::unique_ptr<Backend> open_tensorrt(const std::filesystem::path &, const Manifest &,
                                              const EngineOptions &) {
    throw backend_error("TensorRT is not built into this library");
}

inline std::unique_ptr<Backend> open_tensorrt_rtx(const std::filesystem::path &, const Manifest &,
                                                  const EngineOptions &) {
    throw backend_error("TensorRT-RTX is not built into this library");
}

}  // namespace ioebss::core
