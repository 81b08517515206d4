#include "backend.h"

#include <array>

#include "error.h"
#include "onnxruntime.h"
#include "tensorrt.h"

namespace ioebss::core {
namespace {

struct Engine {
    const char *name;
    std::unique_ptr<Backend> (*open)(const std::filesystem::path &, const Manifest &,
                                     const EngineOptions &);
};

// In the order in which they are tried.
constexpr std::array kEngines{
    Engine{"tensorrt", open_tensorrt},
    Engine{"tensorrt-rtx", open_tensorrt_rtx},
    Engine{"onnxruntime-cuda", open_onnxruntime_cuda},
    Engine{"onnxruntime-cpu", open_onnxruntime_cpu},
};

const Engine &engine_of(const std::string &name) {
    std::string known = kAuto;
    for (const Engine &engine : kEngines) {
        if (engine.name == name) {
            return engine;
        }
        known += std::string(", ") + engine.name;
    }
    throw usage_error("no backend '" + name + "'; choose one of " + known);
}

}  // namespace

std::unique_ptr<Eye> Backend::eye(const Photo &, const Manifest &, std::int64_t) const {
    return nullptr;
}

Choice open_backend(const std::filesystem::path &model, const Manifest &manifest,
                    const std::string &name, const EngineOptions &options) {
    if (name != kAuto) {
        return {name, engine_of(name).open(model, manifest, options), ""};
    }
    std::string log;
    for (const Engine &engine : kEngines) {
        try {
            return {engine.name, engine.open(model, manifest, options), log};
        } catch (const Error &error) {
            if (!is_refusal(error)) {
                throw;
            }
            log += (log.empty() ? "" : "\n") + std::string(engine.name) + ": " + error.what();
        }
    }
    throw backend_error("no inference engine can be used:\n" + log);
}

}  // namespace ioebss::core
