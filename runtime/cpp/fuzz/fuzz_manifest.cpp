// Any bytes as a manifest: read, or refused with a model error. What is read is within its bounds.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "error.h"
#include "manifest.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
    using namespace ioebss::core;
    try {
        const Manifest manifest =
            parse_manifest({reinterpret_cast<const char *>(data), size}, "fuzz.json");
        const auto [height, width] =
            manifest.input_size(12'000, 10'000, manifest.recommended_sizes.front());
        if (height < 1 || width < 1 || height > kMaxSide || width > kMaxSide ||
            manifest.click_radius < 1 || manifest.click_radius > 64) {
            std::abort();
        }
    } catch (const Error &error) {
        if (error.status() != IOEBSS_ERROR_MODEL) {
            std::abort();
        }
    }
    return 0;
}
