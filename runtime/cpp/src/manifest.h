// The manifest beside every ONNX model (runtime/manifest.py): read and validated by the same rules.
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "windows.h"

namespace ioebss::core {

constexpr int kManifestFormat = 1;
constexpr std::size_t kMaxManifestBytes = 1'048'576;
constexpr std::int64_t kMaxSide = 4096;  // of the network's input, in pixels

struct Manifest {
    std::string name;
    std::vector<std::string> channels;            // five, or six with the previous mask
    int click_radius = 0;                         // in network pixels
    std::int64_t size_multiple = 1;               // sides of the input are multiples of it
    std::vector<std::int64_t> recommended_sizes;  // longer sides of the input
    std::optional<std::pair<std::int64_t, std::int64_t>> fixed_size;  // height, width
    std::optional<Zoom> zoom;
    std::string precision;               // "fp32", "fp16" or "int8"
    std::string sha256;                  // of the ONNX file
    std::vector<std::string> made_from;  // digests of the files that it was made from

    bool has_previous() const { return channels.size() == 6; }

    // Height and width of the network's input for a photo (or a part of one) whose longer side
    // becomes `longest`.
    std::pair<std::int64_t, std::int64_t> input_size(std::int64_t height, std::int64_t width,
                                                     std::int64_t longest) const;
};

// `model.json` beside `model.onnx`.
std::filesystem::path manifest_path(const std::filesystem::path &model);

// Throws a model error: missing, not JSON, too large or too deep, a newer format, a key missing or
// of the wrong type or range.
Manifest read_manifest(const std::filesystem::path &model);

// The same of a text; `name` is what messages call it.
Manifest parse_manifest(std::string_view text, const std::string &name);

// The same of what was parsed already.
Manifest manifest_from(const nlohmann::json &table, const std::string &name);

// Throws a model error if the ONNX file is not the one that the manifest describes.
void check_graph(const std::filesystem::path &model, const Manifest &manifest);

}  // namespace ioebss::core
