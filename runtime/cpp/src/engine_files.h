// An engine on disk (runtime/engine_files.py): the plan that TensorRT or TensorRT-RTX built, and
// its manifest beside it, that says what it was built for. Together they are a complete model.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "manifest.h"

namespace ioebss::core {

constexpr int kEngineFormat = 1;
constexpr const char *kEngineSuffix = ".engine";
constexpr const char *kTensorRt = "tensorrt", *kTensorRtRtx = "tensorrt-rtx";
constexpr std::int64_t kMaxBatch = 256;
constexpr std::size_t kMaxProfiles = 64;
constexpr std::uintmax_t kMaxEngineBytes = std::uintmax_t{8} << 30;

using Shape = std::array<std::int64_t, 3>;  // batch, height, width

// Input shapes that an engine takes: all from `min` to `max`, and fastest at `opt`.
struct Profile {
    Shape min, opt, max;

    bool holds(const Shape &shape) const;
};

// What is known about an engine.
struct EngineManifest {
    std::string flavour;  // kTensorRt or kTensorRtRtx
    std::string version;  // of the library that built it, as it states it: "11.4.0.22"
    // Of the GPUs that it was built for: "9.0" is this one alone, "8.0+" is 8.0 and all later ones.
    std::vector<std::string> compute_capability;
    std::string precision;  // of its ONNX: "fp32", "fp16" or "int8"
    std::vector<Profile> profiles;
    std::string onnx;  // name of the ONNX file that it was built of
    std::string onnx_sha256, engine_sha256;
    Manifest model;  // of its ONNX
    std::string proof_status, proof_reason;

    // Whether it was built for a GPU of this compute capability, "9.0" for example.
    bool runs_on(const std::string &gpu) const;
};

// What an engine is to fit. What is missing is not compared.
struct Target {
    std::string flavour;  // of the library that is to load it
    std::optional<std::string> version, compute_capability, onnx_sha256;
    std::optional<Shape> shape;  // that must be taken
};

// Whether a model file is an engine, by its name.
bool is_engine(const std::filesystem::path &model);

// `model.engine.json` beside `model.engine`.
std::filesystem::path engine_manifest_path(const std::filesystem::path &engine);

// Throws a model error: missing, not JSON, a newer format, a key missing or of the wrong type or
// range.
EngineManifest read_engine_manifest(const std::filesystem::path &engine);

// The same of a text; `name` is what messages call it.
EngineManifest parse_engine_manifest(std::string_view text, const std::string &name);

// The plan, for the library to load. It is checked first: these libraries are not made for damaged
// files. Throws a model error: missing, unreadable, too large, truncated, or another one.
std::vector<char> read_engine(const std::filesystem::path &engine, const EngineManifest &manifest);

// Throws a backend error if an engine does not fit where it is to run; the message names the field,
// both values, and the command that rebuilds it.
void check_engine(const std::filesystem::path &engine, const EngineManifest &manifest,
                  const Target &target);

// An engine is complete without its ONNX file; one that lies beside it must be the same. Throws a
// backend error if it is not.
void check_onnx_beside(const std::filesystem::path &engine, const EngineManifest &manifest);

// Number of the profile to run an input with: of those that take it, the one whose best shape is
// nearest in pixels. Throws a backend error if none takes it.
int profile_for(const std::filesystem::path &engine, const EngineManifest &manifest,
                const Shape &shape);

// What to type to build the engine anew, for a target if one is given.
std::string rebuild_command(const std::filesystem::path &engine, const EngineManifest &manifest,
                            const Target *target = nullptr);

}  // namespace ioebss::core
