// Engines of TensorRT and TensorRT-RTX (runtime/backends/tensorrt.py): two libraries with one API,
// loaded when they are needed. Compiled where NvInfer.h is found; else it refuses, and says so.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "backends/backend.h"
#include "engine_files.h"

namespace ioebss::core {

// Throws a backend error if engines of this flavour are not built into this library.
void require_built(const std::string &flavour);

// Loads an engine on the first GPU; CUDA_VISIBLE_DEVICES says which that is. Throws a backend
// error: there is no driver, GPU or library, or the engine was built for another version, GPU or
// ONNX file; a model error: it is damaged.
std::unique_ptr<Backend> open_tensorrt(const std::filesystem::path &engine,
                                       const EngineManifest &manifest);

}  // namespace ioebss::core
