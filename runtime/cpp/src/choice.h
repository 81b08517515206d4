// Which engine runs a model, with which file, and why (runtime/choice.py). The file that is named
// is run, but for one case: beside an ONNX file may lie an engine for GPUs that was made from it.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

#include "backends/backend.h"
#include "manifest.h"
#include "source.h"

namespace ioebss::core {

constexpr const char *kAuto = "auto";

struct Choice {
    std::string name;  // of the engine
    std::unique_ptr<Backend> backend;
    // A line "name: reason" for each engine that was refused before, and one for the engine in use
    // where it runs another file than an ONNX file that was named.
    std::string log;
    Manifest manifest;  // of the file that is run
};

// Where an engine that was made from an ONNX file is looked for.
std::filesystem::path engine_path(const std::filesystem::path &model, const std::string &flavour);

// Loads a model on the engine of this name, or with "auto" on the first that works. One in memory
// has nothing beside it.
//   manifest: of the model, see read_model_manifest.
//   size: longer side of the inputs to come, in pixels. An engine that lies beside the model must
//     take them.
// Throws a usage error: unknown name; a backend error: the engine cannot be used here, with "auto"
// none can; a model error: a file is damaged or does not fit its manifest.
Choice choose(const Source &model, const Manifest &manifest, std::int64_t size,
              const std::string &name, const EngineOptions &options);

}  // namespace ioebss::core
