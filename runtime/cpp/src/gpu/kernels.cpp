#include "gpu/kernels.h"

#include <algorithm>

#include "error.h"

extern "C" const unsigned char ioebss_kernels_fatbin[];

namespace ioebss::core {
namespace {

constexpr unsigned kThreads = 256;         // of a block; the kernels take any number
constexpr std::int64_t kMaxBlocks = 4096;  // each goes on through its pixels until all are done

// By Kernel.
constexpr std::array<const char *, kKernels> kNames{
    "halve", "photo_to_planes", "clear_planes",  "erase_discs", "draw_discs", "fill_previous",
    "obey",  "place_mask",      "logits_to_mask"};

}  // namespace

Kernels::Kernels(const Driver &driver) : driver_(driver) {
    const Driver::Active active(driver);
    try {
        module_ = driver.load_module(ioebss_kernels_fatbin);
        std::transform(kNames.begin(), kNames.end(), functions_.begin(),
                       [&](const char *name) { return driver.function(module_, name); });
    } catch (const Error &error) {
        const Gpu &gpu = driver.gpu();
        throw backend_error("the CUDA kernels do not load on " + gpu.name +
                            " (compute capability " + gpu.compute_capability +
                            "; they are built for " IOEBSS_FATBIN_IMAGES "): " + error.what());
    }
}

void Kernels::launch(Kernel kernel, std::int64_t count, cuda::Pointer look,
                     const Stream &stream) const {
    std::int64_t blocks =
        std::clamp((count + kThreads - 1) / kThreads, std::int64_t{1}, kMaxBlocks);
    if (kernel == Kernel::obey) {  // clicks are obeyed in order
        blocks = 1;
    }
    driver_.launch(functions_[static_cast<std::size_t>(kernel)], static_cast<unsigned>(blocks),
                   kThreads, look, stream);
}

}  // namespace ioebss::core
