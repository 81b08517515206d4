// In place of tensorrt.cpp where NvInfer.h was not found.
#include "backends/tensorrt.h"
#include "error.h"

namespace ioebss::core {

void require_built(const std::string &flavour) {
    throw backend_error(
        flavour +
        " is not built into this library; build it where NvInfer.h is installed, or "
        "with -DIOEBSS_TENSORRT_ROOT=DIR");
}

std::unique_ptr<Backend> open_tensorrt(const std::filesystem::path &,
                                       const EngineManifest &manifest) {
    require_built(manifest.flavour);
    return nullptr;
}

}  // namespace ioebss::core
