// Where a model comes from: a file with its manifest beside it, or the bytes of both in memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string_view>

#include "manifest.h"

namespace ioebss::core {

// Most that ONNX's own format can hold.
constexpr std::size_t kMaxGraphBytes = 2'147'483'647;

struct Source {
    // What is not owned must live until the model is loaded.
    struct Bytes {
        std::string_view onnx, manifest;
    };

    std::filesystem::path path;  // of the file; of a model in memory, what messages call it
    std::optional<Bytes> bytes{};
};

// A model in memory.
Source in_memory(std::string_view onnx, std::string_view manifest);

// The manifest of an ONNX model, or the one that an engine's own holds. The ONNX model is checked
// to be what its manifest describes; engines are when they are loaded. Throws a model error: the
// model or its manifest is missing, too large, damaged, or they do not fit each other.
Manifest read_model_manifest(const Source &model);

}  // namespace ioebss::core
