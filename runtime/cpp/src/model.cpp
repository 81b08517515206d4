#include "model.h"

#include <algorithm>
#include <utility>

#include "error.h"

namespace ioebss::core {
namespace {

constexpr int kMaxThreads = 9999;

std::int64_t checked_size(const Manifest &manifest, std::int64_t size) {
    const auto &fixed = manifest.fixed_size;
    if (size == 0) {
        return fixed ? std::max(fixed->first, fixed->second) : manifest.recommended_sizes.front();
    }
    if (fixed && size != std::max(fixed->first, fixed->second)) {
        throw usage_error("this model takes " + std::to_string(fixed->second) + "x" +
                          std::to_string(fixed->first) + " only; leave size out");
    }
    if (size < 0 || size > kMaxSide || size % manifest.size_multiple != 0) {
        throw usage_error("size = " + std::to_string(size) + "; it must be a multiple of " +
                          std::to_string(manifest.size_multiple) + " up to " +
                          std::to_string(kMaxSide));
    }
    return size;
}

}  // namespace

std::shared_ptr<const Model> open_model(const Source &source, const ModelOptions &options) {
    const Manifest named = read_model_manifest(source);
    const std::int64_t size = checked_size(named, options.size);
    if (options.engine.threads < 0 || options.engine.threads > kMaxThreads) {
        throw usage_error("threads = " + std::to_string(options.engine.threads) +
                          "; it must be 1 to " + std::to_string(kMaxThreads) +
                          ", or 0 to leave it to the engine");
    }
    Choice choice = choose(source, named, size, options.backend, options.engine);
    const Habits habits{size, options.zoom ? choice.manifest.zoom : std::nullopt, options.flip};
    return std::make_shared<const Model>(Model{std::move(choice), habits});
}

}  // namespace ioebss::core
