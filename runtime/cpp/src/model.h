// A model, loaded (runtime/segmenter.py). Nothing in it changes, so threads may share it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "choice.h"
#include "windows.h"

namespace ioebss::core {

struct ModelOptions {
    std::string backend = kAuto;
    EngineOptions engine;
    std::int64_t size = 0;  // longer side of the network's input; 0 is recommended
    bool zoom = true, flip = false;
};

// How the network is asked.
struct Habits {
    std::int64_t longest;      // longer side of the network's input
    std::optional<Zoom> zoom;  // none always looks at the whole photo
    bool flip;                 // average the answers to the input and to its mirror image
};

struct Model {
    Choice choice;
    Habits habits;

    const Manifest &manifest() const { return choice.manifest; }
};

// Throws a model error: the model or its manifest is missing, damaged, or they do not fit each
// other; a backend error: no engine can be used, or not the one asked for; a usage error: unknown
// backend, a size that the model does not take, negative threads.
std::shared_ptr<const Model> open_model(const Source &source, const ModelOptions &options);

}  // namespace ioebss::core
