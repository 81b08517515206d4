#include "choice.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "backends/onnxruntime.h"
#include "backends/tensorrt.h"
#include "engine_files.h"
#include "error.h"

namespace ioebss::core {
namespace {

constexpr const char *kCuda = "onnxruntime-cuda", *kCpu = "onnxruntime-cpu";
// In the order in which they are tried.
constexpr std::array kBackends{kTensorRt, kTensorRtRtx, kCuda, kCpu};

bool is_file(const std::filesystem::path &path) {
    std::error_code failure;
    return std::filesystem::is_regular_file(path, failure);
}

void check_name(const std::string &name) {
    std::string known = kAuto;
    for (const char *backend : kBackends) {
        if (name == backend) {
            return;
        }
        known += std::string(", ") + backend;
    }
    if (name != kAuto) {
        throw usage_error("no backend '" + name + "'; choose one of " + known);
    }
}

bool is_flavour(const std::string &name) { return name == kTensorRt || name == kTensorRtRtx; }

std::string proof_of(const EngineManifest &engine) {
    return "proof " + engine.proof_status + ": " + engine.proof_reason;
}

// Whether an engine's ONNX file is this model, or says that it was made from it.
bool is_made_from(const EngineManifest &engine, const Manifest &manifest) {
    const auto &made = engine.model.made_from;
    return engine.onnx_sha256 == manifest.sha256 ||
           std::find(made.begin(), made.end(), manifest.sha256) != made.end();
}

// The manifest of the engine of this flavour that was made from a model and lies beside it. Throws
// a backend error: there is none, it was made from another model, it does not take inputs of this
// size, or it is not to be used.
EngineManifest engine_beside(const std::filesystem::path &model, const Manifest &manifest,
                             const std::string &flavour, std::int64_t size) {
    const std::filesystem::path path = engine_path(model, flavour);
    const std::string own = path.filename().string(), onnx = model.filename().string();
    const std::string command = "ioebss-export \"" + model.string() + "\" --engine " + flavour +
                                " -o \"" + path.string() + "\"";
    if (!is_file(path)) {
        throw backend_error("no " + own + " lies beside " + onnx + "; " + command + " builds one");
    }
    EngineManifest engine = read_engine_manifest(path);
    if (!is_made_from(engine, manifest)) {
        throw backend_error(own + " was built of " + engine.onnx + " (sha256 " +
                            engine.onnx_sha256.substr(0, 12) + "...), not of " + onnx +
                            " as it is now (" + manifest.sha256.substr(0, 12) +
                            "...); build it again: " + command);
    }
    if (engine.proof_status == "failed") {
        throw backend_error(own + " failed its proof: " + engine.proof_reason);
    }
    const auto [height, width] = manifest.fixed_size.value_or(std::pair(size, size));
    Target target;
    target.flavour = flavour;
    target.shape = Shape{1, height, width};
    check_engine(path, engine, target);
    return engine;
}

Choice opened(const std::string &name, std::unique_ptr<Backend> backend, const std::string &why,
              Manifest manifest) {
    return {name, std::move(backend), why.empty() ? "" : name + ": " + why, std::move(manifest)};
}

Choice open_engine(const Source &source, const Manifest &manifest, std::int64_t size,
                   const std::string &flavour) {
    if (source.bytes) {
        throw backend_error("the model is in memory; engines are opened from files only");
    }
    require_built(flavour);
    const std::filesystem::path &model = source.path;
    if (!is_engine(model)) {
        const std::filesystem::path path = engine_path(model, flavour);
        EngineManifest engine = engine_beside(model, manifest, flavour, size);
        const std::string why =
            path.filename().string() + " in " + engine.precision + ", " + proof_of(engine);
        return opened(flavour, open_tensorrt(path, engine), why, engine.model);
    }
    const EngineManifest engine = read_engine_manifest(model);
    if (engine.flavour != flavour) {
        throw backend_error(model.filename().string() + " is an engine of " + engine.flavour);
    }
    const std::string why = model.filename().string() + ", " + proof_of(engine);
    return opened(flavour, open_tensorrt(model, engine), why, manifest);
}

Choice open(const Source &model, const Manifest &manifest, std::int64_t size,
            const std::string &name, const EngineOptions &options) {
    if (is_flavour(name)) {
        return open_engine(model, manifest, size, name);
    }
    if (is_engine(model.path)) {
        throw backend_error(model.path.filename().string() + " is an engine; this runs ONNX files");
    }
    const auto open_onnx = name == kCuda ? open_onnxruntime_cuda : open_onnxruntime_cpu;
    return opened(name, open_onnx(model, manifest, options), "", manifest);
}

// Whether another engine may be tried after this error: one refused, or a file that nobody has
// named is damaged.
bool may_go_on(const Error &error, const Source &model, const std::string &name) {
    return is_refusal(error) ||
           (error.status() == IOEBSS_ERROR_MODEL && is_flavour(name) && !is_engine(model.path));
}

}  // namespace

std::filesystem::path engine_path(const std::filesystem::path &model, const std::string &flavour) {
    return std::filesystem::path(model).replace_extension("." + flavour + kEngineSuffix);
}

Choice choose(const Source &model, const Manifest &manifest, std::int64_t size,
              const std::string &name, const EngineOptions &options) {
    check_name(name);
    if (name != kAuto) {
        return open(model, manifest, size, name, options);
    }
    std::string log;
    for (const char *backend : kBackends) {
        try {
            Choice choice = open(model, manifest, size, backend, options);
            log += choice.log;
            choice.log = log.substr(0, log.find_last_not_of('\n') + 1);
            return choice;
        } catch (const Error &error) {
            if (!may_go_on(error, model, backend)) {
                throw;
            }
            log += std::string(backend) + ": " + error.what() + "\n";
        }
    }
    log.pop_back();
    throw backend_error("no inference engine can be used:\n" + log);
}

}  // namespace ioebss::core
