// ONNX Runtime, loaded at run time through its C interface: any version from 1.14 on.
#pragma once

#include "backend.h"
#include "source.h"

namespace ioebss::core {

std::unique_ptr<Backend> open_onnxruntime_cpu(const Source &model, const Manifest &manifest,
                                              const EngineOptions &options);

std::unique_ptr<Backend> open_onnxruntime_cuda(const Source &model, const Manifest &manifest,
                                               const EngineOptions &options);

}  // namespace ioebss::core
