// The engines that can run a model (runtime/backends).
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "cancellation.h"
#include "eye.h"
#include "manifest.h"

namespace ioebss::core {

constexpr const char *kInput = "input", *kOutput = "logits";

// An engine with a model loaded.
class Backend {
  public:
    Backend() = default;
    Backend(const Backend &) = delete;
    Backend &operator=(const Backend &) = delete;
    virtual ~Backend() = default;

    // Runs the network once. Safe to call from several threads.
    //   input: (channels, height, width), as the manifest describes it. It is not changed.
    //   logits: (height, width), written.
    //   cancellation: by which the engine may be stopped, if it can be.
    // Throws a backend error if the engine fails or is stopped, a model error if its answer has
    // another shape, a cancelled error if it was to be stopped before it began.
    virtual void run(float *input, std::int64_t height, std::int64_t width, float *logits,
                     Cancellation &cancellation) const = 0;

    // Its own eye on a photo, where it prepares photos and makes masks on the GPU that it runs on;
    // null where the host does.
    //   longest: longer side of the network's input.
    // Throws a backend error: it cannot be made, or the GPU has no memory left for it.
    virtual std::unique_ptr<Eye> eye(const Photo &photo, const Manifest &manifest,
                                     std::int64_t longest) const;
};

struct EngineOptions {
    int threads = 0;          // of the CPU; 0 leaves it to the engine
    std::string onnxruntime;  // path of the library; "" looks for it
};

}  // namespace ioebss::core
